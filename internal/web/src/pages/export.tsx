import { useEffect, useState } from "preact/hooks";
import { visible } from "../format";
import { active, exportText, JobRow, startJob } from "../jobs";
import { useLoad } from "../load";
import { jobs, notify } from "../state";
import { useStore } from "../store";
import type { ExportFormat, Job, Label } from "../types";
import { Button } from "../ui/basics";
import { Icon } from "../ui/icon";
import { Popover } from "../ui/popover";

const common: [string, string][] = [["clips", "Clips, one video file each"], ["csv", "Table (CSV), for Excel"]];
// useExport starts exports and saves the file of the last one as soon as it is ready.
export function useExport(): { job: Job | undefined; start: (body: Record<string, unknown>) => void } {
  const [id, setId] = useState("");
  const job = useStore(jobs).find(j => j.id === id);
  useEffect(() => { if (job?.state === "done" && job.file) download(job.file); }, [job?.state]);
  return { job, start: async body => setId((await startJob({ kind: "export", ...body }))?.id ?? "") };
}

function download(file: string): void {
  const a = document.createElement("a");
  a.href = file;
  a.download = "";
  a.click();
  notify("The export is saved with your downloads.");
}

interface FormatProps { what?: "segments" | "marks"; choose: (format: string) => void }

// Formats offers what most people need first, and all formats of the server.
export function Formats({ what = "segments", choose }: FormatProps) {
  const { data } = useLoad<{ formats: ExportFormat[] | null }>("/formats");
  const others = (data?.formats ?? []).filter(f => !common.some(([name]) => name === f.name));
  const item = ([format, name]: [string, string]) => <Button key={format} kind="quiet" onClick={() => choose(format)}>{name}</Button>;
  return (
    <>
      {common.filter(f => what === "segments" || f[0] !== "clips").map(item)}
      <details>
        <summary class="button quiet"><Icon name="down" size={16} /><span>More formats</span></summary>
        {others.map(f => item([f.name, `${f.program} (${f.extensions?.[0]})`]))}
      </details>
    </>
  );
}

// ExportState shows the progress of an export, and then a link to its file.
export function ExportState({ job: j }: { job: Job | undefined }) {
  if (!j) return null;
  if (active(j) || j.state !== "done") return <JobRow job={j} />;
  return (
    <div class="finished" role="status">
      <p><strong>Ready.</strong> {exportText(j)}</p>
      <a class="button primary" href={j.file} download><Icon name="download" size={18} /><span>Download again</span></a>
    </div>
  );
}

export function ExportMenu({ label, what = "segments" }: { label: Label; what?: "segments" | "marks" }) {
  const { job, start } = useExport();
  return (
    <Popover label={`Export ${visible(label.name)}`} text="Export" icon="download" side="right" kind="primary">
      {() => (
        <div class="menu">
          <ExportState job={job} />
          <Formats what={what} choose={format => start({ label: label.label, format, what })} />
        </div>
      )}
    </Popover>
  );
}
