import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { api, explain, Problem, query } from "../api";
import { pictures, searchBy } from "../example";
import { clock, count, plural, visible } from "../format";
import { navigate } from "../router";
import { canEdit, labels, library, notify, session, spoken } from "../state";
import { useStore } from "../store";
import type { Moment, SearchAnswer, Video } from "../types";
import { Button, Empty, Failure, Notice, Skeletons } from "../ui/basics";
import { Grid } from "../ui/grid";
import { useKeys } from "../ui/keys";
import { videoOf } from "../ui/loop";
import { MomentTile, thumbnailAt } from "../ui/tile";
import { bare, Filters, names } from "./filters";
import { NewLabel } from "./labels";
import { Home } from "./home";
import { SaveSearch } from "./saved";

const page = 60, most = 2000, goodScore = 0.5, hopeless = 0.005;

interface Found { key: string; results: Moment[]; answer: SearchAnswer }

// useSearch runs the search of the URL and adds pages of results on request.
function useSearch(params: URLSearchParams) {
  // The API refuses others, such as those that mail programs add to links, and empty ones.
  const key = new URLSearchParams([...params].filter(([name, value]) => value && (queries.includes(name) || names.includes(name)))).toString();
  const [found, setFound] = useState<Found>();
  const [error, setError] = useState("");
  const [final, setFinal] = useState(false); // the error comes back as long as the search is the same
  const [loading, setLoading] = useState(true);
  const [turn, setTurn] = useState(0);
  const adding = useRef<AbortController>(undefined);
  // Before the next event, so that an answer to the search before is never shown.
  useLayoutEffect(() => {
    const abort = new AbortController();
    adding.current?.abort();
    setLoading(true);
    setError("");
    api<SearchAnswer>(`/search?${key}&limit=${page}`, { signal: abort.signal }).then(answer => {
      if (abort.signal.aborted) return;
      setFound({ key, results: answer.results ?? [], answer });
      setLoading(false);
      spoken.set(answer.matched ? plural(answer.results?.length ?? 0, "result") : "No good match");
    }, e => {
      if (abort.signal.aborted) return;
      setError(explain(e));
      setFinal(e instanceof Problem && e.status < 500 && e.status !== 429);
      setFound(undefined);
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
      if (!abort.signal.aborted) setFound({ key, results: [...found.results, ...answer.results ?? []], answer: { ...answer, warnings: found.answer.warnings, matched: found.answer.matched } });
    } catch (e) {
      if (explain(e)) notify(explain(e), true);
    } finally {
      if (!abort.signal.aborted) setLoading(false);
    }
  };
  return { found, stale: found?.key !== key, error, loading, more, retry: final ? undefined : () => setTurn(turn + 1) };
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
  const { found, stale, error, loading, more, retry } = useSearch(params);
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
  // After results that are shown as 0 %, only more of them would follow.
  const worthMore = found?.answer.more && (none || (found.results.at(-1)?.score ?? 0) >= hopeless);
  const good = found && !none ? found.results.findIndex(m => m.score < goodScore) : 0;
  return (
    <section aria-label="Results" aria-busy={loading}>
      <div class="toolbar">
        <h1>{heading(found, loading)}</h1>
        <Basis params={params} />
        <span class="space" />
        <Filters params={params} />
        <SaveSearch params={params} />
        <CopyLink />
        <FindAll q={params.get("q") ?? ""} />
      </div>
      {error && <Failure text={error} {...(retry && { retry })} />}
      {found?.answer.warnings?.map(w => <Notice key={w}>{w}</Notice>)}
      {none && found.results.length > 0 && (
        <Notice><strong>No good match.</strong> Nothing in the library clearly shows this. The closest moments are below; {params.get("q") ? "other words may help" : "another example may help"}.</Notice>
      )}
      {!found && !error && <Skeletons n={12} class="skeletons" />}
      {found && found.results.length === 0 && !loading && <NoResults empty={info?.moments === 0} params={params} />}
      {found && <Grid items={found.results} label="Moments" id={m => `${m.video}@${m.start}`} more={worthMore ? more : undefined}
        loading={loading} stale={stale} dimmed={!!none}
        split={Math.max(0, good ?? 0)} heading={<><h2>Less likely</h2><span class="muted">the next closest moments</span></>}
        item={(m, _, focusable) => <MomentTile moment={m} focusable={focusable}
          extra={<Button kind="quiet" icon="similar" tabIndex={focusable ? 0 : -1} aria-label="More like this" title="More like this (M)" onClick={() => similar(m)} />} />} />}
    </section>
  );
}

// CopyLink copies the address, which holds the search; browsers allow it on secure pages only.
function CopyLink() {
  if (!navigator.clipboard) return null;
  const copy = () => navigator.clipboard.writeText(location.href).then(() => notify("The link to this search is copied."), () => notify("The browser did not allow copying; the link is in its address bar.", true));
  return <Button icon="copy" aria-label="Copy the link to this search" title="Copy the link to this search" onClick={copy} />;
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
  const good = found.results.filter(m => m.score >= goodScore).length, all = good === found.results.length && found.answer.more;
  if (good === 0) return "Closest moments";
  return `${count(good)}${all ? "+" : ""} good ${good === 1 ? "match" : "matches"}`;
}

// Basis shows the examples and excluded words of a search, each with a button to remove it.
function Basis({ params }: { params: URLSearchParams }) {
  const remove = (key: string, value: string) => {
    const p = new URLSearchParams();
    for (const [k, v] of params) if (k !== key || v !== value) p.append(k, v);
    navigate("/?" + p);
  };
  return (
    <>
      {[...params].filter(([k]) => k === "like" || k === "example" || k in words).map(([k, v]) => (
        <span class="chip" key={k + v}>
          {k === "like" ? <LikeMoment at={v} /> : k === "example" ? <LikeExample id={v} /> : <bdi dir="auto">{words[k]!(visible(v))}</bdi>}
          <Button kind="quiet" icon="close" aria-label="Remove this part of the search" title="Remove" onClick={() => remove(k, v)} />
        </span>
      ))}
    </>
  );
}

// words describes the parts of a search beside its text.
const words: Record<string, (value: string) => string> = {
  without: v => `Without ${v}`, folder: v => `Folder: ${v}`, path: v => `Name: ${bare(v)}`,
  since: v => `From ${v}`, until: v => `Before ${v}`,
  min_seconds: v => `Video of ${v} s or more`, max_seconds: v => `Video of ${v} s or less`,
  label: v => `Only where found: ${visible(labels.get()?.find(l => l.label === Number(v))?.name ?? v)}`,
};

// LikeMoment shows the moment that others are like.
function LikeMoment({ at }: { at: string }) {
  const [id, t] = at.split("@").map(Number) as [number, number];
  const [video, setVideo] = useState<Video>();
  useEffect(() => { videoOf(id).then(setVideo, () => {}); }, [id]);
  return (
    <>
      <img src={thumbnailAt(id, t + 1)} alt="" />
      <bdi dir="auto">{`Like the moment at ${clock(t)}`}{video && ` of ${visible(video.folder ? `${video.folder}/${video.name}` : video.name)}`}</bdi>
    </>
  );
}

function LikeExample({ id }: { id: string }) {
  const picture = pictures.get(id);
  return <>{picture && <img src={picture} alt="" />}<bdi>Like your example</bdi></>;
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
