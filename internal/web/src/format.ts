import type { Interval } from "./types";

const digits = new Intl.NumberFormat("en-US");

export function count(n: number): string { return digits.format(n); }

// plural returns "1 video" or "1,200 videos".
export function plural(n: number, one: string, many = one + "s"): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

// clock returns 1:02:03, or 2:03.4 with tenths.
export function clock(seconds: number, tenths = false): string {
  const unit = tenths ? 10 : 1;
  const total = Math.max(0, Math.round(seconds * unit)) / unit;
  const h = Math.floor(total / 3600), m = Math.floor(total / 60) % 60, s = total % 60;
  const ss = tenths ? s.toFixed(1).padStart(4, "0") : String(Math.floor(s)).padStart(2, "0");
  return h ? `${h}:${String(m).padStart(2, "0")}:${ss}` : `${m}:${ss}`;
}

// length returns a duration in words: 45 s, 12 min, 3.5 h.
export function length(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  const hours = seconds / 3600;
  return `${hours < 10 ? hours.toFixed(1) : count(Math.round(hours))} h`;
}

export function percent(p: number): string { return `${Math.round(100 * p)} %`; }

// tenths returns the ends of an interval in tenths.
export function tenths(i: Interval): [number, number] {
  return [Math.floor(10 * i.low + 0.05), Math.ceil(10 * i.high - 0.05)];
}

// tenth returns a share as words: "8 of 10".
export function tenth(i: Interval): string {
  const [low, high] = tenths(i);
  return `${Math.min(high, Math.max(low, Math.round(10 * i.mean)))} of 10`;
}

// Characters that are invisible or change the direction of the text around them.
const hidden = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

// visible returns a name in which hidden characters are written as escapes.
export function visible(name: string): string {
  return name.replace(hidden, c => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

export function date(s: string): string {
  const d = new Date(s);
  return isNaN(+d) ? "" : d.toLocaleDateString("en-US", { year: "numeric", month: "short", day: "numeric" });
}
