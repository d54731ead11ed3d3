import { useEffect, useRef, useState } from "preact/hooks";
import { JobsTray } from "./jobs";
import { navigate, useRoute } from "./router";
import { logout, session } from "./state";
import { useStore } from "./store";
import { applyTheme, theme, type Theme } from "./theme";
import { Button, Key } from "./ui/basics";
import { Icon, type IconName } from "./ui/icon";
import { useKeys } from "./ui/keys";
import { onPaste } from "./example";

const places: { path: string; name: string; icon: IconName; also: string }[] = [
  { path: "/", name: "Search", icon: "search", also: "video" },
  { path: "/labels", name: "Labels", icon: "tag", also: "label" },
  { path: "/library", name: "Library", icon: "folder", also: "library" },
];

export function Header({ help }: { help: () => void }) {
  const { path, params } = useRoute();
  const section = params.has("label") ? "label" : path.split("/")[1]; // also of a video that a label shows
  return (
    <header class="top">
      <a class="logo" href="/" aria-label="clipcue, search"><img src="/assets/icon.svg" alt="" width="28" height="28" /><span>clipcue</span></a>
      <SearchField />
      <nav aria-label="Pages">
        {places.map(p => (
          <a key={p.path} href={p.path} aria-current={path === p.path || p.also === section ? "page" : undefined}>
            <Icon name={p.icon} /><span>{p.name}</span>
          </a>
        ))}
      </nav>
      <div class="tools">
        <JobsTray />
        <ThemeButton />
        <Button class="help" kind="quiet" icon="keyboard" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={help} />
        <LogoutButton />
      </div>
    </header>
  );
}

function SearchField() {
  const { path, params } = useRoute();
  const field = useRef<HTMLInputElement>(null);
  const given = path === "/" ? params.get("q") ?? "" : "";
  const [text, setText] = useState(given);
  const sent = useRef(given), step = useRef(true);
  useEffect(() => {
    if (given !== sent.current || path !== "/") {
      setText(given);
      step.current = true;
    }
    sent.current = given;
  }, [given, path]);
  useKeys({ "/": () => { field.current?.focus(); field.current?.select(); } });
  const search = (q: string, now: boolean) => {
    const p = new URLSearchParams(path === "/" ? location.search : "");
    if (q.trim()) p.set("q", q); else p.delete("q");
    sent.current = q.trim() ? q : "";
    const s = p.toString();
    // Typing changes the page in place; a search that was entered stays in the history.
    if (path === "/") navigate("/" + (s && "?" + s), !step.current);
    else if (now) navigate("/" + (s && "?" + s));
    step.current = now;
  };
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), [path]);
  return (
    <form class="searchfield" role="search" onSubmit={e => { e.preventDefault(); clearTimeout(timer.current); search(text, true); }}>
      <Icon name="search" size={18} />
      <input ref={field} type="search" name="q" value={text} dir="auto" autocomplete="off" spellcheck={false} enterkeyhint="search" maxLength={1000}
        placeholder="What happens?" aria-label="Search moments" onPaste={onPaste}
        onInput={e => {
          const q = e.currentTarget.value;
          setText(q);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => search(q, false), 180);
        }}
        onKeyDown={e => {
          if (e.key === "Escape") e.currentTarget.blur();
          if (e.key === "ArrowDown") {
            e.preventDefault();
            document.querySelector<HTMLElement>(".grid [tabindex='0']")?.focus();
          }
        }} />
      <Key>/</Key>
    </form>
  );
}

const themes: Record<Theme, { icon: IconName; next: Theme; name: string }> = {
  system: { icon: "system", next: "light", name: "as the system" },
  light: { icon: "sun", next: "dark", name: "light" },
  dark: { icon: "moon", next: "system", name: "dark" },
};

function ThemeButton() {
  const t = themes[useStore(theme)];
  return <Button kind="quiet" icon={t.icon} class="theme" aria-label={`Color scheme: ${t.name}`} title={`Color scheme: ${t.name}`} onClick={() => applyTheme(t.next)} />;
}

function LogoutButton() {
  const s = useStore(session);
  if (!s?.required || !s.role) return null;
  const name = s.user ? `Log out ${s.user}` : "Log out";
  return <Button kind="quiet" icon="logout" aria-label={name} title={name} onClick={() => { logout().catch(() => {}); }} />;
}
