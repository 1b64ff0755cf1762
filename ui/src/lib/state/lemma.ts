// Lemma 5.1 on a real run: its figures, the lines of its charts and the tables behind them. docs/algorithms/theory.md has the formulas.
import type { Estimated, Report, RunTheory } from '$ipc';
import type { PlaneLine } from '$lib/charts/Plane.svelte';
import { csv, fixed, interval, plural, signed, signedInterval } from '$lib/format';
import { within } from './tables';

export interface Figure {
  key: string;
  symbol: string;
  sentence: string;
  estimated: Estimated;
  isDifference?: boolean;
  unit?: string;
}
export const inWords = ({ estimated: { mean, interval: range }, isDifference, unit }: Figure) =>
  `${(isDifference ? signed : fixed)(mean)} ${within(range, isDifference ? signedInterval : interval)}${unit ? ` ${unit}` : ''}`.trim();

type Row = [key: string, symbol: string, sentence: string, estimated: Estimated | null, more?: Partial<Figure>];
const known = (rows: Row[]): Figure[] =>
  rows.flatMap(([key, symbol, sentence, estimated, more]) => (estimated ? [{ key, symbol, sentence, estimated, ...more }] : []));

/** What the rewrites of the untuned prompter say; what needs two answers to a rewrite is left out where there is one. */
export function lemmaFigures(theory: RunTheory): Figure[] {
  const { rewrites: k } = theory;
  return known([
    ['untuned_reward', 'V(ρ_sft)', 'Mean reward of the untuned prompter’s rewrites.', theory.untuned_reward],
    [
      'reward',
      'V(ρ*), plug-in',
      'Mean reward under the optimum’s weights. Too high: the weights prefer rewrites whose answers were lucky.',
      theory.reward,
    ],
    [
      'cross_fitted',
      'V(ρ*), cross-fitted',
      'The same with weights from one half of the answers and rewards from the other, so that luck is not counted.',
      theory.cross_fitted,
    ],
    [
      'gain',
      'V(ρ*) − V(ρ_sft)',
      'What choosing by Lemma 5.1 gains, cross-fitted: what training could gain.',
      theory.gain,
      { isDifference: true },
    ],
    [
      'kl',
      'KL(ρ*‖ρ_sft)',
      `How far the optimum is from the untuned prompter; with K = ${k} rewrites at most log K = ${fixed(Math.log(k), 2)} nats.`,
      theory.kl,
      { unit: 'nats' },
    ],
    ['kl_extrapolated', '… extrapolated', 'Without what few answers to a rewrite add to it.', theory.kl_extrapolated, { unit: 'nats' }],
    ['objective', 'J_λ(ρ*) = λ·log Z', 'What training maximises, reward less λ·KL, at the optimum.', theory.objective],
    ['objective_extrapolated', '… extrapolated', 'Without what few answers to a rewrite add to it.', theory.objective_extrapolated],
  ]);
}

/** The tuned prompter against that optimum. */
export const tunedFigures = ({ tuned }: RunTheory): Figure[] =>
  tuned
    ? known([
        ['tuned_reward', 'V(ρ)', 'Mean reward of the tuned prompter, by weighing the untuned one’s rewrites.', tuned.reward],
        ['tuned_kl', 'KL(ρ‖ρ_sft)', 'How far training has moved it.', tuned.kl, { unit: 'nats' }],
        ['shortfall', 'J_λ(ρ*) − J_λ(ρ)', 'What training left on the table: λ·KL(ρ‖ρ*), 0 at the optimum.', tuned.shortfall],
        ['shortfall_extrapolated', '… extrapolated', 'Without what few answers to a rewrite add to it.', tuned.shortfall_extrapolated],
      ])
    : [];

// Fewer rewrites than that are hardly a sample.
const FEW = 3;
// Nearer to log K, the optimum is further away than K rewrites can show.
const NEAR = 0.85;
/** Why some of these figures are not to be trusted, as sentences. */
export function doubts(theory: RunTheory): string[] {
  const { tuned, rewrites: k, effective_rewrites, kl, answers } = theory;
  return [
    kl.mean > NEAR * Math.log(k)
      ? `The divergence of ρ* is near log K = ${fixed(Math.log(k), 2)} nats, the most that ${k} rewrites can show: the optimum is further away, and better, than it looks here. Draw more rewrites.`
      : effective_rewrites < FEW
        ? `The optimum's weights rest on ${fixed(effective_rewrites, 1)} of ${k} rewrites in the median prompt: its figures are nearly those of the best rewrite.`
        : null,
    answers < 2
      ? 'Each rewrite was answered once, so luck cannot be told from worth: there are only plug-in figures, which are too high.'
      : null,
    tuned && tuned.effective_rewrites < FEW
      ? `The tuned prompter is far from the untuned one: its weights rest on ${fixed(tuned.effective_rewrites, 1)} of ${k} rewrites in the median prompt. Importance sampling says little here; its own answers do.`
      : null,
  ].filter((sentence) => sentence !== null);
}

