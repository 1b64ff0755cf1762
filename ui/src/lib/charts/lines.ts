// Which metrics of training are drawn, and what is said of them. docs/algorithms/metrics.md explains each.
import { smoothed } from '$lib/state/compare';
import { inOrder, type Story } from '$lib/state/run';
import { partWord } from '$lib/state/tables';
import type { Line } from './Curve.svelte';

// One batch of rewrites is noisy: its mean moves by about its deviation divided by the root of its size.
const WINDOW = 5;

export interface Panel {
  title: string;
  unit: string;
  note: string;
  lines: Line[];
  /** As of a curve. */
  least?: number;
}

/** The metrics of a training; `watched` are the labels of parts that nothing is trained on. */
export function panels(story: Story, watched: string[] = []): { main: Panel; others: Panel[]; more: Panel[] } {
  const rows = inOrder(story);
  const of = (metric: string) => rows.map((row) => row.metrics[metric] ?? null);
  const line = (label: string, metric: string, colour: string): Line => ({ label, values: of(metric), colour });
  const parts = [...new Set(rows.flatMap((row) => Object.keys(row.metrics)))].filter((name) => name.startsWith('reward_part.'));
  return {
    main: {
      title: 'Reward',
      unit: 'mean of the iteration’s rewrites',
      note: 'Pale: each iteration; its band: ± one standard deviation over the rewrites of the batch. Training prompts, sampled rewrites: the comparison of arms is made on test prompts.',
      lines: [
        { ...line('iteration', 'reward_mean', 'arm-tuned'), spread: of('reward_std'), isPale: true },
        { label: `mean of the latest ${WINDOW}`, values: smoothed(of('reward_mean'), WINDOW), colour: 'arm-tuned' },
      ],
    },
    others: [
      {
        title: 'Divergence (KL)',
        unit: 'nats per rewrite',
        note: 'From the untuned prompter.',
        lines: [line('KL', 'kl', 'run-5')],
        // Before the first update it is 0 but for rounding.
        least: 0.1,
      },
      {
        title: 'Parts of the reward',
        unit: 'unweighted means',
        note: 'A gain should not come from one part alone.',
        lines: parts.map((name, i) => line(partWord(name.slice('reward_part.'.length), watched), name, `run-${(i + 1) % 6}`)),
      },
      {
        title: 'Entropy',
        unit: 'nats per token',
        note: 'Near 0, all rewrites become the same.',
        lines: [line('entropy', 'entropy', 'run-2')],
        least: 0.1,
      },
      {
        title: 'On the subject',
        unit: '0 to 1',
        note: 'Topicality of answers; closeness of rewrites to their prompts.',
        lines: [line('topicality', 'topicality', 'run-2'), line('closeness', 'closeness', 'run-3')],
      },
      { title: 'Rewrite length', unit: 'tokens', note: 'Mean, stop token included.', lines: [line('tokens', 'rewrite_tokens', 'run-1')] },
      {
        title: 'Speed',
        unit: 'tokens per second',
        note: 'Drawn tokens over all stages of an iteration.',
        lines: [line('tokens/s', 'tokens_per_second', 'run-4')],
      },
    ],
    more: MORE.filter(([metric]) => rows.some((row) => metric in row.metrics)).map(([metric, title, unit, note, least]) => ({
      title,
      unit,
      note,
      lines: [line(title, metric, 'run-4')],
      least,
    })),
  };
}

const MORE: [metric: string, title: string, unit: string, note: string, least?: number][] = [
  ['objective', 'Objective', 'reward − λ · KL', 'An estimate of what training maximises.'],
  ['reward_within_group_std', 'Group spread', 'standard deviation', 'What there is to learn from. Near 0, learning stops.'],
  ['zero_spread_groups', 'Flat groups', 'share', 'Groups in which all rewards are equal.'],
  ['gradient_norm', 'Gradient norm', 'L2, before clipping', 'Mean over the updates.'],
  ['learning_rate', 'Learning rate', '', 'Of this iteration.'],
  ['ratio_max', 'Largest ratio', 'ρ / ρ_old of a token', 'Near 1 at the first update.'],
  ['clip_fraction', 'Clipped tokens', 'share', '0 with one update per batch.'],
  ['kl_coefficient', 'λ', 'reward per nat', 'Fixed, unless it follows a divergence to aim at.'],
  ['value_loss', 'Loss of the value head', 'reward²', 'Clipped squared error, halved; mean over its steps.'],
  [
    'value_explained_variance',
    'Explained by the value head',
    'share of the variance',
    '1 foretells the returns, 0 is no better than a constant.',
  ],
  ['loss', 'Loss', '', 'Near 0 by construction: not a measure of progress.', 0.01],
  ['truncated_rewrites', 'Rewrites cut', 'share', 'At the token limit.'],
  ['truncated_answers', 'Answers cut', 'share', 'At the token limit.'],
  ['answer_tokens', 'Answer length', 'tokens', 'Mean, stop token included.'],
  ['empty_rewrites', 'Empty rewrites', 'share', 'Without any text.'],
];
