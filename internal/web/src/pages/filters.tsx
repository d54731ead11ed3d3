import { useState } from "preact/hooks";
import { navigate } from "../router";
import { labels } from "../state";
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

// pattern returns the pattern of paths that contain a text, unless it is a pattern already.
function pattern(text: string): string { return /[*?[]/.test(text) ? text : `*${text}*`; }

function bare(pattern: string): string { return /^\*[^*?[]*\*$/.test(pattern) ? pattern.slice(1, -1) : pattern; }

function FilterForm({ params, close }: { params: URLSearchParams; close: () => void }) {
  const known = useStore(labels) ?? [];
  const [values, setValues] = useState(() => Object.fromEntries(names.map(n => [n, n === "path" ? bare(params.get(n) ?? "") : params.get(n) ?? ""])));
  const edit = (name: string) => ({
    id: "filter-" + name, value: values[name], onInput: (e: Event) => setValues({ ...values, [name]: (e.target as HTMLInputElement).value }),
  });
  const apply = (values: Record<string, string>) => {
    const p = new URLSearchParams(params);
    for (const n of names) {
      const v = values[n]?.trim();
      if (v) p.set(n, n === "path" ? pattern(v) : v); else p.delete(n);
    }
    navigate("/?" + p);
    close();
  };
  return (
    <form class="fields" onSubmit={e => { e.preventDefault(); apply(values); }}>
      <label for="filter-folder">Folder</label>
      <input type="text" dir="auto" placeholder="All folders" {...edit("folder")} />
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
