// How much of the oracle's gain the tuned prompter gets: as a figure, in words and as saved.
import type { GapClosed, Interval, Report, SeedsReport } from '$ipc';
import type { ForestOf } from '$lib/charts/forest';
import { armWord } from '$lib/charts/palette';
import { csv, fullStop, percent, signed, signedInterval } from '$lib/format';
import { within } from './tables';

const shares = (low: number, high: number) => `[${percent(low)}, ${percent(high)}]`;
const withRange = (value: string, range: Interval | null, show: (low: number, high: number) => string) =>
  `${value} ${within(range, show)}`.trim();

/** Of each share that is not withheld; 0 is the baseline and 1 the oracle. */
export const gapForest = (gaps: GapClosed[]): ForestOf => ({
  title: 'Gap closed',
  heads: ['share [95 % interval]'],
  axis: 'share of the oracle’s gain over the baseline',
  none: 0,
  also: { at: 1, word: 'oracle' },
  tick: (x) => percent(x),
  rows: gaps.flatMap(({ baseline, share, interval }) => {
    if (share === null) return [];
    const words: [string, string] = [percent(share), within(interval, shares)];
    const range = interval ?? { low: share, high: share };
    return [{ label: `Over the ${armWord(baseline, true).toLowerCase()}`, arm: 'tuned', value: share, range, words, cells: [] }];
  }),
});

/** A gap and what of it is closed, as one or two sentences. */
export function gapInWords({ baseline, width, width_interval, share, interval, withheld }: GapClosed): string {
  const over = armWord(baseline, true).toLowerCase();
  const gap = width === null ? '' : `The oracle gains ${withRange(signed(width), width_interval, signedInterval)} over the ${over}. `;
  return share === null
    ? `${gap}The share that the tuned prompter closes is withheld, ${fullStop(`because ${withheld ?? 'it cannot be estimated'}`)}`
    : `${gap}The tuned prompter closes ${withRange(percent(share), interval, shares)} of that.`;
}

const COLUMNS = ['baseline', 'gap', 'gap_low', 'gap_high', 'share', 'share_low', 'share_high', 'withheld'];
/** A row for each gap, after what it is of. */
const rows = (lead: Record<string, string | number>, gaps: GapClosed[]) =>
  csv([
    [...Object.keys(lead), ...COLUMNS],
    ...gaps.map((gap) => [
      ...Object.values(lead),
      ...[gap.baseline, gap.width, gap.width_interval?.low, gap.width_interval?.high],
      ...[gap.share, gap.interval?.low, gap.interval?.high],
      gap.withheld,
    ]),
  ]);
export const gapsCsv = ({ run, name, seed, gaps }: Report) => rows({ run, name, seed }, gaps);
export const seedGapsCsv = ({ name, runs, gaps }: SeedsReport) => rows({ name, seeds: runs.map(({ seed }) => seed).join(' ') }, gaps);
