// What a design can find, on the pages of its set-up.
import { fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import type { DesignPower } from '$ipc';
import PowerPanel from '$lib/components/PowerPanel.svelte';
import { answerWith } from '$lib/ipc/mock';
import { powerCsv, powerKey, powerLines, powerRows, precedent } from '$lib/state/design';
import { designed } from '../src/dev/design';
import { estimated } from '../src/dev/estimate';
import { spec, summaries } from '../src/dev/fixtures';
import { open, violations } from './app';

const planned = (seeds: number, deviation: number | null = null) => designed(spec(), seeds, deviation, summaries);

describe('figures of a design', () => {
  it('stand in rows, with what they cost where that is at hand', async () => {
    const design = planned(3);
    const { rows, costs } = powerRows(design, null);
    expect(rows.map(({ label }) => label)).toEqual(['Tuned − raw', 'Tuned − untuned']);
    expect(rows[0]!.cells).toEqual(
      ['smallest', 'twice_prompts', 'twice_answers', 'twice_seeds'].map((key) => design.pairs[0]!.power![key as 'smallest'].toFixed(3)),
    );
    expect(costs).toBeNull();
    const estimate = await estimated(spec());
    expect(powerRows(design, estimate).costs).toEqual({
      label: 'Time it adds, in all 3 runs',
      cells: ['', '+ 7 min 10 s', '+ 8 min 30 s', '+ 28 min'],
    });
    expect(powerRows(planned(1), { ...estimate, twice_answers_seconds: null }).costs!.cells[2]).toBe('–');
    // One seed, whose doubling asks another question.
    const { rows: one, costs: itsCosts } = powerRows(planned(1), estimate);
    expect([one[0]!.cells[3], itsCosts!.cells[3]]).toEqual(['–', '–']);
  });
  it('are drawn by the number of prompts, and saved', () => {
    const lines = powerLines(planned(1));
    expect(lines.map(({ word, colour, points }) => [word, colour, points?.length])).toEqual([
      ['Tuned − raw', 'arm-raw', 9],
      ['Tuned − untuned', 'arm-untuned', 9],
    ]);
    const rows = powerCsv(planned(1)).trimEnd().split('\r\n');
    expect([rows.length, rows[0], rows[1]?.startsWith('tuned,raw,1,2,24,')]).toEqual([
      19,
      'arm,baseline,seeds,answers,prompts,smallest_difference',
      true,
    ]);
    const small = spec();
    small.data.test = 1;
    expect(powerLines(designed(small, 1, null, summaries))).toEqual([]);
  });
  it('are asked for again where something matters to them', () => {
    const other = spec({ iterations: 99, kl: 0.5, name: 'other', seed: 8 });
    expect(powerKey(other, 1)).toBe(powerKey(spec(), 1));
    const more = spec();
    more.data.test = 97;
    expect(new Set([powerKey(spec(), 1), powerKey(spec(), 2), powerKey(more, 1), powerKey(spec({ source: '/p.csv' }), 1)]).size).toBe(4);
    expect(precedent(summaries, spec())?.report).toBeTruthy();
    expect(precedent(summaries, spec({ frozen: 'none' }))).toBeNull();
  });
});

describe('setting up', () => {
  it('shows what the design finds by earlier runs, with a curve', async () => {
    await open('#/new/evaluation');
    await screen.findByText(/^This design finds a difference of 0\.\d+ or more \(tuned − raw\)/);
    expect(screen.getByText('Twice the prompts')).toBeTruthy();
    expect(screen.getByRole('img', { name: /^Smallest difference found by number of test prompts/ }).textContent).toContain('96 planned');
    expect(screen.queryByLabelText('Assumed standard deviation over prompts')).toBeNull();
    expect(await violations()).toEqual([]);
    // Three times the seeds are another question.
    await fireEvent.input(screen.getByLabelText('Seeds'), { target: { value: '3' } });
    await screen.findByText(/^(Over its 3 seeds|Each seed of) this design/);
  });
  it('shows in the review what more would cost', async () => {
    await open('#/new/review');
    await screen.findByText('Time it adds', {}, { timeout: 4000 });
    expect(screen.getByText('+ 2 min 20 s')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });
  it('says what is assumed where nothing was run, and takes another assumption', async () => {
    const asked: (number | null)[] = [];
    answerWith({
      design: ({ deviation }) => {
        asked.push(deviation as number | null);
        return designed(spec(), 1, deviation as number | null, []);
      },
    });
    render(PowerPanel, { spec: spec(), seeds: 1 });
    await screen.findByText(/^Assumed, not measured: a standard deviation over prompts of 0.49/);
    const field = screen.getByLabelText('Assumed standard deviation over prompts');
    await fireEvent.input(field, { target: { value: '0.2' } });
    await screen.findByText(/^Assumed, not measured: a standard deviation over prompts of 0.2, as it was given/);
    for (const wrong of ['0', 'much']) {
      await fireEvent.input(field, { target: { value: wrong } });
      await waitFor(() => expect(field.getAttribute('aria-invalid')).toBe('true'));
    }
    await waitFor(() => expect(asked).toEqual([null, 0.2, null]));
    expect(await violations()).toEqual([]);
  });
  it('says that it looks, what went wrong, and what cannot be found', async () => {
    let answer: (design: DesignPower) => void = () => {};
    answerWith({ design: () => new Promise<DesignPower>((done) => (answer = done)) });
    const { unmount } = render(PowerPanel, { spec: spec(), seeds: 1 });
    await screen.findByText('Looking at earlier runs …');
    const small = spec();
    small.data.test = 1;
    await waitFor(() => {
      answer(designed(small, 1, null, summaries));
      expect(screen.getByText(/raise “Test prompts” to 2/)).toBeTruthy();
    });
    expect(screen.queryByRole('table')).toBeNull();
    unmount();
    answerWith({ design: () => designed({ ...spec(), name: 'unplannable' }, 1, null, []) });
    render(PowerPanel, { spec: spec(), seeds: 1 });
    await screen.findByText('The evaluation answers in runs.db cannot be read.');
    expect(screen.getByText('Try again')).toBeTruthy();
  });
});
