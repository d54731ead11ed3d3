import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { api, explain, query } from "../api";
import { clock, plural, visible } from "../format";
import { useLatest } from "../load";
import { labels, notify, spoken } from "../state";
import type { Label, Moment } from "../types";
import { Button, Empty, Failure, Key, Place, Score, Skeletons } from "../ui/basics";
import { useKeys } from "../ui/keys";
import { Preview } from "../ui/tile";
import { LoopPlayer } from "../ui/loop";

interface FeedAnswer { feed: string; moments: Moment[] | null; revision: string }
interface MarksAnswer { ids: number[] | null; revision: string; positives: number; negatives: number; feed?: FeedAnswer }
interface Step { moment: Moment; ids: Promise<number[]>; positive: boolean | null }

const id = (m: Moment) => `${m.video}@${m.start}`;
const size = 24;
const enough = 10; // answers below which none of them can be doubted

// useFeed returns the moments to mark, the focused one first. After a mark, the server
// ranks the others again; the focused one stays, so that no key hits another moment.
function useFeed(label: Label, feed: string, changed: (revision: string) => void) {
  const [list, setList] = useState<Moment[]>();
  const [error, setError] = useState("");
  const [steps, setSteps] = useState<Step[]>([]);
  const past = useRef(new Set<string>()), seed = useRef(1 + Math.floor(Math.random() * 1e6));
  const turn = useRef(0);
  // The answer may have moments that were skipped or marked since; more make up for them.
  const settings = () => ({ feed, limit: Math.min(200, size + past.current.size % 100), seed: seed.current });
  const show = (a: FeedAnswer) => {
    const fresh = (a.moments ?? []).filter(m => !past.current.has(id(m)));
    setList(old => {
      const first = old?.[0];
      return first ? [fresh.find(m => id(m) === id(first)) ?? first, ...fresh.filter(m => id(m) !== id(first))] : fresh;
    });
    setError("");
    changed(a.revision);
  };
  const load = useCallback(async () => {
    const mine = ++turn.current;
    try {
      const a = await api<FeedAnswer>(`/labels/${label.label}/feed` + query(settings()));
      if (mine === turn.current) show(a);
    } catch (e) {
      if (mine === turn.current) setError(explain(e));
    }
  }, [label.label, feed]);
  useEffect(() => { load(); return () => { turn.current++; }; }, [load]);

  // change sends a change of the marks; its answer has the feed as it is afterwards.
  const change = async (method: "POST" | "DELETE", body: unknown): Promise<number[]> => {
    const mine = ++turn.current, began = performance.now();
    const a = await api<MarksAnswer>(`/labels/${label.label}/marks` + query({ with_feed: true, ...settings() }), { method, body });
    count(label.label, { positives: a.positives, negatives: a.negatives });
    if (mine === turn.current) {
      if (a.feed) show(a.feed); else load();
      // A timer in a frame runs after the frame is painted.
      requestAnimationFrame(() => setTimeout(() => performance.measure("rank", { start: began, end: performance.now() })));
    }
    return a.ids ?? [];
  };
  const send = (m: Moment, positive: boolean) =>
    change("POST", { marks: [{ video: m.video, start: m.start, end: m.end, positive }], replace: true });
  const advance = (positive: boolean | null) => {
    const m = list?.[0];
    if (!m) return;
    past.current.add(id(m));
    setList(list.slice(1));
    if (positive === null) {
      setSteps([...steps, { moment: m, ids: Promise.resolve([]), positive }]);
      spoken.set("Skipped");
      if (list.length < 8) load();
      return;
    }
    const ids = send(m, positive);
    setSteps([...steps, { moment: m, ids, positive }]);
    spoken.set(positive ? "Accepted" : "Rejected");
    ids.catch(e => {
      notify(explain(e), true);
      past.current.delete(id(m));
      setSteps(s => s.filter(x => x.moment !== m));
      setList(l => [m, ...l ?? []]);
    });
  };
  const undo = async () => {
    const last = steps[steps.length - 1];
    if (!last) return;
    setSteps(steps.slice(0, -1));
    past.current.delete(id(last.moment));
    setList([last.moment, ...(list ?? []).filter(m => id(m) !== id(last.moment))]);
    spoken.set("Undone");
    try {
      const ids = await last.ids;
      if (ids.length) await change("DELETE", { ids });
    } catch (e) {
      notify(explain(e), true);
    }
  };
  return { list, error, steps, advance, undo, load };
}

function count(label: number, n: Partial<Label>): void {
  labels.set((labels.get() ?? []).map(l => l.label === label ? { ...l, ...n } : l));
}

interface Props { label: Label; feed: string; hint: string; changed: (revision: string) => void; aside: ComponentChildren }

