import { Store } from "./store";

// Problem is an error that the server explains.
export class Problem extends Error {
  constructor(public status: number, detail: string, public retryAfter = 0) { super(detail); }
}

// offline is true while the server does not answer.
export const offline = new Store(false);

// unauthorized is called when the server asks for a login.
export const unauthorized = { handle: () => {} };

export interface Request { method?: string; body?: unknown; form?: FormData; signal?: AbortSignal }

const pauses = [500, 1000, 2000, 4000];

// api calls the server and returns its answer. While the server does not answer, it
// retries until the signal ends it.
export async function api<T>(path: string, r: Request = {}): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const answer = await once(path, r);
    if (answer) {
      offline.set(false);
      return read<T>(answer);
    }
    offline.set(true);
    await pause(pauses[Math.min(attempt, pauses.length - 1)]!, r.signal);
  }
}

// once returns undefined if the server or a proxy before it cannot answer.
async function once(path: string, r: Request): Promise<Response | undefined> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (r.body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch("/api/v1" + path, {
      method: r.method ?? "GET", headers, signal: r.signal ?? null, credentials: "same-origin",
      body: r.form ?? (r.body === undefined ? null : JSON.stringify(r.body)),
    });
    const explained = answer.headers.get("Content-Type")?.includes("json"); // by the server itself
    return !explained && [502, 503, 504].includes(answer.status) ? undefined : answer;
  } catch (e) {
    if (r.signal?.aborted) throw e;
    return undefined;
  }
}

async function read<T>(answer: Response): Promise<T> {
  const json = answer.headers.get("Content-Type")?.includes("json");
  const body = json ? await answer.json() : undefined;
  if (answer.ok) return body as T;
  if (answer.status === 401) unauthorized.handle();
  const errors: { message: string }[] = body?.errors ?? [];
  const detail = [body?.detail || body?.title, ...errors.map(e => e.message)].filter(Boolean).join(": ");
  throw new Problem(answer.status, detail || `The server answered ${answer.status}.`, Number(answer.headers.get("Retry-After")) || 0);
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}

// explain returns the sentence of an error, or "" if the request was only aborted.
export function explain(e: unknown): string {
  if (e instanceof DOMException && e.name === "AbortError") return "";
  return e instanceof Error ? e.message : String(e);
}

// query returns "?a=1&b=2", without empty values; lists are repeated.
export function query(values: Record<string, unknown>): string {
  const p = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    for (const v of Array.isArray(value) ? value : [value]) {
      if (v !== undefined && v !== null && v !== "") p.append(key, String(v));
    }
  }
  const s = p.toString();
  return s && "?" + s;
}
