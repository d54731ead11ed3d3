import { useEffect, useState } from "preact/hooks";
import { clock, date, visible } from "../format";
import { useLoad } from "../load";
import { labels } from "../state";
import { useStore } from "../store";
import type { Video } from "../types";
import { Button, Empty, Failure, Name, Notice } from "../ui/basics";
import { Watch } from "./watch";

export function VideoPage({ id, params }: { id: number; params: URLSearchParams }) {
  const known = useStore(labels);
  const { data: v, error, reload } = useLoad<Video>(Number.isInteger(id) ? `/videos/${id}` : null);
  useEffect(() => { document.title = `${visible(v?.name ?? "Video")} · clipcue`; }, [v?.name]);
  if (!Number.isInteger(id)) return <Empty icon="film" title="There is no such video"><a class="button primary" href="/">All videos</a></Empty>;
  if (error) return <Failure text={error} retry={reload} />;
  return (
    <div class="video-page">
      <div class="toolbar">
        {history.length > 1 && <Button kind="quiet" icon="back" aria-label="Back" title="Back" onClick={() => history.back()} />}
        <div class="title">
          <h1>{v ? <Name text={v.name} /> : "\u00a0"}</h1>
          <p class="muted">{v && <><Name text={v.folder} />{v.folder && " · "}<span class="tabular">{facts(v)}</span></>} </p>
        </div>
      </div>
      {v?.missing && <Notice>The file of this video is missing. Its moments and marks are kept; look for changes in the library when the file is back.</Notice>}
      {v?.problem && !v.missing && <Notice><Name text={v.problem} /></Notice>}
      {v?.partial && <Notice><Name text={v.partial} /></Notice>}
      {v && known ? <Watch video={v} at={Number(params.get("t")) || 0} label={Number(params.get("label")) || 0} /> : <div class="watch"><div class="skeleton screen" /><div class="controls" /></div>}
    </div>
  );
}

function facts(v: Video): string {
  return [clock(v.seconds), v.width && `${v.width}×${v.height}`, v.frame_rate && `${Math.round(v.frame_rate * 100) / 100} fps`, date(v.modified)].filter(Boolean).join(" · ");
}

// useView holds the visible part of the timeline.
export function useView(seconds: number) {
  const [view, setView] = useState({ start: 0, end: seconds });
  const clamp = (start: number, length: number) => {
    const l = Math.min(seconds, Math.max(Math.min(4, seconds), length)), s = Math.min(Math.max(0, start), seconds - l);
    setView({ start: s, end: s + l });
  };
  const zoom = (factor: number, at: number) => {
    const l = (view.end - view.start) * factor, share = (at - view.start) / (view.end - view.start);
    clamp(at - l * Math.min(1, Math.max(0, share)), l);
  };
  return { view, zoom, pan: (by: number) => clamp(view.start + by, view.end - view.start) };
}
