import type { Comparison, RunSummary, Spec } from '$ipc';
import { ARMS, type ArmKey } from '$lib/charts/palette';
import { whole } from './arms';
import { grouped, lastPart } from './experiments';

export interface Group {
  key: string;
  label: string;
  runs: RunSummary[];
  /** Mean over the seeds at each iteration that all of them have reached. */
  middle: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
}

/** The mean of the values so far within a window; gaps stay gaps. */
export function smoothed(values: (number | null)[], window: number): (number | null)[] {
  if (window <= 1) return values;
  return values.map((value, i) => {
    if (value === null) return null;
    const near = values.slice(Math.max(0, i - window + 1), i + 1).filter((v) => v !== null);
    return near.reduce((a, b) => a + b, 0) / near.length;
  });
}

/** Chosen runs by experiment; seeds of one experiment become one line with a band from the lowest to the highest. */
export function curves(chosen: RunSummary[], window: number): Group[] {
  return grouped(chosen).map(({ key, name, runs }) => {
    const lines = runs.map((run) => smoothed(run.reward_curve, window));
    const length = Math.min(...lines.map((line) => line.length));
    const at = (i: number, of: (values: number[]) => number) => {
      const values = lines.map((line) => line[i] ?? null).filter((v) => v !== null);
      return values.length === lines.length ? of(values) : null;
    };
    const along = (of: (values: number[]) => number) => Array.from({ length }, (_, i) => at(i, of));
    const seeds = runs.map((run) => run.seed);
    const from = runs[0]?.file ? ` (${lastPart(runs[0].file)})` : '';
    const label = `${name}${from}, ${seeds.length === 1 ? `seed ${seeds[0]}` : `mean of seeds ${seeds.join(', ')}`}`;
    return {
      key,
      label,
      runs,
      middle: along((v) => v.reduce((a, b) => a + b, 0) / v.length),
      low: along((v) => Math.min(...v)),
      high: along((v) => Math.max(...v)),
    };
  });
}

/** Whether runs are different seeds of one experiment, of which one at least has ended with a report. */
export const areSeeds = (chosen: RunSummary[]) =>
  chosen.length > 1 &&
  chosen.every((run) => run.experiment === chosen[0]?.experiment) &&
  new Set(chosen.map((run) => run.seed)).size === chosen.length &&
  chosen.some((run) => run.report !== null);

/** What a trained prompter is always held against. */
export const USUAL = ['raw', 'untuned'];
/** The arms that the tuned prompter was compared with in any of these runs. */
export function baselinesOf(runs: RunSummary[]): ArmKey[] {
  const names = new Set(runs.flatMap((run) => (run.report?.comparisons ?? []).flatMap((c) => (c.arm === 'tuned' ? c.baseline : []))));
  return ARMS.filter((arm) => names.has(arm));
}
/** Whether it says what the tuned prompter is against one arm, or where none is named against the usual ones. */
export const isOfTuned = (c: { arm: string; baseline: string }, baseline: string) =>
  c.arm === 'tuned' && (baseline ? c.baseline === baseline : USUAL.includes(c.baseline));
/** What the tuned prompter gained in each run over one arm, or where none is named over the usual ones. */
export function gains(runs: RunSummary[], baseline: string): { run: RunSummary; comparison: Comparison }[] {
  return runs.flatMap((run) =>
    (run.report?.comparisons ?? []).filter((c) => isOfTuned(c, baseline)).map((comparison) => ({ run, comparison })),
  );
}

/** p-values adjusted after Holm, in their own order: at most 0.05 rejects with at most 5 % of any false rejection among all. */
export function holm(values: number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const adjusted = new Array<number>(values.length);
  let largest = 0;
  order.forEach((at, rank) => {
    largest = Math.max(largest, Math.min(1, (values.length - rank) * values[at]!));
    adjusted[at] = largest;
  });
  return adjusted;
}
/** Comparisons that are shown together, adjusted for each other. */
export function adjusted<Of extends { comparison: Comparison }>(rows: Of[]): Of[] {
  const p_holm = holm(rows.map(({ comparison }) => comparison.p_value));
  return rows.map((row, i) => ({ ...row, comparison: { ...row.comparison, p_holm: p_holm[i] ?? null } }));
}

/** A spec as flat keys, the way problems name them. */
export function flat(value: unknown, path = ''): Record<string, string> {
  if (value === null || typeof value !== 'object') return { [path]: value === null ? '' : String(value) };
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return { [path]: value.join(', ') };
  const entries = Array.isArray(value)
    ? value.map((item, i) => [`${path}[${i}]`, item] as const)
    : Object.entries(value).map(([key, item]) => [path ? `${path}.${key}` : key, item] as const);
  return Object.assign({}, ...entries.map(([key, item]) => flat(item, key)));
}

/** The keys in which specs differ, with each spec's value (null where it has no such key). */
export function differences(specs: Spec[]): { key: string; values: (string | null)[] }[] {
  const all = specs.map((spec) => flat(whole(spec)));
  const keys = [...new Set(all.flatMap((one) => Object.keys(one)))];
  return keys.map((key) => ({ key, values: all.map((one) => one[key] ?? null) })).filter(({ values }) => new Set(values).size > 1);
}
