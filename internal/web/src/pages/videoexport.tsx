import { useState } from "preact/hooks";
import { clock } from "../format";
import { JobRow, startJob } from "../jobs";
import { jobs } from "../state";
import { useStore, type Store } from "../store";
import type { Label, Span, Video } from "../types";
import { Button, Name } from "../ui/basics";
import { Popover } from "../ui/popover";

const formats: [string, string][] = [["edl", "EDL"], ["srt", "Subtitles"], ["jsonl", "JSON"], ["clips", "Clips"]];

// VideoExport saves a part of the video, or what labels found in it.
export function VideoExport({ video, labels, span, time }: { video: Video; labels: Label[]; span: Span | null; time: Store<number> }) {
  const [id, setId] = useState("");
  const job = useStore(jobs).find(j => j.id === id);
  return (
    <Popover label="Export" text="Export" icon="download" side="right">
      {() => {
        const t = time.get(), part = span ?? { start: Math.max(0, t - 5), end: Math.min(video.seconds, t + 5) };
        return (
          <div class="menu">
            <a class="button quiet" download href={`/api/v1/videos/${video.video}/clip?start=${part.start.toFixed(3)}&end=${part.end.toFixed(3)}`}>
              {span ? "Clip of the selection" : "Clip around this time"} <span class="muted tabular">{clock(part.start)}–{clock(part.end)}</span>
            </a>
            {labels.map(l => (
              <div key={l.label}>
                <h3><Name text={l.name} /></h3>
                <div class="choices">{formats.map(([format, name]) => (
                  <Button key={format} onClick={async () => setId((await startJob({ kind: "export", label: l.label, format, what: "segments", video: video.video }))?.id ?? "")}>{name}</Button>
                ))}</div>
              </div>
            ))}
            {job && <JobRow job={job} />}
          </div>
        );
      }}
    </Popover>
  );
}
