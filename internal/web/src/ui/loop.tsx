import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api";
import type { Moment, Video, VideoMoment } from "../types";
import { momentsOf } from "./tile";

const details = new Map<number, Promise<Video>>();

// videoOf returns the details of a video; they are fetched once.
export function videoOf(id: number): Promise<Video> {
  let p = details.get(id);
  if (!p) {
    p = api<Video>(`/videos/${id}`);
    p.catch(() => details.delete(id));
    details.set(id, p);
  }
  return p;
}

export const still = matchMedia("(prefers-reduced-motion: reduce)");

// LoopPlayer shows a moment in a loop, without sound: the video if it can be played, or
// else its thumbnails in turn. With reduced motion it shows an image until it is clicked.
export function LoopPlayer({ moment: m }: { moment: Moment }) {
  const [source, setSource] = useState<{ src: string; start: number; end: number }>();
  const [ready, setReady] = useState(false);
  const [frames, setFrames] = useState<VideoMoment[]>([]);
  const [tick, setTick] = useState(0);
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let gone = false;
    setSource(undefined);
    setReady(false);
    setFrames([]);
    if (m.changed) return;
    videoOf(m.video).then(v => {
      if (gone || v.missing) return slides();
      setSource(v.playable ? { src: `/api/v1/videos/${m.video}/file`, start: m.start, end: m.end }
        : { src: `/api/v1/videos/${m.video}/fragment?start=${m.start}&end=${m.end}`, start: 0, end: Infinity });
    }).catch(() => slides());
    const slides = () => momentsOf(m.video).then(all => { if (!gone) setFrames(all.filter(x => x.end > m.start - 2 && x.start < m.end + 2)); }).catch(() => {});
    return () => { gone = true; };
  }, [m.video, m.start, m.end, m.changed]);
  useEffect(() => {
    if (frames.length < 2 || still.matches) return;
    const timer = setInterval(() => setTick(t => t + 1), 700);
    return () => clearInterval(timer);
  }, [frames]);
  const wrap = () => {
    const v = video.current, s = source;
    if (v && s && (v.currentTime >= s.end - 0.02 || v.currentTime < s.start - 0.3)) v.currentTime = s.start;
  };
  const failed = () => {
    setSource(undefined);
    momentsOf(m.video).then(all => setFrames(all.filter(x => x.end > m.start - 2 && x.start < m.end + 2))).catch(() => {});
  };
  const image = frames.length ? frames[tick % frames.length]!.thumbnail : m.thumbnail;
  return (
    <div class="loopplayer">
      {m.changed ? <div class="cover"><p>The file of this video has changed since it was indexed. Look for changes in the library.</p></div> : <img src={image} alt={`A frame of the moment`} />}
      {source && <video ref={video} src={source.src} muted playsInline autoplay={!still.matches} loop={source.end === Infinity} controls={still.matches} class={ready ? "ready" : ""}
        onLoadedMetadata={() => { if (video.current) video.current.currentTime = source.start; }}
        onSeeked={() => setReady(true)} onPlaying={() => setReady(true)} onTimeUpdate={wrap}
        onEnded={() => { const v = video.current!; v.currentTime = source.start; v.play().catch(() => {}); }} onError={failed} />}
    </div>
  );
}
