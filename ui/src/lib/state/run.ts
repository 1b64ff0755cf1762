// What a run's news add up to. Pure, so that a reload and a second window come to the same.
import { capital, csv, fullStop } from '$lib/format';
import type { ArmKey } from '$lib/charts/palette';
import type { Event, IterationNews, Phase, RunNews, Status } from '$ipc';
import { answering, phasesOf } from './phases';

export const isWorking = (status: Status) => status === 'created' || status === 'running';
/** At work or in the queue of a worker: more is to come without anybody's doing. */
export const isActive = (status: Status) => isWorking(status) || status === 'waiting';
export const isResumable = (status: Status) => status === 'stopped' || status === 'interrupted' || status === 'failed';

export type Guard = Extract<Event, { kind: 'guard' }>;
export type Proof = Extract<Event, { kind: 'engine_proof' }>;
export type Validation = Extract<Event, { kind: 'validated' }>;
export type EarlyEnd = Extract<Event, { kind: 'ended_early' }>;
export interface Remark {
  at_ms: number;
  text: string;
}
export interface PhaseState {
  phase: Phase;
  done: number;
  total: number;
  started_ms: number;
  /** The first progress that was heard of: speed is told from there on, because a resumed run starts in the middle. */
  first: { done: number; at_ms: number } | null;
  latest_ms: number;
}
export interface Story {
  status: Status;
  message: string | null;
  sequence: number;
  phase: PhaseState | null;
  /** How long each phase that has ended took, in seconds. */
  lasted: Partial<Record<Phase, number>>;
  iterations: Map<number, IterationNews>;
  /** Of the prompter, by their iterations; the first is of before training. */
  validations: Map<number, Validation>;
  /** Trainings that ended before their last iteration, by the arm. */
  earlyEnds: Map<string, EarlyEnd>;
  guards: Guard[];
  proof: Proof | null;
  remarks: Remark[];
}

export function beginning(): Story {
  return {
    status: 'created',
    message: null,
    sequence: 0,
    phase: null,
    lasted: {},
    iterations: new Map(),
    validations: new Map(),
    earlyEnds: new Map(),
    guards: [],
    proof: null,
    remarks: [],
  };
}

/** The story with what is new; the story before stays as it is. */
export function told(story: Story, news: RunNews): Story {
  if (news.sequence === story.sequence && news.status === story.status && news.message === story.message && news.events.length === 0)
    return story;
  const next: Story = { ...story, lasted: { ...story.lasted }, status: news.status, message: news.message, sequence: news.sequence };
  next.guards = [...story.guards];
  next.remarks = [...story.remarks];
  for (const { event, at_ms } of news.events) tell(next, event, at_ms);
  // After the events: a resume drops iterations, and these rows are as they stand now.
  if (news.iterations.length) next.iterations = new Map(next.iterations);
  const reached = reachedSinceResume(news);
  for (const row of news.iterations) if (row.iteration <= reached) next.iterations.set(row.iteration, row);
  return next;
}

/** Rows beyond this are of before the latest resume and wait to be computed again. */
function reachedSinceResume(news: RunNews): number {
  let reached = Infinity;
  for (const { event } of news.events) {
    if (event.kind === 'resumed') reached = event.iteration;
    if (event.kind === 'iteration' && reached !== Infinity) reached = Math.max(reached, event.iteration);
  }
  return reached;
}

function tell(story: Story, event: Event, at_ms: number) {
  const remark = (text: string) => story.remarks.push({ at_ms, text });
  switch (event.kind) {
    case 'phase':
      endPhase(story, at_ms);
      story.phase = { phase: event.phase, done: 0, total: event.total, started_ms: at_ms, first: null, latest_ms: at_ms };
      break;
    case 'progress':
      story.phase = {
        phase: event.phase,
        done: event.done,
        total: event.total,
        latest_ms: at_ms,
        started_ms: story.phase?.phase === event.phase ? story.phase.started_ms : at_ms,
        first: (story.phase?.phase === event.phase ? story.phase.first : null) ?? { done: event.done, at_ms },
      };
      break;
    case 'guard':
      story.guards.push(event);
      break;
    case 'engine_proof':
      story.proof = event;
      break;
    case 'validated':
      story.validations = new Map(story.validations).set(event.iteration, event);
      break;
    case 'ended_early':
      // Found again by a resume, it is no news.
      if (story.earlyEnds.get(event.arm)?.iteration !== event.iteration) remark(earlyEndInWords(event));
      story.earlyEnds = new Map(story.earlyEnds).set(event.arm, event);
      break;
    case 'resumed':
      // What was computed after the checkpoint is computed again.
      story.iterations = until(story.iterations, event.iteration);
      story.validations = until(story.validations, event.iteration);
      remark(`Resumed after iteration ${event.iteration}.`);
      break;
    case 'note':
      remark(fullStop(event.message));
      break;
    case 'status':
      if (event.status !== 'running') endPhase(story, at_ms);
      remark(event.message ? `${capital(event.status)}: ${fullStop(event.message)}` : `${capital(event.status)}.`);
      break;
    // What it cost and how rewrites are chosen is for the report, not for those who watch.
    case 'spent':
    case 'lambda':
    case 'iteration':
    case 'checkpoint':
      break;
  }
}

