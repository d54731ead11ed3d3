import { useEffect, useState } from "preact/hooks";
import { api, explain, query } from "../api";
import { clock, percent, plural, tenth, tenths, visible } from "../format";
import { useDebounced, useLoad } from "../load";
import { canEdit, jobs, notify, putLabel, session } from "../state";
import { active, JobRow, resultText, startJob } from "../jobs";
import { useRoute } from "../router";
import { useStore } from "../store";
import type { Boundary, Interval, Label, Moment, Point, Quality } from "../types";
import { Button } from "../ui/basics";
import { Preview } from "../ui/tile";

// QualityPanel tells how good the label is, and sets how strict it is applied.
// Beside what was found, it is folded on a narrow screen, and finding again is not needed.
export function QualityPanel({ label, revision, found = false }: { label: Label; revision: string; found?: boolean }) {
  const [point, setPoint] = useState<Point>(label.point ?? { precision: 0.8 });
  const [open, setOpen] = useState(false);
  const settled = useDebounced(point, 250);
  const marked = useDebounced(revision, 400); // not between two quick marks
  const what = settled.recall !== undefined ? "recall" : "precision";
  const q = query({ [what]: settled[what] });
  const quality = useLoad<Quality>(`/labels/${label.label}/quality${q}`);
  const boundary = useLoad<Boundary>(`/labels/${label.label}/boundary${q}&limit=4`);
  useEffect(() => {
    if (marked) { quality.reload(); boundary.reload(); }
  }, [marked]);
  return (
    <aside class={`quality ${found ? "folds" : ""}`} aria-label="Quality">
      <h2>{found && <Button class="fold" icon="down" kind="quiet" aria-expanded={open} aria-label="How good is it?" onClick={() => setOpen(!open)} />}How good is it?</h2>
      <div class={`inside ${open ? "open" : ""}`}>
        <Sentence quality={quality.data} error={quality.error} />
        <Slider label={label} point={point} set={setPoint} />
        <Examples boundary={boundary.data} />
        {!found && <Apply label={label} quality={quality.data} />}
      </div>
    </aside>
  );
}

function Sentence({ quality: q, error }: { quality?: Quality | undefined; error: string }) {
  if (error) return <p class="error">{error}</p>;
  if (!q) return <div class="sentences"><div class="skeleton" /></div>;
  if (q.problem) return <div class="sentences"><p class="muted">{q.problem}</p></div>;
  return (
    <div class="sentences" aria-live="polite">
      <p><Range interval={q.precision} /><Share interval={q.precision} what="found moments are right" /></p>
      <p><Range interval={q.recall} /><Share interval={q.recall} what="moments that show it are found" /></p>
      <p class="muted">{`${plural(q.moments, "moment is", "moments are")} found now; those side by side are one segment. Estimated from ${plural(q.marks, "answer")} in ${plural(q.videos, "video")}.`}
        {!q.reached && " This goal is out of reach so far; more answers help."}</p>
    </div>
  );
}

const vague = 4; // tenths; a wider interval says more than its mean

// Share tells a share and how sure it is.
function Share({ interval, what }: { interval: Interval; what: string }) {
  const [low, high] = tenths(interval);
  if (low === high) return <span>About <strong>{tenth(interval)}</strong> {what}</span>;
  if (high - low > vague) return <span><strong>{`${low} to ${high} of 10`}</strong> {what} <span class="muted">– too few answers to say more</span></span>;
  return <span>About <strong>{tenth(interval)}</strong> {what} <span class="muted">{`– likely between ${low} and ${high}`}</span></span>;
}

// Range draws an interval and its mean from 0 to 1.
function Range({ interval: i }: { interval: Interval }) {
  return (
    <span class="range" aria-hidden="true">
      <span class="span" style={{ left: `${100 * i.low}%`, width: `${Math.max(2, 100 * (i.high - i.low))}%` }} />
      <span class="dot" style={{ left: `${100 * i.mean}%` }} />
    </span>
  );
}

