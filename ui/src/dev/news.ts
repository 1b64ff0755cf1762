// What a run of the fixtures tells those who watch it.
import type { Event, Phase, RunEvent, RunNews, RunSummary } from '$ipc';
import type { ArmKey } from '$lib/charts/palette';
import { answering, phasesOf } from '$lib/state/phases';
import { iteration, opened } from './fixtures';
import { validationAfter, WATCHED, watchedIteration } from './watched';

const EVENT_MS = 6000;
const ANSWERS = 192;
// A search makes so many rounds.
const ROUNDS = 24;

export function news(run: RunSummary, arms: ArmKey[], after: number): RunNews {
  const began = run.started_at_ms ?? opened;
  const isAsleep = run.iterations_done === 0 && run.status !== 'running' && run.status !== 'finished';
  const log: Event[] = isAsleep ? [] : [{ kind: 'status', status: 'running', message: null }, ...phases(run, arms)];
  if (run.status !== 'running') log.push({ kind: 'status', status: run.status, message: run.message });
  const events: RunEvent[] = log.map((event, i) => ({ sequence: i + 1, at_ms: began + i * EVENT_MS, event }));
  const fresh = events.filter((event) => event.sequence > after);
  const numbers = new Set(fresh.flatMap(({ event }) => (event.kind === 'iteration' ? [event.iteration] : [])));
  return {
    status: run.status,
    message: run.message,
    sequence: events.length,
    events: fresh,
    iterations: [...numbers].map((n) => (run.experiment === WATCHED ? watchedIteration : iteration)(n, run.seed)),
  };
}

/** A run that is under way is in its training or, once that is done, in the phase after it. */
function phases(run: RunSummary, arms: ArmKey[]): Event[] {
  const all = phasesOf(arms);
  const isThrough = run.status === 'finished';
  const reached = isThrough ? all.length : all.indexOf('train') + (run.iterations_done < run.iterations ? 1 : 2);
  return all.slice(0, reached).flatMap((phase, i) => {
    const total = { load: 2, train: run.iterations, search: ROUNDS, oracle: run.iterations }[phase as string] ?? 0;
    const answers = answering(arms, phase).length * ANSWERS;
    const events: Event[] = [{ kind: 'phase', phase, total: total || answers }];
    if (phase === 'load') return [...events, PROOF];
    if (phase === 'train') return [...events, ...validationAfter(0, run), ...training(run)];
    return [...events, ...progress(phase, total || answers, isThrough || i + 1 < reached), spent(arms)];
  });
}
const PROOF: Event = {
  kind: 'engine_proof',
  engine: 'built-in, because it knows the architecture and there is no GPU',
  batched: true,
  detail: 'Eight prompts answered greedily, together and one by one: texts equal, log-probabilities within 2.1e-5.',
};
const progress = (phase: Phase, total: number, isDone: boolean): Event[] =>
  (isDone ? [total] : [Math.floor(total / 8), Math.floor(total / 3)]).map((done) => ({ kind: 'progress', phase, done, total }));
const spent = (arms: ArmKey[]): Event => ({
  kind: 'spent',
  arm: arms[0] ?? 'raw',
  stage: 'answer',
  spent: { reward_calls: ANSWERS, tokens: 8890, seconds: 47.2, joules: null },
});

function training(run: RunSummary): Event[] {
  return Array.from({ length: run.iterations_done }, (_, i) => i + 1).flatMap((i) => {
    const events: Event[] = [
      { kind: 'progress', phase: 'train', done: i, total: run.iterations },
      { kind: 'iteration', iteration: i, reward_mean: run.reward_curve[i - 1] ?? 0, kl: i * 0.5 },
    ];
    if (i === 1 || i === 11) events.push({ ...CUT, iteration: i });
    if (i === 9) events.push(EXPLOSION);
    if (i === 10 && run.seed === 2)
      events.push({ kind: 'note', message: 'Resumed on a machine with another processor: the last digits may differ from here on.' });
    if (i % 5 === 0) events.push({ kind: 'checkpoint', iteration: i });
    return [...events, ...validationAfter(i, run)];
  });
}
const CUT = {
  kind: 'guard',
  guard: 'truncated_rewrites',
  cause: '69 % of the rewrites were cut at 12 tokens, so the frozen model saw unfinished text.',
  remedy: 'Raise prompter.max_rewrite_tokens, or ask for short rewrites in prompter.meta_prompt.',
} as const;
const EXPLOSION: Event = {
  kind: 'guard',
  iteration: 9,
  guard: 'kl_explosion',
  cause: 'The divergence from the untuned prompter jumped from 1.1 to 6.3 nats.',
  remedy: 'Raise training.kl_coefficient, or lower training.learning_rate or training.updates_per_batch.',
};
