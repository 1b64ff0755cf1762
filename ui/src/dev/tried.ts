import type { Tried, TriedArm } from '$ipc';
import { send } from '$lib/ipc/mock';
import { samples } from './fixtures';

const ANSWERING_MS = 800;

/** Every arm's answer to a prompt, one after another; a prompt of "too long" fails after the first. */
export async function tried(run: number, prompt: string, onArm: unknown): Promise<Tried> {
  const arms: TriedArm[] = [];
  for (const answer of samples(1, 1)[0]?.answers.filter((one) => one.answer_index === 0) ?? []) {
    await new Promise((done) => setTimeout(done, ANSWERING_MS));
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
    arms.push(arm);
    send(onArm, arm);
  }
  return { run, iteration: 32, prompt, arms };
}
