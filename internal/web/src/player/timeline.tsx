import { useRef, useState } from "preact/hooks";
import { clock } from "../format";
import { useStore } from "../store";
import type { Span, Track, VideoMoment } from "../types";
import { Name } from "../ui/basics";
import { Curve } from "./curve";
import type { Player } from "./player";
import { shift, type Selection } from "./selection";

interface Props {
  player: Player; seconds: number; moments: VideoMoment[]; tracks: Track[]; view: Span; zoom: (factor: number, at: number) => void; pan: (by: number) => void;
  editable: boolean; selection: Selection | null; select: (s: Selection | null) => void;
  create: (label: number, s: Span) => void; change: (s: Selection, to: Span, done: boolean) => void;
}

// Timeline shows a video over time: thumbnails, and a row with scores and bars per label.
export function Timeline(p: Props) {
  const { view, player } = p;
  const place = (s: Span) => ({ left: `${100 * (s.start - view.start) / (view.end - view.start)}%`, width: `${100 * (s.end - s.start) / (view.end - view.start)}%` });
  const lane = useRef<HTMLDivElement>(null);
  const at = (e: { clientX: number }) => {
    const box = lane.current!.getBoundingClientRect();
    return view.start + (e.clientX - box.left) / box.width * (view.end - view.start);
  };
  const wheel = (e: WheelEvent) => {
    if (e.ctrlKey || e.metaKey) { e.preventDefault(); p.zoom(e.deltaY > 0 ? 1.25 : 0.8, at(e)); }
    else if (e.deltaX) { e.preventDefault(); p.pan(e.deltaX / lane.current!.clientWidth * (view.end - view.start)); }
  };
  const scrub = (e: PointerEvent) => {
    if (e.type === "pointerdown") (e.currentTarget as Element).setPointerCapture(e.pointerId);
    else if (!e.buttons) return;
    player.seek(at(e));
  };
  return (
    <div class="timeline" onWheel={wheel}>
      <div class="lane-name" />
      <div class="ruler" ref={lane} role="slider" tabIndex={0} aria-label="Position" aria-valuemin={0} aria-valuemax={Math.round(p.seconds)} aria-valuenow={Math.round(player.time.get())}
        onKeyDown={e => { const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[e.key]; if (by) { e.preventDefault(); e.stopPropagation(); player.seek(player.time.get() + by); } }}
        onPointerDown={scrub} onPointerMove={scrub}>
        {ticks(view).map(t => <span key={t} style={{ left: place({ start: t, end: t }).left }}>{clock(t)}</span>)}
      </div>
      <div class="lane-name" />
      <div class="filmstrip" onPointerDown={scrub} onPointerMove={scrub}>
        <Filmstrip moments={p.moments} view={view} width={lane.current?.clientWidth ?? 900} />
      </div>
      {p.tracks.map(t => <Lane key={t.label} {...p} track={t} place={place} at={at} />)}
      <Playhead player={player} view={view} />
    </div>
  );
}

const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

function ticks(view: Span): number[] {
  const length = view.end - view.start, step = steps.find(s => length / s <= 10) ?? 7200;
  const out = [];
  for (let t = Math.ceil(view.start / step) * step; t <= view.end - length * 0.03; t += step) out.push(t);
  return out;
}

function Filmstrip({ moments, view, width }: { moments: VideoMoment[]; view: Span; width: number }) {
  const n = Math.max(1, Math.floor(width / 88)), step = (view.end - view.start) / n;
  if (moments.length === 0) return null;
  return <>{Array.from({ length: n }, (_, i) => {
    const t = view.start + (i + 0.5) * step;
    const m = nearest(moments, t);
    return <img key={i} src={m.thumbnail} alt="" loading="lazy" draggable={false} />;
  })}</>;
}

// nearest returns the moment whose thumbnail, which shows its middle, is closest to a time.
function nearest(moments: VideoMoment[], t: number): VideoMoment {
  const after = Math.max(0, moments.findIndex(m => (m.start + m.end) / 2 >= t));
  const a = moments[after]!, before = moments[after - 1] ?? a, off = (m: VideoMoment) => Math.abs((m.start + m.end) / 2 - t);
  if ((a.start + a.end) / 2 < t) return moments[moments.length - 1]!; // after all middles
  return off(before) < off(a) ? before : a;
}

function Playhead({ player, view }: { player: Player; view: Span }) {
  const t = useStore(player.time), x = (t - view.start) / (view.end - view.start);
  if (x < 0 || x > 1) return null;
  return <div class="playhead-area" aria-hidden="true"><div class="playhead" style={{ left: `${100 * x}%` }} /></div>;
}

