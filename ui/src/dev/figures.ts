// Figures of an arm and of a comparison, as a report has them.
import type { Arm, Comparison, Component } from '$ipc';

const around = (variance: number, half: number): Component => ({ variance, interval: { low: variance - half, high: variance + half } });

export function arm(name: string, mean: number, variance: number, sentiment: number, topicality: number, closeness: number | null): Arm {
  const half = 0.09 * Math.sqrt(variance / 0.24);
  const isRaw = closeness === null;
  return {
    name,
    n: 192,
    prompts: 96,
    clusters: null,
    reward_mean: mean,
    reward_ci_low: mean - half,
    reward_ci_high: mean + half * 0.96,
    reward_variance: variance,
    between_prompt_variance: variance * 0.38,
    within_prompt_variance: variance * 0.63,
    components: {
      seed: null,
      prompt: around(variance * 0.38, 0.06),
      interaction: null,
      rewrite: isRaw ? null : around(variance * 0.63, 0.05),
      answer: isRaw ? around(variance * 0.63, 0.05) : null,
    },
    reward_parts: { sentiment, topicality },
    rewrite_closeness: closeness,
    answer_topicality: topicality,
    rewrite_tokens: isRaw ? null : name === 'tuned' ? 14.2 : 13.1,
    answer_tokens: 46.3,
    truncated_rewrites: isRaw ? null : 0.31,
    truncated_answers: 0.83,
  };
}
export const compared = (
  arm: string,
  baseline: string,
  mean: number,
  low: number,
  high: number,
  p: number,
  ratio: number,
  watched: Record<string, number> = {},
): Comparison => ({
  arm,
  baseline,
  prompts: 96,
  clusters: null,
  mean_difference: mean,
  ci_low: low,
  ci_high: high,
  p_value: p,
  p_holm: Math.min(1, 2 * p),
  bca: { low: low + 0.002, high: high + 0.003 },
  effect_size: (4 * mean) / (high - low) / 9.8,
  improvement: { share: Math.min(0.98, 0.5 + mean), interval: { low: Math.min(0.93, 0.41 + mean), high: Math.min(1, 0.58 + mean) } },
  variance: { ratio, interval: { low: ratio * 0.72, high: ratio * 1.41 }, p_value: ratio < 0.75 ? 0.012 : 0.61 },
  at_equal_length: { difference: mean * 0.9, interval: { low: mean * 0.9 - 0.09, high: mean * 0.9 + 0.09 }, per_token: 0.0031 },
  watched: Object.entries(watched).map(([label, difference]) => ({
    label,
    difference,
    interval: { low: difference - 0.031, high: difference + 0.03 },
  })),
});
