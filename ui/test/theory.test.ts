import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it } from 'vitest';
import { answerWith } from '$lib/ipc/mock';
import { checks, frontierCsv, LAMBDAS, limit, objective, points, sweepCsv, terms, ways } from '$lib/state/theory';
import { view } from '$lib/state/theory.svelte';
import type { Theory } from '$ipc';
import { theoryOf } from '../src/dev/theory';
import { open, violations } from './app';

const example = theoryOf({ kind: 'example' }, [0, ...LAMBDAS]) as Theory;
const at = (lambda: number) => points(example).find((p) => p.lambda === lambda)!;
const slider = () => screen.findByRole<HTMLInputElement>('slider', { name: /^λ/ });

beforeEach(() => {
  Object.assign(view, { kind: 'example', at: LAMBDAS.indexOf(0.1), prompt: 0, best: '4' });
  view.typed = { seed: '1', prompts: '3', rewrites: '5', answers: '5' };
  view.found.value = view.found.error = null;
});

describe('the grid of λ', () => {
  it('is logarithmic, short to read, and holds round numbers', () => {
    expect(LAMBDAS[0]).toBe(0.01);
    expect(LAMBDAS.at(-1)).toBe(10);
    for (const lambda of [0.1, 1]) expect(LAMBDAS).toContain(lambda);
    for (const [i, lambda] of LAMBDAS.entries()) {
      expect(String(lambda).length).toBeLessThanOrEqual(6);
      if (i > 0) expect(lambda / LAMBDAS[i - 1]!).toBeCloseTo(10 ** (1 / 40), 1);
    }
  });
});

describe('what the page makes of the figures', () => {
  it('the identity holds, and a break of it is said', () => {
    for (const point of points(example)) {
      const [rewards, objectives] = checks(example, point);
      expect(rewards.said).toMatch(/rounding\.$|equal to the last digit\.$/);
      expect(objectives.left).toBeCloseTo(objectives.right, 9);
    }
    const [broken] = checks(example, { ...at(0.1), reward: 0.9 });
    expect(broken.said).toMatch(/a fault of this program\.$/);
  });
  it('the terms add up to the bound, and their slack to its slack', () => {
    for (const point of points(example)) {
      const [oracle, rewrites, divergence, bound, gap] = terms(point);
      expect(oracle!.value + rewrites!.value - divergence!.value).toBeCloseTo(bound!.value, 12);
      expect(oracle!.slack! + rewrites!.slack! + divergence!.slack!).toBeCloseTo(bound!.slack!, 12);
      expect(gap!.value).toBeLessThanOrEqual(bound!.value);
    }
    expect(terms({ ...at(0.1), gap: -0.1 }).at(-1)?.sentence).toContain('better than the oracle');
  });
  it('nobody has a larger J than the optimum, nor more reward than the best rewrites', () => {
    const all = ways(example, at(0.1), 8);
    expect(all.map((way) => way.key)).toEqual(['raw', 'untuned', 'best', 'optimum', 'limit', 'answers', 'oracle']);
    const best = Math.max(...all.map((way) => objective(way, 0.1) ?? -1));
    expect(objective(all[3]!, 0.1)).toBe(best);
    expect(limit(example).reward).toBeCloseTo(example.greedy_rewrite_reward, 12);
  });
  it('every chart has its table', () => {
    const rows = sweepCsv(example).trimEnd().split('\r\n');
    expect(rows).toHaveLength(LAMBDAS.length + 1);
    expect(rows[0]).toMatch(/^lambda,reward,kl,.*best_of_32_reward$/);
    expect(new Set(rows.map((row) => row.split(',').length)).size).toBe(1);
    expect(frontierCsv(example)).toContain('\r\nbest_of_k,,4,');
  });
});

describe('the page of the theory', { timeout: 20_000 }, () => {
  it('follows λ, which keys move', async () => {
    const { container } = await open('#/theory');
    const lambda = await slider();
    expect(lambda.getAttribute('aria-valuetext')).toBe('λ = 0.1');
    const row = () => screen.getByText('Explain how tea is grown, made and drunk, with an example of each.').closest('tr')!.textContent!;
    const before = row();
    lambda.focus();
    expect(document.activeElement).toBe(lambda);
    await fireEvent.input(lambda, { target: { value: '0' } });
    expect(lambda.getAttribute('aria-valuetext')).toBe('λ = 0.01');
    expect(row()).not.toBe(before);
    expect(row()).toContain('100.0 %');
    await waitFor(() => expect(container.querySelectorAll('figure svg[role="img"]')).toHaveLength(3));
    expect(screen.getByLabelText(/Mean reward against λ; .* at λ = 0.01/)).toBeTruthy();
  });
  it('asks once for all λ', async () => {
    let asked = 0;
    await open('#/theory');
    answerWith({
      theory: ({ world, lambdas }) => {
        asked++;
        return theoryOf(world as { kind: 'example' }, lambdas as number[]);
      },
    });
    await fireEvent.click(await screen.findByLabelText('Random world'));
    await screen.findByText('rewrite 4');
    for (const value of ['3', '30', '90']) await fireEvent.input(await slider(), { target: { value } });
    expect(asked).toBe(1);
  });
  it('looks at each prompt, whose texts are never more than text', async () => {
    const { container } = await open('#/theory');
    const choice = await screen.findByRole<HTMLSelectElement>('combobox', { name: 'Prompt' });
    await fireEvent.change(choice, { target: { value: '1' } });
    await screen.findByText('Work out 17 · 23 step by step. <b>Show your work.</b>');
    expect(container.querySelectorAll('td b')).toHaveLength(0);
    const answers = screen.getByRole('region', { name: /^Its answers/ });
    expect(within(answers).getAllByRole('row')).toHaveLength(4);
  });
  it('shows a random world, and forgets a prompt that it has not', async () => {
    await open('#/theory');
    await fireEvent.change(await screen.findByRole('combobox', { name: 'Prompt' }), { target: { value: '1' } });
    await fireEvent.click(screen.getByLabelText('Random world'));
    await screen.findByText('rewrite 4');
    await fireEvent.input(screen.getByLabelText('Rewrites of each'), { target: { value: '2' } });
    await waitFor(() => expect(screen.queryByText('rewrite 4')).toBeNull());
    expect(screen.getByRole<HTMLSelectElement>('combobox', { name: 'Prompt' }).selectedOptions[0]?.text).toMatch(/^prompt 0/);
  });
  it('refuses what cannot be, and shows no figures of another world beside it', async () => {
    await open('#/theory');
    await fireEvent.click(await screen.findByLabelText('Random world'));
    const prompts = screen.getByLabelText('Prompts');
    await fireEvent.input(prompts, { target: { value: '20' } });
    expect((await screen.findByRole('alert')).textContent).toContain('A random world has 1 to 6 prompts, not 20.');
    expect(screen.queryByRole('slider')).toBeNull();
    expect(await violations()).toEqual([]);
    await fireEvent.input(prompts, { target: { value: 'some' } });
    await screen.findByText('This is “some”; write a whole number of 0 or more.');
    expect(prompts.getAttribute('aria-invalid')).toBe('true');
    expect(screen.queryByRole('slider')).toBeNull();
    await fireEvent.input(prompts, { target: { value: '2' } });
    await slider();
    expect(screen.queryByRole('alert')).toBeNull();
  });
  it('says that it is on its way', async () => {
    await open('#/experiments');
    answerWith({ theory: () => new Promise(() => {}) });
    location.hash = '#/theory';
    await screen.findByText(/Going through the world/);
    expect(await violations()).toEqual([]);
  });
});
