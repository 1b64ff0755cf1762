// Runs whose trainings were validated, and whose reward had a part that was only watched.
import type { Event, IterationNews, Report, RunSummary } from '$ipc';
import { arm, compared } from './figures';
import { iteration, type SpecChanges } from './fixtures';
import { judged } from './judged';

const TOTAL = 40;
const EVERY = 4;
const ENDED = 28;
const BEST = 16;
export const WATCHED_SPEC: SpecChanges = {
  iterations: TOTAL,
  watched: [{ kind: 'readability', weight: 0 }],
  training: { validate_every_iterations: EVERY, keep: 'best', patience: 3 },
};
export const WATCHED = 'watched01';
/** Ended early, and tested as it was best; and one that goes on. */
export const CHOSEN = 15;
export const VALIDATING = 16;

type Make = (id: number, changes: Partial<RunSummary>) => RunSummary;
export function watchedRuns(summary: Make, opened: number): RunSummary[] {
  const created_at_ms = opened - 320 * 3_600_000;
  const own = { name: 'watched', experiment: WATCHED, iterations: TOTAL, created_at_ms };
  return [
    summary(CHOSEN, { ...own, iterations_done: ENDED, report: report() }),
    summary(VALIDATING, { ...own, seed: 2, status: 'running', iterations_done: 11 }),
  ];
}

/** With what the watched part is worth beside the others. */
export function watching<Of extends { reward_parts: { [key in string]: number | null } }>(rows: Of[]): Of[] {
  return rows.map((row, i) => ({ ...row, reward_parts: { ...row.reward_parts, readability: 0.5 + 0.04 * ((i * 7) % 6) } }));
}

export const watchedIteration = (n: number, seed: number): IterationNews => iteration(n, seed, TOTAL, true);

/** What is said after an iteration, or before training. */
export function validationAfter(n: number, run: RunSummary): Event[] {
  if (run.experiment !== WATCHED || n % EVERY !== 0) return [];
  const { reward_mean, kl } = n === 0 ? { reward_mean: 0.71, kl: 0 } : watchedIteration(n, run.seed).metrics;
  const validation: Event = {
    kind: 'validated',
    iteration: n,
    reward_mean: (reward_mean ?? 0) - 0.03,
    kl: kl ?? 0,
    objective: 0.68 + 0.24 * (1 - ((n - BEST) / BEST) ** 2) + 0.004 * (n % 3),
    is_best: n <= BEST,
  };
  return [
    validation,
    ...(n === ENDED ? [{ kind: 'ended_early', arm: 'tuned', iteration: ENDED, best: BEST } satisfies Event, OVEROPTIMISED] : []),
  ];
}
const OVEROPTIMISED: Event = {
  kind: 'guard',
  iteration: 27,
  guard: 'overoptimisation',
  cause:
    'The reward rose from 0.68 to 1.04 while readability fell from 0.66 to 0.55, which nothing is trained on: what is trained on may be exploited.',
  remedy:
    'Read some answers. Raise training.kl_coefficient, train for fewer iterations (training.keep, training.patience), or train on the watched part too.',
};

function report(): Report {
  const arms = [
    arm('raw', 0.771, 0.238, 0.39, 0.635, null),
    arm('untuned', 0.732, 0.273, 0.465, 0.444, 1),
    arm('tuned', 0.962, 0.171, 0.701, 0.436, 1),
  ];
  const readability = [0.66, 0.64, 0.57];
  return {
    run: CHOSEN,
    name: 'watched',
    status: 'finished',
    seed: 1,
    spec_hash: '51ce91c2d7e4',
    arms: arms.map((one, i) => ({ ...one, reward_parts: { ...one.reward_parts, readability: readability[i] ?? 0 } })),
    comparisons: [
      compared('tuned', 'raw', 0.191, 0.112, 0.27, 0.0002, 0.72, { readability: -0.09 }),
      compared('tuned', 'untuned', 0.23, 0.148, 0.311, 0.0001, 0.63, { readability: -0.07 }),
      compared('untuned', 'raw', -0.039, -0.12, 0.044, 0.35, 1.15, { readability: -0.02 }),
    ],
    verdict:
      'On 96 test prompts the tuned prompter is better than the raw prompt (mean reward +0.191, 95 % interval +0.112 to +0.270, p < 0.001) and than the untuned prompter (mean reward +0.230, 95 % interval +0.148 to +0.311, p < 0.001).',
    warnings: [
      'After the evaluation: On the test prompts the reward rose by 0.19 over the raw arm while readability fell by 0.09, which nothing is trained on: what is trained on may be exploited.',
    ],
    costs: [],
    gaps: [],
    theory: null,
    instruction: null,
    judged: [judged({ judge: 'smollm2-135m-instruct', arm: 'tuned', baseline: 'raw', pairs: null }, 0)],
  };
}
