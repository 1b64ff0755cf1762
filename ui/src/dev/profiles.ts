// Arms over the fixtures' data sets and pairs, roughly: what the worker computes has its own tests.
import type { OverTasks, Profiles, RunSummary } from '$ipc';
import { grouped } from '$lib/state/experiments';

const STEPS = 80;
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;

export function profiled(runs: RunSummary[]): Profiles {
  const tasks = grouped(runs).filter(({ runs: of }) => of.some(({ report }) => report));
  const withheld =
    tasks.length < 2
      ? 'a figure over data sets needs two experiments that have finished'
      : tasks.every(({ runs: of }) => of.length < 2)
        ? 'every experiment has one seed, and nothing says how precise a figure over them would be; run a second seed'
        : null;
  const names = [...new Set(tasks.flatMap(({ runs: of }) => of.flatMap(({ report }) => report?.arms.map(({ name }) => name) ?? [])))];
  const of = ({ runs: seeds }: (typeof tasks)[number], arm: string) =>
    seeds.flatMap(({ report }) => report?.arms.find(({ name }) => name === arm)?.reward_mean ?? []);
  const shared = names.filter((arm) => tasks.every((task) => of(task, arm).length > 0));
  const scaled_by = shared.includes('oracle') ? 'arms' : 'min_max';
  const ends = tasks.map((task): [number, number] => {
    const all = shared.flatMap((arm) => of(task, arm));
    return scaled_by === 'arms' ? [mean(of(task, 'raw')), mean(of(task, 'oracle'))] : [Math.min(...all), Math.max(...all)];
  });
  const scores = (arm: string) => tasks.map((task, i) => of(task, arm).map((x) => (x - ends[i]![0]) / (ends[i]![1] - ends[i]![0])));
  const all = shared.flatMap((arm) => scores(arm).flat());
  const [low, high] = [Math.min(0, ...all) - 0.03, Math.max(1, ...all)];
  const thresholds = Array.from({ length: STEPS + 1 }, (_, i) => low + ((high - low) * i) / STEPS);
  const around = (value: number, half: number): OverTasks => ({ value, interval: { low: value - half, high: value + half } });
  const within = ({ value, interval }: OverTasks): OverTasks => ({
    value,
    interval: { low: Math.max(0, interval.low), high: Math.min(1, interval.high) },
  });
  const arms = shared.map((arm) => {
    const by = scores(arm);
    const flat = by.flat().toSorted((a, b) => a - b);
    const cut = Math.floor(flat.length / 4);
    return {
      arm,
      runs: flat.length,
      interquartile_mean: around(mean(flat.slice(cut, flat.length - cut)), arm === 'tuned' ? 0.07 : 0.02),
      above: thresholds.map((t) => {
        const share = mean(by.map((task) => task.filter((x) => x > t).length / task.length));
        return within(around(share, share > 0 && share < 1 ? 0.14 : 0));
      }),
    };
  });
  const single = tasks.filter(({ runs: seeds }) => seeds.length < 2).length;
  const warnings =
    single > 0 && single < tasks.length
      ? [
          `${single} of ${tasks.length} experiments have one seed, so that nothing of them varies in the intervals over all of them, which are too narrow.`,
        ]
      : [];
  if (withheld !== null) return { tasks: [], scaled_by, thresholds: [], arms: [], withheld, warnings };
  return {
    tasks: tasks.map(({ name, runs: seeds }, i) => ({ name, runs: seeds.map(({ id }) => id), zero: ends[i]![0], one: ends[i]![1] })),
    scaled_by,
    thresholds,
    arms,
    withheld,
    warnings,
  };
}
