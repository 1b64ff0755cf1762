// What validation says of a training: which prompter it chose, when it ended the training, and what both cost.
import { describe, expect, it } from 'vitest';
import type { Event, RunNews, RunSummary, Spec } from '$ipc';
import { hasEndedEarly, iterationsOf, ordered } from '$lib/state/experiments';
import { callsInAll, callsInWords, callsOf, validated, validations } from '$lib/state/arms';
import { methods } from '$lib/state/methods';
import { beginning, told, type Story } from '$lib/state/run';
import {
  bestOf,
  sinceBest,
  standingInWords,
  testedInWords,
  trainedTo,
  trainingInWords,
  validationLines,
  validationsCsv,
  validationsOf,
} from '$lib/state/validation';
import { others, spec, summaries } from '../src/dev/fixtures';
import { CHOSEN, WATCHED_SPEC } from '../src/dev/watched';

function storyOf(events: Event[]): Story {
  const numbers = events.flatMap((event) => (event.kind === 'iteration' ? [event.iteration] : []));
  const news: RunNews = {
    status: 'running',
    message: null,
    sequence: events.length,
    events: events.map((event, i) => ({ sequence: i + 1, at_ms: i, event })),
    iterations: numbers.map((n) => ({ iteration: n, seconds: 1, metrics: { reward_mean: n / 10, kl: n } })),
  };
  return told(beginning(), news);
}
const iterated = (n: number): Event => ({ kind: 'iteration', iteration: n, reward_mean: 0, kl: 0 });
const validation = (iteration: number, objective: number, is_best: boolean): Event => ({
  kind: 'validated',
  iteration,
  objective,
  reward_mean: objective + 0.1,
  kl: iteration,
  is_best,
});
const end = (arm: string, iteration: number, best: number): Event => ({ kind: 'ended_early', arm, iteration, best });
const with_ = (changes: Partial<Spec['training']>): Spec => spec({ iterations: 10, training: changes });

const FOUR: Event[] = [
  validation(0, 0.5, true),
  iterated(1),
  iterated(2),
  validation(2, 0.7, true),
  iterated(3),
  iterated(4),
  validation(4, 0.6, false),
];

describe('validations', () => {
  it('are the best so far, and how many came since', () => {
    const story = storyOf(FOUR);
    expect(validationsOf(story).map(({ iteration }) => iteration)).toEqual([0, 2, 4]);
    expect([bestOf(story)?.iteration, sinceBest(story)]).toEqual([2, 1]);
    expect(bestOf(beginning())).toBeNull();
    expect(standingInWords(with_({ patience: 3 }), story)).toBe(
      'Best so far: iteration 2, objective 0.700 (reward 0.800, KL 2.00 nats). 1 validation since then was not better; the training ends after 3 in a row that are not better.',
    );
    expect(standingInWords(with_({}), storyOf(FOUR.slice(0, 4)))).toBe(
      'Best so far: iteration 2, objective 0.700 (reward 0.800, KL 2.00 nats).',
    );
    expect(standingInWords(with_({}), storyOf([validation(0, 0.5, true)]))).toMatch(/^Best so far: the untuned prompter/);
    expect(standingInWords(with_({}), beginning())).toBe('');
  });
  it('that a resume computes again are dropped', () => {
    const story = storyOf([...FOUR, { kind: 'resumed', iteration: 3 }]);
    expect(validationsOf(story).map(({ iteration }) => iteration)).toEqual([0, 2]);
    // Told twice, a validation is one.
    expect(storyOf([...FOUR, { kind: 'resumed', iteration: 4 }, validation(4, 0.6, false)]).validations.size).toBe(3);
  });
  it('are drawn with the objective of the training, with the λ of the spec', () => {
    const { lines, dots } = validationLines(with_({ kl_coefficient: 0.05 }), storyOf(FOUR));
    expect(lines.map(({ word }) => word)).toEqual(['training prompts, mean of 5 iterations', 'validation prompts']);
    expect(lines[0]!.points).toEqual([1, 2, 3, 4].map((n) => [n, expect.closeTo(0.05 * ((n + 1) / 2))]));
    expect(lines[1]!.points).toEqual([
      [0, 0.5],
      [2, 0.7],
      [4, 0.6],
    ]);
    expect(dots).toMatchObject([{ x: 2, y: 0.7, word: 'best: 2', isChosen: true }]);
    expect(validationLines(with_({}), storyOf([validation(0, 0.5, true)])).lines).toHaveLength(1);
    expect(validationsCsv(storyOf(FOUR)).split('\r\n')[2]).toBe('2,0.7,0.7999999999999999,2,true');
  });
  it('cost reward calls of the prompter and of the oracle', () => {
    const validating = { ...spec({ training: { validate_every_iterations: 5 } }) };
    // Before training and after 5, 10 … 30 of 32; 48 prompts with 2 answers.
    expect([validations(validating), validated(validating), validations(spec())]).toEqual([7, 672, 0]);
    expect(callsOf(validating, 'tuned').prepare).toBe(512 + 672);
    expect(callsOf(validating, 'oracle').prepare).toBe(512 + 672);
    expect(callsOf(validating, 'instruction').prepare).toBe(512);
    expect(callsInAll(validating)).toBe(callsInAll(spec()) + 672);
    expect(callsInWords(validating, 'tuned')).toBe(
      '32 iterations × 4 prompts × 4 rewrites + 7 validations × 48 prompts × 2 answers + 96 prompts × 2 answers',
    );
  });
});

