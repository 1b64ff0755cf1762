// How a result was come by, in words that can go into a paper.
import type { Report, ReportedRun, RunDetail, SeedsReport, Spec } from '$ipc';
import { armWord } from '$lib/charts/palette';
import { capital, listed, plural } from '$lib/format';
import { areClustered, countedIn, promptsInWords, unitOf } from './clusters';
import { armsOf, trained, validations, whole } from './arms';
import { endpointInWords } from './endpoint';
import { grouped } from './experiments';
import { watchedIn } from './rewards';
import { beginning, told, type Story } from './run';
import { bestOf } from './validation';

/**
 * What a run did and the statistics of its report, with their numbers; the story tells how its training ended. Of a run that was repeated
 * with other seeds, `seeds` holds what they say together.
 */
export const methods = (detail: RunDetail, report: Report, story: Story = beginning(), seeds: SeedsReport | null = null): string =>
  sentences(detail, report, story, seeds).join(' ');

function sentences(
  { spec, facts, program_version, summary }: RunDetail,
  report: Report,
  story: Story,
  seeds: SeedsReport | null,
): string[] {
  const { evaluation } = spec;
  const resamples = plural(evaluation.bootstrap_resamples, 'resample');
  const signs = plural(evaluation.permutations, 'permutation');
  const [unit, isClustered] = [unitOf(countedIn(report)), areClustered(countedIn(report))];
  return [
    trainedInWords(spec, summary.iterations_done, seeds ? seeds.runs.map(({ seed }) => seed) : [report.seed]),
    ...(seeds ? [] : chosenInWords(spec, story)),
    comparedInWords(spec, report),
    endpointInWords(spec, facts),
    ...armsInDetail(spec, report),
    isClustered
      ? `Prompts that belong together (one cluster for each value of ${spec.data.cluster_column ?? 'a column of the data'}) are not independent: the cluster is the unit of all intervals and tests, and of the splits, so that no cluster is in two of them.`
      : `The prompt is the unit of all intervals and tests.`,
    `Means have 95 % percentile bootstrap intervals over ${unit} (${resamples}).`,
    report.comparisons.length > 0 &&
      `Paired differences of the prompts' mean rewards have percentile and BCa bootstrap intervals, the effect size d_z (mean over standard deviation of the differences), and the probability of improvement (share of prompts, ties as half); p is of a two-sided sign-flip permutation test over ${unit} (exact, or at most ${signs}), given as it is and adjusted after Holm for ${plural(report.comparisons.length, 'comparison')}.`,
    report.comparisons.length > 0 &&
      `Variances over all answers were compared by their ratio, with a percentile bootstrap interval of its logarithm from the same resampled ${unit} in both arms${isClustered ? '' : ', and by the Brown-Forsythe test on the first answer to each prompt'}.`,
    `Variance within and between prompts is split by unbiased analysis-of-variance estimators of a one-way random-effects model${isClustered ? '; their intervals would take prompts as independent, and are not given' : ''}.`,
    report.comparisons.some((c) => c.at_equal_length !== null) &&
      `Differences are also given at equal length of answers: by a regression of the reward on prompt, arm and number of tokens, with bootstrap intervals over ${unit}.`,
    watchedInWords(spec),
    ...lemmaInWords(report),
    ...judgedInWords(report),
    seeds
      ? overSeedsInWords(seeds)
      : spec.arms?.tuned !== false && `One training seed: the figures are about this trained prompter, not about training again.`,
    `All was computed with Align-Pro Studio ${program_version}.`,
  ].filter((sentence) => sentence !== false);
}

