import { useEffect, useState } from "preact/hooks";
import { JobRow, active } from "../jobs";
import { percent, plural } from "../format";
import { useLoad } from "../load";
import { jobs } from "../state";
import { useStore } from "../store";
import type { Duplicates, Place, Span } from "../types";
import { Button, Failure, Place as FileName } from "../ui/basics";
import { thumbnailAt } from "../ui/tile";
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
      <p class="muted">Finds files that are equal, and videos of which parts look the same. Plain pictures can look the same by chance: watch both before you delete one.</p>
      {!wanted && <Button icon="copy" onClick={() => setWanted(true)}>Find duplicates</Button>}
      {error && <Failure text={error} retry={reload} />}
      {job && active(job) && <JobRow job={job} />}
      {data && !data.job && exact.length + near.length === 0 && <p class="muted">No two videos show the same.</p>}
      {exact.map((e, i) => (
        <div class="pairing" key={"e" + i}>
          <h3>{plural(e.videos.length, "equal file")}</h3>
          <div class="sides">{e.videos.map(v => <Side key={v.video} place={v} at={0} />)}</div>
        </div>
      ))}
      {near.map((p, i) => <Near key={"n" + i} pair={p} />)}
    </section>
  );
}

// Near shows two videos and which parts of them look the same.
function Near({ pair: { a, b, parts } }: { pair: { a: Place; b: Place; parts: { a: Span; b: Span; similarity: number }[] } }) {
  const [n, setN] = useState(3);
  return (
    <div class="pairing">
      <h3>{plural(parts.length, "part looks", "parts look")} the same</h3>
      {parts.slice(0, n).map((p, i) => (
        <div class="sides" key={i}>
          <Side place={a} at={p.a.start} part={p.a} /><span class="muted">{percent(p.similarity)} alike</span><Side place={b} at={p.b.start} part={p.b} />
        </div>
      ))}
      {parts.length > n && <Button kind="quiet" onClick={() => setN(parts.length)}>{`Show ${plural(parts.length - n, "more part")}`}</Button>}
    </div>
  );
}

function Side({ place: p, at, part }: { place: Place; at: number; part?: Span }) {
  return (
    <article class="side">
      <a href={`/video/${p.video}?t=${at}`}>
        <div class="preview">{p.video && <img src={thumbnailAt(p.video, part ? (part.start + part.end) / 2 : at)} alt="" loading="lazy" />}</div>
        <FileName of={p} />
      </a>
      {part && <span class="muted tabular">{span(part)}</span>}
    </article>
  );
}
