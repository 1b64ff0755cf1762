// Runs by data set and pair of models, as the paper's figures 2 and 3 have them; the seeds of one experiment together.
import type { Comparison, ComparisonOverSeeds, GapClosed, Interval, Report, RunSummary, SeedsReport, Spec, VarianceRatio } from '$ipc';
import { ARMS, armWord, type ArmKey } from '$lib/charts/palette';
import { csv, fixed, listed, plural } from '$lib/format';
import { holm, isOfTuned } from './compare';
import { grouped, lastPart, type Experiment } from './experiments';
import { closed, PAPER, type Least } from './paper';
import { isWatched } from './rewards';

export interface CellArm {
  arm: ArmKey;
  mean: number;
  range: Interval | null;
  /** Over all answers; the mean over seeds where there are several. */
  variance: number | null;
}
/** One experiment. */
export interface Cell {
  key: string;
  /** Of the experiment. */
  name: string;
  data: string;
  /** By their codes: P1-F1. Experiments that agree in data and pair have a letter after it. */
  pair: string;
  prompter: string;
  frozen: string;
  seeds: number;
  /** Of the seeds those that count at the baseline's value. */
  failed: number;
  arms: CellArm[];
  gaps: GapClosed[];
  /** Of one run. */
  comparisons: Comparison[];
  /** Of several seeds. */
  overSeeds: ComparisonOverSeeds[];
}

/** What data sets are called, by their source: as short as tells them apart. */
export function dataWords(sources: string[]): Map<string, string> {
  const all = [...new Set(sources)];
  const stem = (source: string) => lastPart(source).replace(/\.(jsonl|json|csv|parquet)(\.gz)?$/, '');
  const shortest = (source: string) =>
    [stem, lastPart, String].find((word) => all.filter((other) => word(other) === word(source)).length === 1)?.(source) ?? source;
  return new Map(all.map((source) => [source, source === 'shipped' ? 'Shipped prompts' : shortest(source)]));
}
const placeOf = ({ data, prompter, frozen }: RunSummary) => JSON.stringify([data, prompter, frozen]);

/** Whether runs that have a report differ in their data set or their models. */
export const haveCells = (runs: RunSummary[]) => new Set(runs.filter((run) => run.report).map(placeOf)).size > 1;
/** Experiments with a report at least, those of one data set together. */
export function experimentsOf(chosen: RunSummary[]): Experiment[] {
  const all = grouped(chosen).filter(({ runs }) => runs.some((run) => run.report));
  const data = [...new Set(all.map(({ runs }) => runs[0]?.data))];
  return all.toSorted((a, b) => data.indexOf(a.runs[0]?.data) - data.indexOf(b.runs[0]?.data));
}
/** Those whose seeds have to be put together. */
export const withSeeds = (all: Experiment[]) => all.filter(({ runs }) => runs.length > 1);

/** Models by codes in the order in which they come: P1, P2 … */
export function codes(letter: string, names: string[]): Map<string, string> {
  return new Map([...new Set(names)].map((name, i) => [name, `${letter}${i + 1}`]));
}

const meanOf = (values: (number | null)[]) => {
  const known = values.filter((v) => v !== null);
  return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
};
const varianceOf = (reports: Report[], arm: string) =>
  meanOf(reports.map((report) => report.arms.find(({ name }) => name === arm)?.reward_variance ?? null));

function armsOf(reports: Report[], together: SeedsReport | undefined): CellArm[] {
  return ARMS.flatMap((arm): CellArm[] => {
    const variance = varianceOf(reports, arm);
    const over = together?.arms.find((one) => one.arm === arm)?.reward;
    if (over) return [{ arm, mean: over.mean, range: over.student ?? over.bootstrap, variance }];
    const own = reports.flatMap((report) => report.arms.filter(({ name }) => name === arm));
    const [one] = own;
    if (!one) return [];
    // Seeds that could not be put together have a mean, and no interval.
    const range = own.length === 1 ? { low: one.reward_ci_low, high: one.reward_ci_high } : null;
    return [{ arm, mean: meanOf(own.map(({ reward_mean }) => reward_mean)) ?? one.reward_mean, range, variance }];
  });
}

