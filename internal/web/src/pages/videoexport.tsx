import { clock } from "../format";
import type { Store } from "../store";
import type { Label, Span, Video } from "../types";
import { Name } from "../ui/basics";
import { Popover } from "../ui/popover";
import { ExportState, Formats, useExport } from "./export";

// VideoExport saves a part of the video, or what labels found in it.
export function VideoExport({ video, labels, span, time }: { video: Video; labels: Label[]; span: Span | null; time: Store<number> }) {
  const { job, start } = useExport();
  return (
    <Popover label="Export" text="Export" icon="download" side="right">
      {() => {
        const t = time.get(), part = span ?? { start: Math.max(0, t - 5), end: Math.min(video.seconds, t + 5) };
        return (
          <div class="menu">
            <ExportState job={job} />
            <a class="button quiet" download href={`/api/v1/videos/${video.video}/clip?start=${part.start.toFixed(3)}&end=${part.end.toFixed(3)}`}>
              {span ? "Clip of the selection" : "Clip around this time"} <span class="muted tabular">{clock(part.start)}–{clock(part.end)}</span>
            </a>
            {labels.map(l => (
              <div class="menu inner" key={l.label}>
                <h3>All of <Name text={l.name} /> in this video</h3>
                <Formats choose={format => start({ label: l.label, format, what: "segments", video: video.video })} />
              </div>
            ))}
          </div>
        );
      }}
    </Popover>
  );
}
