import type { Arms, EpisodeRow, IterationNews, Report, RewardPart, RunSummary, Spec, Status, Training } from '$ipc';
import { runsWithArms } from './arms';
import { cellRuns } from './cells';
import { clusteredRuns } from './clusters';
import { arm, compared } from './figures';
import { stream } from './random';
import { ADDITIONS, ANSWERS, PROMPTS } from './texts';
import { watchedRuns } from './watched';

export const HOUR = 3_600_000;
export const opened = Date.now();

export type SpecChanges = {
  name?: string;
  seed?: number;
  iterations?: number;
  source?: string;
  kl?: number;
  arms?: Arms;
  prompter?: string;
  frozen?: string;
  training?: Partial<Training>;
  /** The column that says which prompts belong together. */
  clusters?: string;
  /** Parts beside those that are trained on. */
  watched?: RewardPart[];
};
export function spec(changes: SpecChanges = {}): Spec {
  return {
    name: changes.name ?? 'quickstart',
    seed: changes.seed ?? 1,
    data: {
      source: changes.source ?? 'shipped',
      column: 'prompt',
      ...(changes.clusters && { cluster_column: changes.clusters }),
      ...{ train: 256, validation: 48, test: 96, split_seed: 0 },
    },
    prompter: {
      model: changes.prompter ?? 'smollm2-135m-instruct',
      meta_prompt: '\n{prompt}\n\nWrite one short sentence that asks for a warm, positive and enthusiastic answer to this.',
      rewrite_template: '{prompt} {output}',
      max_rewrite_tokens: 16,
      temperature: 1,
      lora: { rank: 16, alpha: 32, dropout: 0, targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] },
    },
    frozen: {
      model: changes.frozen ?? 'smollm2-135m-instruct',
      engine: 'auto',
      max_answer_tokens: 48,
      temperature: 0.7,
      top_p: 1,
      top_k: 0,
    },
    reward: {
      parts: [{ kind: 'sentiment', weight: 1 }, { kind: 'topicality', weight: 0.6 }, ...(changes.watched ?? [])],
    },
    training: {
      algorithm: 'grpo',
      iterations: changes.iterations ?? 32,
      prompts_per_iteration: 4,
      group_size: 4,
      kl_coefficient: changes.kl ?? 0.01,
      learning_rate: 1e-3,
      warmup_iterations: 2,
      schedule: 'linear',
      updates_per_batch: 1,
      clip_ratio: 0.2,
      max_gradient_norm: 1,
      weight_decay: 0,
      rewrites_per_pass: 16,
      scale_by_group_deviation: false,
      scale_by_length: false,
      normalise_by: null,
      clip_ratio_high: null,
      kl_in_loss: false,
      kl_target: null,
      kl_gain: null,
      gae_lambda: null,
      value_clip: null,
      value_learning_rate: null,
      validate_every_iterations: 0,
      checkpoint_every_iterations: 5,
      ...changes.training,
    },
    evaluation: { answers_per_prompt: 2, answers_per_batch: 64, bootstrap_resamples: 10000, permutations: 10000 },
    ...(changes.arms && { arms: changes.arms }),
  };
}

const against = (baseline: string, mean: number, low: number, high: number, p: number, ratio: number) =>
  compared('tuned', baseline, mean, low, high, p, ratio);

/** A report as the first version wrote it: what it did not count is null. */
function aged(report: Report): Report {
  const nothing = { p_holm: null, bca: null, effect_size: null, improvement: null, variance: null, at_equal_length: null, watched: [] };
  return {
    ...report,
    arms: report.arms.map((one) => ({ ...one, components: null, answer_topicality: null })),
    comparisons: report.comparisons.map((one) => ({ ...one, ...nothing })),
  };
}

