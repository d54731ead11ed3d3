import { useEffect, useState } from "preact/hooks";
import { JobRow, active } from "../jobs";
import { percent, plural } from "../format";
import { useLoad } from "../load";
import { jobs } from "../state";
import { useStore } from "../store";
import type { Duplicates, Place, Span } from "../types";
import { Button, Failure, Name } from "../ui/basics";
import { span } from "./library";

// DuplicatesSection compares videos on request, because that takes a while.
export function DuplicatesSection() {
  const [wanted, setWanted] = useState(false);
  const { data, error, reload } = useLoad<Duplicates>(wanted ? "/library/duplicates" : null);
  const job = useStore(jobs).find(j => j.id === data?.job);
  const done = job && !active(job);
  useEffect(() => { if (done) reload(); }, [done]);
  const exact = data?.exact ?? [], near = data?.near ?? [];
  return (
    <section aria-labelledby="duplicates-title">
      <h2 id="duplicates-title">Duplicates</h2>
      {!wanted && <><p class="muted">Compares all videos: equal files, and parts that show the same.</p><Button icon="copy" onClick={() => setWanted(true)}>Find duplicates</Button></>}
      {error && <Failure text={error} retry={reload} />}
      {job && active(job) && <JobRow job={job} />}
      {data && !data.job && exact.length + near.length === 0 && <p class="muted">No two videos show the same.</p>}
      {exact.map((e, i) => (
        <div class="pairing" key={"e" + i}>
          <h3>{plural(e.videos.length, "equal file")}</h3>
          <div class="sides">{e.videos.map(v => <Side key={v.video} place={v} />)}</div>
        </div>
      ))}
      {near.map((p, i) => (
        <div class="pairing" key={"n" + i}>
          <h3>{percent(Math.max(...p.parts.map(x => x.similarity)))} alike</h3>
          <div class="sides"><Side place={p.a} parts={p.parts.map(x => x.a)} /><Side place={p.b} parts={p.parts.map(x => x.b)} /></div>
        </div>
      ))}
    </section>
  );
}

function Side({ place: p, parts }: { place: Place; parts?: Span[] }) {
  const { data } = useLoad<{ thumbnail: string }>(`/videos/${p.video}`);
  const at = parts?.[0] ? `?t=${parts[0].start}` : "";
  return (
    <article class="side">
      <a href={`/video/${p.video}${at}`}><div class="preview">{data?.thumbnail && <img src={data.thumbnail} alt="" />}</div><Name text={p.name} class="name" /></a>
      <Name text={p.folder} class="muted" />
      {parts && <p class="muted tabular">{parts.slice(0, 6).map(span).join(", ")}{parts.length > 6 ? " …" : ""}</p>}
    </article>
  );
}
