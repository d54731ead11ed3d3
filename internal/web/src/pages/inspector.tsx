import { clock, percent } from "../format";
import type { Player } from "../player/player";
import type { selected } from "../player/selection";
import type { Video } from "../types";
import { Button, Name } from "../ui/basics";

interface Props {
  now: ReturnType<typeof selected>; video: Video; editable: boolean; player: Player; loop: () => void;
  judge: (positive: boolean) => void; remove: () => void; hasLabels: boolean;
}

// Inspector shows the selected bar and what can be done with it.
export function Inspector({ now, video, editable, player, loop, judge, remove, hasLabels }: Props) {
  if (!now) {
    if (!hasLabels) return <p class="inspector muted">Labels appear here as rows. <a href="/labels">Create a label</a> to mark and find what happens.</p>;
    return <p class="inspector muted">{editable ? "Drag on a row to mark where it shows this. Click a bar to answer yes or no, to move it or to play it in a loop." : "Click a bar to play it in a loop."}</p>;
  }
  const { mark, segment } = now;
  return (
    <div class="inspector" role="group" aria-label="Selected bar">
      <strong><Name text={now.track.name} /></strong>
      <span class="tabular">{clock(now.start, true)}–{clock(now.end, true)}</span>
      <span class="muted">{mark ? (mark.positive ? "you said yes" : "you said no") : `found, ${percent(segment?.score ?? 0)} likely`}</span>
      <span class="space" />
      {editable && <Button class="yes" icon="check" aria-pressed={mark?.positive === true} onClick={() => judge(true)}>Yes</Button>}
      {editable && <Button class="no" icon="close" aria-pressed={mark?.positive === false} onClick={() => judge(false)}>No</Button>}
      <Button icon="loop" aria-pressed={!!player.loop} onClick={() => { loop(); if (!player.loop) { player.seek(now.start); player.ref.current?.play().catch(() => {}); } }}>Loop</Button>
      <a class="button plain" href={`/api/v1/videos/${video.video}/clip?start=${now.start}&end=${now.end}`} download>Save clip</a>
      {editable && mark && <Button kind="quiet" icon="trash" aria-label="Remove this mark" title="Remove (Delete)" onClick={remove} />}
    </div>
  );
}
