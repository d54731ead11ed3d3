import type { ComponentChildren } from "preact";
import { useLayoutEffect, useId, useRef, useState } from "preact/hooks";
import { Button } from "./basics";
import type { IconName } from "./icon";

interface Props {
  label: string; text?: string; icon?: IconName; badge?: number; side?: "left" | "right"; kind?: "plain" | "quiet" | "primary";
  children: (close: () => void) => ComponentChildren;
}

// walk moves the focus up or down a menu.
function walk(menu: Element, by: number): void {
  const items = [...menu.querySelectorAll<HTMLElement>("button,a,summary")].filter(x => x.checkVisibility());
  const at = items.indexOf(document.activeElement as HTMLElement);
  items[(at + by + items.length) % items.length]?.focus();
}

// Popover is a button that opens a panel; Escape and a click elsewhere close it. The arrow
// keys move in a menu.
export function Popover({ label, text, icon, badge, side = "left", kind = "plain", children }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    root.current?.querySelector("button")?.focus();
  };
  const keys = (e: KeyboardEvent) => {
    if (!open) return;
    const menu = root.current?.querySelector(".panel > .menu"), by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (e.key === "Escape") { e.stopPropagation(); close(); }
    else if (menu && by) { e.preventDefault(); e.stopPropagation(); walk(menu, by); }
  };
  useLayoutEffect(() => { // before the next key, which would otherwise go elsewhere
    if (!open) return;
    root.current?.querySelector<HTMLElement>(".panel :is(input,select,button,a,summary)")?.focus();
    const outside = (e: Event) => { if (!root.current?.contains(e.target as Node)) setOpen(false); };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  return (
    <div class="popover" ref={root} onKeyDown={keys}>
      <Button kind={kind} {...(icon && { icon })} aria-label={badge ? `${label} (${badge})` : label} title={label} aria-expanded={open} aria-controls={id}
        onClick={() => setOpen(!open)}>{text}</Button>
      {badge ? <span class="badge" aria-hidden="true">{badge}</span> : null}
      {open && <div class={`panel ${side}`} id={id} role="dialog" aria-label={label}>{children(close)}</div>}
    </div>
  );
}
