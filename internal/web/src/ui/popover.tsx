import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Button } from "./basics";
import type { IconName } from "./icon";

interface Props {
  label: string; text?: string; icon?: IconName; badge?: number; side?: "left" | "right"; kind?: "plain" | "quiet" | "primary";
  children: (close: () => void) => ComponentChildren;
}

// Popover is a button that opens a panel; Escape and a click elsewhere close it.
export function Popover({ label, text, icon, badge, side = "left", kind = "plain", children }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    root.current?.querySelector("button")?.focus();
  };
  useEffect(() => {
    if (!open) return;
    root.current?.querySelector<HTMLElement>(".panel :is(input,select,button,a)")?.focus();
    const outside = (e: Event) => { if (!root.current?.contains(e.target as Node)) setOpen(false); };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  return (
    <div class="popover" ref={root} onKeyDown={e => { if (e.key === "Escape" && open) { e.stopPropagation(); close(); } }}>
      <Button kind={kind} {...(icon && { icon })} aria-label={badge ? `${label} (${badge})` : label} title={label} aria-expanded={open} aria-controls={id}
        onClick={() => setOpen(!open)}>{text}</Button>
      {badge ? <span class="badge" aria-hidden="true">{badge}</span> : null}
      {open && <div class={`panel ${side}`} id={id} role="dialog" aria-label={label}>{children(close)}</div>}
    </div>
  );
}
