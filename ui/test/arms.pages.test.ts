// Pages that choose arms and show a run with all of them.
import { fireEvent, screen, waitFor } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import { standalone } from '$lib/charts/export';
import { draft } from '$lib/state/draft.svelte';
import { open, violations } from './app';

describe('setting up', () => {
  it('switches arms on and off, with what they cost and what is lost', async () => {
    await open('#/new/evaluation');
    await screen.findByText('1,088 reward calls');
    expect(screen.queryByLabelText('K, rewrites of each prompt')).toBeNull();
    await fireEvent.click(screen.getByLabelText('Optimum without training'));
    await screen.findByText('4,352 reward calls');
    await fireEvent.click(screen.getByLabelText('Best of K rewrites'));
    // The rewrites are drawn once.
    await screen.findByText('4,544 reward calls');
    const k = screen.getByLabelText('K, rewrites of each prompt');
    await fireEvent.input(k, { target: { value: '1' } });
    await screen.findByText('This is 1; it must be at least 2.');
    expect(k.getAttribute('aria-invalid')).toBe('true');
    await fireEvent.click(screen.getByLabelText('Raw prompt'));
    await screen.findByText(/^Without the raw prompt no gain over it can be claimed/);
    expect(draft.spec?.arms).toMatchObject({ raw: false, optimum: true, rewrites_per_prompt: 1 });
    expect(await violations()).toEqual([]);
    location.hash = '#/new/review';
    const problem = await screen.findByText(/“K, rewrites of each prompt” is 1/);
    expect(problem.closest('li')?.querySelector('a')?.getAttribute('href')).toBe('#/new/evaluation?field=arms.rewrites_per_prompt');
    await screen.findByText(/^Without the raw prompt no gain over it can be claimed/);
    expect(screen.getByRole('region', { name: 'Arms' }).textContent).toContain('Best of K rewrites');
  });
  it('forgets what was mistyped for an arm that is switched off', async () => {
    await open('#/new/evaluation');
    await fireEvent.click(await screen.findByLabelText('Best of N answers'));
    await fireEvent.input(await screen.findByLabelText('N, answers to choose from'), { target: { value: 'many' } });
    expect(Object.keys(draft.slips)).toEqual(['arms.best_of_answers']);
    await fireEvent.click(screen.getByLabelText('Best of N answers'));
    expect(draft.slips).toEqual({});
    expect(screen.queryByLabelText('N, answers to choose from')).toBeNull();
  });
  it('says at an arm why it cannot be run, and that one is needed', async () => {
    await open('#/new/evaluation');
    await screen.findByLabelText('Raw prompt');
    draft.spec!.frozen.top_p = 0.9;
    await fireEvent.click(screen.getByLabelText('Oracle: the model tuned'));
    await screen.findByText(/^This needs “Temperature” above 0, “Top-p” = 1 and “Top-k” = 0/);
    expect(screen.getByText('Change how the frozen model samples').getAttribute('href')).toBe('#/new/models?field=frozen.top_p');
    expect(screen.getByLabelText<HTMLInputElement>('λ of the oracle').placeholder).toBe('0.01, as the prompter’s');
    for (const arm of ['Raw prompt', 'Untuned prompter', 'Tuned prompter', 'Oracle: the model tuned'])
      await fireEvent.click(screen.getByLabelText(arm));
    await screen.findByText('The experiment has every arm switched off; switch at least one on.');
    expect(await violations()).toEqual([]);
  });
});

describe('a run with every arm', () => {
  it('shows prompts one by one, and leads to their samples', async () => {
    const { container } = await open('#/runs/11/results');
    await screen.findByText('20 of 96 prompts', {}, { timeout: 3000 });
    expect(screen.getByRole('region', { name: 'What each arm costs' }).querySelectorAll('tbody tr')).toHaveLength(8);
    const links = () => [...container.querySelectorAll('svg a')].map((link) => link.getAttribute('href'));
    expect(links()).toHaveLength(20);
    const chart = container.querySelector('svg a')?.closest('svg') as SVGSVGElement;
    Object.defineProperty(chart, 'viewBox', { value: { baseVal: { width: 900, height: 400 } } });
    const words = /Write a toast|goalkeeper/;
    await waitFor(() => expect(chart.textContent).toMatch(words));
    expect(words.test(standalone(chart).text)).toBe(true);
    const first = links()[0];
    expect(first).toMatch(/^#\/runs\/11\/samples\?prompt=\d+$/);
    await fireEvent.click(screen.getByLabelText('Training falls short'));
    await waitFor(() => expect(links()[0]).not.toBe(first));
    await fireEvent.click(screen.getByText('Show all'));
    expect(links()).toHaveLength(96);
  });
  it('shows samples of the arms that one chooses', async () => {
    const { container } = await open('#/runs/11/samples');
    await screen.findByRole('group', { name: 'Arms shown' }, { timeout: 3000 });
    const columns = () => container.querySelector('article')?.querySelectorAll('section').length;
    expect(columns()).toBe(8);
    for (const arm of ['Untuned', 'Optimum', 'Best rewrite', 'Best answer', 'Instruction'])
      await fireEvent.click(screen.getByRole('button', { name: arm }));
    expect(columns()).toBe(3);
    expect(location.hash).toContain('arms=raw%2Ctuned%2Coracle');
    await fireEvent.change(screen.getByLabelText('Gain over'), { target: { value: 'oracle' } });
    await screen.findAllByText('tuned − oracle');
    // What stands in both places changes them about.
    await fireEvent.change(screen.getByLabelText('Gain of'), { target: { value: 'oracle' } });
    await screen.findAllByText('oracle − tuned');
  });
  it('names the phases that it goes through', async () => {
    await open('#/runs/14/live');
    const phases = await screen.findByRole('list', { name: 'Phases of the run' }, { timeout: 3000 });
    expect(phases.querySelector('[aria-current]')?.textContent).toContain('Search for an instruction');
    expect(phases.querySelectorAll('li')).toHaveLength(6);
    expect(screen.queryByText(/reward_calls|spent/i)).toBeNull();
  });
});

vi.setConfig({ testTimeout: 10_000 });
