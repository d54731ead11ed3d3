import { api, explain } from "./api";
import { count, length, plural, visible } from "./format";
import { jobs, notify } from "./state";
import { useStore } from "./store";
import type { Job } from "./types";
import { Bar, Button } from "./ui/basics";
import { Icon } from "./ui/icon";
import { Popover } from "./ui/popover";

export function active(j: Job): boolean { return j.state === "waiting" || j.state === "running"; }

// startJob starts a job on the server; its progress arrives as events.
export async function startJob(body: Record<string, unknown>): Promise<Job | undefined> {
  try {
    const j = await api<Job>("/jobs", { method: "POST", body });
    if (!jobs.get().some(x => x.id === j.id)) jobs.set([j, ...jobs.get()]);
    return j;
  } catch (e) {
    notify(explain(e), true);
    return undefined;
  }
}

export function JobsTray() {
  const list = useStore(jobs);
  return (
    <Popover label="Jobs" text="Jobs" icon="activity" kind="quiet" side="right" badge={list.filter(active).length}>
      {() => (
        <div class="tray">
          <h2>Jobs</h2>
          {list.length === 0 && <p class="muted">Nothing is running. Indexing, applying labels and exports appear here.</p>}
          {list.slice(0, 20).map(j => <JobRow key={j.id} job={j} />)}
        </div>
      )}
    </Popover>
  );
}

const states: Record<Job["state"], string> = { waiting: "Waiting", running: "Running", done: "Done", failed: "Failed", canceled: "Canceled" };

// resultText tells what a job that is done has done.
export function resultText(j: Job): string {
  const n = (name: string, from: Record<string, unknown> | null | undefined = j.result) => Number(from?.[name] ?? 0);
  if (j.kind === "apply") {
    const all = (j.result?.["labels"] ?? []) as Record<string, unknown>[];
    return all.map(l => `${plural(n("segments", l), "segment")} in ${plural(n("videos", l), "video")}.`).join(" ");
  }
  if (j.kind === "export" && n("segments")) return `Ready: ${exportText(j)}`;
  if (j.kind !== "index") return "";
  const parts = [[n("indexed"), "indexed"], [n("moved"), "moved"], [n("failed"), "not readable"], [n("missing"), "missing"]] as const;
  return parts.filter(p => p[0]).map(([k, what]) => `${plural(k, "video")} ${what}`).join(", ") || "Nothing new";
}

// exportText tells what an exported file has, and what it lacks.
export function exportText(j: Job): string {
  const names = (key: string) => (j.result?.[key] ?? []) as string[];
  const failed = names("failed"), lost = names("left_out");
  const parts = [plural(Number(j.result?.["segments"] ?? 0) - failed.length, "part")];
  if (failed.length) parts.push(`no clip of ${failed.slice(0, 3).map(visible).join(", ")}${failed.length > 3 ? ` and ${failed.length - 3} more` : ""}`);
  if (lost.length) parts.push(`left out: ${lost.join(", ")}`);
  return parts.join(" · ");
}

export function progressText(j: Job): string {
  if (j.state === "done") return resultText(j) || "Done";
  if (j.state !== "running") return j.error || states[j.state];
  const parts = [j.total ? `${count(j.done)} of ${count(j.total)} ${j.unit}` : j.detail || "Running"];
  if (j.eta_seconds > 0) parts.push(`about ${length(j.eta_seconds)} left`);
  return parts.join(" · ");
}

export function JobRow({ job: j }: { job: Job }) {
  const remove = () => api(`/jobs/${j.id}`, { method: "DELETE" }).then(
    () => { if (!active(j)) jobs.set(jobs.get().filter(x => x.id !== j.id)); },
    e => notify(explain(e), true));
  const verb = active(j) ? "Cancel" : j.file ? "Delete" : "Hide";
  return (
    <div class={`job ${j.state}`}>
      <div class="line"><bdi dir="auto">{j.title}</bdi>
        {j.file && j.state === "done" && <a class="button" href={j.file} download><Icon name="download" size={16} /><span>Download</span></a>}
        <Button kind="quiet" aria-label={`${verb}: ${j.title}`} title={j.file && !active(j) ? "Delete the exported file" : undefined} onClick={remove}>{verb}</Button>
      </div>
      {active(j) && <Bar value={j.total ? j.done / j.total : 0} label={j.title} />}
      <p class="muted">{progressText(j)}</p>
    </div>
  );
}
