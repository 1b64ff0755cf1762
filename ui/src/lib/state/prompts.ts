// A run's test prompts one by one: where training falls short, and where the prompter itself is the limit.
import type { PromptTheory, RunTheory, Sample } from '$ipc';
import type { ArmKey } from '$lib/charts/palette';
import { csv } from '$lib/format';

export type PromptOrder = 'headroom' | 'limit' | 'shortfall' | 'prompt';
export const PROMPT_ORDERS: { value: PromptOrder; word: string; title: string }[] = [
  { value: 'headroom', word: 'Most to gain', title: 'Optimum − untuned, largest first: what choosing among rewrites gains' },
  { value: 'limit', word: 'Least to gain', title: 'Optimum − untuned, smallest first: no rewrite helps, the prompter is the limit' },
  { value: 'shortfall', word: 'Training falls short', title: 'J of the optimum less that of the tuned prompter, largest first' },
  { value: 'prompt', word: 'Prompt order', title: 'As in the test set' },
];

/** What the optimum gains over the untuned prompter. */
export const headroom = (p: PromptTheory) => p.optimum_reward - p.untuned_reward;
/** Of the objective where it is known, else of the reward. */
export const shortfall = (p: PromptTheory) => p.shortfall ?? (p.tuned_reward === null ? null : p.optimum_reward - p.tuned_reward);

const KEYS: Record<PromptOrder, (p: PromptTheory) => number | null> = {
  headroom: (p) => -headroom(p),
  limit: headroom,
  shortfall: (p) => {
    const short = shortfall(p);
    return short === null ? null : -short;
  },
  prompt: (p) => p.prompt_index,
};
/** What has no value comes last. */
export function sortedPrompts(prompts: PromptTheory[], order: PromptOrder): PromptTheory[] {
  const key = (p: PromptTheory) => KEYS[order](p) ?? Infinity;
  return prompts.toSorted((a, b) => key(a) - key(b) || a.prompt_index - b.prompt_index);
}

/** The rewards that are drawn for a prompt, from the least on. */
export const rewardsOf = (p: PromptTheory): { arm: ArmKey; reward: number }[] =>
  [
    { arm: 'untuned' as const, reward: p.untuned_reward },
    ...(p.tuned_reward === null ? [] : [{ arm: 'tuned' as const, reward: p.tuned_reward }]),
    { arm: 'optimum' as const, reward: p.optimum_reward },
    { arm: 'best_rewrite' as const, reward: p.best_reward },
  ].toSorted((a, b) => a.reward - b.reward);

export const promptsCsv = ({ by_prompt }: RunTheory, samples: Sample[] | null) =>
  csv([
    [
      ...['prompt_index', 'prompt', 'untuned', 'tuned', 'optimum', 'best', 'worst'],
      ...['headroom', 'shortfall', 'kl', 'effective_rewrites'],
    ],
    ...by_prompt.map((p) => [
      ...[p.prompt_index, samples?.find((sample) => sample.prompt_index === p.prompt_index)?.prompt],
      ...[p.untuned_reward, p.tuned_reward, p.optimum_reward, p.best_reward, p.worst_reward],
      ...[headroom(p), p.shortfall, p.kl, p.effective_rewrites],
    ]),
  ]);
