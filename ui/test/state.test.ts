import { describe, expect, it } from 'vitest';
import type { Event, Load, RunNews } from '$ipc';
import { areSeeds, curves } from '$lib/state/compare';
import { precedent } from '$lib/state/design';
import { diagnosis } from '$lib/state/diagnosis';
import { countInWords, grouped, matching, ordered, retagged, together, toggledTag, viewOf } from '$lib/state/experiments';
import { cutHash, entriesOf } from '$lib/state/facts';
import { mergedInWords } from '$lib/state/files.svelte';
import { curve, keptLoads, LOADS } from '$lib/state/load.svelte';
import { href, parse } from '$lib/state/place';
import { beginning, guardStories, remaining, series, told } from '$lib/state/run';
import { PRESETS } from '$lib/state/presets';
import { isAction, shortcut } from '$lib/state/shortcuts';
import { switched } from '$lib/state/selection.svelte';
import { stepOf, typed } from '$lib/state/steps';
import { nextSize } from '$lib/state/theme.svelte';
import { seedsCsv } from '$lib/state/seeds';
import { armsCsv } from '$lib/state/tables';
import welcome from '$lib/components/Welcome.svelte?raw';
import file from '../../examples/quickstart.toml?raw';
import menu from '../../src-tauri/src/menu.rs?raw';
import { foreign, iteration, others, spec, summaries } from '../src/dev/fixtures';
import { overview } from '../src/dev/overview';
import { analysed } from '../src/dev/seeds';

function news(events: Event[], after = 0, changes: Partial<RunNews> = {}): RunNews {
  const numbers = events.flatMap((event) => (event.kind === 'iteration' ? [event.iteration] : []));
  return {
    status: 'running',
    message: null,
    sequence: after + events.length,
    events: events.map((event, i) => ({ sequence: after + i + 1, at_ms: (after + i) * 10_000, event })),
    iterations: numbers.map((n) => ({ iteration: n, seconds: 10, metrics: { reward_mean: n, kl: null } })),
    ...changes,
  };
}
const iterated = (n: number): Event => ({ kind: 'iteration', iteration: n, reward_mean: n, kl: 0 });

describe('the story of a run', () => {
  it('is the same told at once or piece by piece', () => {
    const events: Event[] = [
      { kind: 'status', status: 'running', message: null },
      { kind: 'phase', phase: 'baselines', total: 4 },
      { kind: 'progress', phase: 'baselines', done: 4, total: 4 },
      { kind: 'phase', phase: 'train', total: 3 },
      iterated(1),
      { kind: 'progress', phase: 'train', done: 1, total: 3 },
      iterated(2),
      { kind: 'guard', iteration: 2, guard: 'kl_explosion', cause: 'c', remedy: 'r' },
    ];
    const once = told(beginning(), news(events));
    const twice = told(told(beginning(), news(events.slice(0, 5))), news(events.slice(5), 5));
    expect(twice).toEqual(once);
    expect(series(once, 'reward_mean')).toEqual([1, 2]);
    expect(series(once, 'kl')).toEqual([null, null]);
    expect(once.guards).toHaveLength(1);
    expect(once.phase?.phase).toBe('train');
  });
  it('drops iterations that a resume computes again, but not their new numbers', () => {
    const before = told(beginning(), news([iterated(1), iterated(2), iterated(3)]));
    const after = told(before, news([{ kind: 'resumed', iteration: 1 }], 3));
    expect([...after.iterations.keys()]).toEqual([1]);
    const again = told(after, news([iterated(2)], 4));
    expect(series(again, 'reward_mean')).toEqual([1, 2]);
    // A reload hears all of it at once, with a row of before the resume still stored.
    const reload = told(beginning(), news([iterated(1), iterated(2), iterated(3), { kind: 'resumed', iteration: 1 }, iterated(2)]));
    expect([...reload.iterations.keys()]).toEqual([1, 2]);
  });
  it('stays as it is when there is nothing new', () => {
    const story = told(beginning(), news([iterated(1)]));
    expect(told(story, news([], story.sequence))).toBe(story);
  });
  it('estimates the rest from the latest iterations and the baselines', () => {
    const story = told(
      beginning(),
      news([
        { kind: 'phase', phase: 'baselines', total: 4 },
        { kind: 'progress', phase: 'baselines', done: 4, total: 4 },
        { kind: 'phase', phase: 'train', total: 10 },
        iterated(1),
        { kind: 'progress', phase: 'train', done: 1, total: 10 },
      ]),
    );
    // Nine iterations of 10 s, and half of the baselines' 20 s.
    expect(remaining(story, 10, ['raw', 'untuned', 'tuned'])).toEqual({ seconds: 100, isOfPhase: false });
    // Of a search and of the arms that choose nothing is known yet.
    expect(remaining(story, 10, ['raw', 'tuned', 'instruction'])).toEqual({ seconds: 90, isOfPhase: true });
    expect(remaining(story, 10, ['tuned', 'optimum'])).toEqual({ seconds: 90, isOfPhase: true });
    expect(remaining(beginning(), 10, ['tuned'])).toBeNull();
  });
  it('estimates the rest of other phases from their progress', () => {
    const searching: Event[] = [
      { kind: 'phase', phase: 'search', total: 10 },
      { kind: 'progress', phase: 'search', done: 2, total: 10 },
      { kind: 'progress', phase: 'search', done: 4, total: 10 },
    ];
    const story = told(beginning(), news(searching));
    // Two rounds took 10 s.
    expect(remaining(story, 10, ['raw', 'instruction'])).toEqual({ seconds: 30, isOfPhase: true });
    const last = told(story, news([{ kind: 'phase', phase: 'evaluate', total: 10 }], 3));
    expect(remaining(last, 10, ['raw', 'instruction'])).toBeNull();
  });
  it('says nothing of what things cost', () => {
    const spent: Event = {
      kind: 'spent',
      arm: 'raw',
      stage: 'answer',
      spent: { reward_calls: 192, tokens: 900, seconds: 9, joules: null },
    };
    expect(told(beginning(), news([spent]))).toEqual({ ...beginning(), status: 'running', sequence: 1 });
  });
});

