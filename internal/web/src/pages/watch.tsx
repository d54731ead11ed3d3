import { useEffect, useRef, useState } from "preact/hooks";
import { api, explain, query } from "../api";
import { clock } from "../format";
import { useLatest, useLoad } from "../load";
import { Timeline } from "../player/timeline";
import { usePlayer, type Player } from "../player/player";
import { selected, shift, stops, type Selection } from "../player/selection";
import { navigate } from "../router";
import { canEdit, labels, notify, session, spoken } from "../state";
import { useStore } from "../store";
import type { Label, Mark, Span, Track, Video, VideoMoment } from "../types";
import { Button, Failure } from "../ui/basics";
import { useKeys } from "../ui/keys";
import { Popover } from "../ui/popover";
import { Inspector } from "./inspector";
import { VideoExport } from "./videoexport";
import { useView } from "./video";

// useTracks loads the tracks of the chosen labels and edits their marks.
function useTracks(video: Video, chosen: number[], renamed: (from: Selection, id: number) => void) {
  const { data, error, reload, set } = useLoad<{ tracks: Track[] | null }>(chosen.length ? `/videos/${video.video}/tracks` + query({ label: chosen }) : null);
  // The rows are there before their data, so that nothing below them moves.
  const empty = (label: number): Track => ({ label, name: labels.get()?.find(l => l.label === label)?.name ?? "", scores: [], segments: [], marks: [] });
  // Changes that are not saved yet also hold for data that arrives late.
  const drafts = useRef(new Map<number, Partial<Mark>>());
  const tracks = chosen.map(c => data?.tracks?.find(t => t.label === c) ?? empty(c))
    .map(t => ({ ...t, marks: (t.marks ?? []).map(m => ({ ...m, ...drafts.current.get(m.id) })) }));
  const edit = (label: number, f: (m: Mark[]) => Mark[]) => set({ tracks: tracks.map(t => t.label === label ? { ...t, marks: f(t.marks ?? []) } : t) });
  const latest = useLatest(edit);
  const failed = (e: unknown) => { drafts.current.clear(); notify(explain(e), true); reload(); };
  const create = async (label: number, s: Span, positive: boolean): Promise<Selection | null> => {
    try {
      const body = { marks: [{ video: video.video, start: s.start, end: s.end, positive }], replace: true };
      const a = await api<{ ids: number[] | null }>(`/labels/${label}/marks`, { method: "POST", body });
      const id = a.ids?.[0];
      reload();
      if (id === undefined) return null;
      edit(label, m => [...m, { id, start: s.start, end: s.end, positive, author: "", time: "" }]);
      return { label, kind: "mark", id };
    } catch (e) {
      failed(e);
      return null;
    }
  };
  // A changed mark has another number. While changes are being saved, the page may know an older one.
  const saving = useRef<{ ids: number[]; done: Promise<number> }>(undefined);
  const number = (id: number) => saving.current?.ids.includes(id) ? saving.current.done : Promise.resolve(id);
  const save = async (s: Selection, mark: Pick<Mark, "start" | "end" | "positive">) => {
    const before = await number(s.id);
    const changed = api<{ ids?: number[] | null }>(`/labels/${s.label}/marks/${before}`, { method: "PATCH", body: mark }).then(a => a.ids?.[0] ?? before);
    const ids = [...(saving.current?.ids.includes(s.id) ? saving.current.ids : []), s.id, before];
    saving.current = { ids, done: changed.catch(() => before) };
    try {
      const id = await changed, draft = ids.map(old => drafts.current.get(old)).find(Boolean);
      for (const old of ids) drafts.current.delete(old);
      if (draft && (draft.start !== mark.start || draft.end !== mark.end || draft.positive !== mark.positive)) drafts.current.set(id, draft);
      latest.current(s.label, all => all.map(m => ids.includes(m.id) ? { ...m, id } : m));
      for (const old of ids) renamed({ ...s, id: old }, id);
    } catch (e) {
      failed(e);
    }
  };
  const waiting = useRef<{ id: number; timer: ReturnType<typeof setTimeout>; save: () => void }>(undefined); // a change that may go on
  const change = (s: Selection, to: Partial<Mark>, done: boolean) => {
    const mark = tracks.find(t => t.label === s.label)?.marks.find(m => m.id === s.id);
    if (mark) drafts.current.set(s.id, { start: mark.start, end: mark.end, positive: mark.positive, ...to });
    edit(s.label, all => all.map(m => m.id === s.id ? { ...m, ...to } : m));
    clearTimeout(waiting.current?.timer);
    if (waiting.current && waiting.current.id !== s.id) waiting.current.save();
    waiting.current = undefined;
    if (!done || !mark) return;
    const { start, end, positive } = { ...mark, ...to };
    const now = () => {
      waiting.current = undefined;
      save(s, { start, end, positive });
    };
    waiting.current = { id: s.id, timer: setTimeout(now, 350), save: now };
  };
  const remove = (s: Selection) => {
    if (waiting.current?.id === s.id) clearTimeout(waiting.current.timer);
    edit(s.label, all => all.filter(m => m.id !== s.id));
    number(s.id).then(id => {
      latest.current(s.label, all => all.filter(m => m.id !== id));
      return api(`/labels/${s.label}/marks`, { method: "DELETE", body: { ids: [id] } });
    }).then(reload, failed);
  };
  return { tracks, error, reload, create, change, remove };
}

