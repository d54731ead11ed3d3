import { useState } from "preact/hooks";
import { api, explain, query } from "../api";
import { useLoad } from "../load";
import { canEdit, notify, session } from "../state";
import { useStore } from "../store";
import type { SavedSearch } from "../types";
import { Button, Name } from "../ui/basics";
import { Popover } from "../ui/popover";

const lists = ["like", "without", "label"], numbers = ["label", "min_seconds", "max_seconds"];

// SaveSearch stores the search of the URL under a name.
export function SaveSearch({ params }: { params: URLSearchParams }) {
  const [name, setName] = useState(params.get("q") ?? "");
  const can = canEdit(useStore(session));
  if (!can || params.has("example")) return null;
  const save = async (close: () => void) => {
    const body: Record<string, unknown> = {};
    for (const k of new Set(params.keys())) {
      const values = params.getAll(k).map(v => numbers.includes(k) ? Number(v) : v);
      body[k] = lists.includes(k) ? values : values[0];
    }
    try {
      await api(`/searches/${encodeURIComponent(name.trim())}`, { method: "PUT", body: { query: body } });
      notify("Saved. The search is on the first page.");
      close();
    } catch (e) {
      notify(explain(e), true);
    }
  };
  return (
    <Popover label="Save this search" text="Save" icon="star" side="right">
      {close => (
        <form class="fields" onSubmit={e => { e.preventDefault(); save(close); }}>
          <label for="save-name">Name of the search</label>
          <input id="save-name" type="text" required dir="auto" maxLength={200} value={name} onInput={e => setName(e.currentTarget.value)} />
          <div class="actions"><Button kind="primary" type="submit" disabled={!name.trim()}>Save</Button></div>
        </form>
      )}
    </Popover>
  );
}

export function SavedSearches() {
  const { data, set } = useLoad<{ searches: SavedSearch[] | null }>("/searches");
  const can = canEdit(useStore(session));
  const list = data?.searches ?? [];
  if (list.length === 0) return null;
  const remove = (name: string) => api(`/searches/${encodeURIComponent(name)}`, { method: "DELETE" }).then(
    () => set({ searches: list.filter(s => s.name !== name) }), e => notify(explain(e), true));
  return (
    <section class="saved" aria-labelledby="saved-title">
      <h2 id="saved-title">Saved searches</h2>
      <ul>
        {list.map(s => (
          <li class="chip" key={s.name}>
            <a href={"/" + query(s.query)}><Name text={s.name} /></a>
            {can && <Button kind="quiet" icon="close" aria-label={`Delete the saved search ${s.name}`} onClick={() => remove(s.name)} />}
          </li>
        ))}
      </ul>
    </section>
  );
}
