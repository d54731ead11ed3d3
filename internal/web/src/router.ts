import { Store, useStore } from "./store";

export interface Route { path: string; params: URLSearchParams }

const route = new Store<Route>(here());

function here(): Route {
  return { path: location.pathname, params: new URLSearchParams(location.search) };
}

export function useRoute(): Route { return useStore(route); }

let back = false; // the page is shown by the back button, and the focus is not yet where it was

// cameBack returns the item of a list that had the focus when the user left this page, if
// the user has just come back.
export function cameBack(): number | undefined { return back ? history.state?.index : undefined; }

// leaveBack is called once that item has the focus again.
export function leaveBack(): void { back = false; }

// navigate shows another page of this site.
export function navigate(url: string, replace = false): void {
  const index = document.activeElement?.closest<HTMLElement>("[data-index]")?.dataset["index"];
  if (index && !replace) history.replaceState({ index: Number(index) }, "");
  back = false;
  const moved = new URL(url, location.href).pathname !== location.pathname;
  history[replace ? "replaceState" : "pushState"](null, "", url);
  route.set(here());
  if (moved) scrollTo(0, 0);
}

// startRouter follows the back button and lets links change the page without loading it.
export function startRouter(): void {
  addEventListener("popstate", () => { back = true; route.set(here()); });
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
