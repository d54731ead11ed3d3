import { api, explain } from "./api";
import { navigate } from "./router";
import { notify } from "./state";

// searchBy uploads an image or a short clip and searches for moments like it.
export async function searchBy(file: File): Promise<void> {
  const form = new FormData();
  form.append("file", file);
  notify(`Reading ${file.name || "the image"}…`);
  try {
    const e = await api<{ id: string; kind: string; name: string }>("/examples", { method: "POST", form });
    navigate("/?example=" + encodeURIComponent(e.id));
  } catch (e) {
    notify(explain(e), true);
  }
}

export function onPaste(e: ClipboardEvent): void {
  const file = [...e.clipboardData?.files ?? []][0];
  if (!file) return;
  e.preventDefault();
  searchBy(file);
}
