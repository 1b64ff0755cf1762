import type { Sample, SampleAnswer } from '$ipc';
import { ARMS, type ArmKey } from '$lib/charts/palette';
import { csv } from '$lib/format';

export type SampleOrder = 'gain' | 'loss' | 'prompt' | 'best' | 'worst';

export const answersOf = (sample: Sample, arm: string): SampleAnswer[] =>
  sample.answers.filter((answer) => answer.arm === arm).toSorted((a, b) => a.answer_index - b.answer_index);

/** An arm's mean reward on a prompt; null where it has none. */
export function mean(sample: Sample, arm: string): number | null {
  const rewards = answersOf(sample, arm)
    .map((answer) => answer.reward)
    .filter((reward) => reward !== null);
  return rewards.length ? rewards.reduce((a, b) => a + b, 0) / rewards.length : null;
}

/** The arms that have answered any of these prompts. */
export function armsIn(samples: Sample[]): ArmKey[] {
  const names = new Set(samples.flatMap((sample) => sample.answers.map((answer) => answer.arm)));
  return ARMS.filter((arm) => names.has(arm));
}

/** An arm and the one that it is held against. */
export interface Pair {
  arm: ArmKey;
  baseline: ArmKey;
}
const LEADING: ArmKey[] = ['tuned', 'oracle', 'optimum', 'best_rewrite', 'instruction', 'best_answer', 'untuned', 'raw'];
/** What one wants to see first, of the arms that there are; null where there is only one. */
export function usualPair(arms: ArmKey[]): Pair | null {
  const arm = LEADING.find((one) => arms.includes(one));
  const baseline = arms.find((one) => one !== arm);
  return arm && baseline ? { arm, baseline } : null;
}

/** Two arms by their names, if they are two of those; else the usual pair. */
export function askedPair(arms: ArmKey[], of: string | undefined, over: string | undefined): Pair | null {
  const [arm, baseline] = [arms.find((one) => one === of), arms.find((one) => one === over)];
  return arm && baseline && arm !== baseline ? { arm, baseline } : usualPair(arms);
}

/** What an arm gained on a prompt over another; null where one of them has no answer. */
export function gain(sample: Sample, pair: Pair | null): number | null {
  if (!pair) return null;
  const [of, over] = [mean(sample, pair.arm), mean(sample, pair.baseline)];
  return of === null || over === null ? null : of - over;
}

export function sortedSamples(samples: Sample[], order: SampleOrder, pair: Pair | null): Sample[] {
  if (order === 'prompt' || !pair) return samples.toSorted((a, b) => a.prompt_index - b.prompt_index);
  const key = order === 'gain' || order === 'loss' ? (sample: Sample) => gain(sample, pair) : (sample: Sample) => mean(sample, pair.arm);
  const sign = order === 'gain' || order === 'best' ? -1 : 1;
  // Prompts without a value come last, whichever way.
  const value = (sample: Sample) => {
    const v = key(sample);
    return v === null ? Infinity : sign * v;
  };
  return samples.toSorted((a, b) => value(a) - value(b) || a.prompt_index - b.prompt_index);
}

export function searched(samples: Sample[], text: string): Sample[] {
  const word = text.trim().toLowerCase();
  if (!word) return samples;
  return samples.filter(
    (s) => s.prompt.toLowerCase().includes(word) || s.answers.some((a) => `${a.answer} ${a.rewrite ?? ''}`.toLowerCase().includes(word)),
  );
}

/** The reward of every answer of every arm. */
export const rewardsCsv = (samples: Sample[]) =>
  csv([
    ['arm', 'prompt_index', 'answer_index', 'reward'],
    ...armsIn(samples).flatMap((arm) =>
      samples.flatMap((sample) => answersOf(sample, arm).map((a) => [arm, sample.prompt_index, a.answer_index, a.reward])),
    ),
  ]);
