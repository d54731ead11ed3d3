import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "./basics";

// Dialog is a modal window, which the browser keeps the focus in.
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => { ref.current?.showModal(); }, []);
  return (
    <dialog ref={ref} aria-label={title} onClose={close} onClick={e => { if (e.target === ref.current) close(); }}>
      <div class="dialog">
        <header><h2>{title}</h2><Button kind="quiet" icon="close" aria-label="Close" onClick={close} /></header>
        {children}
      </div>
    </dialog>
  );
}