it('a guard that fires again is told once', () => {
  const fire = (guard: string, iteration: number | null): Event => ({
    kind: 'guard',
    iteration,
    guard,
    cause: `at ${iteration}`,
    remedy: '',
  });
  const { guards } = told(beginning(), news([fire('a', 1), fire('b', 2), fire('a', 9), fire('a', null)]));
  expect(guardStories(guards).map(({ latest, times }) => [latest.guard, latest.cause, times])).toEqual([
    ['a', 'at null', [1, 9, null]],
    ['b', 'at 2', [2]],
  ]);
});

describe('the list of experiments', () => {
  it('puts seeds together and finds by every word', () => {
    expect(
      grouped(summaries)
        .find((g) => g.key === '8f3a91c2')
        ?.runs.map((r) => r.seed),
    ).toEqual([1, 2, 3]);
    expect(matching(summaries, 'quickstart seed 2').map((r) => r.id)).toEqual([2]);
    expect(matching(summaries, 'FAILED').map((r) => r.id)).toEqual([6]);
    expect(matching(summaries, ' ')).toHaveLength(summaries.length);
  });
  it('keeps seeds in order, however it is sorted', () => {
    const seeds = ordered(grouped(summaries), { column: 'created', isDescending: true }).map(({ runs }) => runs.map((run) => run.seed));
    expect(seeds).toEqual([[1, 2, 3], [11], [1, 2], [2]]);
    expect(together(summaries.toReversed()).map((run) => run.id)).toEqual([1, 2, 7, 3, 5, 4, 6]);
  });
  it('counts what is shown', () => {
    const [own, theirs] = [grouped(summaries), grouped(foreign)];
    expect([countInWords(own, [theirs]), countInWords([], [theirs, []]), countInWords([], [[]])]).toEqual([
      '4 experiments, 7 runs',
      'none of your own, 4 runs in 1 opened file',
      'no runs',
    ]);
  });
  it('sorts what has no value last, either way', () => {
    for (const isDescending of [true, false]) {
      const last = ordered(grouped(summaries), { column: 'tuned', isDescending }).at(-1);
      expect(last?.runs[0]?.report).toBeNull();
    }
    expect(ordered(grouped(summaries), { column: 'difference', isDescending: true })[0]?.runs[0]?.id).toBe(1);
  });
});

describe('tags', () => {
  it('are found by plain words, and alone by tag:', () => {
    const ids = (filter: string) => matching(summaries, filter).map((run) => run.id);
    expect([ids('paper'), ids('tag:paper'), ids('tag:pap'), ids('TAG:"Figure 3" seed 1'), ids('tag:"figure 3" seed 2')]).toEqual([
      [2, 1],
      [2, 1],
      [],
      [1],
      [],
    ]);
  });
  it('go into the filter and out of it', () => {
    const once = toggledTag('seed 2', 'figure 3');
    expect([once, toggledTag(once, 'figure 3'), toggledTag('', 'paper')]).toEqual(['seed 2 tag:"figure 3"', 'seed 2', 'tag:paper']);
  });
  it('of several runs change one by one, those that come to the same together', () => {
    const those = summaries.filter((run) => run.id <= 3);
    expect(retagged(those, (tags) => [...tags, 'paper'])).toEqual([{ ids: [3], tags: ['paper'] }]);
    expect(retagged(those, (tags) => tags.filter((tag) => tag !== 'paper'))).toEqual([
      { ids: [2], tags: [] },
      { ids: [1], tags: ['figure 3'] },
    ]);
  });
});

