// Reward against the divergence that it was bought with, through a training (Gao et al. 2022): what is trained on, and what is only watched.
import type { Spec } from '$ipc';
import { csv, fixed } from '$lib/format';
import { smoothed } from './compare';
import { watchedIn } from './rewards';
import { inOrder, type Story } from './run';
import { bestOf } from './validation';

// As of the curves of a training.
const WINDOW = 5;

export interface Step {
  iteration: number;
  /** √KL, in √nats. */
  x: number;
  y: number;
}
/** A reward along the training. */
export interface Course {
  label: string;
  isWatched: boolean;
  /** A colour token without its dashes. */
  colour: string;
  steps: Step[];
  /** Means of the latest five, of all three. */
  smooth: Step[];
}

function course(story: Story, metric: string, look: Omit<Course, 'steps' | 'smooth'>): Course {
  const steps = inOrder(story).flatMap(({ iteration, metrics: { kl, [metric]: y } }): Step[] =>
    // An estimate near 0 can lie below it.
    kl == null || y == null ? [] : [{ iteration, x: Math.sqrt(Math.max(0, kl)), y }],
  );
  const along = (of: (step: Step) => number) => smoothed(steps.map(of), WINDOW);
  const [iterations, xs, ys] = [along(({ iteration }) => iteration), along(({ x }) => x), along(({ y }) => y)];
  return { ...look, steps, smooth: steps.map((_, i) => ({ iteration: iterations[i] ?? 0, x: xs[i] ?? 0, y: ys[i] ?? 0 })) };
}

/** The reward, then each watched part that was measured. */
export function courses(spec: Spec, story: Story): Course[] {
  const watched = watchedIn(spec).map((label, i) =>
    course(story, `reward_part.${label}`, { label, isWatched: true, colour: `run-${[2, 3, 5, 1, 4][i % 5]}` }),
  );
  const reward = course(story, 'reward_mean', { label: 'reward', isWatched: false, colour: 'arm-tuned' });
  return [reward, ...watched].filter(({ steps }) => steps.length > 0);
}

/** Iterations that are marked: the one that was best in validation, and the last. */
export function marked(story: Story, { steps }: Course): { step: Step; word: string }[] {
  const best = bestOf(story)?.iteration;
  const last = steps.at(-1);
  return steps.flatMap((step) => {
    if (step.iteration === best) return [{ step, word: `best validation: ${best}` }];
    return step === last ? [{ step, word: `iteration ${last.iteration}` }] : [];
  });
}

interface Change {
  then: number;
  now: number;
  /** −1, 0 or 1; 0 where it is within twice its standard error. */
  way: number;
}
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
/** From the first iterations to the latest; null for fewer than four. */
export function change(values: number[]): Change | null {
  const n = Math.min(WINDOW, Math.floor(values.length / 2));
  if (n < 2) return null;
  const ends = [values.slice(0, n), values.slice(-n)];
  const [then = 0, now = 0] = ends.map(mean);
  const error = Math.sqrt(ends.reduce((sum, end) => sum + end.reduce((s, v) => s + (v - mean(end)) ** 2, 0) / (n - 1) / n, 0));
  return { then, now, way: Math.abs(now - then) > 2 * error ? Math.sign(now - then) : 0 };
}

const verb = ({ then, now, way }: Change) =>
  way === 0
    ? `cannot be told from its noise (${fixed(then, 2)}, then ${fixed(now, 2)})`
    : `${way > 0 ? 'rose' : 'fell'} from ${fixed(then, 2)} to ${fixed(now, 2)}`;
const peak = (smooth: Step[]) => smooth.reduce((best, step) => (step.y > best.y ? step : best));

/** What the courses say, in a few sentences. */
export function overoptimisationInWords(all: Course[]): string {
  const [reward, ...watched] = all;
  const gained = reward && change(reward.steps.map(({ y }) => y));
  if (!reward || !gained) return 'There are too few iterations yet to say anything.';
  const n = Math.min(WINDOW, Math.floor(reward.steps.length / 2));
  const reached = fixed(reward.smooth.at(-1)?.x, 1);
  const opening = `The reward that is trained on ${verb(gained)}, from the first ${n} iterations to the latest ${n}, on the way to √KL = ${reached}.`;
  if (watched.length === 0)
    return `${opening} No part is only watched (weight 0), so nothing independent of the training says whether that is worth anything.`;
  const changes = watched.flatMap((one) => {
    const found = change(one.steps.map(({ y }) => y));
    return found ? [{ ...one, found }] : [];
  });
  const told = changes.map(({ label, found, smooth }) => {
    const top = peak(smooth);
    const turned = found.way < 0 ? `; it was highest near iteration ${Math.round(top.iteration)}, at √KL = ${fixed(top.x, 1)}` : '';
    return ` The watched ${label} ${verb(found)}${turned}.`;
  });
  const fallen = changes.filter(({ found }) => found.way < 0).map(({ label }) => label);
  const verdict =
    fallen.length && gained.way > 0
      ? ' What is trained on may be exploited: read answers from beyond that point.'
      : gained.way > 0 && changes.length > 0 && changes.every(({ found }) => found.way > 0)
        ? ` All that is watched rose with it: no sign of an exploited reward.`
        : '';
  return opening + told.join('') + verdict;
}

export function coursesCsv(all: Course[]): string {
  const rows = all.flatMap((one) => one.steps.map((step, i) => ({ one, step, smooth: one.smooth[i] })));
  return csv([
    ['series', 'watched', 'iteration', 'sqrt_kl', 'mean', 'sqrt_kl_smoothed', 'mean_smoothed'],
    ...rows.map(({ one, step, smooth }) => [one.label, String(one.isWatched), step.iteration, step.x, step.y, smooth?.x, smooth?.y]),
  ]);
}
