// What a forest shows, as rows: a run's paired differences, ratios of variances, differences over seeds.
import type { Comparison, ComparisonOverSeeds, Interval, VarianceRatio } from '$ipc';
import { fixed, interval, NONE, percent, probability, signed, signedInterval } from '$lib/format';
import type { CellGain, CellRatio } from '$lib/state/cells';
import { areClustered } from '$lib/state/clusters';
import { armWord } from './palette';

export interface ForestRow {
  label: string;
  arm: string;
  /** Of rows that stand together below these words. */
  group?: string;
  value: number;
  range: Interval;
  /** Another interval of the same figure, drawn thick. */
  inner?: Interval | null;
  /** The figure and its interval in words. */
  words: [string, string];
  cells: string[];
}
export interface ForestOf {
  /** What all of it is, for those who hear it. */
  title: string;
  /** Of the words, and of each cell. */
  heads: [string, ...string[]];
  axis: string;
  rows: ForestRow[];
  /** Where there is no effect, a line: of differences, of shares, whose scale is all of them, and of ratios, whose scale is logarithmic. */
  none: 0 | 0.5 | 1;
  /** Another line, with its word. */
  also?: { at: number; word: string };
  /** How its scale is written, if not as differences or ratios are. */
  tick?: (value: number) => string;
}

export const pairWord = (pair: { arm: string; baseline: string }, sign = '−') =>
  `${armWord(pair.arm)} ${sign} ${armWord(pair.baseline).toLowerCase()}`;

// So many rows are read without being told apart.
const FEW = 3;
/** What the tuned prompter is against each comes first; the words below which a comparison stands, where there are many. */
export function inGroups<Of>(rows: Of[], pairOf: (row: Of) => { arm: string; baseline: string }): { row: Of; group?: string }[] {
  const isTuned = (row: Of) => pairOf(row).arm === 'tuned';
  const sorted = [...rows.filter(isTuned), ...rows.filter((row) => !isTuned(row))];
  const group = (row: Of) => (isTuned(row) ? 'Tuned against each' : `Others against ${armWord(pairOf(row).baseline).toLowerCase()}`);
  const isApart = rows.length > FEW && new Set(rows.map(group)).size > 1;
  return sorted.map((row) => (isApart ? { row, group: group(row) } : { row }));
}

/** What is said of a difference beside itself, and from which width on, in pixels, there is room for it. */
const CELLS: [head: string, from: number, show: (c: Comparison) => string][] = [
  ['d_z', 840, (c) => signed(c.effect_size, 2)],
  ['better on', 840, (c) => percent(c.improvement?.share)],
  ['p', 0, (c) => probability(c.p_value)],
  ['p, Holm', 640, (c) => probability(c.p_holm)],
  ['prompts', 0, (c) => String(c.prompts)],
];

export function differenceForest(rows: { label?: string; comparison: Comparison }[], width: number): ForestOf {
  const clusters: typeof CELLS = areClustered(rows.map(({ comparison }) => comparison))
    ? [['clusters', 0, (c) => (c.clusters == null ? NONE : String(c.clusters))]]
    : [];
  const cells = [...CELLS, ...clusters].filter(([, from]) => width >= from);
  return {
    title: 'Paired differences',
    heads: ['difference [95 % interval]', ...cells.map(([head]) => head)],
    axis: 'difference in mean reward',
    none: 0,
    rows: inGroups(rows, (row) => row.comparison).map(({ row: { label, comparison: c }, group }) => ({
      group,
      label: label ? `${label}: ${pairWord(c)}` : pairWord(c),
      arm: c.arm,
      value: c.mean_difference,
      range: { low: c.ci_low, high: c.ci_high },
      words: [signed(c.mean_difference), signedInterval(c.ci_low, c.ci_high)],
      cells: cells.map(([, , show]) => show(c)),
    })),
  };
}