function defaults(all: Label[], wanted: number): number[] {
  const used = all.filter(l => l.label !== wanted && l.positives + l.negatives > 0).map(l => l.label);
  return [...(wanted ? [wanted] : []), ...used].slice(0, 5);
}

export function Watch({ video, at, label }: { video: Video; at: number; label: number }) {
  const player = usePlayer(video, at);
  const known = useStore(labels) ?? [], editable = canEdit(useStore(session));
  const [picked, setPicked] = useState<number[]>();
  const chosen = picked ?? defaults(known, label);
  const [selection, select] = useState<Selection | null>(null);
  const t = useTracks(video, chosen, (from, id) => select(s => s?.kind === "mark" && s.label === from.label && s.id === from.id ? { ...s, id } : s));
  const moments = useLoad<{ moments: VideoMoment[] | null }>(`/videos/${video.video}/moments`).data?.moments ?? [];
  const { view, zoom, pan } = useView(video.seconds);
  const now = selected(t.tracks, selection);
  useEffect(() => { if (player.loop && now) player.setLoop({ start: now.start, end: now.end }); }, [now?.start, now?.end]);
  useEffect(() => { if (at !== player.time.get()) player.seek(at); }, [at]);
  const jump = (direction: 1 | -1) => {
    const all = stops(t.tracks), time = player.time.get();
    const next = direction > 0 ? all.find(s => s.at.start > time + 0.05) : all.findLast(s => s.at.start < time - 0.4);
    if (!next) return spoken.set("No more segments");
    select(next.selection);
    player.seek(next.at.start);
  };
  const nudge = (direction: number) => (e: KeyboardEvent) => {
    if (!now?.mark || !selection || !editable) return player.seek(player.time.get() + direction * (e.shiftKey ? 10 : 1));
    t.change(selection, shift(now, direction * (e.shiftKey ? 1 : 0.1), "both", video.seconds), true);
  };
  useEnds((by, edge) => { if (now?.mark && selection && editable) t.change(selection, shift(now, by, edge, video.seconds), true); });
  const loop = () => player.setLoop(player.loop || !now ? null : { start: now.start, end: now.end });
  useKeys({
    " ": player.toggle, k: player.toggle, j: () => player.seek(player.time.get() - 5), l: () => player.seek(player.time.get() + 5),
    ",": () => player.step(-1), ".": () => player.step(1), "[": () => jump(-1), "]": () => jump(1), o: loop, f: player.expand,
    ArrowLeft: nudge(-1), ArrowRight: nudge(1), Escape: () => select(null),
    Delete: () => { if (now?.mark && selection && editable) t.remove(selection); },
    m: () => navigate(`/?like=${video.video}@${player.time.get().toFixed(2)}`),
  });
  return (
    <div class="watch">
      <Screen player={player} video={video} at={at} />
      <Controls player={player} video={video} jump={jump} zoom={zoom} loop={loop} loopable={!!now}>
        <LabelChooser known={known} chosen={chosen} set={setPicked} />
        <Button icon="similar" aria-label="More like this" title="More moments like this (M)" onClick={() => navigate(`/?like=${video.video}@${player.time.get().toFixed(2)}`)}>More like this</Button>
        <VideoExport video={video} labels={known.filter(l => chosen.includes(l.label))} span={now} time={player.time} />
      </Controls>
      {t.error && <Failure text={t.error} retry={t.reload} />}
      <Inspector now={now} video={video} editable={editable} player={player} loop={loop}
        judge={async positive => {
          if (!now || !selection) return;
          if (now.mark) t.change(selection, { positive }, true);
          else select(await t.create(now.track.label, now, positive));
        }}
        remove={() => { if (selection) t.remove(selection); }} hasLabels={known.length > 0} />
      <Timeline player={player} seconds={video.seconds} moments={moments} tracks={t.tracks} view={view} zoom={zoom} pan={pan} editable={editable}
        selection={selection} select={select} change={t.change}
        create={async (l, s) => select(await t.create(l, s, true))} />
      {t.tracks.length > 0 && <Legend />}
    </div>
  );
}

