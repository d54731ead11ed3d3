import { api, explain } from "./api";
import { navigate } from "./router";
import { dismiss, notify } from "./state";

// searchBy uploads an image or a short clip and searches for moments like it.
export async function searchBy(file: File): Promise<void> {
  const form = new FormData();
  form.append("file", file);
  const note = notify(`Reading ${file.name || "the image"}…`);
  try {
    const e = await api<{ id: string; kind: string; name: string }>("/examples", { method: "POST", form });
    if (file.type.startsWith("image/")) pictures.set(e.id, URL.createObjectURL(file));
    navigate("/?example=" + encodeURIComponent(e.id));
  } catch (e) {
    notify(explain(e), true);
  } finally {
    dismiss(note);
  }
}

// pictures are the uploaded images, by their numbers.
export const pictures = new Map<string, string>();

export function onPaste(e: ClipboardEvent): void {
  const file = [...e.clipboardData?.files ?? []][0];
  if (!file) return;
  e.preventDefault();
  searchBy(file);
}