it('a range of rows is switched with its last one', () => {
  const rows = [
    { key: 'a', ids: [1, 2] },
    { key: 'b', ids: [3] },
    { key: 'c', ids: [4] },
  ];
  expect([
    switched([], rows, 'c', true),
    switched([4], rows, 'a', true, 'c'),
    switched([1, 2, 3, 4], rows, 'b', false, 'a'),
    switched([1], rows, 'c', true, 'gone'),
  ]).toEqual([[4], [1, 2, 3, 4], [4], [1, 4]]);
});

it('runs of a file are experiments of their own, and never the precedent of a new one', () => {
  const mixed = [...summaries, ...foreign];
  expect(grouped(mixed).filter((group) => group.runs.some((run) => run.experiment === '8f3a91c2'))).toHaveLength(2);
  expect(
    curves(
      mixed.filter((run) => run.id === 1 || run.id === -3),
      1,
    ).map((group) => group.label),
  ).toEqual(['quickstart, seed 1', 'quickstart (colleague.alignpro), seed 1']);
  expect(precedent(foreign, spec())).toBeNull();
  expect(others.slice(0, 3).map(viewOf)).toEqual(['all', 'archived', 'deleted']);
});

it('a merge is told in words', () => {
  expect([
    mergedInWords({ added: [8, 9], known: 1 }),
    mergedInWords({ added: [8], known: 0 }),
    mergedInWords({ added: [], known: 3 }),
    mergedInWords({ added: [], known: 1 }),
  ]).toEqual([
    '2 runs added, 1 was here already.',
    '1 run added.',
    'Nothing to add: all 3 runs were here already.',
    'Nothing to add: the run was here already.',
  ]);
});

describe('setting up', () => {
  it('reads numbers as they are written and says what is none', () => {
    expect([typed('1e-3', false), typed(' 0.5 ', false), typed('−2', false), typed('12', true)]).toEqual([
      { value: 0.001 },
      { value: 0.5 },
      { value: -2 },
      { value: 12 },
    ]);
    for (const [text, whole] of [
      ['', true],
      ['1.5', true],
      ['-1', true],
      ['abc', false],
      ['1e999', false],
      ['0x10', false],
    ] as const)
      expect(typed(text, whole)).toHaveProperty('slip');
  });
  it('knows the step of every key', () => {
    expect(
      [
        'data.train',
        'prompter.model',
        'prompter.lora.rank',
        'prompter.max_rewrite_tokens',
        'frozen.top_p',
        'reward.parts[0].weight',
        'training.group_size',
        'seed',
        'name',
        'evaluation.permutations',
        'arms.oracle',
      ].map(stepOf),
    ).toEqual(['data', 'models', 'training', 'training', 'models', 'reward', 'training', 'evaluation', 'data', 'evaluation', 'evaluation']);
  });
});

it('places survive the way through the address', () => {
  const address = href(['runs', 3, 'samples'], { q: 'bread & <b>', prompt: 0, none: null, empty: '' });
  expect(parse(address)).toEqual({ parts: ['runs', '3', 'samples'], query: { q: 'bread & <b>', prompt: '0' } });
  expect(parse('#/%E0%A4%A')).toEqual({ parts: ['%E0%A4%A'], query: {} });
  expect(parse('')).toEqual({ parts: [], query: {} });
});