/** Experiments as cells; `together` holds what their seeds found, by the experiment's key. */
export function cellsOf(all: Experiment[], together: Map<string, SeedsReport>): Cell[] {
  const first = all.map(({ runs }) => runs[0]!);
  const data = dataWords(first.map((run) => run.data));
  const [prompters, frozens] = [
    codes(
      'P',
      first.map(({ prompter }) => prompter),
    ),
    codes(
      'F',
      first.map(({ frozen }) => frozen),
    ),
  ];
  return all.map(({ key, name, runs }, i) => {
    const run = first[i]!;
    const twins = first.filter((other) => placeOf(other) === placeOf(run));
    const letter = twins.length > 1 ? ` ${String.fromCharCode(97 + twins.indexOf(run))}` : '';
    const reports = runs.flatMap(({ report }) => report ?? []);
    const found = together.get(key);
    const counted = found?.arms.find(({ arm }) => arm === 'tuned')?.reward ?? found?.arms[0]?.reward;
    const isOne = reports.length === 1 && !found;
    return {
      key,
      name,
      data: data.get(run.data) ?? run.data,
      pair: `${prompters.get(run.prompter)}-${frozens.get(run.frozen)}${letter}`,
      prompter: lastPart(run.prompter),
      frozen: lastPart(run.frozen),
      seeds: counted?.seeds ?? reports.length,
      failed: counted?.failed ?? 0,
      arms: armsOf(reports, found),
      gaps: found?.gaps ?? (isOne ? (reports[0]?.gaps ?? []) : []),
      comparisons: isOne ? (reports[0]?.comparisons ?? []) : [],
      overSeeds: found?.comparisons ?? [],
    };
  });
}

/** What the codes stand for, in the order in which they came. */
export function keyOf(cells: Cell[]): string[] {
  const of = (at: 0 | 1, model: (cell: Cell) => string) =>
    [...new Map(cells.map((cell) => [cell.pair.split(/[- ]/)[at] ?? '', model(cell)]))].map(([code, name]) => `${code}: ${name}`);
  const twins = cells.filter(({ pair }) => pair.includes(' ')).map(({ data, pair, name }) => `${data} ${pair}: ${name}`);
  return [...of(0, ({ prompter }) => prompter), ...of(1, ({ frozen }) => frozen), ...twins];
}

/** What the tuned prompter gained in a cell over another arm. */
export interface CellGain {
  cell: string;
  baseline: string;
  mean: number;
  range: Interval;
  /** Of several seeds by Student's t; null where there is no test. */
  p: number | null;
  /** Adjusted for all of these that have one. */
  adjusted: number | null;
  seeds: number;
}
/** In each cell over one arm, or where none is named over the usual ones. */
export function cellGains(cells: Cell[], baseline: string): CellGain[] {
  const found = cells.flatMap((cell): Omit<CellGain, 'adjusted'>[] => {
    const lead = { cell: `${cell.data}, ${cell.pair}`, seeds: cell.seeds };
    return [
      ...cell.comparisons
        .filter((c) => isOfTuned(c, baseline))
        .map((c) => ({
          ...lead,
          ...{ baseline: c.baseline, mean: c.mean_difference, range: { low: c.ci_low, high: c.ci_high }, p: c.p_value },
        })),
      ...cell.overSeeds
        .filter((c) => isOfTuned(c, baseline))
        .flatMap(({ baseline: over, difference: d, p_value: p }) => {
          const range = d.student ?? d.bootstrap;
          return range ? [{ ...lead, baseline: over, mean: d.mean, range, p }] : [];
        }),
    ];
  });
  const adjusted = holm(found.flatMap(({ p }) => p ?? []));
  let at = 0;
  return found.map((gain) => ({ ...gain, adjusted: gain.p === null ? null : (adjusted[at++] ?? null) }));
}

/** How the tuned prompter's variance compares in one run of a cell. */
export interface CellRatio {
  cell: string;
  arm: string;
  baseline: string;
  /** Where the cell has several. */
  seed: number | null;
  variance: VarianceRatio;
}
/** In each run over one arm, or where none is named over the usual ones; of those that have an interval. `cells` are of `all`. */
export function cellRatios(all: Experiment[], cells: Cell[], baseline: string): CellRatio[] {
  return all.flatMap(({ runs }, i) => {
    const { data, pair } = cells[i]!;
    const reported = runs.filter(({ report }) => report);
    return reported.flatMap(({ report, seed }) =>
      (report?.comparisons ?? []).flatMap((c): CellRatio[] =>
        isOfTuned(c, baseline) && c.variance?.interval
          ? [{ cell: `${data}, ${pair}`, arm: c.arm, baseline: c.baseline, seed: reported.length > 1 ? seed : null, variance: c.variance }]
          : [],
      ),
    );
  });
}

