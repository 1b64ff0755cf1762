// What a design can show, and how long it might take, told from earlier runs of the same kind.
import type { RunSummary, Spec } from '$ipc';
import { againstRaw, isOwn, viewOf } from './experiments';

const isAlike = (run: RunSummary, spec: Spec) => run.prompter === spec.prompter.model && run.frozen === spec.frozen.model;

/** The newest finished run of this machine with the same models. */
export const precedent = (runs: RunSummary[], spec: Spec): RunSummary | null =>
  runs
    .filter((run) => isOwn(run) && viewOf(run) !== 'deleted' && run.report && isAlike(run, spec))
    .sort((a, b) => b.created_at_ms - a.created_at_ms)[0] ?? null;

// A half interval is 1.96 standard errors; a difference of 2.8 of them is found in 80 % of experiments.
const FOUND_IN_80_PERCENT = 2.8 / 1.96;
/** The difference that so many test prompts find in 80 % of experiments, if prompts differ as they did in that run's first comparison. */
export function smallestDifference(run: RunSummary, prompts: number): number | null {
  const c = againstRaw(run) ?? run.report?.comparisons[0];
  if (!c || prompts < 2) return null;
  return FOUND_IN_80_PERCENT * ((c.ci_high - c.ci_low) / 2) * Math.sqrt(c.prompts / prompts);
}

/** The seeds of so many runs: "3", "3 to 7". */
export const seedSpan = (spec: Spec, seeds: number) => (seeds > 1 ? `${spec.seed} to ${spec.seed + seeds - 1}` : `${spec.seed}`);
