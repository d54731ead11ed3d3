import { useEffect } from "preact/hooks";
import { useLatest } from "../load";

// typing tells whether keys of an event belong to a field or a control.
export function typing(e: KeyboardEvent): boolean {
  const t = e.target;
  return t instanceof HTMLElement && (t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName) || !!t.closest("dialog[open]"));
}

export type Keys = Record<string, (e: KeyboardEvent) => void>;

// useKeys calls the function of a key, such as "a", " " or "ArrowLeft", unless the user
// is typing. Space on a button or link stays the button's.
export function useKeys(keys: Keys): void {
  const latest = useLatest(keys);
  useEffect(() => {
    const handle = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || typing(e)) return;
      if ((e.key === " " || e.key === "Enter") && e.target instanceof Element && e.target.closest("button,a,[role=slider],summary")) return;
      const f = latest.current[e.key.length === 1 ? e.key.toLowerCase() : e.key];
      if (!f) return;
      e.preventDefault();
      f(e);
    };
    document.addEventListener("keydown", handle);
    return () => document.removeEventListener("keydown", handle);
  }, []);
}
