import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { theme } from "../theme";
import { useStore } from "../store";
import type { Span } from "../types";

// Curve draws the probability of a label over time: the highest value of each pixel.
export function Curve({ scores, view }: { scores: { t: number; p: number }[]; view: Span }) {
  const ref = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const scheme = useStore(theme), system = useDark();
  useLayoutEffect(() => {
    const o = new ResizeObserver(() => setWidth(ref.current?.clientWidth ?? 0));
    o.observe(ref.current!);
    return () => o.disconnect();
  }, []);
  useEffect(() => {
    const c = ref.current!, ratio = devicePixelRatio || 1, height = c.clientHeight;
    c.width = width * ratio;
    c.height = height * ratio;
    const g = c.getContext("2d");
    if (!g || !width) return;
    g.scale(ratio, ratio);
    const color = getComputedStyle(c).color;
    const x = (t: number) => (t - view.start) / (view.end - view.start) * width, y = (p: number) => height - 2 - p * (height - 4);
    const points = peaks(scores, x, width);
    if (points.length === 0) return;
    g.beginPath();
    points.forEach(([px, p], i) => i ? g.lineTo(px, y(p)) : g.moveTo(px, y(p)));
    g.strokeStyle = color;
    g.lineWidth = 1.5;
    g.lineJoin = "round";
    g.stroke();
    g.lineTo(points[points.length - 1]![0], height);
    g.lineTo(points[0]![0], height);
    g.closePath();
    g.globalAlpha = 0.12;
    g.fillStyle = color;
    g.fill();
  }, [scores, view.start, view.end, width, scheme, system]);
  return <canvas class="curve" ref={ref} aria-hidden="true" />;
}

function peaks(scores: { t: number; p: number }[], x: (t: number) => number, width: number): [number, number][] {
  const out: [number, number][] = [];
  for (const s of scores) {
    const px = x(s.t), last = out[out.length - 1];
    if (px < -width || px > 2 * width) continue;
    if (last && px - last[0] < 1) last[1] = Math.max(last[1], s.p);
    else out.push([px, s.p]);
  }
  return out;
}

const query = matchMedia("(prefers-color-scheme: dark)");

function useDark(): boolean {
  const [dark, set] = useState(query.matches);
  useEffect(() => {
    const f = () => set(query.matches);
    query.addEventListener("change", f);
    return () => query.removeEventListener("change", f);
  }, []);
  return dark;
}
