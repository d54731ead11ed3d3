import { useEffect, useRef, useState } from "preact/hooks";
import { api, explain, query } from "../api";
import { searchBy } from "../example";
import { clock, count, plural, visible } from "../format";
import { navigate } from "../router";
import { canEdit, library, notify, session, spoken } from "../state";
import { useStore } from "../store";
import type { Moment, SearchAnswer } from "../types";
import { Button, Empty, Failure, Notice, Skeletons } from "../ui/basics";
import { Grid } from "../ui/grid";
import { useKeys } from "../ui/keys";
import { MomentTile } from "../ui/tile";
import { Filters } from "./filters";
import { NewLabel } from "./labels";
import { Home } from "./home";
import { SaveSearch } from "./saved";

const page = 60, most = 2000;

interface Found { key: string; results: Moment[]; answer: SearchAnswer }

// useSearch runs the search of the URL and adds pages of results on request.
function useSearch(params: URLSearchParams) {
  const key = params.toString();
  const [found, setFound] = useState<Found>();
  const [error, setError] = useState("");
  const [loading, setLoading] = useState(true);
  const [turn, setTurn] = useState(0);
  const adding = useRef<AbortController>(undefined);
  useEffect(() => {
    const abort = new AbortController();
    adding.current?.abort();
    setLoading(true);
    setError("");
    api<SearchAnswer>(`/search?${key}&limit=${page}`, { signal: abort.signal }).then(answer => {
      setFound({ key, results: answer.results ?? [], answer });
      setLoading(false);
      spoken.set(answer.matched ? plural(answer.results?.length ?? 0, "result") : "No good match");
    }, e => {
      if (abort.signal.aborted) return;
      setError(explain(e));
      setLoading(false);
    });
    return () => abort.abort();
  }, [key, turn]);
  const more = async () => {
    if (!found || found.key !== key || !found.answer.more || found.results.length + page > most) return;
    setLoading(true);
    const abort = adding.current = new AbortController();
    try {
      const answer = await api<SearchAnswer>(`/search?${key}&limit=${page}&offset=${found.results.length}`, { signal: abort.signal });
      setFound({ key, results: [...found.results, ...answer.results ?? []], answer: { ...answer, warnings: found.answer.warnings, matched: found.answer.matched } });
    } catch (e) {
      if (explain(e)) notify(explain(e), true);
    } finally {
      if (!abort.signal.aborted) setLoading(false);
    }
  };
  return { found, error, loading, more, retry: () => setTurn(turn + 1) };
}

const queries = ["q", "like", "example", "without"];

export function SearchPage({ params }: { params: URLSearchParams }) {
  const searching = queries.some(k => params.has(k));
  useEffect(() => { document.title = (visible(params.get("q") ?? "") || (searching ? "Search" : "Videos")) + " · clipcue"; }, [params]);
  return (
    <DropArea>
      {searching ? <Results params={params} /> : <Home params={params} />}
    </DropArea>
  );
}

function Results({ params }: { params: URLSearchParams }) {
  const { found, error, loading, more, retry } = useSearch(params);
  const info = useStore(library);
  const similar = (m: Moment) => navigate(`/?like=${m.video}@${m.best}`);
  useKeys({
    m: () => {
      const index = document.activeElement?.closest<HTMLElement>("[data-index]")?.dataset["index"];
      const moment = index && found?.results[Number(index)];
      if (moment) similar(moment);
    },
  });
  const none = found && !found.answer.matched;
  return (
    <section aria-label="Results" aria-busy={loading}>
      <div class="toolbar">
        <h1>{heading(found, loading)}</h1>
        <span class="muted">{found && found.answer.matched && `the ${count(found.results.length)} closest are shown`}</span>
        <Basis params={params} />
        <span class="space" />
        <Filters params={params} />
        <SaveSearch params={params} />
        <FindAll q={params.get("q") ?? ""} />
      </div>
      {error && <Failure text={error} retry={retry} />}
      {found?.answer.warnings?.map(w => <Notice key={w}>{w}</Notice>)}
      {none && found.results.length > 0 && (
        <Notice><strong>No good match.</strong> Nothing in the library clearly shows this. The closest moments are below; other words may help.</Notice>
      )}
      {!found && !error && <Skeletons n={12} class="skeletons" />}
      {found && found.results.length === 0 && !loading && <NoResults empty={info?.moments === 0} params={params} />}
      {found && <Grid items={found.results} label="Moments" id={m => `${m.video}@${m.start}`} more={found.answer.more ? more : undefined}
        loading={loading} dimmed={!!none}
        item={(m, _, focusable) => <MomentTile moment={m} focusable={focusable} what="Match"
          extra={<Button kind="quiet" icon="similar" tabIndex={-1} aria-label="More like this" title="More like this (M)" onClick={() => similar(m)} />} />} />}
    </section>
  );
}

