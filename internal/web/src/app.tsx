import { useEffect, useRef, useState } from "preact/hooks";
import { Header } from "./header";
import { Shortcuts } from "./shortcuts";
import { LabelsPage } from "./pages/labels";
import { LibraryPage } from "./pages/library";
import { LoginPage } from "./pages/login";
import { SearchPage } from "./pages/search";
import { TeachPage } from "./pages/teach";
import { VideoPage } from "./pages/video";
import { offline } from "./api";
import { useRoute, type Route } from "./router";
import { dismiss, session, spoken, toasts } from "./state";
import { useStore } from "./store";
import { Button, Empty } from "./ui/basics";
import { useKeys } from "./ui/keys";

function page(r: Route) {
  const [, first, id] = r.path.split("/");
  switch (first) {
    case "": return <SearchPage params={r.params} />;
    case "video": return <VideoPage key={id} id={Number(id)} params={r.params} />;
    case "label": return <TeachPage key={id} id={Number(id)} params={r.params} />;
    case "labels": return <LabelsPage />;
    case "library": return <LibraryPage />;
    default: return <Empty icon="help" title="There is no such page"><a class="button primary" href="/">Go to the search</a></Empty>;
  }
}

export function App() {
  const route = useRoute(), who = useStore(session);
  const [help, setHelp] = useState(false);
  useKeys({ "?": () => setHelp(true) });
  const main = useRef<HTMLElement>(null), before = useRef(route.path);
  useEffect(() => {
    // A screen reader continues at the top of a new page.
    if (before.current !== route.path && document.activeElement?.closest("main,body") !== null
      && !document.activeElement?.closest("header")) main.current?.focus({ preventScroll: true });
    before.current = route.path;
  }, [route.path]);
  if (route.path === "/login") return <LoginPage params={route.params} />;
  return (
    <>
      <a class="jump" href="#main" onClick={e => { e.preventDefault(); main.current?.focus(); }}>Skip to the content</a>
      <Header help={() => setHelp(true)} />
      <Offline />
      <main id="main" ref={main} tabIndex={-1}>{who && page(route)}</main>
      <Live />
      {help && <Shortcuts close={() => setHelp(false)} />}
    </>
  );
}

function Offline() {
  const lost = useStore(offline);
  return <div class="offline" role="status" hidden={!lost}>{lost && "The server does not answer. Retrying…"}</div>;
}

// Live shows messages and reads results to screen readers.
function Live() {
  const list = useStore(toasts), text = useStore(spoken);
  return (
    <>
      <div class="sr" aria-live="polite">{text}</div>
      <div class="toasts" aria-live="polite">
        {list.map(t => (
          <div key={t.id} class={`toast ${t.bad ? "bad" : ""}`}>
            <span>{t.text}</span>
            {t.action && <Button kind="quiet" onClick={() => { t.action!.run(); dismiss(t.id); }}>{t.action.label}</Button>}
            <Button kind="quiet" icon="close" aria-label="Dismiss" onClick={() => dismiss(t.id)} />
          </div>
        ))}
      </div>
    </>
  );
}
