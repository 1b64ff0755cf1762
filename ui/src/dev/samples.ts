import type { Sample } from '$ipc';
import type { ArmKey } from '$lib/charts/palette';
import { stream } from './random';
import { ADDITIONS, ANSWERS, PROMPTS } from './texts';

const USUAL: ArmKey[] = ['raw', 'untuned', 'tuned'];
// How warm an arm's answers are, on average.
const WARMTH: Record<ArmKey, number> = {
  raw: 0.42,
  untuned: 0.42,
  tuned: 0.72,
  optimum: 0.62,
  best_rewrite: 0.72,
  best_answer: 0.85,
  instruction: 0.52,
  oracle: 0.85,
};
const AS_TYPED: ArmKey[] = ['raw', 'best_answer', 'oracle'];

export const FOUND = 'Answer warmly, and end with <b>one</b> concrete thing that the reader can do today.';
function rewritten(arm: ArmKey, prompt: string, pick: <T>(items: readonly T[]) => T): string | null {
  if (AS_TYPED.includes(arm)) return null;
  return arm === 'instruction' ? `${FOUND} ${prompt}` : `${prompt} ${pick(ADDITIONS[arm === 'untuned' ? 'untuned' : 'tuned'])}`;
}

export function samples(seed: number, count = 96, arms: readonly ArmKey[] = USUAL): Sample[] {
  const { normal, pick, uniform } = stream(seed + 5);
  return Array.from({ length: count }, (_, prompt_index) => {
    const prompt = PROMPTS[prompt_index % PROMPTS.length] ?? '';
    const ease = 0.25 * normal();
    const answers = arms.flatMap((arm) =>
      [0, 1].map((answer_index) => {
        const sentiment = Math.max(-1, Math.min(1, WARMTH[arm] + ease + 0.4 * normal()));
        const topicality = Math.max(0, Math.min(1, (AS_TYPED.includes(arm) ? 0.63 : 0.45) + 0.25 * normal()));
        const rewrite = rewritten(arm, prompt, pick);
        return {
          arm,
          answer_index,
          rewrite,
          answer: pick(ANSWERS),
          reward: sentiment + 0.6 * topicality,
          reward_parts: { sentiment, topicality },
          kl: arm === 'tuned' ? 18 + 4 * normal() : arm === 'untuned' ? 0 : null,
          closeness: rewrite === null ? null : 1,
          rewrite_truncated: rewrite === null ? null : uniform() < 0.3,
          answer_truncated: uniform() < 0.8,
        };
      }),
    );
    const system = prompt_index === 1 ? 'You are the help desk of a garden centre. Answer in plain words, and never sell anything.' : null;
    return { prompt_index, prompt, system, answers };
  });
}
