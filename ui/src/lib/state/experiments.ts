// Runs as the list shows them: seeds of one experiment together, filtered and sorted.
import type { Comparison, RunSummary } from '$ipc';

export interface Experiment {
  key: string;
  name: string;
  /** Newest first. */
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

export function grouped(runs: RunSummary[]): Experiment[] {
  const groups = new Map<string, RunSummary[]>();
  for (const run of runs) {
    const group = groups.get(run.experiment);
    if (group) group.push(run);
    else groups.set(run.experiment, [run]);
  }
  return [...groups].map(([key, members]) => ({ key, name: members[0]?.name ?? '', runs: members }));
}

/** Every word of the filter must be found somewhere in a run. */
export function matching(runs: RunSummary[], filter: string): RunSummary[] {
  // "seed 2" is one wish, else its 2 would be found in a model's name.
  const words = filter
    .toLowerCase()
    .replace(/\bseed\s+(\d+)/g, 'seed:$1;')
    .split(/\s+/)
    .filter(Boolean);
  if (words.length === 0) return runs;
  return runs.filter((run) => {
    const text = [run.name, run.status, run.data, run.prompter, run.frozen, `seed:${run.seed}; seed`, `#${run.id}`, run.message]
      .join(' ')
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

const KEYS: Record<Column, (run: RunSummary) => string | number | null> = {
  name: (run) => run.name.toLowerCase(),
  status: (run) => run.status,
  seed: (run) => run.seed,
  created: (run) => run.created_at_ms,
  progress: (run) => run.iterations_done / Math.max(1, run.iterations),
  tuned: (run) => tuned(run)?.reward_mean ?? null,
  difference: (run) => againstRaw(run)?.mean_difference ?? null,
};

/** Sorted by the best run of each group; what has no value comes last either way. */
export function ordered(groups: Experiment[], { column, isDescending }: Order): Experiment[] {
  const key = KEYS[column];
  const compare = (a: string | number | null, b: string | number | null) => {
    if (a === b) return 0;
    if (a === null) return 1;
    if (b === null) return -1;
    return (a < b ? -1 : 1) * (isDescending ? -1 : 1);
  };
  const sorted = groups.map((group) => ({ ...group, runs: [...group.runs].sort((a, b) => compare(key(a), key(b))) }));
  return sorted.sort((a, b) => compare(a.runs[0] ? key(a.runs[0]) : null, b.runs[0] ? key(b.runs[0]) : null));
}

/** One scale for all differences of a list. */
export function differenceExtent(runs: RunSummary[]): [number, number] {
  const all = runs.map(againstRaw).filter((c) => c !== null);
  return all.length ? [Math.min(...all.map((c) => c.ci_low)), Math.max(...all.map((c) => c.ci_high))] : [-1, 1];
}

/** The last part of a path, a name as it is. */
export const lastPart = (path: string) => path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
