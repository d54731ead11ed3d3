import { useEffect, useState } from "preact/hooks";
import { api, explain, Problem } from "../api";
import { plural, visible } from "../format";
import { navigate } from "../router";
import { canEdit, labels, loadLabels, notify, putLabel, session } from "../state";
import { useStore } from "../store";
import type { Label } from "../types";
import { Button, Counts, Empty, Name, Skeletons } from "../ui/basics";
import { Dialog } from "../ui/dialog";

export function LabelsPage() {
  const list = useStore(labels), can = canEdit(useStore(session));
  const [making, setMaking] = useState(false);
  const [doomed, setDoomed] = useState<Label>();
  useEffect(() => { document.title = "Labels · clipcue"; loadLabels().catch(e => notify(explain(e), true)); }, []);
  const create = can && <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>New label</Button>;
  return (
    <section aria-label="Labels">
      <div class="toolbar"><h1>Labels</h1><span class="space" />{list && list.length > 0 && create}</div>
      {!list && <Skeletons n={4} class="skeletons rows" />}
      {list?.length === 0 && (
        <Empty icon="tag" title="Teach a label">
          <p>Name what you are looking for and mark a few moments. Then every occurrence can be found and exported.</p>
          {create}
        </Empty>
      )}
      {list && list.length > 0 && (
        <ul class="rows">
          {list.map(l => (
            <li key={l.label} class="row">
              <a class="stretch" href={`/label/${l.label}`}><Name text={l.name} /></a>
              <span class="muted texts">{l.texts?.filter(t => t !== l.name).map(visible).join(", ")}</span>
              <Counts label={l} />
              {can && <Button kind="quiet" icon="trash" aria-label={`Delete ${visible(l.name)}`} title="Delete" onClick={() => setDoomed(l)} />}
            </li>
          ))}
        </ul>
      )}
      {making && <NewLabel close={() => setMaking(false)} />}
      {doomed && <DeleteLabel label={doomed} close={() => setDoomed(undefined)} />}
    </section>
  );
}

export function NewLabel({ close, given = "" }: { close: () => void; given?: string }) {
  const [name, setName] = useState(given);
  const [texts, setTexts] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const create = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      const body = { name: name.trim(), texts: texts.split("\n").map(t => t.trim()).filter(Boolean) };
      const l = await api<Label>("/labels", { method: "POST", body });
      putLabel(l);
      navigate(`/label/${l.label}`);
    } catch (e) {
      setBusy(false);
      setError(e instanceof Problem && e.status === 409 ? "There is already a label with this name." : explain(e));
    }
  };
  return (
    <Dialog title="New label" close={close}>
      <form class="fields" onSubmit={create}>
        <p class="muted">You answer yes or no to a few moments; then clipcue finds all of them and can export them.</p>
        <label for="label-name">What should be found?</label>
        <input id="label-name" type="text" dir="auto" required autofocus maxLength={300} placeholder="door opens" value={name} aria-invalid={!!error} aria-describedby="label-error"
          onInput={e => setName(e.currentTarget.value)} />
        <label for="label-texts">Descriptions, one a line <span class="muted">(optional)</span></label>
        <textarea id="label-texts" dir="auto" rows={3} placeholder={"a person opens a door\na door swings open"} value={texts} onInput={e => setTexts(e.currentTarget.value)} />
        <p id="label-error" class="error" role="alert">{error}</p>
        <div class="actions"><Button kind="quiet" onClick={close}>Cancel</Button><Button kind="primary" type="submit" busy={busy} disabled={!name.trim()}>Show suggestions</Button></div>
      </form>
    </Dialog>
  );
}

function DeleteLabel({ label: l, close }: { label: Label; close: () => void }) {
  const remove = async () => {
    try {
      await api(`/labels/${l.label}`, { method: "DELETE" });
      labels.set((labels.get() ?? []).filter(x => x.label !== l.label));
    } catch (e) {
      notify(explain(e), true);
    }
    close();
  };
  return (
    <Dialog title="Delete this label?" close={close}>
      <p><strong><Name text={l.name} /></strong> has {plural(l.positives + l.negatives, "mark")}. They are deleted too.</p>
      <div class="actions"><Button kind="quiet" onClick={close}>Keep it</Button><Button kind="danger" onClick={remove}>Delete</Button></div>
    </Dialog>
  );
}
