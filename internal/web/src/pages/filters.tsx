import { useEffect, useState } from "preact/hooks";
import { api } from "../api";
import { visible } from "../format";
import { navigate } from "../router";
import { labels } from "../state";
import { useStore } from "../store";
import type { Video } from "../types";
import { Button } from "../ui/basics";
import { Popover } from "../ui/popover";

export const names = ["folder", "path", "since", "until", "min_seconds", "max_seconds", "label"];

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

// bare returns the text of such a pattern.
export function bare(pattern: string): string { return /^\*[^*?[]*\*$/.test(pattern) ? pattern.slice(1, -1) : pattern; }

// useFolders returns the folders of the videos, and those that contain them.
function useFolders(chosen: string | null): string[] {
  const [all, setAll] = useState<string[]>([]);
  useEffect(() => {
    const abort = new AbortController(), found = new Set<string>();
    const load = async (offset: number) => {
      const a = await api<{ videos: Video[] | null; total: number }>(`/videos?limit=1000&offset=${offset}`, { signal: abort.signal });
      for (const v of a.videos ?? []) {
        const parts = v.folder.split("/");
        for (let n = parts.length; n > 0 && v.folder; n--) found.add(parts.slice(0, n).join("/"));
      }
      setAll([...found].sort());
      if (offset + 1000 < a.total) await load(offset + 1000);
    };
    load(0).catch(() => {});
    return () => abort.abort();
  }, []);
  return chosen && !all.includes(chosen) ? [chosen, ...all] : all;
}

function FilterForm({ params, close }: { params: URLSearchParams; close: () => void }) {
  const known = useStore(labels) ?? [], folders = useFolders(params.get("folder"));
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
      <select {...edit("folder")}>
        <option value="">All folders</option>
        {folders.map(f => <option key={f} value={f}>{visible(f)}</option>)}
      </select>
      <label for="filter-path">Name contains</label>
      <input type="text" dir="auto" {...edit("path")} />
      <div class="pair">
        <div><label for="filter-since">Dated from</label><input type="date" {...edit("since")} /></div>
        <div><label for="filter-until">Dated before</label><input type="date" {...edit("until")} /></div>
      </div>
      <div class="pair">
        <div><label for="filter-min_seconds">Length from (s)</label><input type="number" min="0" step="any" {...edit("min_seconds")} /></div>
        <div><label for="filter-max_seconds">Length to (s)</label><input type="number" min="0" step="any" {...edit("max_seconds")} /></div>
      </div>
      {known.length > 0 && <>
        <label for="filter-label">Only where this was found</label>
        <select {...edit("label")}>
          <option value="">Anywhere</option>
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
