import { useEffect, useState } from "preact/hooks";

// Store is a value that components follow.
export class Store<T> {
  private listeners = new Set<() => void>();
  constructor(private current: T) {}
  get(): T { return this.current; }
  set(next: T): void {
    if (Object.is(next, this.current)) return;
    this.current = next;
    for (const f of [...this.listeners]) f();
  }
  follow(f: () => void): () => void {
    this.listeners.add(f);
    return () => this.listeners.delete(f);
  }
}

// useStore renders again whenever the store changes.
export function useStore<T>(s: Store<T>): T {
  const [value, set] = useState(s.get());
  useEffect(() => {
    set(() => s.get());
    return s.follow(() => set(() => s.get()));
  }, [s]);
  return value;
}
