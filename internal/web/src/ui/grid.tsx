import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useLatest } from "../load";
import { cameBack, leaveBack } from "../router";

interface Props<T> {
  items: T[]; label: string; min?: number; caption?: number; more?: (() => void) | undefined; loading?: boolean;
  id: (item: T) => string; dimmed?: boolean;
  // stale says that other items are about to replace these.
  stale?: boolean;
  // split is the number of items above a heading, 0 for none.
  split?: number; heading?: ComponentChildren;
  // item renders one cell; its first link or button gets the focus.
  item: (item: T, index: number, focusable: boolean) => ComponentChildren;
}

const gap = 16, headingHeight = 64;

// Grid shows any number of items of one size and renders only those near the screen.
// Arrow keys move the focus.
export function Grid<T>({ items, label, min = 240, caption = 56, more, loading, id, stale, dimmed, split = 0, heading, item }: Props<T>) {
  const root = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [rows, setRows] = useState({ first: 0, last: 6 });
  const [current, setCurrent] = useState(0);
  const wanted = useRef(-1);
  const columns = Math.max(width < 520 ? 2 : 1, Math.floor((width + gap) / (min + gap)));
  const cell = width ? (width - gap * (columns - 1)) / columns : min;
  const height = Math.round(cell * 9 / 16) + caption + gap;
  const above = Math.ceil(split / columns); // rows above the heading
  const total = above + Math.ceil((items.length - split) / columns);
  const state = useLatest({ height, total, more, loading });
  const row = (i: number) => i < split ? Math.floor(i / columns) : above + Math.floor((i - split) / columns);
  const column = (i: number) => (i < split ? i : i - split) % columns;
  const first = (row: number) => row < above ? row * columns : split + (row - above) * columns; // item of a row
  const y = (row: number) => row * height + (split && row >= above ? headingHeight : 0);

  useLayoutEffect(() => {
    const box = root.current!;
    const observer = new ResizeObserver(() => setWidth(box.clientWidth));
    observer.observe(box);
    setWidth(box.clientWidth);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      if (!root.current) return; // the page has changed since
      const s = state.current, top = -root.current.getBoundingClientRect().top;
      const first = Math.max(0, Math.floor(top / s.height) - 2), last = Math.ceil((top + innerHeight) / s.height) + 2;
      setRows(r => r.first === first && r.last === last ? r : { first, last });
      if (last >= s.total - 1 && s.more && !s.loading) s.more();
    };
    const later = () => { frame ||= requestAnimationFrame(look); };
    look();
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later);
    return () => { cancelAnimationFrame(frame); removeEventListener("scroll", later); removeEventListener("resize", later); };
  }, [items, width, loading]);
  const reach = () => {
    if (wanted.current < 0) return;
    const link = root.current!.querySelector<HTMLElement>(`[data-index="${wanted.current}"] :is(a,button)`);
    if (link) { wanted.current = -1; link.focus({ preventScroll: false }); }
  };
  useEffect(reach); // once the item is in the page

  // Before the next event, so that these are the items of the page that the user came back to.
  useLayoutEffect(() => {
    const back = cameBack();
    if (stale || back === undefined || back >= items.length) return;
    leaveBack();
    focus(back);
  }, [items, stale]);

  const focus = (index: number) => {
    const i = Math.min(items.length - 1, Math.max(0, index));
    wanted.current = i;
    setCurrent(i);
    const box = root.current!.getBoundingClientRect(), top = box.top + y(row(i));
    if (top < 80 || top + height > innerHeight) scrollBy({ top: top - Math.max(80, (innerHeight - height) / 2) });
    reach();
  };
  const vertical = (by: number) => {
    const to = row(current) + by;
    return to < 0 || to >= total ? current : Math.min(first(to) + column(current), to < above ? split - 1 : items.length - 1, first(to + 1) - 1);
  };
  const moves: Record<string, () => number> = {
    ArrowRight: () => current + 1, ArrowLeft: () => current - 1, ArrowDown: () => vertical(1), ArrowUp: () => vertical(-1),
    Home: () => 0, End: () => items.length - 1,
  };
  const start = first(Math.min(rows.first, Math.max(0, total - 1))), end = Math.min(items.length, first(rows.last));
  return (
    <div class="gridarea">
      {width > 0 && split > 0 && <div class="divider" style={{ transform: `translateY(${above * height}px)` }}>{heading}</div>}
      <div class={`grid ${dimmed ? "dimmed" : ""}`} ref={root} role="list" aria-label={label} style={{ height: `${Math.max(0, y(total) - gap)}px` }}
        onKeyDown={e => {
          const move = moves[e.key];
          if (!move || e.altKey || e.ctrlKey || e.metaKey) return;
          e.preventDefault();
          focus(move());
        }}
        onFocusIn={e => {
          const index = (e.target as Element).closest<HTMLElement>("[data-index]")?.dataset["index"];
          if (index) setCurrent(Number(index));
        }}>
        {width > 0 && items.slice(start, end).map((x, k) => {
          const i = start + k;
          return (
            <div role="listitem" class="cell" key={id(x)} data-index={i} aria-setsize={items.length} aria-posinset={i + 1}
              style={{ width: `${cell}px`, height: `${height - gap}px`, transform: `translate(${column(i) * (cell + gap)}px, ${y(row(i))}px)` }}>
              {item(x, i, i === Math.min(current, items.length - 1))}
            </div>
          );
        })}
      </div>
    </div>
  );
}