const least = 50, greatest = 99; // percent
const goals = [{ key: "precision", name: "Few wrong" }, { key: "recall", name: "Few missed" }] as const;

function Slider({ label, point, set }: { label: Label; point: Point; set: (p: Point) => void }) {
  const can = canEdit(useStore(session));
  const key = point.recall !== undefined ? "recall" : "precision";
  const value = point[key] ?? 0.8;
  const save = (p: Point) => api<Label>(`/labels/${label.label}/point`, { method: "PUT", body: p }).then(putLabel, e => notify(explain(e), true));
  const goal = (k: "precision" | "recall") => { const p = { [k]: value }; set(p); save(p); };
  const text = key === "precision" ? `At least ${percent(value)} of what is found should be right` : `At least ${percent(value)} of all that show it should be found`;
  return (
    <div class="point">
      <div class="segmented" role="group" aria-label="Goal">
        {goals.map(g => <button key={g.key} type="button" disabled={!can} aria-pressed={key === g.key} onClick={() => goal(g.key)}>{g.name}</button>)}
      </div>
      <label for="point">{text}</label>
      <input id="point" type="range" min={least} max={greatest} step="1" disabled={!can} value={Math.round(100 * value)} aria-valuetext={text} style={{ "--filled": `${(100 * value - least) / (greatest - least) * 100}%` }}
        onInput={e => set({ [key]: Number(e.currentTarget.value) / 100 })}
        onChange={e => { save({ [key]: Number(e.currentTarget.value) / 100 }); }} />
      <p class="muted">A change counts at once: under Found, on the timelines and for exports.</p>
    </div>
  );
}

// Examples shows moments on both sides of the operating point.
function Examples({ boundary: b }: { boundary?: Boundary | undefined }) {
  const side = (title: string, list: Moment[]) => list.length > 0 && (
    <div>
      <h3>{title}</h3>
      <div class="minis">{list.slice(0, 4).map(m => <a key={`${m.video}@${m.start}`} href={`/video/${m.video}?t=${m.best}`} aria-label={`${visible(m.name)} at ${clock(m.start)}, ${percent(m.score)} likely`}><Preview {...m} /></a>)}</div>
    </div>
  );
  if (!b) return <div class="examples"><div class="skeleton" /></div>;
  if (!b.above?.length && !b.below?.length) return <div class="examples"><p class="muted">Here you will see what is only just found, and what is not.</p></div>;
  return <div class="examples">{side("Found, but only just", b.above ?? [])}{side("Not found, but almost", b.below ?? [])}</div>;
}

function Apply({ label, quality }: { label: Label; quality?: Quality | undefined }) {
  const can = canEdit(useStore(session));
  const job = useStore(jobs).find(j => j.kind === "apply" && active(j));
  const [id, setId] = useState("");
  const done = useStore(jobs).find(j => j.id === id);
  const ready = label.positives > 0 || !!label.texts?.length, { params } = useRoute();
  if (!can) return null;
  const apply = async () => { setId((await startJob({ kind: "apply", labels: [label.label] }))?.id ?? ""); };
  return (
    <div class="apply">
      <Button kind="primary" icon="check" onClick={apply} disabled={!!job || !ready}>Apply to everything</Button>
      {job && <JobRow job={job} />}
      {done?.state === "failed" && <p class="error" role="alert">{done.error}</p>}
      {done?.state === "done" && <p role="status">{resultText(done)}{!params.get("tab")?.startsWith("segments") && <> <a href={`/label/${label.label}?tab=segments`}>See what was found</a></>}</p>}
      {!job && !done && <p class="muted">{!ready ? "Answer yes to at least one moment first." : quality?.problem ? "Goes through all videos. How good the result is can be told after more answers." : "Goes through all videos and counts what is found."}</p>}
    </div>
  );
}
