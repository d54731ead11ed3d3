import { useState } from "preact/hooks";
import { api, explain } from "../api";
import { clock, count, date } from "../format";
import { useLoad } from "../load";
import { canEdit, notify, putLabel, session } from "../state";
import { useStore } from "../store";
import type { Label, Mark } from "../types";
import { Button, Empty, Failure, Name, Skeletons } from "../ui/basics";
import { ExportMenu } from "./segments";

// MarksTab lists the marks of a label.
export function MarksTab({ label }: { label: Label }) {
  const { data, error, reload, set } = useLoad<{ marks: Mark[] | null }>(`/labels/${label.label}/marks`);
  const can = canEdit(useStore(session));
  const [n, setN] = useState(100);
  const marks = data?.marks ?? [];
  const remove = async (m: Mark) => {
    try {
      await api(`/labels/${label.label}/marks`, { method: "DELETE", body: { ids: [m.id] } });
      set({ marks: marks.filter(x => x.id !== m.id) });
      putLabel(await api<Label>(`/labels/${label.label}`));
    } catch (e) {
      notify(explain(e), true);
    }
  };
  if (error) return <Failure text={error} retry={reload} />;
  if (!data) return <Skeletons n={4} class="skeletons rows" />;
  if (marks.length === 0) return <Empty icon="tag" title="No marks yet"><a class="button primary" href={`/label/${label.label}?tab=likely`}>See suggestions</a></Empty>;
  return (
    <section aria-label="Marks">
      <div class="toolbar"><p class="muted">{count(marks.length)} marks</p><span class="space" /><ExportMenu label={label} what="marks" /></div>
      <ul class="rows">
        {marks.slice(0, n).map(m => (
          <li class="row" key={m.id}>
            <span class={`verdict ${m.positive ? "yes" : "no"}`}>{m.positive ? "Accepted" : "Rejected"}</span>
            <a class="stretch" href={`/video/${m.video}?t=${m.start}&label=${label.label}`}><Name text={m.name ?? ""} /></a>
            <span class="tabular">{clock(m.start, true)}–{clock(m.end, true)}</span>
            <Name class="muted" text={[m.author, date(m.time)].filter(Boolean).join(", ")} />
            {can && <Button kind="quiet" icon="trash" aria-label="Remove this mark" onClick={() => remove(m)} />}
          </li>
        ))}
      </ul>
      {marks.length > n && <Button kind="quiet" onClick={() => setN(n + 500)}>Show more</Button>}
    </section>
  );
}
