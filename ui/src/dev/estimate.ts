import type { Estimate, FitStep, Phase, Spec } from '$ipc';
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
  const of: Record<Phase, number> = {
    load: 2.4,
    baselines: 95,
    train: 13 * spec.training.iterations,
    search: 11 * spec.training.iterations,
    oracle: 19 * spec.training.iterations,
    evaluate: 48,
  };
  const phases = phasesOf(armsOf(spec)).map((phase) => ({ phase, seconds: of[phase] }));
  const steps: [FitStep, number][] = [
    ['load', 560_000_000],
    ['rollout', 720_000_000],
    ['answers', 830_000_000],
    ['update', peak],
  ];
  return {
    phases,
    seconds: phases.reduce((sum, phase) => sum + phase.seconds, 0),
    twice_prompts_seconds: 143,
    twice_answers_seconds: 171,
    memory: {
      place: 'memory',
      phases: steps.map(([step, peak_bytes]) => ({ step, peak_bytes })),
      peak_bytes: peak,
      free_bytes: 20_400_000_000,
      fits,
      changes: fits ? [] : ['training.rewrites_per_pass = 16', 'precision = "bf16"', 'offload = true'],
      changed_peak_bytes: fits ? null : 9_100_000_000,
      changed_fits: true,
    },
    basis: 'Measured just now on this machine with these models, on a few prompts of this data.',
    longest_prompter_tokens: 84,
    longest_frozen_tokens: 132,
    prompter_context: 2048,
    frozen_context: spec.frozen.endpoint ? null : 2048,
    endpoint: spec.frozen.endpoint
      ? { url: spec.frozen.endpoint.url, model: spec.frozen.model, requests: 1083, tokens_in: 140_790, tokens_out: 51_984, money: null }
      : null,
  };
}