type Ratio = Pick<ForestRow, 'group' | 'label' | 'arm'> & { variance: VarianceRatio | null };
/** Ratios of variances that have an interval, below 1 where the arm varies less. */
const ratiosIn = (ratios: Ratio[]): ForestOf => ({
  title: 'Ratios of variances',
  heads: ['ratio [95 % interval]', 'p'],
  axis: 'ratio of reward variances',
  none: 1,
  rows: ratios.flatMap(({ group, label, arm, variance }): ForestRow[] => {
    const { ratio, interval: range, p_value } = variance ?? { ratio: null, interval: null, p_value: null };
    if (ratio === null || range === null) return [];
    const words: [string, string] = [fixed(ratio, 2), interval(range.low, range.high, 2)];
    return [{ group, label, arm, value: ratio, range, words, cells: [probability(p_value)] }];
  }),
});
export const ratioForest = (comparisons: Comparison[]) =>
  ratiosIn(
    inGroups(comparisons, (c) => c).map(({ row: c, group }) => ({ group, label: pairWord(c, '/'), arm: c.arm, variance: c.variance })),
  );

/** What the tuned prompter gained in each data set and pair. */
export const gainForest = (gains: CellGain[]): ForestOf => ({
  title: 'What the tuned prompter gained',
  heads: ['difference [95 % interval]', 'p', 'p, Holm', 'seeds'],
  axis: 'difference in mean reward',
  none: 0,
  rows: gains.map(({ cell, baseline, mean, range, p, adjusted, seeds }) => ({
    group: cell,
    label: pairWord({ arm: 'tuned', baseline }),
    arm: 'tuned',
    value: mean,
    range,
    words: [signed(mean), signedInterval(range.low, range.high)],
    cells: [probability(p), probability(adjusted), String(seeds)],
  })),
});

/** The tuned prompter's ratios of variances in each run of each data set and pair. */
export const cellRatioForest = (ratios: CellRatio[]) =>
  ratiosIn(
    ratios.map(({ cell, arm, baseline, seed, variance }) => ({
      ...{ group: cell, arm, variance },
      label: `${pairWord({ arm, baseline }, '/')}${seed === null ? '' : `, seed ${seed}`}`,
    })),
  );

/** Differences in the parts that were only watched: of what was trained over the arms before training. */
export function watchedForest(comparisons: Comparison[]): ForestOf {
  const shown = comparisons.filter((c) => ['tuned', 'oracle'].includes(c.arm) && ['raw', 'untuned'].includes(c.baseline));
  const labels = [...new Set(shown.flatMap((c) => c.watched.map(({ label }) => label)))];
  const rows = labels.flatMap((label) =>
    shown.flatMap((c): ForestRow[] => {
      const found = c.watched.find((one) => one.label === label);
      if (!found?.interval) return [];
      const { difference, interval: range } = found;
      const words: [string, string] = [signed(difference), signedInterval(range.low, range.high)];
      return [{ group: label, label: pairWord(c), arm: c.arm, value: difference, range, words, cells: [signed(c.mean_difference)] }];
    }),
  );
  return {
    title: 'Differences in watched parts',
    heads: ['difference [95 % interval]', 'in reward'],
    axis: 'difference in the part, unweighted',
    none: 0,
    rows,
  };
}

/** Differences over seeds: Student's t, and the bootstrap drawn thick; with one seed the bootstrap alone. */
export function seedForest(comparisons: ComparisonOverSeeds[]): ForestOf {
  const rows = inGroups(comparisons, (c) => c).flatMap(({ row: c, group }): ForestRow[] => {
    const { mean, student, bootstrap, seeds } = c.difference;
    const range = student ?? bootstrap;
    if (!range) return [];
    const words: [string, string] = [signed(mean), signedInterval(range.low, range.high)];
    const cells = [probability(c.p_value), probability(c.p_holm), String(seeds)];
    return [{ group, label: pairWord(c), arm: c.arm, value: mean, range, inner: student && bootstrap, words, cells }];
  });
  return {
    title: 'Differences over seeds',
    heads: ['difference [95 % interval]', 'p', 'p, Holm', 'seeds'],
    axis: 'difference in mean reward',
    none: 0,
    rows,
  };
}
