// The theory's page: the grid of λ, the lines of its charts and the tables behind them.
import type { Theory, TheoryPoint } from '$ipc';
import type { PlaneDot, PlaneLine } from '$lib/charts/Plane.svelte';
import { csv, short } from '$lib/format';

/** λ from 0.01 to 10 in equal steps of its logarithm, each as short as it is read. */
export const LAMBDAS = Array.from({ length: 121 }, (_, i) => Number((10 ** (i / 40 - 2)).toPrecision(3)));

/** What was asked for λ = 0 and then for each λ. */
export const limit = (theory: Theory) => theory.points[0]!;
export const points = (theory: Theory) => theory.points.slice(1);

/** About three digits of a number that may be very large. */
export const large = (x: number) => (x < 1e4 ? short(x) : x.toExponential(2).replace('e+', 'e'));

export interface Way {
  key: string;
  word: string;
  sentence: string;
  reward: number;
  /** To the untuned prompter; null where no prompter is asked. */
  kl: number | null;
}

/** Everything that could answer a prompt, from the plainest on. */
export function ways(theory: Theory, point: TheoryPoint, k: number): Way[] {
  const answers = theory.best_answers.find((best) => best.n === k);
  return [
    { key: 'raw', word: 'Raw prompt', sentence: 'π_F answers x as it was typed.', reward: theory.raw_reward, kl: null },
    {
      key: 'untuned',
      word: 'Untuned prompter ρ_sft',
      sentence: 'π_F answers a rewrite that ρ_sft draws.',
      reward: theory.untuned_reward,
      kl: 0,
    },
    ...theory.best_rewrites
      .filter((best) => best.n === k)
      .map((best) => ({
        key: 'best',
        word: `Best of ${best.n} rewrites`,
        sentence: `ρ_sft draws ${best.n}; the one of largest R is kept. Needs no training, but the reward of each.`,
        reward: best.reward,
        kl: best.kl,
      })),
    {
      key: 'optimum',
      word: 'Optimum ρ*',
      sentence: 'What training at this λ is after: of all prompters it has the largest J_λ.',
      reward: point.reward,
      kl: point.kl,
    },
    {
      key: 'limit',
      word: 'Best rewrite always',
      sentence: 'The limit λ → 0: the most that choosing among these rewrites can give.',
      reward: limit(theory).reward,
      kl: limit(theory).kl,
    },
    ...(answers
      ? [
          {
            key: 'answers',
            word: `Best of ${k} answers`,
            sentence: `π_F answers x ${k} times; the answer of largest r is kept. No prompter.`,
            reward: answers.reward,
            kl: null,
          },
        ]
      : []),
    {
      key: 'oracle',
      word: 'Oracle π*',
      sentence: `π_F itself tuned by RLHF at β = ${theory.beta}, which a prompter stands in for.`,
      reward: theory.oracle_reward,
      kl: null,
    },
  ];
}

/** J_λ = V − λ·KL. */
export const objective = (way: Way, lambda: number) => (way.kl === null ? null : way.reward - lambda * way.kl);

const level = (word: string, colour: string, level: number, dashes: string): PlaneLine => ({ word, colour, level, dashes });
const levels = (theory: Theory) => [
  level('oracle', 'arm-oracle', theory.oracle_reward, '9 3'),
  level('untuned', 'arm-untuned', theory.untuned_reward, '5 4'),
  level('raw prompt', 'arm-raw', theory.raw_reward, '2 3'),
];

/** Reward against divergence: the optimum for each λ, and the best of K. */
export const frontierLines = (theory: Theory): PlaneLine[] => [
  { word: 'optimum ρ*', colour: 'arm-optimum', points: theory.points.map((p) => [p.kl, p.reward] as const) },
  {
    word: 'best of K',
    colour: 'arm-best_rewrite',
    points: theory.best_rewrites.map((best) => [best.kl, best.reward] as const),
    dashes: '1.5 3',
  },
  ...levels(theory),
];
/** On them each K, and the optimum for one λ. */
export const frontierDots = (theory: Theory, at: TheoryPoint): PlaneDot[] => [
  ...theory.best_rewrites
    .filter((best) => best.n > 1)
    .map((best) => ({ x: best.kl, y: best.reward, colour: 'arm-best_rewrite', word: `${best.n}` })),
  { x: at.kl, y: at.reward, colour: 'arm-optimum', word: `λ = ${at.lambda}`, isChosen: true },
];

export function rewardLines(theory: Theory, k: number): PlaneLine[] {
  const best = theory.best_rewrites.find((one) => one.n === k);
  return [
    { word: 'optimum ρ*', colour: 'arm-optimum', points: points(theory).map((p) => [p.lambda, p.reward] as const) },
    ...(best ? [level(`best of ${k}`, 'arm-best_rewrite', best.reward, '7 3 2 3')] : []),
    ...levels(theory),
  ];
}

export function boundLines(theory: Theory): PlaneLine[] {
  const of = (figure: (p: TheoryPoint) => number) => points(theory).map((p) => [p.lambda, figure(p)] as const);
  return [
    { word: 'bound', colour: 'run-3', points: of((p) => p.bound) },
    { word: 'gap', colour: 'run-0', points: of((p) => p.gap) },
    { word: 'λ · KL', colour: 'run-2', points: of((p) => p.divergence_term) },
    level('largest gap there can be', 'arm-raw', theory.reward_range, '5 4'),
  ];
}

