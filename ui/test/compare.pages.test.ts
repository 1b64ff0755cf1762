// The comparison of runs over several data sets and pairs.
import { fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import CellsPanel from '$lib/components/CellsPanel.svelte';
import { answerWith } from '$lib/ipc/mock';
import { router } from '$lib/state/router.svelte';
import { CELLS } from '../src/dev/cells';
import { others, spec } from '../src/dev/fixtures';
import { open, violations } from './app';

const at = `#/compare?runs=${CELLS.join('%2C')}`;

describe('runs over several data sets and pairs', () => {
  it('stand in one view, beside the paper’s own values where one asks for them', async () => {
    const { container } = await open(at);
    await screen.findByRole('heading', { name: 'All data sets and pairs' }, { timeout: 3000 });
    await screen.findByText(/^The tuned prompter has the least variance in 4 of 5 groups/);
    const chart = () =>
      [...container.querySelectorAll('figure')].find((figure) => figure.querySelector('h2')?.textContent === 'Mean reward')!;
    expect(chart().textContent).not.toContain('UltraFeedback');
    expect(screen.getAllByText('What the tuned prompter gained')).toHaveLength(1);
    expect(await violations()).toEqual([]);
    await fireEvent.click(screen.getByLabelText('The paper’s values'));
    await waitFor(() => expect(location.hash).toContain('paper=shown'));
    await waitFor(() => expect(chart().textContent).toContain('The paper’s own values, read off its charts (±0.01)'));
    expect(chart().textContent).toContain('No fine-tuning');
    screen.getByText(/own bars show it in 10 of 12 groups/);
    expect(await violations()).toEqual([]);
    await fireEvent.click(screen.getByLabelText('The paper’s values'));
    await waitFor(() => expect(chart().textContent).not.toContain('UltraFeedback'));
  });
  it('hold the tuned prompter against another arm', async () => {
    await open(at);
    await fireEvent.change(await screen.findByLabelText('Gained over', {}, { timeout: 3000 }), { target: { value: 'oracle' } });
    await waitFor(() => expect(screen.getAllByText('Tuned − oracle')).toHaveLength(5));
    screen.getByText(/Holm: adjusted for the 5 comparisons here that have one/);
  });
  it('of one data set and pair are left to the curves and the seeds', async () => {
    await open('#/compare?runs=1%2C2%2C3');
    await screen.findByText('What the tuned prompter gained', {}, { timeout: 3000 });
    expect(screen.queryByText('All data sets and pairs')).toBeNull();
  });
  it('say why seeds have no interval together, and that rewards differ', async () => {
    router.place = { parts: ['compare'], query: {} };
    answerWith({ analyse: () => Promise.reject({ code: 'run', message: 'Runs 21 and 22 have the same seed.', detail: null }) });
    const other = spec();
    other.reward.parts[0]!.weight = 2;
    render(CellsPanel, { runs: others.filter((run) => CELLS.includes(run.id)), specs: [spec(), other], others: ['raw', 'untuned'] });
    await screen.findByText('The seeds of grid-1 have no interval together: Runs 21 and 22 have the same seed.');
    screen.getByText(/^These runs have different rewards/);
  });
});

vi.setConfig({ testTimeout: 30_000 });
