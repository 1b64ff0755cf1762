// How small a difference a design finds by the fixtures' runs, roughly: what the worker computes has its own tests.
import type { DesignPower, RunSummary, Spec } from '$ipc';
import { whole } from '$lib/state/arms';
import { precedent } from '$lib/state/design';

/** Variances of paired differences: between seeds, prompts, of one answer. */
const NOISE = { seed: 0.019, prompt: 0.111, answer: 0.249 };
const USUAL = 0.49;

export function designed(spec: Spec, seeds: number, deviation: number | null, runs: RunSummary[]): DesignPower {
  if (spec.name === 'unplannable')
    throw { code: 'database', message: 'The evaluation answers in runs.db cannot be read.', detail: 'disk I/O error' };
  const seedsOf = (run: RunSummary) => runs.filter((other) => other.experiment === run.experiment && other.report).length;
  const several = precedent(
    runs.filter((run) => seedsOf(run) > 1),
    spec,
  );
  const before = deviation !== null ? null : seeds > 1 && several ? several : precedent(runs, spec);
  const learned = before
    ? runs
        .filter((run) => run.experiment === before.experiment && run.report)
        .map(({ id }) => id)
        .toSorted((a, b) => a - b)
    : [];
  const isTraining = seeds > 1 && learned.length > 1;
  const { test: prompts } = spec.data;
  const answers = spec.evaluation.answers_per_prompt;
  const smallest = (n: number, each: number, of: number) => {
    const prompt = before ? NOISE.prompt + NOISE.answer / each : (deviation ?? USUAL) ** 2;
    return 2.83 * Math.sqrt((isTraining ? NOISE.seed / of : 0) + prompt / n / (isTraining ? of : 1));
  };
  const { arms } = whole(spec);
  const pairs = (['raw', 'untuned'] as const)
    .filter((baseline) => arms.tuned && arms[baseline])
    .map((baseline, i) => ({
      arm: 'tuned',
      baseline,
      power:
        prompts < 2
          ? null
          : {
              smallest: smallest(prompts, answers, seeds) * (1 + i / 20),
              twice_prompts: smallest(2 * prompts, answers, seeds) * (1 + i / 20),
              twice_answers: before ? smallest(prompts, 2 * answers, seeds) * (1 + i / 20) : null,
              twice_seeds: isTraining ? smallest(prompts, answers, 2 * seeds) * (1 + i / 20) : null,
            },
      by_prompts:
        prompts < 2
          ? []
          : [4, 6, 8, 12, 16, 24, 32, 48, 64].map((sixteenths) => {
              const n = Math.max(2, Math.floor((prompts * sixteenths) / 16));
              return { prompts: n, smallest: smallest(n, answers, seeds) * (1 + i / 20) };
            }),
    }));
  const figures = pairs.map(({ power, arm, baseline }) => `${power?.smallest.toFixed(3)} or more (${arm} − ${baseline})`).join(' and ');
  const subject = isTraining ? `Over its ${seeds} seeds this design` : seeds > 1 ? 'Each seed of this design' : 'This design';
  const how = before
    ? `as they did in ${learned.length > 1 ? `runs ${learned.join(', ')}` : `run ${learned[0]}`}: the same models, data and reward`
    : 'as is assumed';
  return {
    question: isTraining ? 'training' : 'prompter',
    seeds,
    prompts,
    clusters: spec.data.cluster_column == null ? null : Math.ceil(prompts / 4),
    answers,
    learned: before && { runs: learned, name: before.name, same_data: true, same_reward: true },
    assumed: before ? null : { deviation: deviation ?? USUAL, is_usual: deviation === null },
    pairs,
    finding: !pairs.length
      ? 'This design has no tuned prompter beside a baseline, so there is no difference to find.'
      : prompts < 2
        ? `With ${prompts} test prompt no difference can be found; raise data.test to 2 at least.`
        : `${subject} finds a difference of ${figures} with 80 % power, two-sided at 5 %, if differences vary ${how}.`,
    notes: [
      ...(before
        ? []
        : [
            `Assumed, not measured: a standard deviation over prompts of ${deviation ?? USUAL}, ${deviation === null ? 'for no finished run here has these models. It is that of tuned − raw over the five seeds of the shipped experiment, with 2 answers to a prompt and in units of its reward (docs/results.md); give another where yours differs' : 'as it was given'}.`,
          ]),
      ...(isTraining
        ? [`${learned.length} seeds say little of how much seeds differ: the figures are rough.`]
        : [
            seeds > 1
              ? `How much seeds differ is not known, for ${before ? 'there is one finished seed to learn from' : 'nothing was run'}: so the question answered is whether one trained prompter is better, of each seed's, and not whether training is over all ${seeds} seeds.`
              : 'With one seed the question answered is whether one trained prompter is better; whether training is takes several.',
          ]),
    ],
  };
}
