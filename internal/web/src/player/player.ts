import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useLatest } from "../load";
import { Store } from "../store";
import type { Span, Video } from "../types";

const speeds = [1, 2, 4, 0.25, 0.5];
const chunk = 20; // seconds of a fragment; the server needs a second or two for one

export interface Player {
  ref: { current: HTMLVideoElement | null }; src: string; time: Store<number>; playing: boolean; error: string; busy: boolean;
  loop: Span | null; setLoop: (s: Span | null) => void;
  muted: boolean; mute: () => void; speed: number; faster: () => void; expand: () => void;
  seek: (t: number) => void; toggle: () => void; step: (frames: number) => void; retry: () => void;
  events: Record<string, () => void>;
}

// usePlayer plays a video: the file where browsers can, or fragments that the server
// transcodes. Times are those of the whole video.
export function usePlayer(video: Video, at: number): Player {
  const ref = useRef<HTMLVideoElement>(null);
  const time = useMemo(() => new Store(at), [video.video]);
  const [part, setPart] = useState(Math.floor(at / chunk));
  const [turn, setTurn] = useState(0);
  const [playing, setPlaying] = useState(false);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(true);
  const [muted, setMuted] = useState(false);
  const [speed, setSpeed] = useState(1);
  const [loop, setLoop] = useState<Span | null>(null);
  const offset = video.playable ? 0 : part * chunk;
  const wanted = useRef<number | null>(at);
  const resume = useRef(false);
  const base = `/api/v1/videos/${video.video}`;
  const fragment = (n: number) => `${base}/fragment?start=${n * chunk}&end=${Math.min(video.seconds, (n + 1) * chunk)}`;
  const src = video.playable ? `${base}/file${turn ? "?again=" + turn : ""}`
    : fragment(part) + (turn ? "&again=" + turn : "");

  const seek = (t: number) => {
    const to = Math.min(Math.max(0, t), Math.max(0, video.seconds - 0.05)), v = ref.current;
    time.set(to);
    const p = Math.floor(to / chunk);
    if (!video.playable && p !== part) {
      wanted.current = to;
      resume.current = !!v && !v.paused;
      setBusy(true);
      setPart(p);
    } else if (v && v.readyState >= 1) {
      v.currentTime = to - offset;
    } else {
      wanted.current = to;
    }
  };
  const toggle = () => {
    const v = ref.current;
    if (v?.paused) v.play().catch(() => {}); else v?.pause();
  };
  const step = (frames: number) => {
    ref.current?.pause();
    seek(time.get() + frames / (video.frame_rate || 25));
  };
  const mute = () => { if (ref.current) ref.current.muted = !muted; };
  const faster = () => {
    const next = speeds[(speeds.indexOf(speed) + 1) % speeds.length]!;
    setSpeed(next);
    if (ref.current) ref.current.defaultPlaybackRate = ref.current.playbackRate = next;
  };
  const expand = () => {
    if (document.fullscreenElement) document.exitFullscreen(); else ref.current?.parentElement?.requestFullscreen().catch(() => {});
  };
  const state = useLatest({ loop, offset, seek });
  const next = fragment(part + 1), late = (part + 0.5) * chunk;
  useEffect(() => {
    // The server caches fragments, so the next one is there when it is needed.
    if (video.playable || !playing || (part + 1) * chunk >= video.seconds) return;
    const stop = time.follow(() => {
      if (time.get() < late) return;
      stop();
      fetch(next, { headers: { Range: "bytes=0-0" } }).catch(() => {});
    });
    return stop;
  }, [next, playing]);
  useEffect(() => {
    let frame = 0;
    const look = () => {
      const v = ref.current, s = state.current;
      if (v && !v.paused && !v.seeking && wanted.current === null) {
        const t = v.currentTime + s.offset;
        if (s.loop && (t >= s.loop.end || t < s.loop.start - 0.5)) s.seek(s.loop.start);
        else time.set(t);
      }
      frame = requestAnimationFrame(look);
    };
    frame = requestAnimationFrame(look);
    return () => cancelAnimationFrame(frame);
  }, [time]);
  const events = {
    onLoadedMetadata: () => {
      setError("");
      const v = ref.current!;
      if (wanted.current !== null) v.currentTime = Math.max(0, wanted.current - offset);
      wanted.current = null;
      if (resume.current) v.play().catch(() => {});
    },
    onCanPlay: () => setBusy(false), onWaiting: () => setBusy(true), onPlaying: () => setBusy(false),
    onVolumeChange: () => setMuted(!!ref.current?.muted),
    onPlay: () => setPlaying(true), onPause: () => setPlaying(false),
    onSeeked: () => { setBusy(false); },
    onEnded: () => {
      if (loop) { seek(loop.start); ref.current?.play().catch(() => {}); }
      else if (!video.playable && offset + chunk < video.seconds) {
        seek(offset + chunk);
        resume.current = true;
      }
    },
    onError: () => {
      setBusy(false);
      wanted.current = time.get();
      setError(video.changed ? "The file of this video has changed since it was indexed, so it is not played." : video.missing ? "The file of this video is missing. Its moments and marks are still here." : "The video cannot be played now.");
    },
  };
  return { ref, src, time, playing, error, busy, loop, setLoop, muted, mute, speed, faster, expand, seek, toggle, step, events, retry: () => { setError(""); setTurn(turn + 1); } };
}
