import type { Mark, Segment, Span, Track } from "../types";

// Selection is a bar of the timeline: a mark by its id, or a segment by its start.
export interface Selection { label: number; kind: "mark" | "segment"; id: number }

export function selected(tracks: Track[], s: Selection | null): (Span & { mark?: Mark; segment?: Segment; track: Track }) | null {
  const track = s && tracks.find(t => t.label === s.label);
  if (!track) return null;
  if (s.kind === "mark") {
    const mark = track.marks?.find(m => m.id === s.id);
    return mark ? { start: mark.start, end: mark.end, mark, track } : null;
  }
  const segment = track.segments?.find(x => x.start === s.id);
  return segment ? { start: segment.start, end: segment.end, segment, track } : null;
}

// stops returns the bars of all tracks by time, for jumping from one to the next.
export function stops(tracks: Track[]): { at: Span; selection: Selection }[] {
  return tracks.flatMap(t => [
    ...(t.segments ?? []).map(s => ({ at: s, selection: { label: t.label, kind: "segment" as const, id: s.start } })),
    ...(t.marks ?? []).filter(m => m.positive).map(m => ({ at: m, selection: { label: t.label, kind: "mark" as const, id: m.id } })),
  ]).sort((a, b) => a.at.start - b.at.start);
}

// shift moves a span or one of its ends within the video.
export function shift(s: Span, by: number, edge: "both" | "start" | "end", seconds: number): Span {
  const least = 0.2;
  if (edge === "start") return { start: Math.min(Math.max(0, s.start + by), s.end - least), end: s.end };
  if (edge === "end") return { start: s.start, end: Math.max(Math.min(seconds, s.end + by), s.start + least) };
  const d = Math.min(Math.max(by, -s.start), seconds - s.end);
  return { start: s.start + d, end: s.end + d };
}
