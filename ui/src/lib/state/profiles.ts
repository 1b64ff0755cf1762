// Arms over several data sets and pairs of models, put on one scale (Agarwal et al. 2021).
import type { Profiles } from '$ipc';
import type { ForestOf } from '$lib/charts/forest';
import { armWord, armsInWords } from '$lib/charts/palette';
import { csv, fixed, interval, plural } from '$lib/format';

/** What is 0 and what is 1, for a caption. */
export const scaleInWords = ({ scaled_by }: Profiles) =>
  scaled_by === 'arms'
    ? 'Rewards of each group are normalised by its own arms: 0 is the raw prompt’s mean over seeds, 1 the oracle’s.'
    : 'Rewards of each group are normalised by its own range: 0 is the least mean of any arm and seed, 1 the greatest, for not every group has an oracle that is clearly better than the raw prompt.';

/** How many tasks and runs it is over: "5 groups × 2 to 3 runs". */
export function overInWords({ tasks }: Profiles): string {
  const runs = tasks.map((task) => task.runs.length);
  const [least, most] = [Math.min(...runs), Math.max(...runs)];
  return `${plural(tasks.length, 'group')} × ${least === most ? plural(most, 'run') : `${least} to ${most} runs`}`;
}

/** Which arm is below no other at any threshold, where one is. */
export function highestInWords({ arms }: Profiles): string {
  const isAbove = (a: (typeof arms)[number], b: (typeof arms)[number]) =>
    a.above.every(({ value }, i) => value >= (b.above[i]?.value ?? 0));
  const [highest] = arms.filter((arm) => arms.every((other) => other === arm || (isAbove(arm, other) && !isAbove(other, arm))));
  return highest
    ? `The line of the ${armsInWords([highest.arm])} arm lies nowhere below another.`
    : 'No arm’s line lies above all others: they cross, or are one.';
}

/** Interquartile means of all arms. */
export const meansForest = ({ arms }: Profiles): ForestOf => ({
  title: 'Interquartile means over groups',
  heads: ['IQM [95 % interval]', 'runs'],
  axis: 'interquartile mean of normalised rewards',
  none: 0,
  tick: (value) => fixed(value, 1),
  rows: arms.map(({ arm, runs, interquartile_mean: { value, interval: range } }) => ({
    label: armWord(arm, true),
    arm,
    value,
    range,
    words: [fixed(value), interval(range.low, range.high)],
    cells: [String(runs)],
  })),
});

export const profilesCsv = ({ arms, thresholds }: Profiles): string =>
  csv([
    ['arm', 'runs', 'iqm', 'iqm_low', 'iqm_high', 'threshold', 'share_above', 'share_low', 'share_high'],
    ...arms.flatMap(({ arm, runs, interquartile_mean: { value, interval: range }, above }) =>
      above.map((point, i) => [
        ...[arm, runs, value, range.low, range.high],
        ...[thresholds[i], point.value, point.interval.low, point.interval.high],
      ]),
    ),
  ]);