/** Of runs that are reported together: a paragraph of what is each experiment's own, and one of what they share. */
export function methodsTogether(runs: ReportedRun[], seeds: SeedsReport[]): string[] {
  const experiments = grouped(runs.map(({ detail }) => detail.summary)).flatMap(({ name, runs: of }) => {
    const first = runs.find(({ detail }) => detail.summary.report && of.includes(detail.summary));
    if (!first?.detail.summary.report) return [];
    const found = seeds.find((one) => one.runs.some(({ run }) => run === first.detail.summary.id)) ?? null;
    return [{ name, said: sentences(first.detail, first.detail.summary.report, told(beginning(), first.news), found) }];
  });
  const [one, ...others] = experiments;
  if (!one || others.length === 0) return one ? [one.said.join(' ')] : [];
  const shared = one.said.filter((sentence) => others.every(({ said }) => said.includes(sentence)));
  const own = experiments.map(({ name, said }) => `${capital(name)}: ${said.filter((sentence) => !shared.includes(sentence)).join(' ')}`);
  return [...own, ...(shared.length ? [`All of them: ${shared.join(' ')}`] : [])];
}

function overSeedsInWords({ runs, prompts, clusters }: SeedsReport): string {
  const unit = unitOf([{ clusters }]);
  const failed = runs.filter(({ counted }) => counted === 'failed').length;
  return `The whole was repeated with ${plural(runs.length, 'training seed')} on the same ${promptsInWords(prompts, clusters, 'test prompt')}: the training run is the replicate, crossed with ${unit}. Means and differences over seeds have 95 % intervals by Student's t with seeds and ${unit} both random (Satterthwaite's degrees of freedom), beside a crossed bootstrap over seeds and ${unit}, which is too narrow for few seeds; a seed that fails counts as no difference (${failed === 0 ? 'none did' : `${failed} did`}).`;
}

function trainedInWords(spec: Spec, iterations: number, seeds: number[]): string {
  const { prompter, frozen, training: t } = spec;
  const seed = `${seeds.length > 1 ? 'seeds' : 'seed'} ${listed(seeds.map(String))}`;
  if (!armsOf(spec).includes('tuned'))
    return `Following Align-Pro (Trivedi et al., 2025), ways to better answers of a frozen model (${frozen.model}) were compared; rewrites of prompts are those of an untrained prompter (${prompter.model}; ${seed}).`;
  const calls = iterations * t.prompts_per_iteration * t.group_size;
  return `Following Align-Pro (Trivedi et al., 2025), a prompter (${prompter.model}, LoRA of rank ${prompter.lora.rank}) was trained for ${plural(iterations, 'iteration')} (${t.algorithm.toUpperCase()}, λ = ${t.kl_coefficient}, ${seed}, ${plural(calls, 'reward call')}) to rewrite prompts for a frozen model (${frozen.model}).`;
}

/** How validation ended the training and chose among its prompters. */
function chosenInWords(spec: Spec, story: Story): string[] {
  const { training: t, data } = spec;
  if (!armsOf(spec).includes('tuned') || validations(spec) === 0) return [];
  const [best, end] = [bestOf(story), story.earlyEnds.get('tuned')];
  const last = end?.iteration ?? t.iterations;
  return [
    `It was validated on ${plural(data.validation, 'prompt')} before training and every ${plural(t.validate_every_iterations, 'iteration')}, by the mean reward − λ·KL.`,
    t.patience != null &&
      `Training was to end after ${plural(t.patience, 'validation')} in a row without a better one${end ? `, and did so at iteration ${end.iteration} of ${t.iterations}` : ''}.`,
    t.keep === 'best'
      ? `The prompter with the best validation was tested${best ? `, that of iteration ${best.iteration}` : ''}.`
      : `The last prompter was tested, that of iteration ${last}.`,
  ].filter((sentence) => sentence !== false);
}