it('the menu has the same keys for the same actions', () => {
  const items = [...menu.matchAll(/\("(\w+)", "[^"]+", "(.)"\)/g)].map(([, action, key]) => ({ action: action!, key: key! }));
  const own = items.filter(({ action }) => action !== 'quit');
  expect(own).toHaveLength(12);
  for (const { action, key } of own) {
    expect(isAction(action)).toBe(true);
    expect(shortcut({ key, ctrlKey: true, metaKey: false, altKey: false, shiftKey: false })).toBe(action);
  }
});

it('shortcuts need Ctrl and nothing else', () => {
  const press = (key: string, ctrlKey = true, shiftKey = false) => shortcut({ key, ctrlKey, metaKey: false, altKey: false, shiftKey });
  expect([press('+', true, true), press('-'), press('0'), press(',')]).toEqual(['larger', 'smaller', 'usual', 'settings']);
  expect([press('k'), press('1'), press('k', false), press('1', true, true), press('x')]).toEqual([
    'palette',
    'experiments',
    null,
    null,
    null,
  ]);
});

it('text grows and shrinks step by step, to an end', () => {
  expect([nextSize(100, 1), nextSize(200, 1), nextSize(100, -1), nextSize(80, -1)]).toEqual([110, 200, 90, 80]);
});

it('a diagnosis says what is known, and what could not be read', () => {
  const run = summaries.find((one) => one.id === 6)!;
  const whole = diagnosis({ overview, settings: { threads: 2 }, newest: { run, log: 'the end\n' } });
  expect(whole).toMatch(/^Align-Pro Studio 0.1.0\n/);
  expect(whole).toContain('bad     disk: 1.2 GB free');
  expect(whole).toContain('/alignpro/runs.db\n');
  const long = diagnosis({ overview, settings: { threads: null }, newest: { run, log: 'line\n'.repeat(500) } });
  expect(long.match(/^line$/gm)).toHaveLength(80);
  expect(whole).toContain('# Settings\nthreads: 2\n\n# Log of run 6 (failed)\nthe end\n');
  const failed = { code: 'io', message: 'no right to read it.', detail: null } as const;
  expect(diagnosis({ overview, settings: failed, newest: null })).toContain('# Settings\ncould not be read: no right to read it.');
});

it('loads are kept for two minutes, and a curve of them ends at the right', () => {
  const at = (cpu_percent: number): Load => ({ cpu_percent, cores: 2, memory_bytes: 1, memory_total_bytes: 4, gpu: null });
  let loads: Load[] = [];
  for (let i = 0; i <= LOADS; i++) loads = keptLoads(loads, at(i));
  expect([loads.length, loads[0]?.cpu_percent, keptLoads(loads, null)]).toEqual([LOADS, 1, []]);
  const drawn = curve([at(5), at(6)], (load) => load.cpu_percent);
  expect([drawn.length, drawn.at(-3), drawn.at(-2), drawn.at(-1)]).toEqual([LOADS, null, 5, 6]);
});

it('facts are cut where nobody reads them, and opened where somebody does', () => {
  const hash = '0123456789abcdef'.repeat(4);
  expect([cutHash(hash), cutHash(`sha256:${hash}`), cutHash('AMD Ryzen'), cutHash('aa17cc0b9a8e7f6d')]).toEqual([
    '01234567…89abcdef',
    'sha256:01234567…89abcdef',
    null,
    null,
  ]);
  expect([entriesOf('{"a":1,"b":null,"c":"at most 3.6e-5","d":0.0000358819}'), entriesOf('{no'), entriesOf('8')]).toEqual([
    [
      ['a', '1'],
      ['b', 'null'],
      ['c', 'at most 3.6e−5'],
      ['d', '3.6e−5'],
    ],
    null,
    null,
  ]);
});

it('the arms table is saved with every number in full', () => {
  const report = summaries.find((run) => run.id === 1)!.report!;
  const [head, raw] = armsCsv(report).split('\r\n');
  expect(head).toContain('part_sentiment');
  expect(raw?.split(',')[head!.split(',').indexOf('rewrite_closeness')]).toBe('');
});

describe('seeds together', () => {
  const seeds = [1, 2].map((id) => summaries.find((run) => run.id === id)!);
  it('are runs of one experiment with different seeds, one of them with a report', () => {
    expect(areSeeds(seeds)).toBe(true);
    expect(areSeeds([seeds[0]!])).toBe(false);
    expect(areSeeds([...seeds, seeds[0]!])).toBe(false);
    expect(areSeeds([...seeds, { ...seeds[0]!, seed: 9, experiment: 'another' }])).toBe(false);
    expect(areSeeds(seeds.map((run) => ({ ...run, report: null })))).toBe(false);
  });
  it('are saved with every arm and every comparison, none without its name', () => {
    const [head, ...rows] = seedsCsv(analysed(seeds)).trimEnd().split('\r\n');
    expect(rows).toHaveLength(6);
    expect(new Set(rows.map((row) => row.split(',').length))).toEqual(new Set([head!.split(',').length]));
    for (const column of ['student_low', 'bootstrap_high', 'interaction', 'failed', 'detectable_twice_seeds'])
      expect(head).toContain(column);
  });
});

it('fixtures do not change between two looks', () => expect(iteration(3, 1)).toEqual(iteration(3, 1)));

describe('presets', () => {
  it('name the shipped experiment as its file has it', () => {
    const quickstart = PRESETS.find((preset) => preset.word === 'Quickstart');
    for (const [key, value] of Object.entries(quickstart?.values ?? {})) {
      const written = new RegExp(`^${key} = "?([^\\s"]+)`, 'm').exec(file)?.[1];
      expect(typeof value === 'number' ? Number(written) : written, key).toBe(value);
    }
    expect(quickstart?.meaning).toContain(`${quickstart?.values.iterations} iterations`);
    expect(welcome).toContain(`for ${quickstart?.values.iterations} iterations`);
  });
});
