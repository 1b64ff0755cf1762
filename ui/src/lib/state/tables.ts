// The tables behind the charts, as rows: shown, copied and saved from one source.
import type { Arm, Comparison, Component, Interval, Report } from '$ipc';
import { areClustered, inClusters } from './clusters';
import { csv, fixed, interval, NONE, percent, probability, signed, signedInterval } from '$lib/format';

/** A figure of an arm, a comparison … */
export interface Measure<Of> {
  label: string;
  title?: string;
  /** As shown. */
  show: (of: Of) => string;
  /** As saved, in full. */
  raw: [string, (of: Of) => number | null][];
}

/** An interval as shown; nothing where there is none. */
export const within = (range: Interval | null | undefined, show: (low: number, high: number) => string = interval) =>
  range ? show(range.low, range.high) : '';
/** The ends of an interval, as saved. */
export const ends = <Of>(key: string, get: (of: Of) => Interval | null | undefined): [string, (of: Of) => number | null][] => [
  [`${key}_low`, (of) => get(of)?.low ?? null],
  [`${key}_high`, (of) => get(of)?.high ?? null],
];

/** A row of each: what it is, then every figure in full. */
export function measuresCsv<Of>(heads: string[], of: Of[], lead: (of: Of) => (string | number | null)[], all: Measure<Of>[]): string {
  const columns = all.flatMap((measure) => measure.raw);
  return csv([[...heads, ...columns.map(([key]) => key)], ...of.map((one) => [...lead(one), ...columns.map(([, get]) => get(one))])]);
}

/** Clusters of prompts, where any prompts belong together. */
const clustersOf = <Of extends { clusters: number | null }>(all: Of[]): [string, (of: Of) => number | null][] =>
  areClustered(all) ? [['clusters', (of) => of.clusters]] : [];

/** A part's label, with what there is to know of it. */
export const partWord = (label: string, watched: string[]) => (watched.includes(label) ? `${label} (watched)` : label);

/** What is known of an arm; `watched` are the labels of parts that nothing was trained on. */
export function measures(arms: Arm[], watched: string[] = []): Measure<Arm>[] {
  const labels = [...new Set(arms.flatMap((arm) => Object.keys(arm.reward_parts)))];
  const one = (
    label: string,
    key: string,
    get: (arm: Arm) => number | null,
    show: (x: number | null) => string,
    title?: string,
  ): Measure<Arm> => ({
    label,
    title,
    show: (arm) => show(get(arm)),
    raw: [[key, get]],
  });
  const part = (
    label: string,
    key: string,
    get: (arm: Arm) => number | null,
    component: (arm: Arm) => Component | null,
    title: string,
  ): Measure<Arm> => ({
    label,
    title,
    show: (arm) => `${fixed(get(arm))} ${within(component(arm)?.interval)}`.trim(),
    raw: [[key, get], ...ends(key, (arm: Arm) => component(arm)?.interval)],
  });
  const three = (x: number | null) => fixed(x, 3);
  const tokens = (x: number | null) => fixed(x, 1);
  const all: Measure<Arm>[] = [
    {
      label: 'Reward, mean [95 % interval]',
      show: (a) => `${fixed(a.reward_mean)} ${interval(a.reward_ci_low, a.reward_ci_high)}`,
      raw: [
        ['reward_mean', (a) => a.reward_mean],
        ['reward_ci_low', (a) => a.reward_ci_low],
        ['reward_ci_high', (a) => a.reward_ci_high],
      ],
    },
    {
      label: 'Answers (prompts)',
      show: (a) => `${a.n} (${inClusters(String(a.prompts), a.clusters)})`,
      raw: [['n', (a) => a.n], ['prompts', (a) => a.prompts], ...clustersOf(arms)],
    },
    ...labels.map((label) =>
      one(
        `Part: ${partWord(label, watched)}`,
        `part_${label}`,
        (a) => a.reward_parts[label] ?? null,
        three,
        watched.includes(label) ? 'Mean; scored beside the reward, and not trained on' : 'Mean, unweighted',
      ),
    ),
    one('Topicality of answers', 'answer_topicality', (a) => a.answer_topicality, three, 'Whether or not the reward looks at it; 0 to 1'),
    one(
      'Closeness of rewrites',
      'rewrite_closeness',
      (a) => a.rewrite_closeness,
      three,
      'How much of the prompt the rewrite keeps; 0 to 1',
    ),
    one('Variance of rewards', 'reward_variance', (a) => a.reward_variance, three, 'Over all answers'),
    part(
      '… between prompts [95 % interval]',
      'between_prompt_variance',
      (a) => a.between_prompt_variance,
      (a) => a.components?.prompt ?? null,
      'Unbiased estimate; can be negative',
    ),
    part(
      '… within prompts [95 % interval]',
      'within_prompt_variance',
      (a) => a.within_prompt_variance,
      (a) => a.components?.rewrite ?? a.components?.answer ?? null,
      'Of answers to one prompt, each to a rewrite of its own',
    ),
    one('Tokens of a rewrite', 'rewrite_tokens', (a) => a.rewrite_tokens, tokens),
    one('Tokens of an answer', 'answer_tokens', (a) => a.answer_tokens, tokens),
    one(
      'Rewrites cut',
      'truncated_rewrites',
      (a) => a.truncated_rewrites,
      (x) => percent(x, 1),
      'Share cut at the token limit',
    ),
    one(
      'Answers cut',
      'truncated_answers',
      (a) => a.truncated_answers,
      (x) => percent(x, 1),
      'Share cut at the token limit',
    ),
  ];
  return all;
}

