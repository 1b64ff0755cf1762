import { fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import Refused from '$lib/components/Refused.svelte';
import SeedsPanel from '$lib/components/SeedsPanel.svelte';
import { answerWith, chooseInMenu } from '$lib/ipc/mock';
import { DEFAULT_ARMS } from '$lib/state/arms';
import { draft } from '$lib/state/draft.svelte';
import { spec, summaries } from '../src/dev/fixtures';
import { overview } from '../src/dev/overview';
import { analysed } from '../src/dev/seeds';
import { open, violations } from './app';

const PAGES: [string, string | RegExp][] = [
  ['#/experiments', 'fewer-complaints-on-harmless-prompts-with-a-rather-long-name'],
  ['#/runs/7/live', /Training reward|iterations/],
  ['#/runs/1/results', /the tuned prompter is better than the raw prompt/],
  ['#/runs/1/results', 'Ratio of variances'],
  ['#/runs/1/results', 'The comparisons in full'],
  ['#/runs/11/live', 'Finished'],
  ['#/runs/11/results', 'Without training: Lemma 5.1'],
  ['#/runs/11/samples', /96 prompts/],
  ['#/runs/11/samples?prompt=2', 'Prompt #2'],
  ['#/runs/12/live', 'No prompter is trained in this run, so there are no curves to see.'],
  ['#/runs/12/results', 'Nothing that was tried beat the prompt alone.'],
  ['#/runs/12/samples', /96 prompts/],
  ['#/runs/12/try', 'No prompter was trained in this run'],
  ['#/runs/13/results', /is withheld, because the oracle's gain/],
  ['#/runs/14/live', 'Searching for an instruction'],
  ['#/runs/15/live', /^The training ended early, after iteration 28/],
  ['#/runs/15/results', 'Watched parts on test prompts'],
  ['#/runs/15/samples', /96 prompts/],
  ['#/runs/16/live', 'On validation prompts'],
  ['#/runs/9/results', 'The comparisons in full'],
  ['#/compare?runs=11,12,1', 'What the tuned prompter gained'],
  ['#/compare?runs=11,14', 'Differences over seeds in full, and before the next run'],
  ['#/compare?runs=11,14', /The tuned prompter closes 54/],
  ['#/runs/1/samples', /96 prompts/],
  ['#/runs/1/try', 'Answer with every arm'],
  ['#/runs/1/spec', 'machine.cpu'],
  ['#/new/data', 'Name of the experiment'],
  ['#/new/models', 'What asks for a rewrite'],
  ['#/new/reward', 'What an answer is worth'],
  ['#/new/training', 'LoRA rank'],
  ['#/new/evaluation', 'Answers per prompt'],
  ['#/new/review', 'The spec as a file'],
  ['#/compare?runs=1,2,3', 'Where their specs differ'],
  ['#/compare?runs=1,2', /^Over 2 seeds on 96 test prompts/],
  ['#/compare?runs=1,2,7', 'Differences over seeds in full, and before the next run'],
  ['#/runs/8/live', 'It begins by itself once the run before it has ended.'],
  ['#/runs/10/live', 'Deleted 1 h ago'],
  ['#/runs/-2/samples', 'This run was shared without its texts.'],
  ['#/runs/-2/live', 'This run was shared without its texts.'],
  ['#/runs/-1/try', 'Merge this run to try it'],
  ['#/runs/-2/try', 'This run has no trained prompter here'],
  ['#/machine', 'What to do: nothing: small models run on the processor.'],
  ['#/theory', 'What it does not say'],
  ['#/settings', '/home/ada/.local/share/alignpro/logs'],
];

describe('every page', () => {
  it.each(PAGES)(
    '%s shows its fixtures and is accessible',
    async (at, text) => {
      await open(at, { file: true });
      expect((await screen.findAllByText(text, {}, { timeout: 3000 })).length).toBeGreaterThan(0);
      expect(await violations()).toEqual([]);
    },
    20_000,
  );

  it.each(['#/experiments', '#/runs/1/results', '#/machine', '#/new/data', '#/compare', '#/theory', '#/settings'])(
    '%s says what went wrong',
    async (at) => {
      await open(at, { broken: true });
      const alerts = await screen.findAllByRole('alert', {}, { timeout: 3000 });
      expect(alerts[0]?.textContent).toMatch(/was left as it is; install the newer version\.(?! *or)/);
    },
  );
});

describe('a run database that cannot be opened', () => {
  it('is named by a heading, with another file to open instead', async () => {
    await open('#/experiments', { broken: true });
    await screen.findByRole('heading', { level: 1, name: 'The run database could not be opened' });
    expect(screen.getByText('Open another file …')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });
  it('is named by its file as soon as that is known', async () => {
    answerWith({ examine: () => overview });
    render(Refused, { error: { code: 'database', message: 'It is damaged.', detail: null }, again: () => {} });
    await screen.findByRole('heading', { level: 1, name: 'runs.db could not be opened' });
  });
});

describe('texts of models', () => {
  it('are never more than text', async () => {
    const { container } = await open('#/runs/1/samples?sort=prompt&q=onerror');
    await screen.findAllByText(/<img src=x onerror="alert\(1\)">/);
    expect(container.querySelectorAll('img, b')).toHaveLength(0);
  });
  it('nor are names of runs', async () => {
    const { container } = await open('#/experiments');
    await screen.findByText('quick <img src=x onerror=alert(1)> look');
    expect(container.querySelectorAll('img')).toHaveLength(0);
  });
});

describe('the first start', () => {
  it('names the machine and offers the quickstart', async () => {
    await open('#/experiments', { first: true });
    await screen.findByText('No GPU found: no NVIDIA driver is loaded. Small models run on the processor.', {}, { timeout: 3000 });
    await fireEvent.click(screen.getByText('Run the quickstart'));
    await waitFor(() => expect(location.hash).toBe('#/runs/7/live'));
  });
});

describe('seeds', () => {
  it('are one row that opens', async () => {
    await open('#/experiments');
    const toggle = await screen.findByLabelText('Seeds of quickstart');
    expect(screen.queryByText('Seed 1')).toBeNull();
    await fireEvent.click(toggle);
    expect(screen.getByText('Seed 1').getAttribute('href')).toBe('#/runs/1');
  });
  it('are put together again when one of them ends, not with every look at the list', async () => {
    const seeds = () => structuredClone(summaries.filter((run) => run.id <= 2));
    let asked = 0;
    answerWith({
      analyse: () => {
        asked++;
        return analysed(seeds());
      },
    });
    const { rerender } = render(SeedsPanel, { runs: seeds() });
    await screen.findByText(/^Over 2 seeds/);
    await rerender({ runs: seeds() });
    expect(asked).toBe(1);
    await rerender({ runs: seeds().map((run) => ({ ...run, status: 'failed' as const })) });
    expect(asked).toBe(2);
  });
});

describe('setting up', () => {
  it('shows a problem at its field and leads from the review to it', async () => {
    await open('#/new/training');
    const field = await screen.findByLabelText('Group size');
    await fireEvent.input(field, { target: { value: '1' } });
    await screen.findByText(/a group of one has no advantage to learn from/);
    expect(field.getAttribute('aria-invalid')).toBe('true');
    location.hash = '#/new/review';
    const problem = await screen.findByText(/“Group size” is 1/);
    expect(problem.closest('li')?.querySelector('a')?.getAttribute('href')).toBe('#/new/training?field=training.group_size');
    expect(screen.getByText('Start the run').closest('button')?.disabled).toBe(true);
  });
  it('catches what is no number and keeps the number before', async () => {
    await open('#/new/training');
    const field = await screen.findByLabelText('Iterations');
    await fireEvent.input(field, { target: { value: 'many' } });
    await screen.findByText(/is “many”; write a whole number/);
    expect(draft.spec?.training.iterations).toBe(32);
  });
  it('takes another algorithm with its own options, and leaves those of the others out', async () => {
    await open('#/new/training');
    await fireEvent.click(await screen.findByLabelText(/Divide the loss by a rewrite's length/));
    expect(draft.spec?.training.scale_by_length).toBe(true);
    await fireEvent.change(screen.getByLabelText('Algorithm'), { target: { value: 'ppo' } });
    const clip = await screen.findByLabelText('Clip of the values');
    expect(draft.spec?.training).toMatchObject({ algorithm: 'ppo', scale_by_length: false });
    expect(screen.queryByLabelText(/Divide the loss by/)).toBeNull();
    await fireEvent.input(clip, { target: { value: '0.5' } });
    expect(draft.spec?.training.value_clip).toBe(0.5);
    await fireEvent.input(clip, { target: { value: '' } });
    expect(draft.spec?.training.value_clip).toBeNull();
    expect(clip.getAttribute('aria-invalid')).not.toBe('true');
    expect(await violations()).toEqual([]);
  });
  it('takes what is chosen from a list, and nothing where the usual is', async () => {
    await open('#/new/training');
    const by = await screen.findByLabelText<HTMLSelectElement>('Divide the loss by');
    expect(by.selectedOptions[0]?.text).toBe('Rewrites');
    await fireEvent.change(by, { target: { value: 'batch_tokens' } });
    expect(draft.spec?.training.normalise_by).toBe('batch_tokens');
    await fireEvent.change(by, { target: { value: '' } });
    expect(draft.spec?.training.normalise_by).toBeNull();
    location.hash = '#/new/reward';
    const [kind] = await screen.findAllByLabelText<HTMLSelectElement>('Part');
    await fireEvent.change(kind!, { target: { value: 'regex' } });
    expect(draft.spec?.reward.parts[0]).toMatchObject({ kind: 'regex', pattern: '' });
  });
  it('takes a draft of before there were arms to choose', async () => {
    localStorage.setItem('draft', JSON.stringify({ ...spec(), name: 'old draft' }));
    vi.resetModules();
    const { draft: again } = await import('$lib/state/draft.svelte');
    expect(again.spec).toMatchObject({ name: 'old draft', arms: DEFAULT_ARMS });
  });
  it('is kept for the next time', async () => {
    await open('#/new/data');
    const field = await screen.findByLabelText('Name of the experiment');
    await fireEvent.input(field, { target: { value: 'kept' } });
    await waitFor(() => expect(localStorage.getItem('draft')).toContain('"kept"'));
  });
  it('starts the run and goes to it', async () => {
    await open('#/new/review');
    await screen.findByText('Every setting is valid.', {}, { timeout: 3000 });
    await fireEvent.click(screen.getByText('Start the run'));
    await waitFor(() => expect(location.hash).toBe('#/runs/7/live'));
  });
});

describe('several seeds', () => {
  it('are runs one after another, in the list', async () => {
    await open('#/new/evaluation');
    const seeds = await screen.findByLabelText('Seeds');
    await fireEvent.input(seeds, { target: { value: '60' } });
    await screen.findByText(/is 60; write a number from 1 to 50/);
    await fireEvent.input(seeds, { target: { value: '5' } });
    await screen.findByText('Seeds 1 to 5: runs one after another; each is a replicate.');
    await waitFor(() => expect(localStorage.getItem('draft-seeds')).toBe('5'));
    location.hash = '#/new/review';
    await screen.findByText('my-experiment, seeds 1 to 5');
    await screen.findByText('5 runs, about 48 min', {}, { timeout: 4000 });
    await fireEvent.click(screen.getByText('Start 5 runs'));
    await waitFor(() => expect(location.hash).toBe('#/experiments'));
    await screen.findByText('5 runs: the first one begins, the others wait for their turn.');
    await screen.findByLabelText('Select my-experiment, 4 seeds');
  });
});

describe('the estimate', () => {
  it('names time and memory, and never keeps from starting', async () => {
    await open('#/new/review');
    await screen.findByText(/Measuring on this machine/);
    await waitFor(() => expect(screen.getByText('Start the run').closest('button')?.disabled).toBe(false));
    const panel = screen.getByRole('region', { name: 'Estimate' });
    await screen.findByText('About 9 min 30 s', {}, { timeout: 4000 });
    expect(panel.textContent).toContain('Training7 min');
    expect(panel.textContent).toContain('Update of the prompter1.2 GB');
    expect(panel.textContent).toContain('It fits into memory, of which 20.4 GB are free.');
    expect(panel.textContent).toContain('84 of 2,048 tokens');
    expect(await violations()).toEqual([]);
  });
  it('says what to shrink where it does not fit', async () => {
    await open('#/new/training');
    await fireEvent.input(await screen.findByLabelText('Group size'), { target: { value: '64' } });
    location.hash = '#/new/review';
    const change = await screen.findByText('training.rewrites_per_pass = 16', {}, { timeout: 4000 });
    expect(change.closest('a')?.getAttribute('href')).toContain('training');
    expect(await violations()).toEqual([]);
  });
  it('can be cancelled while it is measured, and asked for again', async () => {
    await open('#/new/review');
    await screen.findByRole('progressbar', { name: 'Measuring on this machine' });
    expect(await violations()).toEqual([]);
    await fireEvent.click(screen.getByText('Cancel'));
    await screen.findByText('Nothing was measured.');
    await fireEvent.click(screen.getByText('Measure'));
    await screen.findByText('About 9 min 30 s', {}, { timeout: 4000 });
  });
  it('says why there is none', async () => {
    await open('#/new/data');
    await fireEvent.input(await screen.findByLabelText('Name of the experiment'), { target: { value: 'unmeasurable' } });
    location.hash = '#/new/review';
    await screen.findByText('The model smollm2-135m-instruct is not installed.', {}, { timeout: 4000 });
    expect(screen.getByText('Start the run').closest('button')?.disabled).toBe(false);
  });
});

describe('the column of prompts', () => {
  it('is chosen from those of the file, where it has several', async () => {
    await open('#/new/data');
    await fireEvent.click(await screen.findByLabelText('A file'));
    const path = screen.getByLabelText('File');
    await fireEvent.input(path, { target: { value: '/home/ada/prompts.jsonl' } });
    const column = await screen.findByRole<HTMLSelectElement>('combobox', { name: 'Column' });
    expect([...column.options].map((option) => option.text)).toEqual(['instruction', 'prompt', 'answer']);
    await fireEvent.change(column, { target: { value: 'instruction' } });
    expect(draft.spec?.data.column).toBe('instruction');
    expect(await violations()).toEqual([]);
    await fireEvent.input(path, { target: { value: '/home/ada/one.csv' } });
    await waitFor(() => expect(screen.queryByRole('combobox', { name: 'Column' })).toBeNull());
  });
});

describe('a run', () => {
  it('that failed says why and can be resumed', async () => {
    await open('#/runs/6/live');
    expect((await screen.findAllByText(/rewards of part "must name a price" are not finite/)).length).toBeGreaterThan(0);
    expect(screen.getByText('Resume')).toBeTruthy();
    expect(screen.queryByText('Stop')).toBeNull();
  });
  it('that is running can be stopped', async () => {
    await open('#/runs/7/live');
    await fireEvent.click(await screen.findByText('Stop'));
    await screen.findAllByText('Stopped', {}, { timeout: 3000 });
    await fireEvent.click(await screen.findByText('Resume'));
    await screen.findByText('Stop', {}, { timeout: 3000 });
  });
  it('that is running shows what it takes of the machine, and one that waits does not', async () => {
    const { unmount } = await open('#/runs/7/live');
    const panel = await screen.findByRole('region', { name: 'Machine' });
    expect(panel.textContent).toMatch(
      /Processor\s*\d\d %\s*\d\.\d of 8 cores\s*Memory\s*[89]\d\d MB\s*\d % of 24\.0 GB\s*GPU\s*\d+ %, 3\.4 GB of 8\.2 GB/,
    );
    expect(await violations()).toEqual([]);
    await fireEvent.click(screen.getByText('Stop'));
    await waitFor(() => expect(screen.queryByRole('region', { name: 'Machine' })).toBeNull(), { timeout: 3000 });
    unmount();
    await open('#/runs/8/live');
    await screen.findByText('It begins by itself once the run before it has ended.');
    expect(screen.queryByRole('region', { name: 'Machine' })).toBeNull();
  });
  it('shows its facts to be read, and what its worker said', async () => {
    await open('#/runs/6/spec');
    expect((await screen.findByText('sha256:5f2d1c0b…90807f6e')).title).toMatch(/^sha256:5f2d1c0b9a8e.{52}$/);
    expect(screen.getByText('max log prob difference').closest('li')?.textContent).toBe('max log prob difference 2.1e−5');
    await fireEvent.click(screen.getByText("Worker's log"));
    expect((await screen.findByRole('region', { name: "Worker's log" })).textContent).toContain('proven <b>batched</b>');
    expect(await violations()).toEqual([]);
  });
  it('that was started elsewhere has no log here, and one of a file none at all', async () => {
    const { unmount } = await open('#/runs/1/spec');
    await fireEvent.click(await screen.findByText("Worker's log"));
    await screen.findByText(/Nothing is kept of what this run's worker said/);
    unmount();
    await open('#/runs/-1/spec', { file: true });
    await screen.findByText('machine.cpu');
    expect(screen.queryByText("Worker's log")).toBeNull();
  });
  it('that is not there says so', async () => {
    await open('#/runs/99');
    await screen.findByText('There is no run 99 in this database.');
    expect(screen.getByRole('heading', { level: 1, name: 'Run 99' })).toBeTruthy();
  });
});

describe('trying a prompt', { timeout: 30_000 }, () => {
  const ask = async (prompt: string) => {
    await open('#/runs/1/try');
    await fireEvent.input(await screen.findByLabelText('Your prompt'), { target: { value: prompt } });
    await fireEvent.click(screen.getByText('Answer with every arm'));
  };
  it('shows what each arm writes as it grows', async () => {
    await ask('Why is the sea salty?');
    await screen.findByText('Rewriting …', {}, { timeout: 4000 });
    await screen.findByText('Why is the sea salty? What a', {}, { timeout: 4000, interval: 10 });
    await screen.findByText('Answering …');
    expect(screen.getAllByText('Waiting for its turn …')).toHaveLength(1);
    expect(await violations()).toEqual([]);
    expect(screen.queryByText(/after 32 iterations/)).toBeNull();
    await screen.findByText('after 32 iterations, seed 1', {}, { timeout: 8000 });
    expect(screen.queryByText('Answering …')).toBeNull();
  });
  it('asks for a seed that is one', async () => {
    await open('#/runs/1/try');
    await fireEvent.input(await screen.findByLabelText('Your prompt'), { target: { value: 'Why?' } });
    const seed = screen.getByLabelText<HTMLInputElement>('Seed');
    await fireEvent.input(seed, { target: { value: 'one' } });
    await screen.findByText('This is “one”; write a whole number of 0 or more.');
    expect(screen.getByText<HTMLButtonElement>('Answer with every arm').disabled).toBe(true);
    await fireEvent.input(seed, { target: { value: '2' } });
    expect(screen.getByText<HTMLButtonElement>('Answer with every arm').disabled).toBe(false);
  });
  it('says why an arm did not answer', async () => {
    await ask('too long');
    await screen.findByText('The prompt is longer than the context of the model.', {}, { timeout: 4000 });
    expect(screen.queryByText('Answering …')).toBeNull();
  });
});

it('the menu does what the keys do', async () => {
  await open('#/experiments');
  chooseInMenu('machine');
  await screen.findByRole('heading', { level: 1, name: 'Machine and models' });
  chooseInMenu('palette');
  await screen.findByLabelText('Find');
  chooseInMenu('no such item');
  chooseInMenu('larger');
  expect(document.documentElement.style.fontSize).toBe('110%');
  chooseInMenu('usual');
  expect(document.documentElement.style.fontSize).toBe('');
});

describe('the settings', () => {
  it('change the size of text, by keys from every page', async () => {
    await open('#/settings');
    const size = await screen.findByLabelText<HTMLSelectElement>('Size of text');
    expect(size.value).toBe('100');
    await fireEvent.change(size, { target: { value: '175' } });
    expect(document.documentElement.style.fontSize).toBe('175%');
    expect(localStorage.getItem('text-size')).toBe('175');
    await fireEvent.keyDown(window, { key: '+', ctrlKey: true, shiftKey: true });
    await fireEvent.keyDown(window, { key: '+', ctrlKey: true });
    expect(size.value).toBe('200');
    await fireEvent.keyDown(window, { key: '-', ctrlKey: true });
    expect(size.value).toBe('175');
    await fireEvent.keyDown(window, { key: '0', ctrlKey: true });
    expect(document.documentElement.style.fontSize).toBe('');
  });
  it('keep the number of threads, and say at the field why not', async () => {
    await open('#/experiments');
    await fireEvent.keyDown(window, { key: ',', ctrlKey: true });
    const threads = await screen.findByLabelText<HTMLInputElement>('Threads');
    const put = (value: string) => fireEvent.input(threads, { target: { value } }).then(() => fireEvent.change(threads));
    await put('0');
    await screen.findByText('A worker computes with 1 to 1024 threads.');
    expect(threads.getAttribute('aria-invalid')).toBe('true');
    expect(await violations()).toEqual([]);
    await put('two');
    await screen.findByText(/is “two”; write a whole number/);
    await put('2');
    await screen.findByText('Kept');
    expect(threads.getAttribute('aria-invalid')).toBeNull();
  });
  it('name every connection, and copy a diagnosis', async () => {
    const writeText = vi.fn().mockResolvedValue(undefined);
    vi.stubGlobal('navigator', Object.assign(Object.create(navigator), { clipboard: { writeText } }));
    await open('#/settings');
    await screen.findByText('2 connections', {}, { timeout: 3000 });
    await screen.findByText('Nothing else was ever asked of another machine.');
    await screen.findByLabelText('Copy the path: Run database');
    expect(screen.getByLabelText<HTMLInputElement>('Threads').placeholder).toBe('all 8');
    await fireEvent.click(await screen.findByText('Copy diagnosis'));
    expect(writeText.mock.calls[0]?.[0]).toContain('# Log of run 7 (running)');
    vi.unstubAllGlobals();
  });
});

it('Ctrl K finds a run', async () => {
  await open('#/experiments');
  await screen.findByText('low-kl');
  await fireEvent.keyDown(window, { key: 'k', ctrlKey: true });
  const input = await screen.findByLabelText('Find', { selector: 'input' });
  await fireEvent.input(input, { target: { value: 'harmless' } });
  await fireEvent.keyDown(input, { key: 'Enter' });
  await waitFor(() => expect(location.hash).toBe('#/runs/6'));
});

vi.setConfig({ testTimeout: 10_000 });
