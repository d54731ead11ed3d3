import { useState } from "preact/hooks";
import { api, explain } from "../api";
import { clock, count, date, plural, visible } from "../format";
import { useLoad } from "../load";
import { canEdit, notify, putLabel, session } from "../state";
import { useStore } from "../store";
import type { Label, Mark } from "../types";
import { Button, Empty, Failure, Name, Place, Skeletons } from "../ui/basics";
import { Icon } from "../ui/icon";
import { thumbnailAt } from "../ui/tile";
import { ExportMenu } from "./export";

// MarksTab lists the marks of a label, to look at them again and to change them.
export function MarksTab({ label }: { label: Label }) {
  const { data, error, reload, set } = useLoad<{ marks: Mark[] | null }>(`/labels/${label.label}/marks`);
  const [n, setN] = useState(100);
  const marks = data?.marks ?? [];
  const base = `/labels/${label.label}/marks`;
  const edit = async (change: () => Promise<Mark[]>) => {
    try {
      set({ marks: await change() });
      putLabel(await api<Label>(`/labels/${label.label}`));
    } catch (e) {
      notify(explain(e), true);
    }
  };
  const remove = (m: Mark) => edit(async () => {
    await api(base, { method: "DELETE", body: { ids: [m.id] } });
    notify("The mark is removed.", false, m.video ? { label: "Undo", run: () => restore(m) } : undefined);
    return marks.filter(x => x.id !== m.id);
  });
  const restore = async ({ video, start, end, positive }: Mark) => {
    await edit(async () => {
      await api(base, { method: "POST", body: { marks: [{ video, start, end, positive }] } });
      return marks;
    });
    reload();
  };
  const judge = (m: Mark, positive: boolean) => edit(async () => {
    // A changed mark has another number.
    const a = await api<{ ids?: number[] | null }>(`${base}/${m.id}`, { method: "PATCH", body: { positive } });
    return marks.map(x => x.id === m.id ? { ...m, positive, id: a.ids?.[0] ?? m.id } : x);
  });
  if (error) return <Failure text={error} retry={reload} />;
  if (!data) return <Skeletons n={4} class="skeletons rows" />;
  if (marks.length === 0) return <Empty icon="tag" title="No marks yet"><a class="button primary" href={`/label/${label.label}?tab=likely`}>See suggestions</a></Empty>;
  return (
    <section aria-label="Marks">
      <div class="toolbar"><p class="muted">{plural(marks.length, "mark")}</p><span class="space" /><ExportMenu label={label} what="marks" /></div>
      <ul class="rows">{marks.slice(0, n).map(m => <MarkRow key={m.id} mark={m} label={label} judge={judge} remove={remove} />)}</ul>
      {marks.length > n && <Button kind="quiet" onClick={() => setN(n + 500)}>{`Show more of ${count(marks.length)}`}</Button>}
    </section>
  );
}

interface RowProps { mark: Mark; label: Label; judge: (m: Mark, positive: boolean) => void; remove: (m: Mark) => void }

function MarkRow({ mark: m, label, judge, remove }: RowProps) {
  const can = canEdit(useStore(session)), where = `${visible(m.name ?? "")} at ${clock(m.start)}`;
  return (
    <li class="row mark">
      <div class="preview">{m.video ? <img src={thumbnailAt(m.video, (m.start + m.end) / 2)} alt="" loading="lazy" decoding="async" /> : <Icon name="film" />}</div>
      <div class="what">
        {m.video ? <a class="stretch" href={`/video/${m.video}?t=${m.start}&label=${label.label}`}><Place of={m} /></a> : <Place of={m} />}
        <span class="muted"><span class="tabular">{clock(m.start, true)}–{clock(m.end, true)}</span> <Name class="by" text={[m.author, date(m.time)].filter(Boolean).join(", ")} /></span>
      </div>
      {can ? <div class="judge" role="group" aria-label={`Answer for ${where}`}>
        <Button class="yes" icon="check" aria-pressed={m.positive} onClick={() => { if (!m.positive) judge(m, true); }}>Yes</Button>
        <Button class="no" icon="close" aria-pressed={!m.positive} onClick={() => { if (m.positive) judge(m, false); }}>No</Button>
        <Button kind="quiet" icon="trash" aria-label={`Remove the mark of ${where}`} title="Remove this mark" onClick={() => remove(m)} />
      </div> : <span class={`verdict ${m.positive ? "yes" : "no"}`}>{m.positive ? "Yes" : "No"}</span>}
    </li>
  );
}
