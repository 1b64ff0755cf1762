// Two seeds of an experiment on prompts that belong together: those of one customer.
import type { Arm, Comparison, Report, RunSummary } from '$ipc';
import { arm, compared } from './figures';
import type { SpecChanges } from './fixtures';
import { judged } from './judged';

export const CLUSTERED = 'clusters01';
export const BY_CUSTOMER = 60;
export const CLUSTERED_SPEC: SpecChanges = { source: '/home/ada/tickets.jsonl', clusters: 'customer' };
const CLUSTERS = 24;

type Make = (id: number, changes: Partial<RunSummary>) => RunSummary;
export function clusteredRuns(summary: Make, opened: number): RunSummary[] {
  const created_at_ms = opened - 340 * 3_600_000;
  const own = { name: 'by customer', experiment: CLUSTERED, data: '/home/ada/tickets.jsonl', created_at_ms };
  return [1, 2].map((seed) => summary(BY_CUSTOMER + seed - 1, { ...own, seed, report: report(seed) }));
}

/** What counts prompts as independent is not there. */
const ofArm = (one: Arm): Arm => {
  const without = (part: 'prompt' | 'rewrite' | 'answer') => {
    const found = one.components?.[part];
    return found ? { ...found, interval: null } : null;
  };
  const components = { seed: null, interaction: null, prompt: without('prompt'), rewrite: without('rewrite'), answer: without('answer') };
  return { ...one, clusters: CLUSTERS, components };
};
const ofPair = (one: Comparison): Comparison => ({
  ...one,
  clusters: CLUSTERS,
  variance: one.variance && { ...one.variance, p_value: null },
});

function report(seed: number): Report {
  const gain = 0.24 - 0.05 * seed;
  return {
    run: BY_CUSTOMER + seed - 1,
    name: 'by customer',
    status: 'finished',
    seed,
    spec_hash: '71ce91c2d7e4',
    arms: [
      arm('raw', 0.771, 0.238, 0.39, 0.635, null),
      arm('untuned', 0.732, 0.273, 0.465, 0.444, 1),
      arm('tuned', 0.771 + gain, 0.181, 0.701, 0.436, 1),
    ].map(ofArm),
    comparisons: [
      compared('tuned', 'raw', gain, gain - 0.17, gain + 0.18, 0.041, 0.75),
      compared('tuned', 'untuned', gain + 0.04, gain - 0.14, gain + 0.21, 0.023, 0.66),
      compared('untuned', 'raw', -0.039, -0.19, 0.11, 0.6, 1.15),
    ].map(ofPair),
    verdict:
      'On 96 test prompts in 24 clusters the tuned prompter is better than the raw prompt (mean reward +0.190, 95 % interval +0.020 to +0.370, p = 0.041) and than the untuned prompter (mean reward +0.230, 95 % interval +0.050 to +0.400, p = 0.023).',
    warnings: [],
    costs: [],
    gaps: [],
    theory: null,
    instruction: null,
    judged: [{ ...judged({ judge: 'qwen2.5-0.5b-instruct', arm: 'tuned', baseline: 'raw', pairs: null }, 0), clusters: CLUSTERS }],
  };
}
