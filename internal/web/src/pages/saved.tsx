import { useState } from "preact/hooks";
import { api, explain, query } from "../api";
import { useLoad } from "../load";
import { canEdit, notify, session } from "../state";
import { useStore } from "../store";
import type { SavedSearch } from "../types";
import { Button, Name } from "../ui/basics";
import { Popover } from "../ui/popover";

const lists = ["like", "without", "label"], numbers = ["label", "min_seconds", "max_seconds"];
const fields = ["q", "folder", "path", "since", "until", ...lists, ...numbers];

// body returns the search of the URL as the API stores it.
function body(params: URLSearchParams): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const k of new Set(params.keys())) {
    const values = params.getAll(k).filter(Boolean).map(v => numbers.includes(k) ? Number(v) : v);
    if (fields.includes(k) && values.length > 0) out[k] = lists.includes(k) ? values : values[0];
  }
  return out;
}

// SaveSearch stores the search of the URL under a name.
export function SaveSearch({ params }: { params: URLSearchParams }) {
  if (!canEdit(useStore(session)) || params.has("example")) return null;
  return (
    <Popover label="Save this search" text="Save" icon="star" side="right">
      {close => <SaveForm params={params} close={close} />}
    </Popover>
  );
}

function SaveForm({ params, close }: { params: URLSearchParams; close: () => void }) {
  const [name, setName] = useState(params.get("q") ?? "");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const save = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      await api(`/searches/${encodeURIComponent(name.trim())}`, { method: "PUT", body: body(params) });
      notify("Saved. You find it on the search page before you search.");
      close();
    } catch (e) {
      setError(explain(e));
      setBusy(false);
    }
  };
  return (
    <form class="fields" onSubmit={save}>
      <label for="save-name">Name of the search</label>
      <input id="save-name" type="text" required dir="auto" maxLength={200} value={name} placeholder="Like the red car" aria-describedby="save-error" onInput={e => setName(e.currentTarget.value)} />
      <p id="save-error" class="error" role="alert">{error}</p>
      <div class="actions"><Button kind="primary" type="submit" busy={busy} disabled={!name.trim()}>Save</Button></div>
    </form>
  );
}

export function SavedSearches() {
  const { data, set, reload } = useLoad<{ searches: SavedSearch[] | null }>("/searches");
  const can = canEdit(useStore(session));
  const list = data?.searches ?? [];
  if (list.length === 0) return null;
  const remove = async ({ name, query }: SavedSearch) => {
    const path = `/searches/${encodeURIComponent(name)}`;
    try {
      await api(path, { method: "DELETE" });
      set({ searches: list.filter(s => s.name !== name) });
      notify("The saved search is deleted.", false, {
        label: "Undo", run: () => { api(path, { method: "PUT", body: query }).then(reload, e => notify(explain(e), true)); },
      });
    } catch (e) {
      notify(explain(e), true);
    }
  };
  return (
    <section class="saved" aria-labelledby="saved-title">
      <h2 id="saved-title">Saved searches</h2>
      <ul>
        {list.map(s => (
          <li class="chip" key={s.name}>
            <a href={"/" + query(s.query)}><Name text={s.name} /></a>
            {can && <Button kind="quiet" icon="close" aria-label={`Delete the saved search ${s.name}`} title="Delete this saved search" onClick={() => remove(s)} />}
          </li>
        ))}
      </ul>
    </section>
  );
}
