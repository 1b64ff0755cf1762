// Arms over several data sets and pairs of models.
import { render, screen } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import type { Profiles, RunSummary } from '$ipc';
import Steps from '$lib/charts/Steps.svelte';
import ProfilesPanel from '$lib/components/ProfilesPanel.svelte';
import { answerWith } from '$lib/ipc/mock';
import { highestInWords, meansForest, overInWords, profilesCsv, scaleInWords } from '$lib/state/profiles';
import { CELLS } from '../src/dev/cells';
import { others, summaries } from '../src/dev/fixtures';
import { profiled } from '../src/dev/profiles';
import { open, violations } from './app';

const runOf = (id: number): RunSummary => [...others, ...summaries].find((run) => run.id === id)!;
const chosen = CELLS.map(runOf);
const all = profiled(chosen);
const point = (value: number) => ({ value, interval: { low: value - 0.1, high: value + 0.1 } });
/** Two arms with these shares at three thresholds. */
const crossing = (a: number[], b: number[]): Profiles => ({
  ...all,
  thresholds: [0, 0.5, 1],
  arms: [
    { arm: 'raw', runs: 4, interquartile_mean: point(0.1), above: a.map(point) },
    { arm: 'tuned', runs: 4, interquartile_mean: point(0.6), above: b.map(point) },
  ],
});

describe('profiles', () => {
  it('say over what they are, and by what they are scaled', () => {
    expect(overInWords(all)).toBe('5 groups × 1 to 2 runs');
    expect(overInWords({ ...all, tasks: all.tasks.map((task) => ({ ...task, runs: [1, 2] })) })).toBe('5 groups × 2 runs');
    expect(scaleInWords(all)).toContain('1 the oracle’s');
    expect(scaleInWords({ ...all, scaled_by: 'min_max' })).toContain('not every group has an oracle');
  });
  it('say which arm is highest everywhere, if one is', () => {
    expect(highestInWords(all)).toBe('The line of the oracle arm lies nowhere below another.');
    expect(highestInWords(crossing([1, 0.2, 0], [1, 0.8, 0]))).toContain('of the tuned arm');
    expect(highestInWords(crossing([1, 0.5, 0], [0.8, 0.8, 0]))).toContain('they cross');
    expect(highestInWords(crossing([1, 0.5, 0], [1, 0.5, 0]))).toContain('they cross');
  });
  it('are a forest of interquartile means and a file of all thresholds', () => {
    const { rows } = meansForest(all);
    expect(rows.map(({ label, cells }) => [label, cells])).toEqual([
      ['Raw prompt', ['7']],
      ['Untuned prompter', ['7']],
      ['Tuned prompter', ['7']],
      ['Oracle: the model tuned', ['7']],
    ]);
    expect(rows[3]!.value).toBeCloseTo(1);
    const lines = profilesCsv(crossing([1, 0.5, 0], [0.8, 0.8, 0]))
      .trimEnd()
      .split('\r\n');
    expect([lines.length, lines[2]]).toEqual([7, 'raw,4,0.1,0,0.2,0.5,0.5,0.4,0.6']);
  });
  it('are drawn as steps, each until the next threshold', () => {
    const { arms, thresholds } = crossing([1, 0.5, 0], [1, 1, 0]);
    const { container } = render(Steps, { arms, thresholds, width: 400 });
    const [first] = container.querySelectorAll('path.line');
    // From 52 to 386, and from 12 above to 250 below.
    expect(first?.getAttribute('d')).toBe('M52.0 12.0H219.0V131.0H386.0V250.0');
    expect(container.querySelectorAll('path.line')).toHaveLength(2);
  });
});

describe('the page', () => {
  it('shows them below the groups', async () => {
    await open(`#/compare?runs=${CELLS.join(',')}`);
    await screen.findByText('Performance profiles', {}, { timeout: 4000 });
    expect(screen.getByRole('img', { name: /^Share of runs above a normalised reward; .*Tuned 0\.\d/ })).toBeTruthy();
    expect(screen.getByText('Interquartile means over all groups')).toBeTruthy();
    expect(screen.getByText(/^3 of 5 experiments have one seed/)).toBeTruthy();
    expect(screen.getAllByText('Ratios of variances').length).toBeGreaterThan(0);
    expect(await violations()).toEqual([]);
  }, 20_000);
  it('says why there are none, and what went wrong', async () => {
    answerWith({ profiles: () => profiled([23, 26, 27].map(runOf)) });
    const { unmount } = render(ProfilesPanel, { runs: chosen });
    await screen.findByText(/are withheld, because every experiment has one seed, and nothing says .* run a second seed\.$/);
    expect(screen.queryByText('Performance profiles')).toBeNull();
    unmount();
    answerWith({ profiles: () => Promise.reject({ code: 'run', message: 'There is no run 23.', detail: null }) });
    render(ProfilesPanel, { runs: chosen });
    await screen.findByText('There is no run 23.');
  });
  it('says once what is known already', async () => {
    answerWith({ profiles: () => ({ ...all, warnings: ['Run 1 failed.', 'Something else.'] }) });
    render(ProfilesPanel, { runs: chosen, known: ['Run 1 failed.'] });
    await screen.findByText('Something else.');
    expect(screen.queryByText('Run 1 failed.')).toBeNull();
  });
});