function report(run: number, name: string, seed: number): Report {
  const isFirst = seed === 1;
  return {
    run,
    name,
    status: 'finished',
    seed,
    spec_hash: '8f3a91c2d7e4',
    arms: isFirst
      ? [
          arm('raw', 0.771, 0.238, 0.39, 0.635, null),
          arm('untuned', 0.732, 0.273, 0.465, 0.444, 1),
          arm('tuned', 1.007, 0.164, 0.728, 0.464, 1),
        ]
      : [
          arm('raw', 0.776, 0.251, 0.365, 0.684, null),
          arm('untuned', 0.686, 0.267, 0.414, 0.455, 1),
          arm('tuned', 0.825, 0.243, 0.582, 0.406, 0.99),
        ],
    comparisons: [
      ...(isFirst
        ? [against('raw', 0.236, 0.155, 0.315, 0.0001, 0.69), against('untuned', 0.275, 0.189, 0.359, 0.0001, 0.6)]
        : [against('raw', 0.05, -0.033, 0.13, 0.238, 0.97), against('untuned', 0.139, 0.048, 0.231, 0.0031, 0.91)]),
      isFirst
        ? compared('untuned', 'raw', -0.039, -0.12, 0.044, 0.35, 1.15)
        : compared('untuned', 'raw', -0.09, -0.17, -0.006, 0.041, 1.06),
    ],
    verdict: isFirst
      ? "On 96 test prompts the tuned prompter is better than the raw prompt (mean reward +0.236, 95 % interval +0.155 to +0.315, p < 0.001) and than the untuned prompter (mean reward +0.275, 95 % interval +0.189 to +0.359, p < 0.001). The variance of the tuned prompter's rewards is less than the raw prompt's (ratio 0.69, 95 % interval 0.50 to 0.97) and than the untuned prompter's (ratio 0.60, 95 % interval 0.43 to 0.85)."
      : "On 96 test prompts the tuned prompter cannot be told apart from the raw prompt (mean reward +0.050, 95 % interval -0.033 to +0.130, p = 0.238) but is better than the untuned prompter (mean reward +0.139, 95 % interval +0.048 to +0.231, p = 0.003): to tell, raise data.test to about 270 prompts, which is what a difference of this size needs, or train longer. The variance of the tuned prompter's rewards cannot be told apart from the raw prompt's (ratio 0.97, 95 % interval 0.70 to 1.37), nor from the untuned prompter's (ratio 0.91, 95 % interval 0.66 to 1.28).",
    warnings: isFirst
      ? []
      : [
          'After the evaluation: the tuned arm is above the untuned one in reward while the topicality of its answers is lower by 0.05: the gain may come from leaving the subject.',
        ],
    costs: [],
    gaps: [],
    theory: null,
    instruction: null,
    judged: [],
  };
}

export function iteration(number: number, seed: number, total = 32, isWatched = false): IterationNews {
  const { normal, uniform } = stream(seed * 1000 + number);
  const t = number / total;
  // Before the first update there is none but for rounding.
  const kl = number === 1 ? -6.4e-6 : 0.02 + 20 * t ** 2.2 * (0.8 + 0.3 * uniform());
  const reward = 0.68 + 0.38 * Math.min(1, t * 1.25) * (seed === 2 ? 0.5 : 1) + 0.11 * normal();
  return {
    iteration: number,
    seconds: 10.5 + 2 * uniform(),
    metrics: {
      reward_mean: reward,
      reward_std: 0.5 - 0.12 * t + 0.04 * normal(),
      reward_min: reward - 1.1,
      reward_max: reward + 0.6,
      reward_within_group_std: 0.4 - 0.1 * t,
      'reward_part.sentiment': reward - 0.27,
      'reward_part.topicality': 0.45 + 0.05 * normal(),
      // Rises with the reward at first, and then is what the reward is bought with.
      ...(isWatched && { 'reward_part.readability': 0.62 + 0.5 * t - 0.85 * t ** 2 + 0.015 * normal() }),
      objective: reward - 0.01 * kl,
      kl,
      kl_k3: kl * 1.02,
      entropy: 3.4 - 1.7 * t + 0.1 * normal(),
      closeness: 0.99,
      topicality: 0.45 + 0.05 * normal(),
      rewrite_tokens: 13 + 1.6 * t + 0.5 * normal(),
      answer_tokens: 46 + normal(),
      truncated_rewrites: 0.3 + 0.2 * t,
      truncated_answers: 0.8,
      empty_rewrites: 0,
      zero_spread_groups: 0,
      loss: 0.01 * normal(),
      gradient_norm: 0.9 + 0.3 * uniform(),
      clip_fraction: 0,
      ratio_max: 1.0002,
      learning_rate: 1e-3 * (1 - t),
      seconds_rewrite: 2.1,
      seconds_answer: 4.9,
      seconds_reward: 0.003,
      seconds_reference: 0.8,
      seconds_update: 3.1,
      rewrite_tokens_per_second: 104,
      answer_tokens_per_second: 151,
      update_tokens_per_second: 402,
      tokens_per_second: 84 + 6 * normal(),
      episodes_per_second: 1.42,
      peak_memory_bytes: 851_000_000,
    },
  };
}

export function summary(id: number, changes: Partial<RunSummary>): RunSummary {
  const seed = changes.seed ?? 1;
  const done = changes.iterations_done ?? 32;
  const created = changes.created_at_ms ?? opened - id * HOUR;
  const status: Status = changes.status ?? 'finished';
  return {
    id,
    file: null,
    name: 'quickstart',
    tags: [],
    notes: '',
    archived: false,
    deleted_at_ms: null,
    has_texts: true,
    has_prompter: status === 'finished',
    status,
    message: null,
    seed,
    experiment: '8f3a91c2',
    data: 'shipped',
    prompter: 'smollm2-135m-instruct',
    frozen: 'smollm2-135m-instruct',
    created_at_ms: created,
    started_at_ms: created + 900,
    finished_at_ms: status === 'finished' ? created + 548_000 : null,
    iterations_done: done,
    iterations: 32,
    reward_curve: Array.from({ length: done }, (_, i) => iteration(i + 1, seed).metrics.reward_mean ?? null),
    report: status === 'finished' ? report(id, changes.name ?? 'quickstart', seed) : null,
    ...changes,
  };
}

