// Files of runs that are open beside one's own database, only to look at.
import { chooseFile, closeFile, failure, files as ask, merge, onOpened, openExample, type Merged, type OpenFile } from '$ipc';
import { plural } from '$lib/format';
import { notices } from './notices.svelte';
import { Resource } from './resource.svelte';
import { router } from './router.svelte';
import { runs } from './runs.svelte';

export const files = new Resource(ask);
const reload = () => Promise.all([files.load(), runs.load()]);

async function attempt<T>(what: () => Promise<T>): Promise<T | null> {
  try {
    return await what();
  } catch (thrown) {
    notices.say(failure(thrown).message, true);
    return null;
  }
}

async function show(file: OpenFile) {
  await reload();
  notices.say(`Opened ${file.name}: ${plural(file.runs.length, 'run')}, read-only.`);
  router.go(['experiments']);
}
/** Asks for a file and opens it. */
export async function openFile() {
  const file = await attempt(chooseFile);
  if (file) await show(file);
}
/** A finished experiment to look at, on its results. */
export async function lookAtExample() {
  const file = await attempt(openExample);
  if (!file) return;
  await reload();
  const [newest] = file.runs;
  router.go(newest === undefined ? ['experiments'] : ['runs', newest, 'results']);
}
/** Shows what is dropped on the window or opened from the desktop; returns what ends it. */
export const watchOpened = () =>
  onOpened(({ file, error }) => {
    if (file) void show(file);
    else if (error) notices.say(error.message, true);
  });

export async function close(path: string) {
  const [page, id] = router.place.parts;
  // A page of one of its runs would be of nothing.
  if (page === 'runs' && runs.value?.some((run) => run.file === path && run.id === Number(id))) router.go(['experiments']);
  await attempt(() => closeFile(path));
  await reload();
}

export function mergedInWords({ added, known }: Merged): string {
  if (added.length === 0)
    return known === 1 ? 'Nothing to add: the run was here already.' : `Nothing to add: all ${known} runs were here already.`;
  const here = known === 0 ? '' : `, ${known} ${known === 1 ? 'was' : 'were'} here already`;
  return `${plural(added.length, 'run')} added${here}.`;
}
/** Copies a file's runs into one's own database; what was added, or null. */
export async function mergeFile(file: Pick<OpenFile, 'path' | 'name'>): Promise<number[] | null> {
  const merged = await attempt(() => merge(file.path));
  if (!merged) return null;
  await reload();
  notices.say(mergedInWords(merged), false, { word: `Close ${file.name}`, go: () => void close(file.path) });
  return merged.added;
}
