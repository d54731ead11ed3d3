import { useEffect, useState } from "preact/hooks";
import { active, JobRow, progressText, resultText, startJob } from "../jobs";
import { clock, count, length, plural } from "../format";
import { useLoad } from "../load";
import { canEdit, jobs, library, loadLibrary, session } from "../state";
import { useStore } from "../store";
import type { Library, Model, Place, Problems } from "../types";
import { Button, Failure, Name, Notice, Skeletons } from "../ui/basics";
import { Icon } from "../ui/icon";
import { AddFolder } from "./folders";
import { DuplicatesSection } from "./duplicates";

export function LibraryPage() {
  const info = useStore(library), can = canEdit(useStore(session));
  const [adding, setAdding] = useState(false);
  const work = useStore(jobs).filter(j => j.kind === "index" && active(j));
  useEffect(() => { document.title = "Library · clipcue"; loadLibrary().catch(() => {}); }, []);
  const folders = info?.folders ?? [];
  const [looked, setLooked] = useState("");
  const last = useStore(jobs).find(j => j.id === looked);
  const look = async () => setLooked((await startJob({ kind: "index", folders: [] }))?.id ?? "");
  if (!info) return <Skeletons n={4} class="skeletons rows" />;
  return (
    <div class="library">
      <div class="toolbar">
        <h1>Library</h1><span class="space" />
        {can && <Button icon="refresh" onClick={look} disabled={work.length > 0}>Look for changes</Button>}
        {can && <Button kind="primary" icon="plus" onClick={() => setAdding(true)}>Add a folder</Button>}
      </div>
      {info.writer && <Notice>This library is being written by {info.writer}. Marks and new folders wait until it is done.</Notice>}
      {work.map(j => <JobRow key={j.id} job={j} />)}
      {last && !active(last) && <div class="notice good" role="status"><Icon name="check" size={18} /><p>{last.state === "done" ? `${resultText(last)}.` : progressText(last)}</p></div>}
      <Facts info={info} />
      <section aria-labelledby="folders-title">
        <h2 id="folders-title">Folders</h2>
        {folders.length === 0 ? <p class="muted">No folder is indexed yet. {can ? "Add one to search its videos." : "Ask an editor to add one."}</p> :
          <ul class="rows">{folders.map(f => <li class="row" key={f}><Icon name="folder" /><Name text={f} /></li>)}</ul>}
      </section>
      <ProblemsSection generation={info.generation} />
      <Models />
      <DuplicatesSection />
      {adding && <AddFolder close={() => setAdding(false)} />}
    </div>
  );
}

function Facts({ info }: { info: Library }) {
  const facts: [string, string, string][] = [
    ["Videos", count(info.videos), info.pending ? `${count(info.pending)} waiting to be indexed` : "all indexed"],
    ["Length", length(info.seconds), ""],
    ["Moments", count(info.moments), `${info.window} s each, one every ${info.hop} s`],
    ["Model", info.model, info.run && `trained as ${info.run}`],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value, note]) => <div key={name}><dt>{name}</dt><dd><bdi>{value}</bdi></dd><dd class="muted"><bdi>{note}</bdi></dd></div>)}
    </dl>
  );
}

const kinds: { key: keyof Problems; title: string; hint: string }[] = [
  { key: "failed", title: "Not indexed", hint: "These files could not be read. They are tried again when you look for changes." },
  { key: "missing", title: "Missing", hint: "These videos were indexed, but their files cannot be found now. Their marks are kept." },
  { key: "partial", title: "Partly indexed", hint: "These files are damaged. What could be read is indexed." },
];

function ProblemsSection({ generation }: { generation: string }) {
  const { data, error, reload } = useLoad<Problems>("/library/problems");
  useEffect(reload, [generation]);
  if (error) return <Failure text={error} retry={reload} />;
  const some = kinds.filter(k => data?.[k.key]?.length);
  return (
    <section aria-labelledby="problems-title">
      <h2 id="problems-title">Problems</h2>
      {some.length === 0 && <p class="muted">{data ? "None. Every file that was found is indexed." : " "}</p>}
      {some.map(k => <PlaceList key={k.key} title={k.title} hint={k.hint} places={data?.[k.key] ?? []} />)}
    </section>
  );
}

function PlaceList({ title, hint, places }: { title: string; hint: string; places: Place[] }) {
  const [n, setN] = useState(10);
  return (
    <div class="problem">
      <h3>{title} <span class="muted">{count(places.length)}</span></h3>
      <p class="muted">{hint}</p>
      <ul class="rows">
        {places.slice(0, n).map((p, i) => (
          <li class="row place" key={i}>
            {p.video ? <a class="stretch" href={`/video/${p.video}`}><Name text={p.name} /></a> : <Name text={p.name} />}
            <Name class="muted" text={p.folder} /><Name class="reason" text={p.reason ?? ""} />
          </li>
        ))}
      </ul>
      {places.length > n && <Button kind="quiet" onClick={() => setN(n + 100)}>{`Show ${plural(Math.min(100, places.length - n), "more", "more")}`}</Button>}
    </div>
  );
}

function Models() {
  const { data } = useLoad<{ models: Model[] | null }>("/library/models");
  return (
    <section aria-labelledby="models-title">
      <h2 id="models-title">Models</h2>
      <ul class="rows">
        {!data && <li class="row" />}
        {data?.models?.map(m => (
          <li class="row" key={m.name + m.kind}>
            <Name text={m.name} /><span class="muted">{m.kind === "run" ? "trained on your videos" : "general"}</span>
            {m.used && <span class="chip small">in use</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

export function span(s: { start: number; end: number }): string { return `${clock(s.start)}–${clock(s.end)}`; }
