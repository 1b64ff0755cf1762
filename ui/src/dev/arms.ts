// Runs with every arm, without training, and with an oracle that gains nothing.
import type { ArmCost, Arms, GapClosed, Report, RunSummary, Serving, Spent } from '$ipc';
import { ARMS, type ArmKey } from '$lib/charts/palette';
import { DEFAULT_ARMS } from '$lib/state/arms';
import { mean } from '$lib/state/samples';
import { arm, compared } from './figures';
import { theoryOfRun } from './lemma';
import { FOUND, samples } from './samples';

const only = (...names: ArmKey[]): Arms => ({ ...DEFAULT_ARMS, ...Object.fromEntries(ARMS.map((name) => [name, names.includes(name)])) });

/** Arms of the experiments that have not the usual ones. */
export const ARMS_OF: Record<string, Arms> = {
  every01: { ...only(...ARMS), oracle_kl_coefficient: 0.05 },
  untrained01: { ...only('raw', 'optimum', 'best_answer', 'instruction', 'oracle'), answers_per_rewrite: 1 },
  withheld01: only('untuned', 'tuned', 'oracle'),
};

const FIGURES: Record<ArmKey, [mean: number, variance: number, sentiment: number, topicality: number, closeness: number | null]> = {
  raw: [0.771, 0.238, 0.39, 0.635, null],
  untuned: [0.732, 0.273, 0.465, 0.444, 1],
  tuned: [1.007, 0.164, 0.728, 0.464, 1],
  optimum: [0.921, 0.201, 0.64, 0.468, 1],
  best_rewrite: [1.034, 0.185, 0.741, 0.489, 1],
  best_answer: [1.301, 0.074, 0.901, 0.667, null],
  instruction: [0.842, 0.214, 0.53, 0.52, 0.93],
  oracle: [1.212, 0.109, 0.862, 0.583, null],
};

function pairs(names: ArmKey[]): [ArmKey, ArmKey][] {
  const others = names.filter((name) => name !== 'tuned');
  return [
    ...(names.includes('tuned') ? others.map((other): [ArmKey, ArmKey] => ['tuned', other]) : []),
    ...(names.includes('raw') ? others.filter((name) => name !== 'raw').map((other): [ArmKey, ArmKey] => [other, 'raw']) : []),
  ];
}

const SPENT = { reward_calls: 512, tokens: 32_768, seconds: 361, joules: 21_400 };
const spent = (times: number): Spent => ({
  reward_calls: Math.round(SPENT.reward_calls * times),
  tokens: Math.round(SPENT.tokens * times),
  seconds: SPENT.seconds * times,
  joules: SPENT.joules * times,
});
const COSTS: Record<ArmKey, [preparation: Spent | null, answering: Spent, serving: Serving]> = {
  raw: [null, spent(0.375), { rewrites: 0, answers: 1, reward_calls: 0, tokens: 46.3 }],
  untuned: [null, spent(0.41), { rewrites: 1, answers: 1, reward_calls: 0, tokens: 59.4 }],
  tuned: [spent(1), spent(0.41), { rewrites: 1, answers: 1, reward_calls: 0, tokens: 60.5 }],
  optimum: [null, spent(6.4), { rewrites: 8, answers: 33, reward_calls: 32, tokens: 1641 }],
  best_rewrite: [null, spent(6.4), { rewrites: 8, answers: 33, reward_calls: 32, tokens: 1641 }],
  best_answer: [null, { ...spent(3), joules: null }, { rewrites: 0, answers: 8, reward_calls: 8, tokens: 370.4 }],
  instruction: [spent(1.02), spent(0.39), { rewrites: 0, answers: 1, reward_calls: 0, tokens: 46.9 }],
  oracle: [spent(1.9), spent(0.38), { rewrites: 0, answers: 1, reward_calls: 0, tokens: 44.8 }],
};

