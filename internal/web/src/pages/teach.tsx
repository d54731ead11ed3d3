import { useEffect, useState } from "preact/hooks";
import { useLoad } from "../load";
import { navigate } from "../router";
import { canEdit, labels, putLabel, session } from "../state";
import { useStore } from "../store";
import type { Label } from "../types";
import { visible } from "../format";
import { Counts, Empty, Failure, Name, Skeletons } from "../ui/basics";
import { Feed } from "./feed";
import { QualityPanel } from "./quality";
import { MarksTab } from "./marks";
import { Segments } from "./segments";

export const feeds: { id: string; name: string; hint: string }[] = [
  { id: "likely", name: "Likely", hint: "The moments that most likely show it come first." },
  { id: "uncertain", name: "Uncertain", hint: "Your answers to these moments teach the most." },
  { id: "random", name: "Random", hint: "Any moments, so that the quality is measured fairly." },
  { id: "suspects", name: "Check", hint: "Your answers that do not fit the others." },
];

const others = [
  { id: "segments", name: "Found", hint: "Where it was found in all videos" },
  { id: "marks", name: "Marks", hint: "All your answers, to look at and change" },
];

export function TeachPage({ id, params }: { id: number; params: URLSearchParams }) {
  const { data, error, reload } = useLoad<Label>(Number.isInteger(id) ? `/labels/${id}` : null);
  const shared = useStore(labels)?.find(l => l.label === id);
  const can = canEdit(useStore(session));
  const [revision, setRevision] = useState("");
  useEffect(() => { if (data) putLabel(data); }, [data]);
  const l = shared ?? data, tab = params.get("tab") ?? (can ? "likely" : "segments");
  useEffect(() => { document.title = `${visible(l?.name ?? "Label")} · clipcue`; }, [l?.name]);
  if (error) return <Failure text={error} retry={reload} />;
  if (!Number.isInteger(id)) return <Empty icon="tag" title="There is no such label"><a class="button primary" href="/labels">All labels</a></Empty>;
  if (!l) return <Skeletons n={1} class="skeletons stage" />;
  const feed = feeds.find(f => f.id === tab);
  return (
    <div class="teach">
      <div class="toolbar">
        <a class="crumb" href="/labels">Labels</a>
        <h1><Name text={l.name} /></h1>
        <Counts label={l} />
        <span class="space" />
        <div class="segmented" role="group" aria-label="What to show">
          {[...(can ? feeds : []), ...others].map(f => (
            <a key={f.id} href={`/label/${id}?tab=${f.id}`} aria-current={f.id === tab ? "true" : undefined} title={f.hint}
              onClick={e => { e.preventDefault(); navigate(`/label/${id}?tab=${f.id}`, true); }}>{f.name}</a>
          ))}
        </div>
      </div>
      {feed && can ? <Feed key={feed.id} label={l} feed={feed.id} hint={feed.hint} changed={setRevision} aside={<QualityPanel label={l} revision={revision} />} /> :
        tab === "marks" ? <MarksTab label={l} /> : <Segments label={l} changed={setRevision} aside={<QualityPanel label={l} revision={revision} found />} />}
    </div>
  );
}
