// Runs over several data sets and pairs of models, some of them with several seeds.
import type { GapClosed, Report, RunSummary } from '$ipc';
import type { ArmKey } from '$lib/charts/palette';
import { DEFAULT_ARMS } from '$lib/state/arms';
import { arm, compared } from './figures';
import type { SpecChanges } from './fixtures';

const SMALL = 'smollm2-135m-instruct';
const LARGE = '/models/qwen2.5-0.5b-instruct';
type Place = Required<Pick<SpecChanges, 'source' | 'prompter' | 'frozen'>>;
const PLACES: Record<string, Place> = {
  cell01: { source: 'shipped', prompter: SMALL, frozen: SMALL },
  cell02: { source: 'shipped', prompter: LARGE, frozen: SMALL },
  cell03: { source: '/data/helpsteer.jsonl', prompter: SMALL, frozen: SMALL },
  cell04: { source: '/data/helpsteer.jsonl', prompter: LARGE, frozen: SMALL },
  cell05: { source: '/data/orca-prompts.csv', prompter: SMALL, frozen: LARGE },
};
export const cellSpec = (experiment: string): SpecChanges | null => {
  const place = PLACES[experiment];
  return place ? { ...place, arms: { ...DEFAULT_ARMS, oracle: true } } : null;
};

/** Of raw, untuned, tuned and oracle. */
const FIGURES: Record<string, [mean: number[], variance: number[]]> = {
  cell01: [
    [0.77, 0.73, 1.01, 1.21],
    [0.24, 0.27, 0.16, 0.2],
  ],
  cell02: [
    [0.77, 0.81, 1.12, 1.22],
    [0.24, 0.25, 0.18, 0.17],
  ],
  cell03: [
    [0.41, 0.38, 0.44, 0.83],
    [0.31, 0.33, 0.24, 0.29],
  ],
  cell04: [
    [0.41, 0.45, 0.69, 0.85],
    [0.31, 0.3, 0.22, 0.27],
  ],
  cell05: [
    [1.32, 1.29, 1.48, 1.71],
    [0.19, 0.21, 0.12, 0.15],
  ],
};
const NAMES: ArmKey[] = ['raw', 'untuned', 'tuned', 'oracle'];

function report(run: number, name: string, experiment: string, seed: number): Report {
  const [means, variances] = FIGURES[experiment]!;
  const mean = (i: number) => (means[i] ?? 0) + 0.03 * (seed - 1) * (i === 2 ? 1 : 0);
  const difference = (one: number, other: number) => {
    const by = mean(one) - mean(other);
    return compared(NAMES[one]!, NAMES[other]!, by, by - 0.09, by + 0.09, by > 0.15 ? 0.0004 : 0.03, variances[one]! / variances[other]!);
  };
  const gap = (baseline: number): GapClosed => {
    const width = mean(3) - mean(baseline);
    const share = (mean(2) - mean(baseline)) / width;
    const around = (middle: number, half: number) => ({ low: middle - half, high: middle + half });
    return {
      baseline: NAMES[baseline]!,
      width,
      width_interval: around(width, 0.09),
      share,
      interval: around(share, 0.17),
      withheld: null,
    };
  };
  return {
    run,
    name,
    status: 'finished',
    seed,
    spec_hash: '12ab91c2d7e4',
    arms: NAMES.map((one, i) => arm(one, mean(i), variances[i] ?? 0, 0.5, 0.5, one === 'raw' || one === 'oracle' ? null : 1)),
    comparisons: [difference(2, 0), difference(2, 1), difference(1, 0), difference(2, 3), difference(3, 0)],
    verdict: 'On 96 test prompts the tuned prompter is better than the raw prompt.',
    warnings: [],
    costs: [],
    gaps: [gap(0), gap(1)],
    theory: null,
    instruction: null,
    judged: [],
  };
}

/** As they are compared: the first and the third have two seeds. */
export const CELLS = [21, 22, 23, 24, 25, 26, 27];
type Make = (id: number, changes: Partial<RunSummary>) => RunSummary;
export function cellRuns(summary: Make, opened: number): RunSummary[] {
  const of = (id: number, experiment: string, seed = 1) => {
    const { source, prompter, frozen } = PLACES[experiment]!;
    const created_at_ms = opened - (330 + id) * 3_600_000;
    const name = `grid-${experiment.slice(-1)}`;
    return summary(id, {
      name,
      experiment,
      seed,
      data: source,
      prompter,
      frozen,
      created_at_ms,
      report: report(id, name, experiment, seed),
    });
  };
  return [
    of(21, 'cell01'),
    of(22, 'cell01', 2),
    of(23, 'cell02'),
    of(24, 'cell03'),
    of(25, 'cell03', 2),
    of(26, 'cell04'),
    of(27, 'cell05'),
  ];
}
