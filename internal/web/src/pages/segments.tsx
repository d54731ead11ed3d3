import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, explain } from "../api";
import { clock, length, plural, visible } from "../format";
import { canEdit, jobs, labels, notify, putLabel, session } from "../state";
import { useStore } from "../store";
import type { Label, Segment } from "../types";
import { Button, Empty, Failure, Name, Skeletons } from "../ui/basics";
import { Grid } from "../ui/grid";
import { Preview } from "../ui/tile";
import { ExportMenu } from "./export";

interface Answer { segments: Segment[] | null; total: number; seconds: number; problem?: string }

interface Answered { ids: number[] | null; revision: string; positives: number; negatives: number }

const page = 60;
const id = (s: Segment) => `${s.video}@${s.start}`;

// useAnswers marks found segments: a rejected one disappears, an accepted one stays.
function useAnswers(label: Label, changed: (revision: string) => void) {
  const [answers, setAnswers] = useState(new Map<string, boolean>());
  const set = (s: Segment, positive?: boolean) => setAnswers(old => {
    const next = new Map(old);
    if (positive === undefined) next.delete(id(s)); else next.set(id(s), positive);
    return next;
  });
  const send = async (method: "POST" | "DELETE", body: unknown): Promise<number[]> => {
    const a = await api<Answered>(`/labels/${label.label}/marks`, { method, body });
    putLabel({ ...(labels.get()?.find(l => l.label === label.label) ?? label), positives: a.positives, negatives: a.negatives });
    changed(a.revision);
    return a.ids ?? [];
  };
  const answer = async (s: Segment, positive: boolean) => {
    const before = answers.get(id(s));
    set(s, positive);
    try {
      const ids = await send("POST", { marks: [{ video: s.video, start: s.start, end: s.end, positive }], replace: true });
      const undo = () => {
        if (before) return void answer(s, before);
        set(s);
        send("DELETE", { ids }).catch(e => notify(explain(e), true));
      };
      if (!positive) notify("Rejected; it is not found any more.", false, { label: "Undo", run: undo });
    } catch (e) {
      set(s);
      notify(explain(e), true);
    }
  };
  return { answers, answer };
}

// Segments lists where a label was found, with its export.
export function Segments({ label, changed, aside }: { label: Label; changed: (revision: string) => void; aside: ComponentChildren }) {
  const [data, setData] = useState<{ list: Segment[]; total: number; seconds: number; problem: string }>();
  const [error, setError] = useState("");
  const [loading, setLoading] = useState(true);
  const can = canEdit(useStore(session));
  const { answers, answer } = useAnswers(label, changed);
  const applied = useStore(jobs).filter(j => j.kind === "apply" && j.state === "done").length;
  const load = async (offset: number) => {
    setLoading(true);
    try {
      const a = await api<Answer>(`/labels/${label.label}/segments?limit=${page}&offset=${offset}`);
      setData(d => ({ list: [...(offset && d ? d.list : []), ...a.segments ?? []], total: a.total, seconds: a.seconds, problem: a.problem ?? "" }));
      setError("");
    } catch (e) {
      setError(explain(e));
    }
    setLoading(false);
  };
  useEffect(() => { load(0); }, [label.label, applied, label.point?.precision, label.point?.recall]);
  const list = data?.list.filter(s => answers.get(id(s)) !== false) ?? [];
  return (
    <div class="columns">
      <section class="found" aria-label="Found segments">
        <div class="toolbar">
          <p class="muted">{data ? `${plural(data.total - data.list.length + list.length, "segment")} · ${length(data.seconds)}` : ""}</p>
          <span class="space" />
          <ExportMenu label={label} />
        </div>
        {error && <Failure text={error} retry={() => load(0)} />}
        {!data && !error && <Skeletons n={6} class="skeletons" />}
        {data?.list.length === 0 && <Empty icon="tag" title="Nothing found yet"><p>{data.problem || "Accept a few moments, then apply the label to everything."}</p><a class="button primary" href={`/label/${label.label}?tab=likely`}>See suggestions</a></Empty>}
        {data && <Grid items={list} label="Segments" id={id} min={200} loading={loading}
          more={data.list.length < data.total ? () => load(data.list.length) : undefined}
          item={(s, _, focusable) => (
            <article class="tile">
              <a href={`/video/${s.video}?t=${s.start}&label=${label.label}`} tabIndex={focusable ? 0 : -1} aria-label={`${visible(s.name ?? "")}, ${clock(s.start)} to ${clock(s.end)}`}>
                <Preview video={s.video ?? 0} start={s.start} end={s.end} thumbnail={s.thumbnail ?? ""} />
              </a>
              <div class="caption"><Name text={s.name ?? ""} class="name" />
                <span class="sub"><span class="folder"><span class="tabular">{clock(s.start)}–{clock(s.end)}</span> <Name text={s.folder ?? ""} /></span></span></div>
              {can && (
                <div class={`extra ${answers.has(id(s)) ? "kept" : ""}`} role="group" aria-label={`Does this show it? ${visible(s.name ?? "")}, ${clock(s.start)}`}>
                  <Button class="yes" icon="check" tabIndex={focusable ? 0 : -1} aria-pressed={answers.has(id(s))} aria-label="Yes, right" title="Yes, this is right" onClick={() => answer(s, true)} />
                  <Button class="no" icon="close" tabIndex={focusable ? 0 : -1} aria-label="No, wrong" title="No, this is wrong" onClick={() => answer(s, false)} />
                </div>
              )}
            </article>
          )} />}
      </section>
      {aside}
    </div>
  );
}