/** That a training ended for want of better validations. */
export function earlyEndInWords({ arm, iteration, best }: EarlyEnd): string {
  const than = best === 0 ? 'before training' : `of iteration ${best}`;
  return `${arm === 'oracle' ? 'The oracle’s' : 'The'} training ended early, after iteration ${iteration}: its validations were no longer better than that ${than}.`;
}

const until = <Of>(by: Map<number, Of>, last: number) => new Map([...by].filter(([iteration]) => iteration <= last));

function endPhase(story: Story, at_ms: number) {
  if (story.phase) story.lasted[story.phase.phase] = (at_ms - story.phase.started_ms) / 1000;
  story.phase = null;
}

const LATEST = 5;
export interface Remaining {
  seconds: number;
  /** Other phases come after this one, of which nothing can be told yet. */
  isOfPhase: boolean;
}
/** What is left, as far as it can be told, of a run with these arms. */
export function remaining(story: Story, iterations: number, arms: ArmKey[]): Remaining | null {
  const seconds = leftOfPhase(story, iterations);
  if (!story.phase || seconds === null) return null;
  const phases = phasesOf(arms);
  const later = phases.slice(phases.indexOf(story.phase.phase) + 1);
  // One arm takes about as long as another that needs no choosing, on the same prompts.
  const baselines = answering(arms, 'baselines').length;
  const isPlain = later.length === 1 && later[0] === 'evaluate' && answering(arms, 'evaluate').join() === 'tuned';
  if (isPlain && story.lasted.baselines !== undefined && baselines > 0)
    return { seconds: seconds + story.lasted.baselines / baselines, isOfPhase: false };
  return { seconds, isOfPhase: later.length > 0 };
}

function leftOfPhase({ phase, iterations: rows }: Story, iterations: number): number | null {
  if (phase?.phase === 'train') {
    const latest = [...rows.values()].sort((a, b) => a.iteration - b.iteration).slice(-LATEST);
    if (latest.length === 0) return null;
    const mean = latest.reduce((sum, row) => sum + row.seconds, 0) / latest.length;
    return mean * Math.max(0, iterations - phase.done);
  }
  if (!phase?.first || phase.phase === 'load' || phase.done <= phase.first.done) return null;
  return ((phase.latest_ms - phase.first.at_ms) / 1000 / (phase.done - phase.first.done)) * (phase.total - phase.done);
}

/** One metric over the iterations, in order. */
export function series(story: Story, metric: string): (number | null)[] {
  return inOrder(story).map((row) => row.metrics[metric] ?? null);
}
export interface GuardStory {
  /** As it fired last. */
  latest: Guard;
  times: (number | null)[];
}
/** A guard that fired again and again is told once, with its latest cause; what fired last comes first. */
export function guardStories(guards: Guard[]): GuardStory[] {
  const stories = new Map<string, GuardStory>();
  for (const guard of guards) {
    const times = [...(stories.get(guard.guard)?.times ?? []), guard.iteration];
    stories.delete(guard.guard);
    stories.set(guard.guard, { latest: guard, times });
  }
  return [...stories.values()].reverse();
}

/** Every metric of every iteration, as a table of its own. */
export function metricsCsv(story: Story): string {
  const rows = inOrder(story);
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.metrics)))];
  return csv([
    ['iteration', 'seconds', ...names],
    ...rows.map((row) => [row.iteration, row.seconds, ...names.map((name) => row.metrics[name] ?? null)]),
  ]);
}
export const inOrder = (story: Story) => [...story.iterations.values()].sort((a, b) => a.iteration - b.iteration);