export const RUNNING = 7;
export const STALE =
  'rewards of part "must name a price" are not finite for prompt 12: its pattern matched nothing and the part divides by the count';
export const summaries: RunSummary[] = [
  summary(RUNNING, { status: 'running', seed: 3, iterations_done: 11, created_at_ms: opened - 170_000 }),
  summary(6, {
    name: 'fewer-complaints-on-harmless-prompts-with-a-rather-long-name',
    experiment: 'bb01',
    status: 'failed',
    message: STALE,
    iterations_done: 4,
    data: '/data/hh-rlhf-harmless-test.jsonl',
    seed: 11,
    created_at_ms: opened - 5 * HOUR,
  }),
  summary(5, {
    name: 'low-kl',
    experiment: 'cc77',
    status: 'interrupted',
    message: 'The worker is gone: its process ended without a word (signal 9).',
    iterations_done: 1,
    created_at_ms: opened - 26 * HOUR,
  }),
  summary(4, {
    name: 'low-kl',
    experiment: 'cc77',
    status: 'stopped',
    message: 'stopped on request',
    seed: 2,
    iterations_done: 20,
    created_at_ms: opened - 27 * HOUR,
  }),
  summary(3, {
    name: 'quick <img src=x onerror=alert(1)> look',
    experiment: 'dd10',
    status: 'finished',
    seed: 2,
    created_at_ms: opened - 50 * HOUR,
  }),
  summary(2, { seed: 2, tags: ['paper'], created_at_ms: opened - 75 * HOUR }),
  summary(1, { seed: 1, tags: ['figure 3', 'paper'], notes: 'The one of the draft.\nλ as in table 2.', created_at_ms: opened - 76 * HOUR }),
];
/** Runs in the states that one meets less often. */
export const WAITING = 8;
export const OLD = 9;
export const others: RunSummary[] = [
  summary(WAITING, {
    name: 'patient',
    experiment: 'ee01',
    status: 'waiting',
    iterations_done: 0,
    started_at_ms: null,
    created_at_ms: opened - 160_000,
  }),
  summary(OLD, {
    name: 'put-away',
    experiment: 'ff09',
    archived: true,
    created_at_ms: opened - 200 * HOUR,
    report: aged(report(OLD, 'put-away', 1)),
  }),
  summary(10, { name: 'thrown-away', experiment: 'ff10', deleted_at_ms: opened - HOUR, created_at_ms: opened - 210 * HOUR }),
  ...runsWithArms(summary, opened),
  ...watchedRuns(summary, opened),
  ...cellRuns(summary, opened),
  ...clusteredRuns(summary, opened),
];

export const COLLEAGUE = '/home/ada/Downloads/colleague.alignpro';
export const EXAMPLE = '/usr/share/align-pro-studio/example.alignpro';
/** Runs of files that can be opened beside one's own. */
export const foreign: RunSummary[] = [
  summary(-1, { file: COLLEAGUE, name: 'warmer <b>at work</b>', experiment: 'ab12', tags: ['for Ada'], created_at_ms: opened - 30 * HOUR }),
  summary(-2, { file: COLLEAGUE, name: 'private-prompts', experiment: 'ab13', has_texts: false, has_prompter: false, seed: 2 }),
  summary(-3, { file: COLLEAGUE, seed: 1, created_at_ms: opened - 76 * HOUR }),
  summary(-4, { file: EXAMPLE, name: 'quickstart-example', experiment: 'ab99', created_at_ms: opened - 900 * HOUR }),
];

export function episodes(number: number, seed = 1): EpisodeRow[] {
  const { normal, uniform, pick } = stream(number * 77 + seed);
  return Array.from({ length: 16 }, (_, index) => {
    const prompt_index = (number * 4 + Math.floor(index / 4)) % PROMPTS.length;
    const prompt = PROMPTS[prompt_index] ?? '';
    const sentiment = Math.max(-1, Math.min(1, 0.45 + 0.02 * number + 0.4 * normal()));
    const topicality = Math.max(0, Math.min(1, 0.45 + 0.3 * normal()));
    return {
      iteration: number,
      index,
      prompt_index,
      prompt,
      rewrite: `${prompt} ${pick(uniform() < number / 32 ? ADDITIONS.tuned : ADDITIONS.untuned)}`,
      answer: pick(ANSWERS),
      reward: sentiment + 0.6 * topicality,
      reward_parts: { sentiment, topicality },
      kl: number * 0.3 + normal(),
      advantage: 0.4 * normal(),
      closeness: 1,
      rewrite_tokens: 14,
      answer_tokens: 48,
      rewrite_truncated: uniform() < 0.3,
      answer_truncated: uniform() < 0.8,
    };
  });
}
