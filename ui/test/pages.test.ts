import axe from 'axe-core';
import { fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import App from '../src/App.svelte';
import { install } from '../src/dev';
import { router } from '$lib/state/router.svelte';
import { runs } from '$lib/state/runs.svelte';
import { draft } from '$lib/state/draft.svelte';

async function open(at: string, options: Parameters<typeof install>[0] = {}) {
  install(options);
  location.hash = at;
  await waitFor(() => expect(location.hash).toBe(at));
  dispatchEvent(new HashChangeEvent('hashchange'));
  return render(App);
}

beforeEach(() => {
  runs.value = null;
  runs.error = null;
  draft.clear();
  router.place = { parts: [], query: {} };
});

async function violations() {
  // Contrast needs a layout, which is not here.
  const { violations: found } = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } });
  return found
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(' | ')}`);
}

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
  ['#/machine', 'What to do: nothing: small models run on the processor'],
];

describe('every page', () => {
  it.each(PAGES)(
    '%s shows its fixtures and is accessible',
    async (at, text) => {
      await open(at);
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