function comparedInWords(spec: Spec, { arms, comparisons }: Report): string {
  const least = [...comparisons, ...arms].toSorted((a, b) => a.prompts - b.prompts)[0];
  const names = arms.map((arm) => `the ${IN_PROSE[arm.name] ?? armWord(arm.name)}`);
  const apart = arms.some((arm) => arm.name === 'best_answer') ? ', but for the best of N answers, which has its own' : '';
  return `${capital(listed(names))} ${names.length > 1 ? 'were compared' : 'was evaluated'} on ${promptsInWords(least?.prompts ?? 0, least?.clusters, 'held-out test prompt')}, ${plural(spec.evaluation.answers_per_prompt, 'answer')} of each arm to each prompt, with the same decoding seeds in all arms${apart}.`;
}
const IN_PROSE: Record<string, string> = {
  raw: 'raw prompt',
  untuned: 'untuned prompter',
  tuned: 'tuned prompter',
  optimum: 'optimum without training',
  best_rewrite: 'best of K rewrites',
  best_answer: 'best of N answers',
  instruction: 'found instruction',
  oracle: 'oracle',
};

/** How the arms beside the usual three came by their answers. */
function armsInDetail(spec: Spec, report: Report): string[] {
  const { arms: a, training: t } = whole(spec);
  const has = (name: string) => report.arms.some((arm) => arm.name === name);
  const lambda = report.theory?.lambda ?? t.kl_coefficient;
  const budget = plural(trained(spec), 'reward call');
  return [
    (has('optimum') || has('best_rewrite')) &&
      `Of each test prompt K = ${a.rewrites_per_prompt} rewrites were drawn from the untuned prompter, with M = ${a.answers_per_rewrite} ${a.answers_per_rewrite === 1 ? 'answer' : 'answers'} to each, whose mean reward is R.`,
    has('optimum') &&
      `The optimum without training (Lemma 5.1) is one of them drawn with weights exp(R/λ), λ = ${lambda}, and answered afresh.`,
    has('best_rewrite') && `The best of K rewrites is the one with the largest R, answered afresh.`,
    has('best_answer') && `The best of N = ${a.best_of_answers} answers to the raw prompt is the one with the largest reward.`,
    has('instruction') &&
      `One instruction before every prompt was searched for on training prompts with ${budget}${report.instruction ? `; ${plural(report.instruction.tried, 'instruction')} were tried` : ''}.`,
    has('oracle') &&
      `The oracle is the frozen model itself, trained by the same algorithm with ${budget} and λ = ${a.oracle_kl_coefficient ?? t.kl_coefficient}.`,
    report.gaps.length > 0 &&
      `The share of the gap closed is (tuned − baseline) / (oracle − baseline), which does not depend on where a reward has its zero; it is withheld where the oracle's gain is too uncertain to divide by.`,
  ].filter((sentence) => sentence !== false);
}

function watchedInWords(spec: Spec): string | false {
  const watched = watchedIn(spec);
  return (
    watched.length > 0 &&
    `${capital(listed(watched))} ${watched.length > 1 ? 'were' : 'was'} scored beside the reward and not trained on, as an independent check.`
  );
}

function lemmaInWords({ theory, ...report }: Report): string[] {
  if (!theory) return [];
  return [
    `Figures of Lemma 5.1 are self-normalised estimates from those rewrites, with percentile bootstrap intervals over ${unitOf(report.arms)}.`,
    ...(theory.answers > 1
      ? [
          `Cross-fitted ones weigh with one half of the answers and are rewarded by the other; extrapolated ones are twice the figure of all answers less the mean of its halves.`,
        ]
      : []),
    ...(theory.tuned ? [`The tuned prompter is held against the optimum by importance sampling on the same rewrites.`] : []),
  ];
}

function judgedInWords({ judged }: Report): string[] {
  if (!judged.length) return [];
  const judges = [
    ...new Set(judged.map(({ judge, checksum, template_hash }) => `${judge} (${checksum.slice(0, 12)}, template ${template_hash})`)),
  ];
  return [
    `Pairs of answers to one prompt were shown in both orders to ${listed(judges)} as a judge; the win rate counts ties as half, and stands with the share of verdicts for the first position and the judge's agreement with itself.`,
  ];
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
