import type { Sample, SampleAnswer } from '$ipc';

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

/** What the tuned prompter gained on a prompt over the raw prompt. */
export function gain(sample: Sample): number | null {
  const [tuned, raw] = [mean(sample, 'tuned'), mean(sample, 'raw')];
  return tuned === null || raw === null ? null : tuned - raw;
}

export function sortedSamples(samples: Sample[], order: SampleOrder): Sample[] {
  if (order === 'prompt') return samples.toSorted((a, b) => a.prompt_index - b.prompt_index);
  const key = order === 'gain' || order === 'loss' ? gain : (sample: Sample) => mean(sample, 'tuned');
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