export const armsCsv = ({ run, name, seed, arms }: Report) =>
  measuresCsv(['run', 'name', 'seed', 'arm'], arms, (arm) => [run, name, seed, arm.name], measures(arms));

/** Of answers of equal length: what is left of the difference, and what a token is worth. */
const equalLength: Measure<Comparison> = {
  label: '… at equal length [95 % interval]',
  title: 'With the part taken off that longer or shorter answers explain; in brackets the reward per token of an answer',
  show: ({ at_equal_length: equal }) =>
    equal
      ? `${signed(equal.difference)} ${within(equal.interval, signedInterval)} (${signed(equal.per_token, 4)} per token)`.replace('  ', ' ')
      : NONE,
  raw: [
    ['equal_length_difference', (c) => c.at_equal_length?.difference ?? null],
    ...ends('equal_length', (c: Comparison) => c.at_equal_length?.interval),
    ['reward_per_token', (c) => c.at_equal_length?.per_token ?? null],
  ],
};
/** The difference in a part that was only watched. */
function watchedMeasure(label: string): Measure<Comparison> {
  const of = (c: Comparison) => c.watched.find((one) => one.label === label);
  return {
    label: `Watched: ${label} [95 % interval]`,
    title: 'Difference in a part of the reward that is scored and not trained on, unweighted',
    show: (c) => (of(c) ? `${signed(of(c)?.difference)} ${within(of(c)?.interval, signedInterval)}`.trim() : NONE),
    raw: [[`watched_${label}`, (c) => of(c)?.difference ?? null], ...ends(`watched_${label}`, (c: Comparison) => of(c)?.interval)],
  };
}

const ofMeans: Measure<Comparison>[] = [
  {
    label: 'Difference of means [95 % interval]',
    title: 'Mean over prompts; percentile bootstrap over prompts, or clusters of them',
    show: (c) => `${signed(c.mean_difference)} ${signedInterval(c.ci_low, c.ci_high)}`,
    raw: [
      ['mean_difference', (c) => c.mean_difference],
      ['ci_low', (c) => c.ci_low],
      ['ci_high', (c) => c.ci_high],
    ],
  },
  {
    label: '… BCa interval',
    title: 'Bias-corrected and accelerated: better than the percentile interval where differences are skewed',
    show: (c) => within(c.bca, signedInterval) || NONE,
    raw: ends('bca', (c) => c.bca),
  },
];
/** Whether a difference is more than chance, by the test that is named. */
export const testMeasures = (test: string): Measure<{ p_value: number | null; p_holm: number | null }>[] => [
  { label: 'p', title: test, show: (c) => probability(c.p_value), raw: [['p_value', (c) => c.p_value]] },
  {
    label: 'p, adjusted after Holm',
    title: 'For the comparisons here: reject those at most 0.05, and the chance of any false one is at most 5 %',
    show: (c) => probability(c.p_holm),
    raw: [['p_holm', (c) => c.p_holm]],
  },
];
const ofPrompts: Measure<Comparison>[] = [
  {
    label: 'Effect size d_z',
    title: 'Mean difference / standard deviation of the prompts’ differences',
    show: (c) => signed(c.effect_size, 2),
    raw: [['effect_size', (c) => c.effect_size]],
  },
  {
    label: 'Better on [95 % interval]',
    title: 'Share of prompts on which the arm is better, ties as half: on how many, not by how much',
    show: (c) =>
      c.improvement
        ? `${percent(c.improvement.share)} ${within(c.improvement.interval, (a, b) => `[${percent(a)}, ${percent(b)}]`)}`
        : NONE,
    raw: [['improvement', (c) => c.improvement?.share ?? null], ...ends('improvement', (c: Comparison) => c.improvement?.interval)],
  },
  ...testMeasures('Two-sided sign-flip permutation test over prompts, or clusters of them'),
  {
    label: 'Ratio of variances [95 % interval]',
    title: 'Below 1 the first arm varies less; bootstrap of the log ratio over prompts, or clusters of them',
    show: (c) => `${fixed(c.variance?.ratio, 2)} ${within(c.variance?.interval, (a, b) => interval(a, b, 2))}`.trim(),
    raw: [['variance_ratio', (c) => c.variance?.ratio ?? null], ...ends('variance_ratio', (c: Comparison) => c.variance?.interval)],
  },
  {
    label: '… Brown-Forsythe p',
    title: 'Test of equal variances on the first answer to each prompt; not of prompts in clusters, which it takes as independent',
    show: (c) => probability(c.variance?.p_value),
    raw: [['variance_p_value', (c) => c.variance?.p_value ?? null]],
  },
];
const counted = (comparisons: Comparison[]): Measure<Comparison> => ({
  label: 'Prompts',
  show: (c) => inClusters(String(c.prompts), c.clusters),
  raw: [['prompts', (c) => c.prompts], ...clustersOf(comparisons)],
});

/** What is known of a comparison of two arms, of those that there are. */
export const pairMeasures = (comparisons: Comparison[]): Measure<Comparison>[] => [
  ...ofMeans,
  equalLength,
  ...[...new Set(comparisons.flatMap((c) => c.watched.map(({ label }) => label)))].map(watchedMeasure),
  ...ofPrompts,
  counted(comparisons),
];

export const comparisonsCsv = ({ run, name, seed, comparisons }: Report) =>
  measuresCsv(
    ['run', 'name', 'seed', 'arm', 'baseline'],
    comparisons,
    (c) => [run, name, seed, c.arm, c.baseline],
    pairMeasures(comparisons),
  );
