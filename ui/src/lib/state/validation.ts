// What the prompter earned on validation prompts while it was trained, when that ended its training, and which iteration was tested.
import type { Spec, Training } from '$ipc';
import type { PlaneDot, PlaneLine } from '$lib/charts/Plane.svelte';
import { csv, fixed, plural } from '$lib/format';
import { smoothed } from './compare';
import { earlyEndInWords, inOrder, type Story, type Validation } from './run';

export const validationsOf = (story: Story): Validation[] => [...story.validations.values()].sort((a, b) => a.iteration - b.iteration);
/** The best so far, by its objective; the first of equals. */
export const bestOf = (story: Story): Validation | null => validationsOf(story).findLast((one) => one.is_best) ?? null;
/** How many there were since the best. */
export const sinceBest = (story: Story): number => {
  const best = bestOf(story);
  return best ? validationsOf(story).filter(({ iteration }) => iteration > best.iteration).length : 0;
};

/** The last iteration of the training: of all that were asked for, or where it ended early. */
export const trainedTo = (story: Story, iterations: number) => story.earlyEnds.get('tuned')?.iteration ?? iterations;

const prompterOf = (iteration: number) => (iteration === 0 ? 'the untuned prompter' : `iteration ${iteration}`);

/** Which iteration's prompter was tested, where validation chose it; null where it is the last one as a matter of course. */
export function testedInWords({ training }: Spec, story: Story): string | null {
  const best = bestOf(story);
  if (training.keep !== 'best' || !best) return null;
  const objective = `objective ${fixed(best.objective)} on the validation prompts`;
  const last = inOrder(story).at(-1)?.iteration ?? 0;
  if (best.iteration === 0) return `Tested as tuned: the untuned prompter (${objective}). No iteration of the training was better.`;
  return best.iteration === last
    ? `Tested: the prompter of iteration ${last}, the last and the best (${objective}).`
    : `Tested: the prompter of iteration ${best.iteration}, the best of ${plural(story.validations.size, 'validation')} (${objective}), not the last one (iteration ${last}).`;
}

/** What there is to know of how a training ended, as sentences. */
export function trainingInWords(spec: Spec, story: Story): string[] {
  const tested = testedInWords(spec, story);
  return [...[...story.earlyEnds.values()].map(earlyEndInWords), ...(tested ? [tested] : [])];
}

/** How the validations stand, while the training goes on. */
export function standingInWords({ training }: Spec, story: Story): string {
  const best = bestOf(story);
  if (!best) return '';
  const since = sinceBest(story);
  const so = `${story.earlyEnds.has('tuned') ? 'Best' : 'Best so far'}: ${prompterOf(best.iteration)}, objective ${fixed(best.objective)} (reward ${fixed(best.reward_mean)}, KL ${fixed(best.kl, 2)} nats).`;
  const after = since > 0 ? ` ${plural(since, 'validation')} since then ${since === 1 ? 'was' : 'were'} not better` : '';
  if (training.patience == null || story.earlyEnds.has('tuned')) return after ? `${so}${after}.` : so;
  return `${so}${after ? `${after}; the` : ' The'} training ends after ${training.patience} in a row that are not better.`;
}

const WINDOW = 5;
/** The objective on validation prompts, and on the training's own for comparison, both with the spec's λ. */
export function validationLines({ training }: { training: Training }, story: Story): { lines: PlaneLine[]; dots: PlaneDot[] } {
  const rows = inOrder(story);
  const own = smoothed(
    rows.map(({ metrics: { reward_mean, kl } }) => (reward_mean == null || kl == null ? null : reward_mean - training.kl_coefficient * kl)),
    WINDOW,
  );
  const trained = rows.flatMap(({ iteration }, i): [number, number][] => (own[i] == null ? [] : [[iteration, own[i]]]));
  const best = bestOf(story);
  return {
    lines: [
      ...(trained.length
        ? [{ word: `training prompts, mean of ${WINDOW} iterations`, colour: 'arm-tuned', points: trained, isPale: true }]
        : []),
      {
        word: 'validation prompts',
        colour: 'run-2',
        points: validationsOf(story).map(({ iteration, objective }) => [iteration, objective] as const),
        hasDots: true,
      },
    ],
    dots: best
      ? [
          {
            x: best.iteration,
            y: best.objective,
            colour: 'run-2',
            word: `best: ${best.iteration === 0 ? 'untuned' : best.iteration}`,
            isChosen: true,
          },
        ]
      : [],
  };
}

export const validationsCsv = (story: Story) =>
  csv([
    ['iteration', 'objective', 'reward_mean', 'kl', 'is_best_so_far'],
    ...validationsOf(story).map((one) => [one.iteration, one.objective, one.reward_mean, one.kl, String(one.is_best)]),
  ]);