type LaneProps = Props & { track: Track; place: (s: Span) => { left: string; width: string }; at: (e: { clientX: number }) => number };

function Lane({ track, place, at, ...p }: LaneProps) {
  const [draft, setDraft] = useState<Span | null>(null);
  const from = useRef({ t: 0, x: 0 });
  const begin = (e: PointerEvent) => {
    if (e.target !== e.currentTarget || e.button !== 0) return;
    from.current = { t: at(e), x: e.clientX };
    (e.currentTarget as Element).setPointerCapture(e.pointerId);
    p.select(null);
  };
  const drag = (e: PointerEvent) => {
    if (!e.buttons || e.target !== e.currentTarget || Math.abs(e.clientX - from.current.x) < 5 || !p.editable) return;
    const t = Math.min(p.seconds, Math.max(0, at(e)));
    setDraft({ start: Math.min(t, from.current.t), end: Math.max(t, from.current.t) });
    p.player.seek(t);
  };
  const end = (e: PointerEvent) => {
    if (e.target !== e.currentTarget) return;
    if (draft && draft.end - draft.start >= 0.2) p.create(track.label, draft);
    else p.player.seek(at(e));
    setDraft(null);
  };
  const bars = [
    ...(track.segments ?? []).map(s => ({ s: { label: track.label, kind: "segment", id: s.start } as Selection, span: s as Span, c: "segment", what: "Found" })),
    ...(track.marks ?? []).map(m => ({ s: { label: track.label, kind: "mark", id: m.id } as Selection, span: m as Span, c: m.positive ? "mark yes" : "mark no", what: m.positive ? "You said yes" : "You said no" })),
  ].filter(b => b.span.end > p.view.start && b.span.start < p.view.end);
  return (
    <>
      <div class="lane-name"><a href={`/label/${track.label}`}><Name text={track.name} /></a></div>
      <div class={`lane ${p.editable ? "editable" : ""}`} onPointerDown={begin} onPointerMove={drag} onPointerUp={end} onPointerCancel={() => setDraft(null)}
        role="group" aria-label={`Bars of ${track.name}`}>
        <Curve scores={track.scores ?? []} view={p.view} />
        {bars.map(b => <Bar key={b.s.kind + b.s.id} {...p} bar={b} place={place} at={at} />)}
        {draft && <div class="bar-item mark yes draft" style={place(draft)} />}
      </div>
    </>
  );
}

type BarProps = Props & { bar: { s: Selection; span: Span; c: string; what: string }; place: LaneProps["place"]; at: LaneProps["at"] };

// Bar is a segment or mark: a click selects it, dragging moves it or one of its ends.
function Bar({ bar, place, at, ...p }: BarProps) {
  const from = useRef<{ t: number; span: Span; edge: "both" | "start" | "end"; to: Span } | null>(null);
  const on = p.selection?.kind === bar.s.kind && p.selection.id === bar.s.id && p.selection.label === bar.s.label;
  const movable = p.editable && bar.s.kind === "mark";
  const begin = (e: PointerEvent) => {
    p.select(bar.s);
    if (!movable || e.button !== 0) return;
    const box = (e.currentTarget as Element).getBoundingClientRect(), grip = Math.min(10, box.width / 4);
    const edge = e.clientX < box.left + grip ? "start" : e.clientX > box.right - grip ? "end" : "both";
    from.current = { t: at(e), span: bar.span, edge, to: bar.span };
    (e.currentTarget as Element).setPointerCapture(e.pointerId);
  };
  const drag = (e: PointerEvent) => {
    const f = from.current;
    if (!f || !e.buttons) return;
    f.to = shift(f.span, at(e) - f.t, f.edge, p.seconds);
    p.player.seek(f.edge === "end" ? f.to.end : f.to.start);
    p.change(bar.s, f.to, false);
  };
  const end = () => {
    const f = from.current;
    from.current = null;
    if (f && f.to !== f.span) p.change(bar.s, f.to, true);
  };
  return (
    <button type="button" class={`bar-item ${bar.c} ${on ? "on" : ""} ${movable ? "movable" : ""}`} style={place(bar.span)} aria-pressed={on}
      aria-label={`${bar.what}, ${clock(bar.span.start, true)} to ${clock(bar.span.end, true)}`} title={`${bar.what}: ${clock(bar.span.start, true)}–${clock(bar.span.end, true)}`}
      onPointerDown={begin} onPointerMove={drag} onPointerUp={end} onPointerCancel={end}
      onClick={() => p.select(bar.s)} onDblClick={() => p.player.seek(bar.span.start)} onFocus={() => { if (!on && !from.current) p.select(bar.s); }} />
  );
}