const FIGURES = [
  'lambda',
  'reward',
  'kl',
  'kl_back',
  'identity',
  'objective',
  'share_of_gap',
  'gap',
  'bound',
  'slack',
  'oracle_term',
  'rewrite_term',
  'divergence_term',
  'oracle_slack',
  'rewrite_slack',
  'divergence_slack',
] as const satisfies (keyof TheoryPoint)[];

/** A row for each λ, with what does not depend on it beside. */
export const sweepCsv = (theory: Theory) =>
  csv([
    [...FIGURES, 'raw_reward', 'untuned_reward', 'oracle_reward', ...theory.best_rewrites.map((best) => `best_of_${best.n}_reward`)],
    ...points(theory).map((p) => [
      ...FIGURES.map((figure) => p[figure]),
      theory.raw_reward,
      theory.untuned_reward,
      theory.oracle_reward,
      ...theory.best_rewrites.map((best) => best.reward),
    ]),
  ]);

export const frontierCsv = (theory: Theory) =>
  csv([
    ['prompter', 'lambda', 'k', 'kl', 'reward'],
    ...theory.points.map((p) => ['optimum', p.lambda, null, p.kl, p.reward]),
    ...theory.best_rewrites.map((best) => ['best_of_k', null, best.n, best.kl, best.reward]),
  ]);

export function rewritesCsv(theory: Theory, point: TheoryPoint, x: number): string {
  const prompt = theory.prompts[x]!;
  return csv([
    ['lambda', 'prompt', 'rewrite', 'reward', 'untuned', 'optimum'],
    ...prompt.rewrites.map((r, i) => [point.lambda, prompt.text, r.text, r.reward, r.probability, point.prompts[x]?.rewrites[i] ?? null]),
  ]);
}

export function answersCsv(theory: Theory, point: TheoryPoint, x: number): string {
  const prompt = theory.prompts[x]!;
  return csv([
    ['lambda', 'prompt', 'answer', 'reward', 'raw', 'untuned', 'optimum', 'oracle'],
    ...prompt.answers.map((a, i) => {
      return [point.lambda, prompt.text, a.text, a.reward, a.raw, a.untuned, point.prompts[x]?.answers[i] ?? null, a.oracle];
    }),
  ]);
}

export const waysCsv = (all: Way[], lambda: number) =>
  csv([
    ['lambda', 'way', 'reward', 'kl', 'objective'],
    ...all.map((way) => [lambda, way.word, way.reward, way.kl, objective(way, lambda)]),
  ]);

interface Check {
  left: number;
  right: number;
  /** Whether both sides are one, in a sentence. */
  said: string;
}

/** The identity and its half for J, each side worked out on its own. */
export function checks(theory: Theory, point: TheoryPoint): [Check, Check] {
  const back = point.kl_back ?? NaN;
  return [
    check(point.reward - theory.untuned_reward, point.lambda * (point.kl + back)),
    check(point.objective - theory.untuned_reward, point.lambda * back),
  ];
}

function check(left: number, right: number): Check {
  const apart = Math.abs(left - right);
  // Rounding of numbers of 16 digits.
  if (apart < 1e-9)
    return { left, right, said: apart === 0 ? 'Both sides are equal to the last digit.' : `They differ by ${short(apart)}: rounding.` };
  return { left, right, said: `They differ by ${short(apart)}, which is more than rounding: a fault of this program.` };
}

export interface Term {
  key: string;
  term: string;
  sentence: string;
  value: number;
  sign: string;
  slack: number | null;
}

/** Theorem 6.1, line by line. */
export const terms = (p: TheoryPoint): Term[] => [
  {
    key: 'oracle',
    term: 'r_max·d_TV(π*, π_F)',
    sentence: 'How far the oracle π* moves the frozen model π_F. Slack: what of it is not gained in reward.',
    value: p.oracle_term,
    sign: '',
    slack: p.oracle_slack,
  },
  {
    key: 'rewrites',
    term: 'r_max·d_TV(π_F(·|x), π_F(·|x′))',
    sentence: 'How much untuned rewrites change the answers. Slack: what of it is not lost in reward.',
    value: p.rewrite_term,
    sign: '+ ',
    slack: p.rewrite_slack,
  },
  {
    key: 'divergence',
    term: 'λ·KL(ρ*‖ρ_sft)',
    sentence: 'What tuning gains at least. Slack: λ·KL(ρ_sft‖ρ*), the half of the gain that the theorem drops.',
    value: p.divergence_term,
    sign: '− ',
    slack: p.divergence_slack,
  },
  { key: 'bound', term: 'Bound', sentence: 'The right side: the three together.', value: p.bound, sign: '', slack: p.slack },
  {
    key: 'gap',
    term: 'V(π*) − V(ρ*)',
    sentence:
      p.gap < 0
        ? 'The gap, the left side: below 0, for here the optimum is better than the oracle.'
        : 'The gap, the left side: how much better the oracle is. It never exceeds the bound.',
    value: p.gap,
    sign: '',
    slack: null,
  },
];
