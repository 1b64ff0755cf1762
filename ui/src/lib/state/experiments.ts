// Runs as the list shows them: seeds of one experiment together, filtered and sorted.
import type { Comparison, RunSummary } from '$ipc';
import { plural } from '$lib/format';

export interface Experiment {
  /** The same for runs that differ in nothing but their seed and name, and are in the same database. */
  key: string;
  /** Of the newest run. */
  name: string;
  /** By their seeds. */
  runs: RunSummary[];
}
export type Column = 'name' | 'status' | 'seed' | 'created' | 'progress' | 'tuned' | 'difference';
export interface Order {
  column: Column;
  isDescending: boolean;
}

export const tuned = (run: RunSummary) => run.report?.arms.find((arm) => arm.name === 'tuned') ?? null;
export const againstRaw = (run: RunSummary): Comparison | null =>
  run.report?.comparisons.find((c) => c.arm === 'tuned' && c.baseline === 'raw') ?? null;

/** A training that ended for want of better validations, as far as the list knows: one that finished before its last iteration. */
export const hasEndedEarly = (run: RunSummary) => run.status === 'finished' && tuned(run) !== null && run.iterations_done < run.iterations;
/** Iterations that a run has when its training is done. */
export const iterationsOf = (run: RunSummary) => (hasEndedEarly(run) ? run.iterations_done : run.iterations);

export const isOwn = (run: RunSummary) => run.file === null;

export type View = 'all' | 'archived' | 'deleted';
export const viewOf = (run: RunSummary): View => (run.deleted_at_ms !== null ? 'deleted' : run.archived ? 'archived' : 'all');

/** What tells a run from others of its name: its number, or the file that it is in. */
export const mark = (run: Pick<RunSummary, 'id' | 'file'>) => (run.file === null ? `#${run.id}` : lastPart(run.file));

const experimentKey = (run: RunSummary) => (run.file === null ? run.experiment : `${run.file} ${run.experiment}`);

/** Runs, the newest first, as experiments in the order of the first run of each. */
export function grouped(runs: RunSummary[]): Experiment[] {
  const groups = new Map<string, RunSummary[]>();
  for (const run of runs) {
    const group = groups.get(experimentKey(run));
    if (group) group.push(run);
    else groups.set(experimentKey(run), [run]);
  }
  return [...groups].map(([key, members]) => ({
    key,
    name: members[0]?.name ?? '',
    runs: members.toSorted((a, b) => a.seed - b.seed || a.created_at_ms - b.created_at_ms),
  }));
}
/** The same runs, those of one experiment together. */
export const together = (runs: RunSummary[]) => grouped(runs).flatMap((group) => group.runs);

/** How many there are, of one's own or else in the files that are open. */
export function countInWords(own: Experiment[], files: Experiment[][]): string {
  const count = (groups: Experiment[]) => groups.reduce((sum, group) => sum + group.runs.length, 0);
  const [mine, theirs] = [count(own), count(files.flat())];
  if (mine > 0) return `${plural(own.length, 'experiment')}, ${plural(mine, 'run')}`;
  if (theirs === 0) return 'no runs';
  return `none of your own, ${plural(theirs, 'run')} in ${plural(files.filter((groups) => groups.length).length, 'opened file')}`;
}

// "seed 2" is one wish, else its 2 would be found in a model's name; a tag of several words stands in quotes.
const wishes = (filter: string): string[] => filter.match(/tag:"[^"]*"?|\bseed\s+\d+|\S+/gi) ?? [];
const asTag = (text: string) => text.toLowerCase().replaceAll('"', '');

/** Every word of the filter must be found somewhere in a run; `tag:paper` must be one of its tags. */
export function matching(runs: RunSummary[], filter: string): RunSummary[] {
  const words = wishes(filter).map((word) => word.toLowerCase().replace(/^seed\s+(\d+)$/, 'seed:$1;'));
  if (words.length === 0) return runs;
  return runs.filter((run) => {
    const seed = `seed:${run.seed}; seed`;
    const text = [run.name, run.status, run.data, run.prompter, run.frozen, seed, mark(run), run.message, run.notes, ...run.tags]
      .join(' ')
      .toLowerCase();
    const tags = run.tags.map(asTag);
    return words.every((word) => (word.startsWith('tag:') ? tags.includes(asTag(word.slice(4))) : text.includes(word)));
  });
}

const tagWish = (tag: string) => (/\s/.test(tag) ? `tag:"${asTag(tag)}"` : `tag:${asTag(tag)}`);
export const isWished = (filter: string, tag: string) => wishes(filter.toLowerCase()).includes(tagWish(tag));
/** The filter with a tag, or without it where it was there. */
export function toggledTag(filter: string, tag: string): string {
  const words = wishes(filter);
  const rest = words.filter((word) => word.toLowerCase() !== tagWish(tag));
  return (rest.length < words.length ? rest : [...words, tagWish(tag)]).join(' ');
}

/** Tags of all of these runs together, in order. */
export const tagsOf = (runs: RunSummary[]) => [...new Set(runs.flatMap((run) => run.tags))].sort();
/** The tags that runs get by a change, where it changes any; runs that get the same ones together. */
export function retagged(runs: RunSummary[], change: (tags: string[]) => string[]): { ids: number[]; tags: string[] }[] {
  const groups = new Map<string, { ids: number[]; tags: string[] }>();
  for (const run of runs) {
    const tags = [...new Set(change(run.tags))].sort();
    const key = JSON.stringify(tags);
    if (key === JSON.stringify([...run.tags].sort())) continue;
    groups.set(key, { ids: [...(groups.get(key)?.ids ?? []), run.id], tags });
  }
  return [...groups.values()];
}

const KEYS: Record<Column, (run: RunSummary) => string | number | null> = {
  name: (run) => run.name.toLowerCase(),
  status: (run) => run.status,
  seed: (run) => run.seed,
  created: (run) => run.created_at_ms,
  progress: (run) => run.iterations_done / Math.max(1, iterationsOf(run)),
  tuned: (run) => tuned(run)?.reward_mean ?? null,
  difference: (run) => againstRaw(run)?.mean_difference ?? null,
};

/** Sorted by the best run of each group, which keeps its own order; what has no value comes last either way. */
export function ordered(groups: Experiment[], { column, isDescending }: Order): Experiment[] {
  const key = KEYS[column];
  const compare = (a: string | number | null, b: string | number | null) => {
    if (a === b) return 0;
    if (a === null) return 1;
    if (b === null) return -1;
    return (a < b ? -1 : 1) * (isDescending ? -1 : 1);
  };
  const best = ({ runs }: Experiment) => runs.map(key).sort(compare)[0] ?? null;
  return [...groups].sort((a, b) => compare(best(a), best(b)));
}

/** One scale for all differences of a list. */
export function differenceExtent(runs: RunSummary[]): [number, number] {
  const all = runs.map(againstRaw).filter((c) => c !== null);
  return all.length ? [Math.min(...all.map((c) => c.ci_low)), Math.max(...all.map((c) => c.ci_high))] : [-1, 1];
}

/** The last part of a path, a name as it is. */
export const lastPart = (path: string) => path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
