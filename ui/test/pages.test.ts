import { fireEvent, screen, waitFor } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import { draft } from '$lib/state/draft.svelte';
import { open, violations } from './app';

const PAGES: [string, string | RegExp][] = [
  ['#/experiments', 'fewer-complaints-on-harmless-prompts-with-a-rather-long-name'],
  ['#/runs/7/live', /Training reward|iterations/],
  ['#/runs/1/results', /The tuned prompter is better than the raw prompt/],
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
  ['#/runs/8/live', 'It begins by itself once the run before it has ended.'],
  ['#/runs/10/live', 'Deleted 1 h ago'],
  ['#/runs/-2/samples', 'This run was shared without its texts.'],
  ['#/runs/-2/live', 'This run was shared without its texts.'],
  ['#/runs/-1/try', 'Merge this run to try it'],
  ['#/runs/-2/try', 'This run has no trained prompter here'],
  ['#/machine', 'What to do: nothing: small models run on the processor'],
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

  it.each(['#/experiments', '#/runs/1/results', '#/machine', '#/new/data', '#/compare'])('%s says what went wrong', async (at) => {
    await open(at, { broken: true });
    const alerts = await screen.findAllByRole('alert', {}, { timeout: 3000 });
    expect(alerts[0]?.textContent).toContain('cannot be opened: it is of a newer version');
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
});

describe('setting up', () => {
  it('shows a problem at its field and leads from the review to it', async () => {
    await open('#/new/training');
    const field = await screen.findByLabelText('Group size');
    await fireEvent.input(field, { target: { value: '1' } });
    await screen.findByText(/a group of one has no advantage to learn from/);
    expect(field.getAttribute('aria-invalid')).toBe('true');
    location.hash = '#/new/review';
    const problem = await screen.findByText(/training.group_size is 1/);
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
    await screen.findByText('5 runs, about 47 min', {}, { timeout: 4000 });
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
    await screen.findByText('About 9 min', {}, { timeout: 4000 });
    expect(panel.textContent).toContain('Training7 min1.2 GB');
    expect(panel.textContent).toContain('It fits in the 20.4 GB that are free.');
    expect(panel.textContent).toContain('84 of 2,048 tokens');
    expect(await violations()).toEqual([]);
  });
  it('says what to shrink where it does not fit', async () => {
    await open('#/new/training');
    await fireEvent.input(await screen.findByLabelText('Group size'), { target: { value: '64' } });
    location.hash = '#/new/review';
    await screen.findByText('Lower training.group_size.', {}, { timeout: 4000 });
    expect(await violations()).toEqual([]);
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
  it('that is not there says so', async () => {
    await open('#/runs/99');
    await screen.findByText('There is no run 99 in this database.');
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
