import { api, offline, pause, unauthorized } from "./api";
import { navigate } from "./router";
import { Store } from "./store";
import type { Job, Label, Library, Session } from "./types";

// What all pages share. It follows the events of the server.
export const session = new Store<Session | null>(null);
export const library = new Store<Library | null>(null);
export const labels = new Store<Label[] | null>(null);
export const jobs = new Store<Job[]>([]);
// spoken is read by screen readers when it changes.
export const spoken = new Store("");
export const toasts = new Store<Toast[]>([]);

export interface Toast { id: number; text: string; bad: boolean; action?: { label: string; run: () => void } }

let lastToast = 0;

// notify shows a message for a few seconds and returns its number.
export function notify(text: string, bad = false, action?: Toast["action"]): number {
  const id = ++lastToast;
  toasts.set([...toasts.get().slice(-2), { id, text, bad, ...(action && { action }) }]);
  setTimeout(() => dismiss(id), bad || action ? 10000 : 4000);
  return id;
}

export function dismiss(id: number): void { toasts.set(toasts.get().filter(t => t.id !== id)); }

export function canEdit(s: Session | null): boolean { return s?.role === "edit"; }

export async function loadLabels(): Promise<void> {
  labels.set((await api<{ labels: Label[] | null }>("/labels")).labels ?? []);
}

export async function loadLibrary(): Promise<void> { library.set(await api<Library>("/library")); }

async function loadJobs(): Promise<void> {
  jobs.set((await api<{ jobs: Job[] | null }>("/jobs")).jobs ?? []);
}

export function putLabel(l: Label): void {
  const all = labels.get() ?? [];
  labels.set(all.some(x => x.label === l.label) ? all.map(x => x.label === l.label ? l : x) : [...all, l]);
}

export function putJob(j: Job): void {
  const all = jobs.get();
  jobs.set(all.some(x => x.id === j.id) ? all.map(x => x.id === j.id ? j : x) : [j, ...all]);
}

// start asks who is using the page, loads what all pages share and follows the events.
export async function start(): Promise<void> {
  unauthorized.handle = () => {
    if (location.pathname === "/login") return;
    session.set({ required: true, user: "", role: "", csrf: "" });
    navigate("/login?next=" + encodeURIComponent(location.pathname + location.search), true);
  };
  const s = await api<Session>("/session");
  session.set(s);
  if (!s.role) return unauthorized.handle();
  follow();
  // A browser opens few connections to a server, so hidden tabs give theirs back.
  document.onvisibilitychange = () => { if (document.hidden) events?.close(); else catchUp(); };
  await loadAll();
}

async function loadAll(): Promise<void> {
  await Promise.all([loadLibrary(), loadLabels(), loadJobs()]).catch(() => {});
}

// catchUp follows the events again. Its first call waits until the server answers.
async function catchUp(): Promise<void> {
  const s = await api<Session>("/session");
  session.set(s);
  if (!s.role) return unauthorized.handle();
  follow();
  await loadAll();
}

let events: EventSource | undefined, failures = 0;

function follow(): void {
  events?.close();
  const source = new EventSource("/api/v1/events");
  events = source;
  const libraryLater = later(loadLibrary), labelsLater = later(loadLabels);
  source.addEventListener("open", () => { offline.set(false); failures = 0; });
  source.addEventListener("job", e => {
    const j: Job = JSON.parse(e.data);
    putJob(j);
    if (j.state !== "waiting" && j.state !== "running" && j.kind === "index") loadLibrary().catch(() => {});
  });
  source.addEventListener("library", libraryLater);
  source.addEventListener("labels", labelsLater);
  source.addEventListener("error", async () => {
    source.close();
    if (source !== events) return;
    await pause(Math.min(30000, 1500 * 2 ** failures++));
    if (!document.hidden && source === events) await catchUp();
  });
}

// later returns a function that calls f once after several calls in a row.
function later(f: () => Promise<void>): () => void {
  let timer: ReturnType<typeof setTimeout>;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => { f().catch(() => {}); }, 300);
  };
}

export async function logout(): Promise<void> {
  await api("/session", { method: "DELETE" });
  events?.close();
  unauthorized.handle();
}