// FindAll turns a search into a label, which finds every occurrence instead of the best ones.
function FindAll({ q }: { q: string }) {
  const [open, setOpen] = useState(false), can = canEdit(useStore(session));
  if (!q.trim() || !can) return null;
  return (
    <>
      <Button icon="tag" title="Teach a label, to find every occurrence and export it" onClick={() => setOpen(true)}>Find all</Button>
      {open && <NewLabel given={q} close={() => setOpen(false)} />}
    </>
  );
}

function heading(found: Found | undefined, loading: boolean): string {
  if (!found) return loading ? "Searching…" : "Search";
  if (!found.answer.matched) return "Closest moments";
  const good = found.results.filter(m => m.score >= 0.5).length, all = good === found.results.length && found.answer.more;
  return `${count(good)}${all ? "+" : ""} good ${good === 1 ? "match" : "matches"}`;
}

// Basis shows the examples and excluded words of a search, each with a button to remove it.
function Basis({ params }: { params: URLSearchParams }) {
  const remove = (key: string, value: string) => {
    const p = new URLSearchParams();
    for (const [k, v] of params) if (k !== key || v !== value) p.append(k, v);
    navigate("/?" + p);
  };
  const chips = [...params].filter(([k]) => k !== "q" && queries.includes(k)).map(([k, v]) => ({ k, v }));
  return (
    <>
      {chips.map(({ k, v }) => (
        <span class="chip" key={k + v}>
          <bdi dir="auto">{k === "like" ? `Like the moment at ${clock(Number(v.split("@")[1]))}` : k === "example" ? "Like your example" : `Without ${visible(v)}`}</bdi>
          <Button kind="quiet" icon="close" aria-label="Remove this part" onClick={() => remove(k, v)} />
        </span>
      ))}
    </>
  );
}

function NoResults({ empty, params }: { empty: boolean; params: URLSearchParams }) {
  if (empty) {
    return <Empty icon="folder" title="The library is empty"><p>Add a folder with videos; they can be searched while they are indexed.</p><a class="button primary" href="/library">Add videos</a></Empty>;
  }
  const q = params.get("q");
  return (
    <Empty icon="search" title="No moment passes the filters">
      <p>Other videos may show what you are looking for.</p>
      <a class="button primary" href={"/" + query({ q, like: params.getAll("like"), example: params.getAll("example") })}>Remove all filters</a>
    </Empty>
  );
}

// DropArea accepts an image or a clip anywhere on the page.
function DropArea({ children }: { children: preact.ComponentChildren }) {
  const [over, setOver] = useState(false);
  const hasFile = (e: DragEvent) => !!e.dataTransfer?.types.includes("Files");
  return (
    <div class="droparea" onDragOver={e => { if (hasFile(e)) { e.preventDefault(); setOver(true); } }}
      onDragLeave={e => { if (!(e.currentTarget as Element).contains(e.relatedTarget as Node)) setOver(false); }}
      onDrop={e => {
        setOver(false);
        const file = e.dataTransfer?.files[0];
        if (!file) return;
        e.preventDefault();
        searchBy(file);
      }}>
      {children}
      {over && <div class="dropzone"><p>Drop an image or a short clip to find moments like it</p></div>}
    </div>
  );
}
