import { Dialog } from "./ui/dialog";

const groups: [string, [string, string][]][] = [
  ["Everywhere", [["/", "Search"], ["?", "This list"], ["Esc", "Close"]]],
  ["Results", [["← → ↑ ↓", "Move"], ["Enter", "Open the video"], ["M", "More like this"]]],
  ["Video", [["Space, K", "Play or pause"], ["J, L", "Back, forward 5 s"], [", .", "Previous, next frame"], ["[ ]", "Previous, next segment"],
    ["← →", "Move the selected segment"], ["Shift ← →", "Move by 1 s"], ["Alt ← →", "Move its end"], ["O", "Loop the selection"], ["F", "Full screen"], ["Delete", "Remove the mark"]]],
  ["Teach", [["A", "Yes"], ["R", "No"], ["Space", "Skip"], ["U", "Undo"]]],
];

export function Shortcuts({ close }: { close: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" close={close}>
      <div class="shortcuts">
        {groups.map(([name, keys]) => (
          <section key={name}>
            <h3>{name}</h3>
            <dl>{keys.map(([k, what]) => <div key={k}><dt><kbd>{k}</kbd></dt><dd>{what}</dd></div>)}</dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
