// The types of the API below /api/v1. Seconds are numbers with fractions.

export interface Span { start: number; end: number }

export interface Moment extends Span {
  video: number; name: string; folder: string; best: number; thumbnail: string;
  score: number; cosine: number; missing: boolean; changed: boolean; blank: boolean;
  mark?: number; positive?: boolean; // of a mark that others contradict; no positive means rejected
}

export interface Session { required: boolean; user: string; role: "" | "view" | "edit"; csrf: string }

export interface Library {
  name: string; videos: number; seconds: number; moments: number; pending: number;
  model: string; run: string; precision: string; window: number; hop: number; folders: string[] | null;
  failed: number; missing: number; writer?: string; version: string; generation: string;
}

export interface SearchAnswer {
  results: Moment[] | null; matched: boolean; more: boolean; warnings: string[] | null; query: string; took_ms: number;
}

export interface SavedSearch { name: string; query: Record<string, unknown>; created: string }

export interface Video {
  video: number; name: string; folder: string; seconds: number; moments: number; modified: string;
  missing: boolean; changed: boolean; partial: string; thumbnail: string;
  width?: number; height?: number; frame_rate?: number; playable?: boolean; problem?: string;
}

export interface VideoMoment extends Span { thumbnail: string }

export interface Mark extends Span { id: number; video?: number; name?: string; folder?: string; positive: boolean; author: string; time: string }
export interface Segment extends Span { score: number; video?: number; name?: string; folder?: string; thumbnail?: string }
export interface Track {
  label: number; name: string; scores: { t: number; p: number }[] | null; segments: Segment[] | null; marks: Mark[] | null; problem?: string;
}

export interface Point { precision?: number; recall?: number }
export interface Label {
  label: number; name: string; texts: string[] | null; positives: number; negatives: number; trained: boolean; point?: Point | null;
}

export interface Interval { mean: number; low: number; high: number }
export interface Quality {
  precision: Interval; recall: Interval; reached: boolean; threshold: number; moments: number;
  marks: number; videos: number; problem: string;
}
export interface Boundary { threshold: number; above: Moment[] | null; below: Moment[] | null }

export interface Job {
  id: string; kind: string; state: "waiting" | "running" | "done" | "failed" | "canceled"; title: string;
  done: number; total: number; unit: string; eta_seconds: number; detail: string; error: string;
  created: string; started: string; finished: string; result: Record<string, unknown> | null; file: string;
}

export interface Place { video?: number; name: string; folder: string; reason?: string }
export interface Problems { failed: Place[] | null; missing: Place[] | null; partial: Place[] | null }
export interface Model { name: string; kind: string; used: boolean }
export interface ExportFormat { name: string; program: string; extensions: string[] | null; loses: string }
export interface Duplicates {
  job?: string;
  exact?: { bytes: number; videos: Place[] }[] | null;
  near?: { a: Place; b: Place; parts: { a: Span; b: Span; similarity: number }[] }[] | null;
}
