import { useState } from "preact/hooks";
import { navigate } from "../router";
import { labels, library } from "../state";
import { useStore } from "../store";
import { Button } from "../ui/basics";
import { Popover } from "../ui/popover";

const names = ["folder", "path", "since", "until", "min_seconds", "max_seconds", "label"];

// Filters edits the filters of the URL.
export function Filters({ params }: { params: URLSearchParams }) {
  const set = names.filter(n => params.get(n)).length;
  return (
    <Popover label="Filters" text="Filters" icon="filter" side="right" badge={set}>
      {close => <FilterForm params={params} close={close} />}
    </Popover>
  );
}

function FilterForm({ params, close }: { params: URLSearchParams; close: () => void }) {
  const folders = useStore(library)?.folders ?? [], known = useStore(labels) ?? [];
  const [values, setValues] = useState(() => Object.fromEntries(names.map(n => [n, params.get(n) ?? ""])));
  const edit = (name: string) => ({
    id: "filter-" + name, value: values[name], onInput: (e: Event) => setValues({ ...values, [name]: (e.target as HTMLInputElement).value }),
  });
  const apply = (values: Record<string, string>) => {
    const p = new URLSearchParams(params);
    for (const n of names) values[n] ? p.set(n, values[n]!) : p.delete(n);
    navigate("/?" + p);
    close();
  };
  return (
    <form class="fields" onSubmit={e => { e.preventDefault(); apply(values); }}>
      <label for="filter-folder">Folder</label>
      <select {...edit("folder")}>
        <option value="">All folders</option>
        {folders.map(f => <option key={f.id} value={f.id}>{f.name}</option>)}
      </select>
      <label for="filter-path">Name or path contains</label>
      <input type="text" dir="auto" {...edit("path")} />
      <div class="pair">
        <div><label for="filter-since">From</label><input type="date" {...edit("since")} /></div>
        <div><label for="filter-until">Until</label><input type="date" {...edit("until")} /></div>
      </div>
      <div class="pair">
        <div><label for="filter-min_seconds">At least (s)</label><input type="number" min="0" step="any" {...edit("min_seconds")} /></div>
        <div><label for="filter-max_seconds">At most (s)</label><input type="number" min="0" step="any" {...edit("max_seconds")} /></div>
      </div>
      {known.length > 0 && <>
        <label for="filter-label">Within segments of</label>
        <select {...edit("label")}>
          <option value="">Any label</option>
          {known.map(l => <option key={l.label} value={l.label}>{l.name}</option>)}
        </select>
      </>}
      <div class="actions">
        <Button kind="quiet" onClick={() => apply({})}>Remove all</Button>
        <Button kind="primary" type="submit">Apply</Button>
      </div>
    </form>
  );
}
