import type { Estimate, Phase, Spec } from '$ipc';
import { armsOf } from '$lib/state/arms';
import { phasesOf } from '$lib/state/phases';

const MEASURING_MS = 900;
// A group of so many rewrites is more than the fixtures' machine holds.
const TOO_MANY = 64;

/** What a spec will take on the fixtures' machine; a name of "unmeasurable" fails. */
export async function estimated(spec: Spec): Promise<Estimate> {
  await new Promise((done) => setTimeout(done, MEASURING_MS));
  if (spec.name === 'unmeasurable')
    throw { code: 'model', message: `The model ${spec.prompter.model} is not installed.`, detail: 'no folder of that name' };
  const fits = spec.training.group_size < TOO_MANY;
  const peak = fits ? 1_240_000_000 : 31_500_000_000;
  const of: Record<Phase, [seconds: number, peak_bytes: number]> = {
    load: [2.4, 560_000_000],
    baselines: [95, 820_000_000],
    train: [13 * spec.training.iterations, peak],
    search: [11 * spec.training.iterations, 830_000_000],
    oracle: [19 * spec.training.iterations, peak],
    evaluate: [48, 830_000_000],
  };
  const phases = phasesOf(armsOf(spec)).map((phase) => ({ phase, seconds: of[phase][0], peak_bytes: of[phase][1] }));
  return {
    phases,
    seconds: phases.reduce((sum, phase) => sum + phase.seconds, 0),
    twice_prompts_seconds: 143,
    twice_answers_seconds: 171,
    peak_bytes: peak,
    free_bytes: 20_400_000_000,
    fits,
    basis: 'Measured just now on this machine with these models, on a few prompts of this data.',
    advice: fits ? [] : ['Lower training.rewrites_per_pass to 16: it then needs about 9.1 GB.', 'Lower training.group_size.'],
    longest_prompter_tokens: 84,
    longest_frozen_tokens: 132,
    prompter_context: 2048,
    frozen_context: spec.frozen.endpoint ? null : 2048,
    endpoint: spec.frozen.endpoint
      ? { url: spec.frozen.endpoint.url, model: spec.frozen.model, requests: 1083, tokens_in: 140_790, tokens_out: 51_984, money: null }
      : null,
  };
}
