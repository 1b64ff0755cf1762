// What a design can show, and how long it might take, told from earlier runs of the same kind.
import type { DesignPower, Estimate, RunSummary, Spec } from '$ipc';
import { pairWord } from '$lib/charts/forest';
import type { PlaneLine } from '$lib/charts/Plane.svelte';
import { csv, fixed, NONE, rough } from '$lib/format';
import { whole } from './arms';
import { isOwn, viewOf } from './experiments';

const isAlike = (run: RunSummary, spec: Spec) => run.prompter === spec.prompter.model && run.frozen === spec.frozen.model;

/** The newest finished run of this machine with the same models. */
export const precedent = (runs: RunSummary[], spec: Spec): RunSummary | null =>
  runs
    .filter((run) => isOwn(run) && viewOf(run) !== 'deleted' && run.report && isAlike(run, spec))
    .sort((a, b) => b.created_at_ms - a.created_at_ms)[0] ?? null;

/** What of a spec decides how small a difference it finds. */
export function powerKey(spec: Spec, seeds: number): string {
  const { prompter, frozen, data, reward, evaluation } = spec;
  const { source, column, cluster_column, split_seed, test } = data;
  const drawn = [source, column, cluster_column, cluster_column == null ? null : split_seed, test];
  const of = [prompter.model, frozen.model, ...drawn, reward, evaluation.answers_per_prompt, whole(spec).arms];
  return JSON.stringify([...of, seeds]);
}

export const POWER_COLUMNS = ['As planned', 'Twice the prompts', 'Twice the answers', 'Twice the seeds'] as const;
export interface PowerRow {
  label: string;
  cells: string[];
}
/** The smallest difference of each pair, and what each doubling adds to the time of all runs. */
export function powerRows({ pairs, seeds }: DesignPower, estimate: Estimate | null): { rows: PowerRow[]; costs: PowerRow | null } {
  const rows = pairs.map(({ arm, baseline, power }) => ({
    label: pairWord({ arm, baseline }),
    cells: [power?.smallest, power?.twice_prompts, power?.twice_answers, power?.twice_seeds].map((value) => fixed(value)),
  }));
  if (!estimate) return { rows, costs: null };
  const added = [
    ['twice_prompts', estimate.twice_prompts_seconds],
    ['twice_answers', estimate.twice_answers_seconds],
    ['twice_seeds', estimate.seconds],
  ] as const;
  // What buys nothing that is known has no price.
  const cells = added.map(([key, seconds]) =>
    seconds === null || !pairs.some(({ power }) => power && power[key] !== null) ? NONE : `+ ${rough(seconds * seeds)}`,
  );
  return { rows, costs: { label: seeds > 1 ? `Time it adds, in all ${seeds} runs` : 'Time it adds', cells: ['', ...cells] } };
}

/** The smallest difference by the number of test prompts. */
export const powerLines = ({ pairs }: DesignPower): PlaneLine[] =>
  pairs
    .filter(({ by_prompts }) => by_prompts.length > 1)
    .map(({ arm, baseline, by_prompts }, i) => ({
      word: pairWord({ arm, baseline }),
      colour: `arm-${baseline}`,
      points: by_prompts.map(({ prompts, smallest }) => [prompts, smallest] as const),
      dashes: i === 0 ? undefined : '6 4',
    }));

export const powerCsv = ({ pairs, seeds, answers }: DesignPower): string =>
  csv([
    ['arm', 'baseline', 'seeds', 'answers', 'prompts', 'smallest_difference'],
    ...pairs.flatMap(({ arm, baseline, by_prompts }) =>
      by_prompts.map(({ prompts, smallest }) => [arm, baseline, seeds, answers, prompts, smallest]),
    ),
  ]);

/** The seeds of so many runs: "3", "3 to 7". */
export const seedSpan = (spec: Spec, seeds: number) => (seeds > 1 ? `${spec.seed} to ${spec.seed + seeds - 1}` : `${spec.seed}`);