// Those that the paper compares; what it calls no fine-tuning may be either of the first two.
const PAPERS: ArmKey[] = ['raw', 'untuned', 'oracle'];
/** In how many cells the tuned prompter has the least variance, of the arms that the paper compares. */
export function leastVariance(cells: Cell[]): Least {
  const compared = cells.flatMap(({ data, pair, arms }) => {
    const tuned = arms.find(({ arm }) => arm === 'tuned')?.variance ?? null;
    const others = arms.flatMap(({ arm, variance }) => (PAPERS.includes(arm) && variance !== null ? [{ arm, variance }] : []));
    const least = others.toSorted((a, b) => a.variance - b.variance)[0];
    return tuned === null || !least ? [] : [{ name: `${data} ${pair}`, tuned, least }];
  });
  const exceptions = compared.filter(({ tuned, least }) => tuned >= least.variance);
  return {
    groups: compared.length,
    least: compared.length - exceptions.length,
    exceptions: exceptions.map(
      ({ name, tuned, least }) => `${name} (${armWord(least.arm).toLowerCase()} ${fixed(least.variance)}, tuned ${fixed(tuned)})`,
    ),
  };
}
export function leastInWords(cells: Cell[]): string {
  const { groups, least, exceptions } = leastVariance(cells);
  if (groups === 0) return 'No group here has the tuned prompter beside an arm that the paper compares it with.';
  const not = exceptions.length ? `, not in ${listed(exceptions)}` : '';
  return `The tuned prompter has the least variance in ${least} of ${plural(groups, 'group')}${not}: among raw, untuned and oracle, as far as a group has them.`;
}

/** In how many cells the tuned prompter's mean is above that of each arm before training. */
export function aboveInWords(cells: Cell[]): string {
  const meanIn = ({ arms }: Cell, name: ArmKey) => arms.find(({ arm }) => arm === name)?.mean ?? null;
  const parts = (['raw', 'untuned'] as const).flatMap((baseline) => {
    const both = cells.flatMap((cell): [number, number][] => {
      const [tuned, other] = [meanIn(cell, 'tuned'), meanIn(cell, baseline)];
      return tuned === null || other === null ? [] : [[tuned, other]];
    });
    const above = both.filter(([tuned, other]) => tuned > other).length;
    return both.length ? [`${armWord(baseline).toLowerCase()} in ${above} of ${both.length}`] : [];
  });
  return parts.length
    ? `The tuned prompter’s mean is above ${parts.join(', and above ')} groups; the differences below say where that is more than chance.`
    : '';
}

/** The share of the gap over the raw prompt that is closed, or over the untuned prompter where there is no raw one. */
export const closedIn = ({ gaps }: Cell) => (gaps.find(({ baseline }) => baseline === 'raw') ?? gaps[0])?.share ?? null;

/** Whether all of these specs train on the same reward, so that one scale serves them all. */
export const haveOneReward = (specs: Spec[]) =>
  new Set(specs.map(({ reward }) => JSON.stringify(reward.parts.filter((part) => !isWatched(part))))).size <= 1;

/** Of all that is drawn; the paper's values only where they are shown. */
export function cellsCsv(cells: Cell[], withPaper: boolean): string {
  const shares = ({ gaps }: Cell) => ['raw', 'untuned'].map((name) => gaps.find(({ baseline }) => baseline === name)?.share);
  const paper = PAPER.flatMap((cell) =>
    (['no fine-tuning', 'Align-Pro', 'oracle'] as const).map((arm, i) => [
      ...['the paper, read off its charts', cell.data, cell.pair, null, null, null, null, null, arm],
      ...[cell.mean[i], null, null, cell.variance[i], null, null, closed(cell)],
    ]),
  );
  return csv([
    [
      ...['source', 'data', 'pair', 'prompter', 'frozen', 'experiment', 'seeds', 'failed', 'arm'],
      ...['reward_mean', 'low', 'high', 'reward_variance'],
      ...['gap_closed_over_raw', 'gap_closed_over_untuned', 'gap_closed_over_no_fine_tuning'],
    ],
    ...cells.flatMap((cell) =>
      cell.arms.map(({ arm, mean, range, variance }) => [
        ...['own', cell.data, cell.pair, cell.prompter, cell.frozen, cell.name, cell.seeds, cell.failed, arm],
        ...[mean, range?.low, range?.high, variance, ...shares(cell), null],
      ]),
    ),
    ...(withPaper ? paper : []),
  ]);
}