describe('a training that ended early', () => {
  const story = storyOf([...FOUR, end('tuned', 4, 2), end('oracle', 6, 0)]);
  it('is done, and says so once', () => {
    expect([trainedTo(story, 10), trainedTo(storyOf(FOUR), 10)]).toEqual([4, 10]);
    expect(trainingInWords(with_({ patience: 1 }), story)).toEqual([
      'The training ended early, after iteration 4: its validations were no longer better than that of iteration 2.',
      'The oracle’s training ended early, after iteration 6: its validations were no longer better than that before training.',
    ]);
    const again = storyOf([...FOUR, end('tuned', 4, 2), { kind: 'resumed', iteration: 4 }, end('tuned', 4, 2)]);
    expect(again.remarks.filter(({ text }) => text.includes('ended early'))).toHaveLength(1);
  });
  it('is told by the list, which knows how far a finished run came', () => {
    const of = (changes: Partial<RunSummary>): RunSummary => ({ ...summaries.find((run) => run.id === 1)!, ...changes });
    const early = of({ iterations_done: 20 });
    expect([hasEndedEarly(early), iterationsOf(early)]).toEqual([true, 20]);
    expect(hasEndedEarly(of({}))).toBe(false);
    for (const changes of [{ status: 'stopped' as const }, { status: 'running' as const }, { report: null }])
      expect(iterationsOf(of({ iterations_done: 20, ...changes }))).toBe(32);
    const other = of({ id: 2, experiment: 'x', iterations_done: 31, status: 'stopped' });
    const groups = [early, other].map((run) => ({ key: run.experiment, name: '', runs: [run] }));
    expect(ordered(groups, { column: 'progress', isDescending: true })[0]?.runs[0]?.id).toBe(1);
  });
});

describe('the prompter that is tested', () => {
  const best = with_({ keep: 'best', validate_every_iterations: 2 });
  it('is named where validation chose it', () => {
    expect(testedInWords(best, storyOf(FOUR))).toBe(
      'Tested: the prompter of iteration 2, the best of 3 validations (objective 0.700 on the validation prompts), not the last one (iteration 4).',
    );
    expect(testedInWords(best, storyOf(FOUR.slice(0, 4)))).toMatch(/^Tested: the prompter of iteration 2, the last and the best/);
    expect(testedInWords(best, storyOf([validation(0, 0.9, true), iterated(1)]))).toMatch(/^Tested as tuned: the untuned prompter/);
    expect(testedInWords(with_({ validate_every_iterations: 2 }), storyOf(FOUR))).toBeNull();
    expect(testedInWords(best, beginning())).toBeNull();
  });
  it('is told by the methods', () => {
    const summary = others.find((run) => run.id === CHOSEN)!;
    const detail = { summary, program_version: '9.8.7', spec: spec(WATCHED_SPEC), spec_toml: '', facts: [] };
    const story = storyOf([validation(0, 0.5, true), validation(16, 0.8, true), validation(28, 0.7, false), end('tuned', 28, 16)]);
    const text = methods(detail, summary.report!, story);
    for (const words of [
      'was trained for 28 iterations',
      'It was validated on 48 prompts before training and every 4 iterations, by the mean reward − λ·KL.',
      'Training was to end after 3 validations in a row without a better one, and did so at iteration 28 of 40.',
      'The prompter with the best validation was tested, that of iteration 16.',
      'Readability was scored beside the reward and not trained on, as an independent check.',
      'at equal length of answers',
    ])
      expect(text).toContain(words);
    expect(methods({ ...detail, spec: spec() }, summary.report!)).not.toMatch(/validat/);
  });
});
