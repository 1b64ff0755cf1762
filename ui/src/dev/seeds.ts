// The seeds of one experiment together, from the reports of the fixtures.
import type { MeanOverSeeds, RunSummary, SeedsReport } from '$ipc';
import { promptsInWords } from '$lib/state/clusters';
import { holm } from '$lib/state/compare';

/** Half an interval by Student's t. */
const STUDENT = 0.19;
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function over(values: number[], failed: number, isClustered: boolean): MeanOverSeeds {
  const middle = mean([...values, ...Array.from({ length: failed }, () => 0)]);
  // An interval of a component takes prompts as independent.
  const part = (variance: number) => ({ variance, interval: isClustered ? null : { low: variance * 0.2 - 0.004, high: variance * 2.1 } });
  return {
    seeds: values.length + failed,
    failed,
    mean: middle,
    bootstrap: { low: middle - 0.11, high: middle + 0.12 },
    student: { low: middle - STUDENT, high: middle + STUDENT },
    deviation: 0.093,
    components: { seed: part(0.009), prompt: part(0.061), interaction: part(0.021), rewrite: part(0.212), answer: null },
  };
}

/** About what a t test with that half interval says. */
function testOf(middle: number): number {
  const z = (1.96 * Math.abs(middle)) / STUDENT;
  return Math.exp(-0.717 * z - 0.416 * z * z);
}

export function analysed(chosen: RunSummary[]): SeedsReport {
  const runs = chosen.toSorted((a, b) => a.seed - b.seed);
  const reports = runs.flatMap((run) => (run.report ? [run.report] : []));
  const failed = runs.filter((run) => run.status === 'failed').length;
  const first = reports[0];
  const clusters = first?.arms[0]?.clusters ?? null;
  const differences = (first?.comparisons ?? []).map(({ arm }, i) =>
    over(
      reports.map((r) => r.comparisons[i]?.mean_difference ?? 0),
      arm === 'tuned' ? failed : 0,
      clusters !== null,
    ),
  );
  const p_values = differences.map(({ mean: middle, seeds }) => (seeds > 1 ? testOf(middle) : null));
  const adjusted = holm(p_values.map((p) => p ?? 1));
  return {
    name: runs[0]?.name ?? '',
    experiment: runs[0]?.experiment ?? '',
    runs: runs.map(({ id, seed, status, message, report }) => ({
      run: id,
      seed,
      status,
      counted: report ? 'measured' : status === 'failed' ? 'failed' : 'unfinished',
      message,
    })),
    prompts: 96,
    clusters,
    answers: 2,
    arms: (first?.arms ?? []).map(({ name }, i) => ({
      arm: name,
      reward: over(
        reports.map((r) => r.arms[i]?.reward_mean ?? 0),
        0,
        clusters !== null,
      ),
    })),
    comparisons: (first?.comparisons ?? []).map(({ arm, baseline }, i) => ({
      arm,
      baseline,
      difference: differences[i]!,
      p_value: p_values[i] ?? null,
      p_holm: p_values[i] === null ? null : (adjusted[i] ?? null),
      power: { smallest: 0.24, twice_prompts: 0.235, twice_answers: clusters === null ? 0.237 : null, twice_seeds: 0.157 },
    })),
    gaps: first?.gaps ?? [],
    verdict: `Over ${reports.length + failed} seeds on ${promptsInWords(96, clusters, 'test prompt')} the tuned prompter cannot be told apart from the raw prompt (mean difference +0.143, 95 % interval by Student's t -0.047 to +0.333) but is better than the untuned prompter (mean difference +0.207, 95 % interval by Student's t +0.017 to +0.397): to tell, train more seeds or test on more prompts.`,
    warnings: runs
      .filter((run) => run.report === null && run.status !== 'failed')
      .map((run) => `Run ${run.id}, seed ${run.seed}, is ${run.status} and is left out until it has finished.`),
  };
}
