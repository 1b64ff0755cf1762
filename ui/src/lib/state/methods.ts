// How a result was come by, in words that can go into a paper.
import type { Report, RunDetail } from '$ipc';
import { plural } from '$lib/format';

/** The statistics of a run's report, with their numbers. */
export function methods({ spec, program_version, summary }: RunDetail, report: Report): string {
  const { evaluation, training, prompter, frozen } = spec;
  const prompts = Math.min(...report.comparisons.map((c) => c.prompts), ...report.arms.map((arm) => arm.prompts));
  const resamples = plural(evaluation.bootstrap_resamples, 'resample');
  const signs = plural(evaluation.permutations, 'permutation');
  return [
    `Following Align-Pro (Trivedi et al., 2025), a prompter (${prompter.model}, LoRA of rank ${prompter.lora.rank}) was trained for ${plural(summary.iterations_done, 'iteration')} (${training.algorithm.toUpperCase()}, λ = ${training.kl_coefficient}, seed ${report.seed}) to rewrite prompts for a frozen model (${frozen.model}).`,
    `The raw prompt, the untuned and the tuned prompter were compared on ${plural(prompts, 'held-out test prompt')}, ${plural(evaluation.answers_per_prompt, 'answer')} of each arm to each prompt, with the same decoding seeds in all arms.`,
    `The prompt is the unit of all intervals and tests.`,
    `Means have 95 % percentile bootstrap intervals over prompts (${resamples}).`,
    `Paired differences of the prompts' mean rewards have percentile and BCa bootstrap intervals, the effect size d_z (mean over standard deviation of the differences), and the probability of improvement (share of prompts, ties as half); p is of a two-sided sign-flip permutation test over prompts (exact, or at most ${signs}), given as it is and adjusted after Holm for ${plural(report.comparisons.length, 'comparison')}.`,
    `Variances over all answers were compared by their ratio, with a percentile bootstrap interval of its logarithm from the same resampled prompts in both arms, and by the Brown-Forsythe test on the first answer to each prompt.`,
    `Variance within and between prompts is split by unbiased analysis-of-variance estimators of a one-way random-effects model.`,
    `One training seed: the figures are about this trained prompter, not about training again.`,
    `All was computed with Align-Pro Studio ${program_version}.`,
  ].join(' ');
}

/** The paper that this program follows. */
export const BIBTEX = `@article{trivedi2025alignpro,
  title   = {Align-Pro: A Principled Approach to Prompt Optimization for {LLM} Alignment},
  author  = {Trivedi, Prashant and Chakraborty, Souradip and Reddy, Avinash and Aggarwal, Vaneet and Bedi, Amrit Singh and Atia, George K.},
  journal = {Proceedings of the AAAI Conference on Artificial Intelligence},
  volume  = {39},
  number  = {26},
  pages   = {27653--27661},
  year    = {2025},
  doi     = {10.1609/aaai.v39i26.34979}
}`;
