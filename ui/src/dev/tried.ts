import type { Tried, TriedArm, TryNews } from '$ipc';
import { send } from '$lib/ipc/mock';
import { samples } from './samples';

const TOKEN_MS = 25;

/** Every arm's texts word by word, one arm after another; a prompt of "too long" fails after the first. */
export async function tried(run: number, prompt: string, onNews: unknown): Promise<Tried> {
  const arms: TriedArm[] = [];
  for (const answer of samples(1, 1)[0]?.answers.filter((one) => one.answer_index === 0) ?? []) {
    if (prompt === 'too long' && arms.length)
      throw { code: 'run', message: 'The prompt is longer than the context of the model.', detail: null };
    const arm: TriedArm = {
      name: answer.arm,
      rewrite: answer.rewrite && `${prompt} What a wonderful idea, I am so excited to`,
      rewrite_closeness: answer.closeness,
      rewrite_truncated: answer.rewrite_truncated,
      answer: answer.answer,
      answer_truncated: answer.answer_truncated,
      reward: answer.reward ?? 0,
      reward_parts: answer.reward_parts as TriedArm['reward_parts'],
    };
    for (const [rewrite, answer] of growth(arm)) {
      await new Promise((done) => setTimeout(done, TOKEN_MS));
      send(onNews, { kind: 'growing', name: arm.name, rewrite, answer } satisfies TryNews);
    }
    arms.push(arm);
    send(onNews, { kind: 'done', ...arm } satisfies TryNews);
  }
  return { run, iteration: 32, prompt, arms };
}

/** Rewrite and answer as they grow: first the one, then the other. */
function growth(arm: TriedArm): [string | null, string | null][] {
  const beginnings = (text: string) => text.split(' ').map((_, i, words) => words.slice(0, i + 1).join(' '));
  const rewrites = arm.rewrite === null ? [] : beginnings(arm.rewrite).map((text): [string, null] => [text, null]);
  return [...rewrites, ...beginnings(arm.answer).map((text): [string | null, string] => [arm.rewrite, text])];
}
