import { useState } from "preact/hooks";
import { startJob } from "../jobs";
import { useLoad } from "../load";
import { Button, Failure, Name, Skeletons } from "../ui/basics";
import { Dialog } from "../ui/dialog";
import { Icon } from "../ui/icon";

interface Folder { path: string; name: string }

// AddFolder browses the folders that the server allows and starts indexing one.
export function AddFolder({ close }: { close: () => void }) {
  const [trail, setTrail] = useState<Folder[]>([]);
  const here = trail[trail.length - 1];
  const { data, error, loading } = useLoad<{ folders: Folder[] | null }>("/folders" + (here ? "?path=" + encodeURIComponent(here.path) : ""));
  const folders = data?.folders ?? [];
  const add = async () => {
    if (here && await startJob({ kind: "index", folders: [here.path] })) close();
  };
  return (
    <Dialog title="Add a folder" close={close}>
      <nav class="trail" aria-label="Chosen folder">
        <Button kind="quiet" onClick={() => setTrail([])}>Allowed folders</Button>
        {trail.map((f, i) => <><Icon name="forward" size={14} /><Button kind="quiet" key={f.path} onClick={() => setTrail(trail.slice(0, i + 1))}><Name text={f.name} /></Button></>)}
      </nav>
      {error && <Failure text={error} />}
      {!data && loading && <Skeletons n={3} class="skeletons rows" />}
      {data && folders.length === 0 && <p class="muted">{here ? "This folder has no other folders." : "The server may add no folders. Start it with --allow FOLDER to permit some."}</p>}
      <ul class="rows pick" aria-busy={loading}>
        {folders.map(f => <li key={f.path}><button type="button" class="row" onClick={() => setTrail([...trail, f])}><Icon name="folder" /><Name text={f.name} /><span class="space" /><Icon name="forward" size={16} /></button></li>)}
      </ul>
      <div class="actions">
        <Button kind="quiet" onClick={close}>Cancel</Button>
        <Button kind="primary" disabled={!here} onClick={add}>{here ? "Index this folder" : "Choose a folder"}</Button>
      </div>
    </Dialog>
  );
}
