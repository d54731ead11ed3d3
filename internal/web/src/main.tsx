import { render } from "preact";
import { App } from "./app";
import { startRouter } from "./router";
import { start } from "./state";
import { applyTheme, theme } from "./theme";
import "./css/tokens.css";
import "./css/base.css";
import "./css/controls.css";
import "./css/shell.css";
import "./css/grid.css";
import "./css/video.css";
import "./css/teach.css";
import "./css/library.css";

// The script runs before the body is there, so that the page never shows the other color scheme.
applyTheme(theme.get());
document.addEventListener("DOMContentLoaded", () => {
  startRouter();
  render(<App />, document.getElementById("app")!);
  start().catch(() => {});
});
