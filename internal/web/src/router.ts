import { Store, useStore } from "./store";

export interface Route { path: string; params: URLSearchParams }

const route = new Store<Route>(here());

function here(): Route {
  return { path: location.pathname, params: new URLSearchParams(location.search) };
}

export function useRoute(): Route { return useStore(route); }

// navigate shows another page of this site.
export function navigate(url: string, replace = false): void {
  const moved = new URL(url, location.href).pathname !== location.pathname;
  history[replace ? "replaceState" : "pushState"](null, "", url);
  route.set(here());
  if (moved) scrollTo(0, 0);
}

// startRouter follows the back button and lets links change the page without loading it.
export function startRouter(): void {
  addEventListener("popstate", () => route.set(here()));
  document.addEventListener("click", e => {
    const a = (e.target as Element).closest?.("a");
    if (!a || e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    const url = new URL(a.href, location.href);
    if (a.target || a.hasAttribute("download") || url.origin !== location.origin || url.pathname.startsWith("/api/")) return;
    if (url.hash && url.pathname === location.pathname) return;
    e.preventDefault();
    navigate(url.pathname + url.search);
  });
}