const GAPS: Record<string, GapClosed[]> = {
  every01: [
    {
      baseline: 'raw',
      width: 0.441,
      width_interval: { low: 0.352, high: 0.533 },
      share: 0.535,
      interval: { low: 0.369, high: 0.712 },
      withheld: null,
    },
    {
      baseline: 'untuned',
      width: 0.48,
      width_interval: { low: 0.391, high: 0.572 },
      share: 0.573,
      interval: { low: 0.418, high: 0.734 },
      withheld: null,
    },
  ],
  withheld01: [
    {
      baseline: 'untuned',
      width: 0.04,
      width_interval: { low: -0.061, high: 0.142 },
      share: null,
      interval: null,
      withheld: "the oracle's gain over the untuned prompter cannot be told from 0 (95 % interval -0.061 to +0.142)",
    },
  ],
};

/** A run's tuned prompter on each prompt, from its own samples. */
const tunedRewards = (seed: number, names: ArmKey[]) => samples(seed, 96, names).map((sample) => mean(sample, 'tuned'));

export function reportOf(experiment: string, run: number, name: string, seed: number): Report {
  const arms = ARMS_OF[experiment]!;
  const names = ARMS.filter((one) => arms[one]);
  const hasTuned = arms.tuned;
  return {
    run,
    name,
    status: 'finished',
    seed,
    spec_hash: '77ab91c2d7e4',
    arms: names.map((one) => arm(one, ...FIGURES[one])),
    comparisons: pairs(names).map(([one, other], i) => {
      const difference = FIGURES[one][0] - FIGURES[other][0];
      return compared(
        one,
        other,
        difference,
        difference - 0.08 - 0.004 * i,
        difference + 0.08 + 0.003 * i,
        Math.abs(difference) > 0.1 ? 0.0004 : 0.21,
        FIGURES[one][1] / FIGURES[other][1],
      );
    }),
    verdict: hasTuned
      ? `On 96 test prompts the tuned prompter is better than the ${arms.raw ? 'raw prompt (mean reward +0.236' : 'untuned prompter (mean reward +0.275'}, 95 % interval +0.155 to +0.315, p < 0.001). The variance of the tuned prompter's rewards cannot be told apart from that of the others.`
      : 'No prompter was trained. On 96 test prompts the optimum without training is better than the raw prompt (mean reward +0.150, 95 % interval +0.070 to +0.230, p < 0.001).',
    warnings: [],
    costs: names.map((one) => {
      const [preparation, answering, serving] = COSTS[one];
      return { arm: one, preparation, answering, serving } satisfies ArmCost;
    }),
    gaps: GAPS[experiment] ?? [],
    judged: [],
    theory:
      arms.optimum || arms.best_rewrite
        ? theoryOfRun(seed, {
            prompts: 96,
            rewrites: arms.rewrites_per_prompt,
            answers: arms.answers_per_rewrite,
            lambda: 0.1,
            tuned: hasTuned ? tunedRewards(seed, names) : null,
            overlap: 1.7,
            bestOf: arms.best_answer ? arms.best_of_answers : null,
          })
        : null,
    instruction: arms.instruction
      ? hasTuned
        ? { text: FOUND, score: 0.873, n: 64, tried: 24 }
        : { text: '', score: 0.771, n: 128, tried: 19 }
      : null,
  };
}

type Make = (id: number, changes: Partial<RunSummary>) => RunSummary;
export const EVERY_ARM = 11;
export const UNTRAINED = 12;
export const WITHHELD = 13;
export const SEARCHING = 14;
export function runsWithArms(summary: Make, opened: number): RunSummary[] {
  const created_at_ms = opened - 300 * 3_600_000;
  const finished = (id: number, name: string, experiment: string, changes: Partial<RunSummary> = {}) =>
    summary(id, { name, experiment, created_at_ms, report: reportOf(experiment, id, name, changes.seed ?? 1), ...changes });
  return [
    finished(EVERY_ARM, 'every-arm', 'every01'),
    finished(UNTRAINED, 'without-training', 'untrained01', { iterations_done: 0, has_prompter: false }),
    finished(WITHHELD, 'oracle-gains-nothing', 'withheld01', { seed: 4 }),
    summary(SEARCHING, { name: 'every-arm', experiment: 'every01', seed: 2, status: 'running', created_at_ms }),
  ];
}
