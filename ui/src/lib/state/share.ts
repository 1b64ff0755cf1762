// Ways out of the window: the clipboard and files.
import { failure, save } from '$ipc';
import { notices } from './notices.svelte';

export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** Where the web view keeps the clipboard's interface from its pages. */
function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.style.position = 'fixed';
  area.style.opacity = '0';
  document.body.append(area);
  area.select();
  const isDone = document.execCommand?.('copy') ?? false;
  area.remove();
  return isDone;
}

/** Puts a file into the downloads folder and says where it is. */
export async function download(name: string, content: Blob | string) {
  const blob = typeof content === 'string' ? new Blob([content]) : content;
  try {
    notices.say(`Saved as ${await save(name, new Uint8Array(await blob.arrayBuffer()))}`);
  } catch (thrown) {
    notices.say(failure(thrown).message, true);
  }
}

/** A file name that every system takes. */
export const fileName = (...parts: (string | number)[]) =>
  parts
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^-+|-+$/g, '') || 'figure';
