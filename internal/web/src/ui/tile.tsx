import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { api } from "../api";
import { clock, visible } from "../format";
import type { Moment, Video, VideoMoment } from "../types";
import { Name, Score } from "./basics";
import { Icon } from "./icon";

// thumbnailAt returns the address of the thumbnail of a video closest to a time.
export function thumbnailAt(video: number, t: number): string { return `/api/v1/videos/${video}/thumbnail?t=${t.toFixed(2)}`; }

const known = new Map<number, Promise<VideoMoment[]>>();

// momentsOf returns the moments of a video; they are fetched once.
export function momentsOf(video: number): Promise<VideoMoment[]> {
  let p = known.get(video);
  if (!p) {
    p = api<{ moments: VideoMoment[] | null }>(`/videos/${video}/moments`).then(a => a.moments ?? []);
    p.catch(() => known.delete(video));
    known.set(video, p);
    if (known.size > 200) known.delete(known.keys().next().value!);
  }
  return p;
}

const reach = 4;

// around returns the moments of a video from a few before a time to a few after another.
function around(all: VideoMoment[], start: number, end: number): VideoMoment[] {
  const first = all.findIndex(m => m.end > start);
  if (first < 0) return [];
  let last = first;
  while (last + 1 < all.length && all[last + 1]!.start < end) last++;
  return all.slice(Math.max(0, first - reach), last + reach + 1);
}

// Preview is the image of a moment. It shows the moments around it while the pointer moves across.
// At is the time that a click opens, if it is not the start.
// Changed is set if the file of the video has changed since it was indexed: there are no images then.
export function Preview({ video, start, end, thumbnail, at, changed }: { video: number; start: number; end: number; thumbnail: string; at?: number; changed?: boolean }) {
  const [strip, setStrip] = useState<VideoMoment[]>([]);
  const [pointer, setPointer] = useState(-1); // from 0 to 1, or -1
  const [broken, setBroken] = useState(false);
  const entered = useRef(false);
  const enter = async () => {
    if (entered.current || changed) return;
    entered.current = true;
    const list = await momentsOf(video).then(all => around(all, start, end)).catch(() => []);
    for (const m of list) new Image().src = m.thumbnail;
    setStrip(list);
  };
  const move = (e: PointerEvent) => {
    if (e.pointerType === "touch") return;
    const box = (e.currentTarget as Element).getBoundingClientRect();
    setPointer(Math.min(0.999, Math.max(0, (e.clientX - box.left) / box.width)));
  };
  const index = pointer < 0 || strip.length < 2 ? -1 : Math.floor(pointer * strip.length);
  const shown = strip[index];
  return (
    <div class="preview" onPointerEnter={enter} onPointerMove={move} onPointerLeave={() => setPointer(-1)}>
      {broken || changed ? <Icon name="film" size={28} /> :
        <img src={shown?.thumbnail ?? thumbnail} alt="" loading="lazy" decoding="async" draggable={false} onError={() => setBroken(true)} />}
      <span class="time start"><Icon name="play" size={10} />{clock(shown?.start ?? at ?? start)}</span>
      {shown && <span class="scrub" style={{ left: `${100 * index / strip.length}%`, width: `${100 / strip.length}%` }} />}
    </div>
  );
}

// place returns the folder of a file, or what is wrong with the file.
function place(of: { missing: boolean; changed: boolean; folder: string }): string {
  return of.changed ? "changed since it was indexed" : of.missing ? "file is missing" : of.folder;
}

const weak = 0.05; // results below this probability are dimmed

// MomentTile is a moment in a grid. Extra is shown in its corner.
export function MomentTile({ moment: m, focusable, extra }: { moment: Moment; focusable: boolean; extra?: ComponentChildren }) {
  return (
    <article class={`tile ${m.missing ? "missing" : ""} ${m.score < weak ? "weak" : ""}`}>
      <a href={`/video/${m.video}?t=${m.best}`} tabIndex={focusable ? 0 : -1} aria-label={`${visible(m.name)} at ${clock(m.best)}`}
        title={`${clock(m.start)}–${clock(m.end)}, best at ${clock(m.best)}`}>
        <Preview {...m} at={m.best} />
      </a>
      <div class="caption">
        <Name text={m.name} class="name" />
        <span class="sub"><Name text={place(m)} class="folder" /><Score value={m.score} what="match" /></span>
      </div>
      {extra && <div class="extra">{extra}</div>}
    </article>
  );
}

export function VideoTile({ video: v, focusable }: { video: Video; focusable: boolean }) {
  return (
    <article class={`tile ${v.missing ? "missing" : ""}`}>
      <a href={`/video/${v.video}`} tabIndex={focusable ? 0 : -1} aria-label={`${visible(v.name)}, ${clock(v.seconds)}`}>
        <div class="preview">
          {v.thumbnail && !v.changed ? <img src={v.thumbnail} alt="" loading="lazy" decoding="async" /> : <Icon name="film" size={28} />}
          <span class="time">{clock(v.seconds)}</span>
        </div>
      </a>
      <div class="caption">
        <Name text={v.name} class="name" />
        <span class="sub"><Name text={place(v)} class="folder" /></span>
      </div>
    </article>
  );
}