export function lemmaCsv({ run, name, seed }: Report, theory: RunTheory): string {
  const lead = [run, name, seed, theory.lambda, theory.rewrites, theory.answers];
  const medians = [
    ['effective_rewrites', theory.effective_rewrites],
    ['tuned_effective_rewrites', theory.tuned?.effective_rewrites],
  ] as const;
  return csv([
    ['run', 'name', 'seed', 'lambda', 'rewrites', 'answers', 'figure', 'mean', 'low', 'high', 'prompts'],
    ...[...lemmaFigures(theory), ...tunedFigures(theory)].map(({ key, estimated: { mean, interval: range, prompts } }) => [
      ...lead,
      ...[key, mean, range?.low, range?.high, prompts],
    ]),
    ...medians.flatMap(([key, median]) => (median === undefined ? [] : [[...lead, key, median, null, null, theory.prompts]])),
  ]);
}

const DASHES = '5 4';
const along = <P>(points: P[], x: (p: P) => number, y: (p: P) => number | null) =>
  points.flatMap((p): [number, number][] => {
    const value = y(p);
    return value === null ? [] : [[x(p), value]];
  });
/** Reward by the number of rewrites: of the optimum and of the best one, with luck dashed and without it solid. */
export function convergenceLines({ convergence, untuned_reward }: RunTheory): PlaneLine[] {
  const of = (y: (point: RunTheory['convergence'][number]) => number | null) => along(convergence, ({ k }) => k, y);
  const lines: PlaneLine[] = [
    { word: 'optimum, cross-fitted', colour: 'arm-optimum', mark: 'optimum', points: of((p) => p.cross_fitted) },
    { word: 'optimum, plug-in', colour: 'arm-optimum', mark: 'optimum', points: of((p) => p.reward), dashes: DASHES },
    { word: 'best of k, cross-fitted', colour: 'arm-best_rewrite', mark: 'best_rewrite', points: of((p) => p.best_cross_fitted) },
    { word: 'best of k, plug-in', colour: 'arm-best_rewrite', mark: 'best_rewrite', points: of((p) => p.best), dashes: DASHES },
  ];
  const drawn = lines.filter((line) => line.points!.length > 0);
  return [...drawn, { word: 'untuned', colour: 'arm-untuned', level: untuned_reward.mean, dashes: '2 3' }];
}
export const convergenceCsv = ({ convergence }: RunTheory) =>
  csv([
    ['k', 'optimum_plug_in', 'optimum_cross_fitted', 'kl', 'best_plug_in', 'best_cross_fitted'],
    ...convergence.map((p) => [p.k, p.reward, p.cross_fitted, p.kl, p.best, p.best_cross_fitted]),
  ]);

/** Whether the best of n stands over how many were drawn, or over the reward calls that it takes to choose it. */
export type Over = 'drawn' | 'calls';
export function bestLines({ convergence, best_answers, answers }: RunTheory, over: Over): PlaneLine[] {
  const isFair = convergence.some((p) => p.best_cross_fitted !== null);
  const times = over === 'calls' ? answers : 1;
  return [
    {
      word: 'best of n answers',
      colour: 'arm-best_answer',
      mark: 'best_answer',
      points: along(
        best_answers,
        (p) => p.n,
        (p) => p.reward,
      ),
    },
    {
      word: isFair ? 'best of n rewrites, cross-fitted' : 'best of n rewrites, plug-in',
      colour: 'arm-best_rewrite',
      mark: 'best_rewrite',
      points: along(
        convergence,
        (p) => p.k * times,
        (p) => (isFair ? p.best_cross_fitted : p.best),
      ),
      dashes: isFair ? undefined : DASHES,
    },
  ];
}
export const bestCsv = ({ convergence, best_answers, answers }: RunTheory) =>
  csv([
    ['of', 'n', 'reward_calls', 'reward', 'reward_cross_fitted'],
    ...best_answers.map((p) => ['answers', p.n, p.n, p.reward, null]),
    ...convergence.map((p) => ['rewrites', p.k, p.k * answers, p.best, p.best_cross_fitted]),
  ]);
/** Where a scale by doublings is written. */
export const doublings = (lines: PlaneLine[]): number[] => {
  const most = Math.max(1, ...lines.flatMap((line) => line.points?.map(([x]) => x) ?? []));
  return Array.from({ length: Math.floor(Math.log2(most)) + 1 }, (_, i) => 2 ** i);
};

/** On how many rewrites the weights of each rest. */
export const effectiveNumbers = ({
  effective_rewrites,
  rewrites,
  tuned,
}: RunTheory): { symbol: string; sentence: string; value: string }[] => [
  {
    symbol: 'Effective number',
    sentence: 'On how many rewrites the optimum’s weights rest (Kish), median over prompts.',
    value: `${fixed(effective_rewrites, 1)} of ${rewrites}`,
  },
  ...(tuned
    ? [
        {
          symbol: 'Effective number, tuned',
          sentence: 'On how many the tuned prompter’s weights rest, median over prompts; near 1 nothing here holds.',
          value: `${fixed(tuned.effective_rewrites, 1)} of ${rewrites}`,
        },
      ]
    : []),
];
/** What the figures are from. */
export const designInWords = ({ prompts, rewrites, answers, lambda }: RunTheory) =>
  `${plural(prompts, 'test prompt')}, K = ${rewrites} rewrites of each, M = ${answers} ${answers === 1 ? 'answer' : 'answers'} to each rewrite, λ = ${lambda}.`;
