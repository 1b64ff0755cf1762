// What a person does to runs, from whichever page: each says what came of it and, where it can be, how it is undone.
import { change, exportAdapter, failure, remove, resume, run as ask, stop, type RunChange, type RunSummary } from '$ipc';
import { plural } from '$lib/format';
import { Consent } from './consent.svelte';
import { adopt } from './draft.svelte';
import { isOwn, retagged, viewOf } from './experiments';
import { notices } from './notices.svelte';
import { router } from './router.svelte';
import { isActive, isResumable } from './run';
import { runs } from './runs.svelte';

const numbers = (these: RunSummary[]) => these.map((run) => run.id);
const named = (these: RunSummary[]) => (these[0] && these.length === 1 ? `“${these[0].name}”` : plural(these.length, 'run'));

/** Whether it went well; else it is said why not. */
async function carriedOut(what: () => Promise<unknown>): Promise<boolean> {
  try {
    await what();
    return true;
  } catch (thrown) {
    notices.say(failure(thrown).message, true);
    return false;
  } finally {
    await runs.load();
  }
}
const changed = (these: RunSummary[], changes: Partial<RunChange>) => carriedOut(() => change(numbers(these), changes));

export const rename = (these: RunSummary[], name: string) => changed(these, { name });
export const annotate = (one: RunSummary, notes: string) => changed([one], { notes });
export const addTag = (these: RunSummary[], tag: string) => retag(these, (tags) => [...tags, tag]);
export const dropTag = (these: RunSummary[], tag: string) => retag(these, (tags) => tags.filter((other) => other !== tag));
const retag = (these: RunSummary[], how: (tags: string[]) => string[]) =>
  carriedOut(async () => {
    for (const { ids, tags } of retagged(these, how)) await change(ids, { tags });
  });

export async function archive(these: RunSummary[], isOn: boolean) {
  if (!(await changed(these, { archived: isOn }))) return;
  const back = () => void changed(these, { archived: !isOn });
  notices.say(`${isOn ? 'Archived' : 'Unarchived'} ${named(these)}.`, false, { word: 'Undo', go: back });
}
/** Into the deleted ones, from where they can be brought back. */
export async function erase(these: RunSummary[]): Promise<boolean> {
  if (!(await changed(these, { deleted: true }))) return false;
  notices.say(`Deleted ${named(these)}.`, false, { word: 'Undo', go: () => void restore(these) });
  return true;
}
export const restore = (these: RunSummary[]) => changed(these, { deleted: false });
export async function removeForGood(these: RunSummary[]): Promise<boolean> {
  if (!(await carriedOut(() => remove(numbers(these))))) return false;
  notices.say(`Removed ${named(these)} for good.`);
  return true;
}

/** Those that have a command nobody has agreed to are left as they are: it is read on their own pages. */
export const resumeAll = (these: RunSummary[]) =>
  carriedOut(async () => {
    const [ready, held]: [RunSummary[], RunSummary[]] = [[], []];
    for (const run of these.filter((run) => isResumable(run.status))) ((await isAgreed(run)) ? ready : held).push(run);
    if (ready.length) await resume(numbers(ready));
    const [first] = held;
    if (!first) return;
    const read = { word: 'Read it', go: () => router.go(['runs', first.id]) };
    notices.say(`The reward of ${named(held)} runs a command that you have not agreed to. It is shown on the run’s page.`, true, read);
  });
async function isAgreed({ id }: RunSummary): Promise<boolean> {
  const consent = new Consent();
  await consent.look((await ask(id)).spec.reward, id);
  // What cannot be told is said on the run's page.
  return consent.isGiven;
}
export const stopAll = (these: RunSummary[]) =>
  carriedOut(async () => {
    // Those that wait first, else the next one would begin meanwhile.
    const active = these
      .filter((run) => isActive(run.status))
      .sort((a, b) => Number(b.status === 'waiting') - Number(a.status === 'waiting'));
    for (const run of active) await stop(run.id);
  });

export async function saveAdapter(one: RunSummary) {
  try {
    notices.say(`Saved as ${await exportAdapter(one.id)}`);
  } catch (thrown) {
    notices.say(failure(thrown).message, true);
  }
}

// An experiment of so many seeds says how much of a result is chance.
const ENOUGH_SEEDS = 5;
/** A run's spec as the draft: a copy to change, or the same with the seeds after those that there are. */
export async function setUpAgain(one: RunSummary, how: 'copy' | 'seeds') {
  try {
    const { spec } = await ask(one.id);
    if (how === 'copy') {
      adopt(spec, null);
      router.go(['new', 'data']);
      return;
    }
    const siblings = (runs.value ?? []).filter((run) => isOwn(run) && viewOf(run) !== 'deleted' && run.experiment === one.experiment);
    const last = Math.max(one.seed, ...siblings.map((run) => run.seed));
    adopt(spec, { seed: last + 1, seeds: Math.max(1, ENOUGH_SEEDS - siblings.length) });
    router.go(['new', 'evaluation'], { field: 'seeds' });
  } catch (thrown) {
    notices.say(failure(thrown).message, true);
  }
}
