import { Store } from "./store";

export type Theme = "system" | "light" | "dark";

export const theme = new Store<Theme>(stored());

function stored(): Theme {
  try {
    const s = localStorage.getItem("theme");
    return s === "light" || s === "dark" ? s : "system";
  } catch {
    return "system"; // storage is blocked
  }
}

// applyTheme sets the color scheme of the page; "system" leaves it to the browser.
export function applyTheme(t: Theme): void {
  document.documentElement.dataset["theme"] = t;
  theme.set(t);
  try { localStorage.setItem("theme", t); } catch { /* storage is blocked: only for this visit */ }
}