export function Feed({ label, feed, hint, changed, aside }: Props) {
  const f = useFeed(label, feed, changed);
  const latest = useLatest(f);
  useKeys({
    a: () => latest.current.advance(true), r: () => latest.current.advance(false),
    " ": () => latest.current.advance(null), u: () => { latest.current.undo(); },
  });
  const current = f.list?.[0], rest = f.list?.slice(1, size) ?? [];
  if (f.error && !f.list) return <Failure text={f.error} retry={f.load} />;
  return (
    <div class="columns">
      <div class="stage">
        {f.error && <Failure text={f.error} retry={f.load} />}
        {!f.list && <div class="skeleton big" />}
        {f.list && !current && <NothingLeft feed={feed} label={label} />}
        {current && <Stage moment={current} label={label} hint={hint} />}
        {(current || !f.list || f.steps.length > 0) && <Verdicts disabled={!current} undoable={f.steps.length > 0} advance={f.advance} undo={f.undo} />}
        {(current || !f.list) && <Trail steps={f.steps} />}
      </div>
      {aside}
      {(rest.length > 0 || !f.list) && <section class="upnext" aria-label="Next moments">
        <h2>Next</h2>
        {!f.list && <Skeletons n={6} class="skeletons small" />}
        <ol class="strip">
          {rest.map(m => (
            <li key={id(m)} class="tile">
              <a href={`/video/${m.video}?t=${m.best}&label=${label.label}`} aria-label={`${visible(m.name)} at ${clock(m.best)}`}><Preview {...m} at={m.best} /></a>
              <div class="caption"><Place of={m} /><Score value={m.score} what="likely" /></div>
            </li>
          ))}
        </ol>
      </section>}
    </div>
  );
}

function Stage({ moment: m, label, hint }: { moment: Moment; label: Label; hint: string }) {
  return (
    <figure class="focused" key={id(m)}>
      <LoopPlayer moment={m} />
      <figcaption>
        <a href={`/video/${m.video}?t=${m.best}`}><Place of={m} /></a>
        <span class="muted tabular">{clock(m.start)}–{clock(m.end)}</span>
        <span class="space" />
        <Score value={m.score} what="likely" />
      </figcaption>
      <p class="question">
        {m.mark !== undefined && <span>You answered {m.positive ? "yes" : "no"}, but {m.positive ? "no" : "yes"} to moments that look alike. </span>}
        <strong>Does this show <bdi dir="auto">{visible(label.name)}</bdi>?</strong> <span class="muted">{hint}</span>
      </p>
    </figure>
  );
}

function Verdicts({ disabled, undoable, advance, undo }: { disabled: boolean; undoable: boolean; advance: (p: boolean | null) => void; undo: () => void }) {
  return (
    <div class="verdicts" role="group" aria-label="Your answer">
      <Button class="no" icon="close" disabled={disabled} aria-keyshortcuts="R" onClick={() => advance(false)}>No <Key>R</Key></Button>
      <Button icon="skip" disabled={disabled} aria-keyshortcuts="Space" onClick={() => advance(null)}>Skip <Key>Space</Key></Button>
      <Button class="yes" icon="check" disabled={disabled} aria-keyshortcuts="A" onClick={() => advance(true)}>Yes <Key>A</Key></Button>
      <Button kind="quiet" icon="undo" disabled={!undoable} aria-keyshortcuts="U" onClick={undo}>Undo <Key>U</Key></Button>
    </div>
  );
}

// Trail shows what was marked last.
function Trail({ steps }: { steps: Step[] }) {
  const verdict = (p: boolean | null) => p === null ? "skipped" : p ? "yes" : "no";
  return (
    <div class="answered">
      {steps.length > 0 && <span class="muted">Your last answers</span>}
      <ol class="trail-marks" aria-label={plural(steps.length, "moment") + " seen"}>
        {steps.slice(-8).reverse().map(s => <li key={id(s.moment)} class={verdict(s.positive)} title={`${s.moment.name}: ${verdict(s.positive)}`}><img src={s.moment.thumbnail} alt={verdict(s.positive)} /></li>)}
      </ol>
    </div>
  );
}

function NothingLeft({ feed, label }: { feed: string; label: Label }) {
  const n = label.positives + label.negatives;
  if (feed === "suspects" && n < enough) {
    return <Empty icon="help" title="Too early to tell"><p>{`With ${plural(n, "answer")}, no answer can be doubted yet. Give at least ${enough}, some yes and some no. Until then, look at them under `}<a href={`/label/${label.label}?tab=marks`}>Marks</a>.</p></Empty>;
  }
  if (feed === "suspects") return <Empty icon="check" title="No answer stands out"><p>Answers that do not fit the others appear here. All of them are under <a href={`/label/${label.label}?tab=marks`}>Marks</a>.</p></Empty>;
  return <Empty icon="check" title="No moments left here"><p>You have seen them all.</p><a class="button primary" href={`/label/${label.label}?tab=segments`}>See what is found</a></Empty>;
}
