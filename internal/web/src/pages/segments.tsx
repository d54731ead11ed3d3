import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, explain } from "../api";
import { clock, length, plural, visible } from "../format";
import { jobs } from "../state";
import { useStore } from "../store";
import type { Label, Segment } from "../types";
import { Empty, Failure, Name, Skeletons } from "../ui/basics";
import { Grid } from "../ui/grid";
import { Preview } from "../ui/tile";
import { ExportMenu } from "./export";

interface Answer { segments: Segment[] | null; total: number; seconds: number; problem?: string }

const page = 60;

// Segments lists where a label was found, with its export.
export function Segments({ label, aside }: { label: Label; aside: ComponentChildren }) {
  const [data, setData] = useState<{ list: Segment[]; total: number; seconds: number; problem: string }>();
  const [error, setError] = useState("");
  const [loading, setLoading] = useState(true);
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
  return (
    <div class="columns">
      <section class="found" aria-label="Found segments">
        <div class="toolbar">
          <p class="muted">{data ? `${plural(data.total, "segment")} · ${length(data.seconds)}` : ""}</p>
          <span class="space" />
          <ExportMenu label={label} />
        </div>
        {error && <Failure text={error} retry={() => load(0)} />}
        {!data && !error && <Skeletons n={6} class="skeletons" />}
        {data?.list.length === 0 && <Empty icon="tag" title="Nothing found yet"><p>{data.problem || "Accept a few moments, then apply the label to everything."}</p><a class="button primary" href={`/label/${label.label}?tab=likely`}>See suggestions</a></Empty>}
        {data && <Grid items={data.list} label="Segments" id={s => `${s.video}@${s.start}`} min={200} loading={loading}
          more={data.list.length < data.total ? () => load(data.list.length) : undefined}
          item={(s, _, focusable) => (
            <article class="tile">
              <a href={`/video/${s.video}?t=${s.start}&label=${label.label}`} tabIndex={focusable ? 0 : -1} aria-label={`${visible(s.name ?? "")}, ${clock(s.start)} to ${clock(s.end)}`}>
                <Preview video={s.video ?? 0} start={s.start} end={s.end} thumbnail={s.thumbnail ?? ""} />
              </a>
              <div class="caption"><Name text={s.name ?? ""} class="name" />
                <span class="sub"><span class="folder"><span class="tabular">{clock(s.start)}–{clock(s.end)}</span> <Name text={s.folder ?? ""} /></span></span></div>
            </article>
          )} />}
      </section>
      {aside}
    </div>
  );
}