// Legend explains the colors of the timeline.
function Legend() {
  const colors = [["segment", "Found"], ["mark yes", "You said yes"], ["mark no", "You said no"]];
  return (
    <p class="legend muted">
      {colors.map(([c, name]) => <span key={c}><i class={c} />{name}</span>)}
      <span><i class="line" />How likely</span>
    </p>
  );
}

// useEnds moves one end of the selection with Alt and the arrow keys, with Shift its start.
function useEnds(move: (by: number, edge: "start" | "end") => void): void {
  useEffect(() => {
    const handle = (e: KeyboardEvent) => {
      if (!e.altKey || (e.key !== "ArrowLeft" && e.key !== "ArrowRight")) return;
      e.preventDefault();
      move(e.key === "ArrowLeft" ? -0.1 : 0.1, e.shiftKey ? "start" : "end");
    };
    document.addEventListener("keydown", handle);
    return () => document.removeEventListener("keydown", handle);
  });
}

function Screen({ player, video, at }: { player: Player; video: Video; at: number }) {
  const shape = video.width && video.height ? video.width / video.height : 16 / 9;
  return (
    <div class="screen" style={{ "--shape": String(shape) }}>
      <video ref={player.ref} src={player.src} poster={at > 0 || video.changed ? undefined : video.thumbnail} playsInline preload="auto" onClick={player.toggle} aria-label={`Video ${video.name}`} {...player.events} />
      {player.error && <div class="cover"><p>{player.error}</p>{!video.missing && !video.changed && <Button onClick={player.retry}>Try again</Button>}</div>}
      {player.busy && !player.error && <div class="spinner" role="status" aria-label="Loading the video" />}
    </div>
  );
}

interface ControlProps {
  player: Player; video: Video; jump: (d: 1 | -1) => void; zoom: (f: number, at: number) => void; loop: () => void; loopable: boolean; children: preact.ComponentChildren;
}

function Controls({ player, video, jump, zoom, loop, loopable, children }: ControlProps) {
  return (
    <div class="controls" role="group" aria-label="Player">
      <Button kind="primary" icon={player.playing ? "pause" : "play"} aria-label={player.playing ? "Pause" : "Play"} title="Play or pause (Space)" onClick={player.toggle} />
      <Time player={player} seconds={video.seconds} />
      <Button kind="quiet" icon="back" aria-label="Previous segment" title="Previous segment ([)" onClick={() => jump(-1)} />
      <Button kind="quiet" icon="forward" aria-label="Next segment" title="Next segment (])" onClick={() => jump(1)} />
      <Button kind="quiet" icon="loop" aria-label="Loop the selection" title="Loop the selection (O)" aria-pressed={!!player.loop} disabled={!loopable && !player.loop} onClick={loop} />
      <Button kind="quiet" icon="zoomout" aria-label="Zoom out of the timeline" title="Zoom out of the timeline" onClick={() => zoom(2, player.time.get())} />
      <Button kind="quiet" icon="zoomin" aria-label="Zoom into the timeline" title="Zoom into the timeline" onClick={() => zoom(0.5, player.time.get())} />
      <Button kind="quiet" icon={player.muted ? "mute" : "sound"} aria-label={player.muted ? "Sound on" : "Sound off"} title={player.muted ? "Sound on" : "Sound off"} onClick={player.mute} />
      <Button kind="quiet" class="speed" aria-label={`Speed: ${player.speed} times`} title="Speed" onClick={player.faster}>{player.speed}×</Button>
      <Button kind="quiet" icon="expand" aria-label="Full screen" title="Full screen (F)" onClick={player.expand} />
      <span class="space" />
      {children}
    </div>
  );
}

function Time({ player, seconds }: { player: Player; seconds: number }) {
  const t = useStore(player.time);
  return <span class="clock">{clock(t, true)} <span class="muted">/ {clock(seconds)}</span></span>;
}

function LabelChooser({ known, chosen, set }: { known: Label[]; chosen: number[]; set: (l: number[]) => void }) {
  if (known.length === 0) return null;
  return (
    <Popover label="Labels on the timeline" text="Labels" icon="tag" side="right">
      {() => (
        <div class="fields">
          {known.map(l => (
            <label class="check" key={l.label}>
              <input type="checkbox" checked={chosen.includes(l.label)}
                onChange={e => set(e.currentTarget.checked ? [...chosen, l.label] : chosen.filter(x => x !== l.label))} />
              <bdi dir="auto">{l.name}</bdi>
            </label>
          ))}
        </div>
      )}
    </Popover>
  );
}
