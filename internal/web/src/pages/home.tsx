import { useEffect, useRef, useState } from "preact/hooks";
import { api, explain } from "../api";
import { length, plural } from "../format";
import { searchBy } from "../example";
import { library } from "../state";
import { useStore } from "../store";
import type { Video } from "../types";
import { Button, Empty, Failure, Skeletons } from "../ui/basics";
import { Grid } from "../ui/grid";
import { VideoTile } from "../ui/tile";
import { SavedSearches } from "./saved";

const page = 100;

// Home is the search page before a search: saved searches and all videos.
export function Home({ params }: { params: URLSearchParams }) {
  const sort = params.get("sort") ?? "added";
  const info = useStore(library);
  const [videos, setVideos] = useState<Video[]>();
  const [total, setTotal] = useState(0);
  const [loading, setLoading] = useState(true);
  const [error, setError] = useState("");
  const generation = info?.generation, n = info?.videos;
  const load = async (offset: number, signal?: AbortSignal) => {
    setLoading(true);
    try {
      const a = await api<{ videos: Video[] | null; total: number }>(`/videos?sort=${sort}&limit=${page}&offset=${offset}`, signal ? { signal } : {});
      setVideos(v => [...(offset ? v ?? [] : []), ...a.videos ?? []]);
      setTotal(a.total);
      setError("");
      setLoading(false);
    } catch (e) {
      if (signal?.aborted) return;
      setError(explain(e));
      setLoading(false);
    }
  };
  useEffect(() => {
    const abort = new AbortController();
    load(0, abort.signal);
    return () => abort.abort();
  }, [sort, generation, n]);
  if (error) return <Failure text={error} retry={() => load(0)} />;
  if (videos?.length === 0) return <EmptyLibrary />;
  return (
    <>
      <SavedSearches />
      <section aria-label="Videos">
        <div class="toolbar">
          <h1>Videos</h1>
          <span class="muted">{info ? `${plural(info.videos, "video")} · ${length(info.seconds)}` : ""}</span>
          <span class="space" />
          <ByExample />
          <Sort sort={sort} />
        </div>
        {!videos && <Skeletons n={12} class="skeletons" />}
        {videos && <Grid items={videos} label="Videos" id={v => String(v.video)} loading={loading}
          more={videos.length < total ? () => load(videos.length) : undefined}
          item={(v, _, focusable) => <VideoTile video={v} focusable={focusable} />} />}
      </section>
    </>
  );
}

function ByExample() {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input type="file" hidden ref={input} accept="image/*,video/*" aria-label="Image or clip to search for"
        onChange={e => { const f = e.currentTarget.files?.[0]; if (f) searchBy(f); }} />
      <Button icon="image" title="Find moments like an image or a short clip. You can also drop or paste one." onClick={() => input.current?.click()}><span class="wide">Search by picture</span><span class="narrow">By picture</span></Button>
    </>
  );
}

function Sort({ sort }: { sort: string }) {
  const options = { added: "Newest", name: "Name", length: "Longest" };
  return (
    <div class="segmented" role="group" aria-label="Order">
      {Object.entries(options).map(([k, name]) => <a key={k} href={k === "added" ? "/" : `/?sort=${k}`} aria-current={k === sort ? "true" : undefined}>{name}</a>)}
    </div>
  );
}

function EmptyLibrary() {
  return (
    <Empty icon="film" title="The library is empty">
      <p>Add a folder with videos. You can search as soon as the first ones are indexed.</p>
      <a class="button primary" href="/library">Add videos</a>
    </Empty>
  );
}
