// The algorithms that a prompter can be trained with, and which options are whose.
import type { Algorithm, Training } from '$ipc';

export const ALGORITHMS: { key: Algorithm; word: string; meaning: string }[] = [
  {
    key: 'grpo',
    word: 'GRPO',
    meaning: 'For each prompt a group of rewrites is drawn, answered and scored; what did better than its group becomes likelier.',
  },
  {
    key: 'rloo',
    word: 'RLOO',
    meaning: 'As GRPO, but a rewrite is compared with the others of its group, without itself.',
  },
  {
    key: 'ppo',
    word: 'PPO',
    meaning: 'Each token is compared with what a value head, trained beside the prompter, expects of the rewrite so far.',
  },
];

/** Options that belong to one algorithm, as they are when they are not used. */
const OWN: Record<Algorithm, Partial<Training>> = {
  grpo: { scale_by_group_deviation: false, scale_by_length: false, normalise_by: null, clip_ratio_high: null, kl_in_loss: false },
  rloo: {},
  ppo: { gae_lambda: null, value_clip: null, value_learning_rate: null },
};
/** The keys of all of them. */
export const OPTIONS = Object.values(OWN).flatMap((own) => Object.keys(own));

/** Takes an algorithm, and leaves out what the others alone have. */
export function choose(training: Training, algorithm: Algorithm) {
  for (const { key } of ALGORITHMS) if (key !== algorithm) Object.assign(training, OWN[key]);
  training.algorithm = algorithm;
}
