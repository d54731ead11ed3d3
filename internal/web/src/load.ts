import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { api, explain } from "./api";

export interface Loaded<T> { data?: T; error: string; loading: boolean; reload: () => void; set: (data: T) => void }

// useLoad fetches a path of the API, again when it changes; null fetches nothing. Older
// data stays until the new data is there.
export function useLoad<T>(path: string | null): Loaded<T> {
  const [state, setState] = useState<{ data?: T; error: string; loading: boolean }>({ error: "", loading: path !== null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    setState(s => ({ ...s, loading: true }));
    api<T>(path, { signal: abort.signal }).then(
      data => { if (!abort.signal.aborted) setState({ data, error: "", loading: false }); },
      e => { if (!abort.signal.aborted) setState(s => ({ ...s, error: explain(e), loading: false })); });
    return () => abort.abort();
  }, [path, turn]);
  const reload = useCallback(() => setTurn(n => n + 1), []);
  const set = useCallback((data: T) => setState({ data, error: "", loading: false }), []);
  return { ...state, reload, set };
}

// useDebounced returns the value once it has not changed for ms milliseconds.
export function useDebounced<T>(value: T, ms: number): T {
  const [late, set] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => set(() => value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return late;
}

// useLatest returns a reference that always holds the value of the last rendering.
export function useLatest<T>(value: T) {
  const ref = useRef(value);
  ref.current = value;
  return ref;
}
