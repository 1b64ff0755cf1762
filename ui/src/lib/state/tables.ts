// The tables behind the charts, as rows: shown, copied and saved from one source.
import type { Arm, Comparison, Report } from '$ipc';
import { csv, fixed, interval, percent } from '$lib/format';

export interface Measure {
  label: string;
  title?: string;
  /** As shown. */
  show: (arm: Arm) => string;
  /** As saved, in full. */
  raw: [string, (arm: Arm) => number | null][];
}

export function measures(arms: Arm[]): Measure[] {
  const parts = [...new Set(arms.flatMap((arm) => Object.keys(arm.reward_parts)))];
  const one = (
    label: string,
    key: string,
    get: (arm: Arm) => number | null,
    show: (x: number | null) => string,
    title?: string,
  ): Measure => ({
    label,
    title,
    show: (arm) => show(get(arm)),
    raw: [[key, get]],
  });
  const three = (x: number | null) => fixed(x, 3);
  const tokens = (x: number | null) => fixed(x, 1);
  const all: Measure[] = [
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
      show: (a) => `${a.n} (${a.prompts})`,
      raw: [
        ['n', (a) => a.n],
        ['prompts', (a) => a.prompts],
      ],
    },
    ...parts.map((part) => one(`Part: ${part}`, `part_${part}`, (a) => a.reward_parts[part] ?? null, three, 'Mean, unweighted')),
    one('Topicality of answers', 'answer_topicality', (a) => a.answer_topicality, three, 'Whether or not the reward looks at it; 0 to 1'),
    one(
      'Closeness of rewrites',
      'rewrite_closeness',
      (a) => a.rewrite_closeness,
      three,
      'How much of the prompt the rewrite keeps; 0 to 1',
    ),
    one('Variance of rewards', 'reward_variance', (a) => a.reward_variance, three, 'Over all answers'),
    one('… between prompts', 'between_prompt_variance', (a) => a.between_prompt_variance, three, 'Unbiased estimate; can be negative'),
    one('… within prompts', 'within_prompt_variance', (a) => a.within_prompt_variance, three),
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

export function armsCsv(report: Report): string {
  const columns = measures(report.arms).flatMap((measure) => measure.raw);
  return csv([
    ['run', 'name', 'seed', 'arm', ...columns.map(([key]) => key)],
    ...report.arms.map((arm) => [report.run, report.name, report.seed, arm.name, ...columns.map(([, get]) => get(arm))]),
  ]);
}

export function comparisonsCsv(report: Report): string {
  const row = (c: Comparison) => [
    report.run,
    report.name,
    report.seed,
    c.arm,
    c.baseline,
    c.prompts,
    c.mean_difference,
    c.ci_low,
    c.ci_high,
    c.p_value,
  ];
  return csv([
    ['run', 'name', 'seed', 'arm', 'baseline', 'prompts', 'mean_difference', 'ci_low', 'ci_high', 'p_value'],
    ...report.comparisons.map(row),
  ]);
}
