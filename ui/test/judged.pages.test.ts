// What judges said of a run, and asking one.
import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import type { Report } from '$ipc';
import { judgedCsv, judgedForest, templatesOf } from '$lib/state/judged';
import { judging } from '$lib/state/judging.svelte';
import { methods } from '$lib/state/methods';
import { judged } from '../src/dev/judged';
import { spec, summaries } from '../src/dev/fixtures';
import { CHOSEN } from '../src/dev/watched';
import { open, violations } from './app';

const asked = (judge: string, pairs: number | null = null) => ({ judge, arm: 'tuned', baseline: 'raw', pairs });
const small = judged(asked('smollm2-135m-instruct'), 0);
const large = judged(asked('qwen2.5-0.5b-instruct'), 0);
const summary = summaries.find((run) => run.id === 1)!;
const report: Report = { ...summary.report!, judged: [small, large] };

describe('figures of judges', () => {
  it('stand on one scale of shares, the judge below the arms', () => {
    const forest = judgedForest([small, large, large]);
    expect(forest.none).toBe(0.5);
    expect(forest.rows.slice(0, 3).map(({ label, words, cells }) => [label, ...words, ...cells])).toEqual([
      ['Tuned wins', '53 %', '[46 %, 60 %]', '150'],
      ['For the first position', '81 %', '[74 %, 88 %]', '150'],
      ['Same in both orders', '34 %', '[27 %, 41 %]', '150'],
    ]);
    const groups = [...new Set(forest.rows.map(({ group }) => group))];
    expect(groups).toEqual([
      'Tuned against raw, judged by smollm2-135m-instruct',
      'Tuned against raw, judged by qwen2.5-0.5b-instruct (2)',
      'Tuned against raw, judged by qwen2.5-0.5b-instruct (3)',
    ]);
  });
  it('are left out where there are none', () => {
    const ties = { ...small, first_position: null, longer: null, win_rate: { share: 0.5, interval: null } };
    const rows = judgedForest([ties]).rows;
    expect(rows.map(({ label }) => label)).toEqual(['Tuned wins', 'Same in both orders']);
    expect(rows[0]!.range).toEqual({ low: 0.5, high: 0.5 });
    expect(judgedForest([]).rows).toEqual([]);
  });
  it('are saved with the judge, and told in the methods', () => {
    const [head, first] = judgedCsv(report).split('\r\n');
    expect(head).toBe(
      'run,name,seed,arm,baseline,judge,checksum,engine,template_hash,pairs,prompts,available,unparsed,too_long,win_rate,win_rate_low,win_rate_high,first_position,first_position_low,first_position_high,agreement,agreement_low,agreement_high,longer,longer_low,longer_high',
    );
    expect(first).toContain(
      `tuned,raw,smollm2-135m-instruct,${small.checksum},"built-in engine, smollm2-135m-instruct",a3f9c04d17be,150,96,192,42,0,0.53,`,
    );
    const detail = { summary, program_version: '1', spec: spec(), spec_toml: '', facts: [] };
    expect(methods(detail, report)).toContain('qwen2.5-0.5b-instruct (0b9a8e7f6d5c, template a3f9c04d17be) as a judge');
    expect(methods(detail, { ...report, judged: [] })).not.toContain('judge');
    expect(templatesOf([small, large])).toHaveLength(1);
  });
});

describe('the results of a judged run', () => {
  it('name the judge, its doubts and what it was asked, as text', async () => {
    await open(`#/runs/${CHOSEN}/results`);
    await screen.findByRole('img', { name: /^Judged win rate: Tuned wins 53 % .*Same in both orders 34 %/ });
    screen.getByText(/^smollm2-135m-instruct: This judge follows the position more than the answers/);
    const table = within(screen.getByRole('region', { name: 'The judges' }));
    expect(table.getAllByRole('row')[1]!.textContent).toContain('150 of 192');
    table.getByText(/^Built-in engine, smollm2-135m-instruct: .* to /);
    expect(screen.getByText(/Be fair/).innerHTML).toContain('&lt;b&gt;');
    expect(screen.getByRole('navigation', { name: 'Parts of this page' }).textContent).toContain('Judged');
    expect(await violations()).toEqual([]);
  });
});

describe('asking a judge', () => {
  const openForm = async (at: string, options = {}) => {
    await open(at, options);
    await fireEvent.click(await screen.findByText('Ask a judge …'));
    return within(await screen.findByRole('form', { name: 'Ask a judge' }));
  };
  it('takes the largest model, tells how far it is, and shows what it said', async () => {
    const form = await openForm('#/runs/1/results');
    const judge = await form.findByLabelText<HTMLSelectElement>('Judge');
    expect([...judge.options].map(({ value }) => value)).toEqual([
      'qwen2.5-0.5b-instruct',
      'smollm2-135m-instruct',
      'google/gemma-2-2b-it',
      'llama3.2:1b',
    ]);
    expect(screen.queryByText('Judged win rate')).toBeNull();
    expect(await violations()).toEqual([]);
    await fireEvent.click(form.getByText('Judge', { selector: 'button' }));
    screen.getByRole('progressbar', { name: 'Loading the judge' });
    await waitFor(() => screen.getByText(/^\d+ of 192 pairs$/));
    expect(Number(screen.getByRole('progressbar', { name: 'Judging' }).getAttribute('aria-valuenow'))).toBeGreaterThan(0);
    await screen.findByRole('img', { name: /^Judged win rate: Tuned wins 64 %/ }, { timeout: 4000 });
    expect(screen.queryByText(/follows the position/)).toBeNull();
  });
  it('can be stopped; what is judged stays', async () => {
    const form = await openForm('#/runs/1/results');
    await form.findByLabelText('Judge');
    await fireEvent.input(form.getByLabelText('Pairs'), { target: { value: '64' } });
    await fireEvent.click(form.getByText('Judge', { selector: 'button' }));
    await waitFor(() => screen.getByText(/^(16|32) of 64 pairs$/));
    await fireEvent.click(screen.getByText('Stop', { selector: 'section[aria-label="Judging"] button' }));
    await screen.findByRole('img', { name: /^Judged win rate/ });
    expect(judging.error).toBeNull();
    const pairs = within(screen.getByRole('region', { name: 'The judges' })).getByText(/ of 192$/).textContent;
    expect(Number(pairs!.split(' ')[0])).toBeLessThan(64);
  });
  it('asks one behind an address, which is spoken to after a click alone', async () => {
    const form = await openForm('#/runs/1/results');
    await fireEvent.click(form.getByRole('radio', { name: 'Behind an address' }));
    const button = form.getByText<HTMLButtonElement>('Judge', { selector: 'button' });
    expect(button.disabled).toBe(true);
    await fireEvent.click(form.getByRole('button', { name: 'List models' }));
    await waitFor(() => expect(form.getByLabelText<HTMLInputElement>('Judge').value).toBe('qwen2.5-7b'), { timeout: 4000 });
    expect(await violations()).toEqual([]);
    const asked = vi.fn(() => Promise.reject({ code: 'network', message: 'The endpoint cannot be reached.', detail: null }));
    const { answerWith } = await import('$lib/ipc/mock');
    answerWith({
      judge: asked,
      keep_key: () => null,
      run: () => ({ ...{ summary, spec: spec(), spec_toml: '', facts: [], program_version: '1' } }),
    });
    await fireEvent.input(form.getByLabelText('Budget in tokens'), { target: { value: '0' } });
    expect(button.disabled).toBe(true);
    await fireEvent.input(form.getByLabelText('Budget in tokens'), { target: { value: '50000' } });
    expect(button.disabled).toBe(false);
    await fireEvent.click(form.getByText('Limits and prices'));
    await fireEvent.input(form.getByLabelText('Budget in money'), { target: { value: '2.5' } });
    form.getByText('Money is counted from both prices; write them too.');
    expect(button.disabled).toBe(true);
    await fireEvent.input(form.getByLabelText('Price of a million tokens read'), { target: { value: '0.5' } });
    await fireEvent.input(form.getByLabelText('Price of a million tokens written'), { target: { value: '2' } });
    await fireEvent.input(form.getByLabelText('Requests at once'), { target: { value: '300' } });
    form.getByText('Write 256 or less.');
    await fireEvent.input(form.getByLabelText('Requests at once'), { target: { value: '1' } });
    expect(button.disabled).toBe(false);
    expect(await violations()).toEqual([]);
    await fireEvent.input(form.getByLabelText('Name of the key'), { target: { value: 'hosted' } });
    const key = await form.findByLabelText<HTMLInputElement>('The key itself');
    await fireEvent.input(key, { target: { value: 'sk-secret' } });
    // Enter keeps it, and asks no judge.
    expect(await fireEvent.keyDown(key, { key: 'Enter' })).toBe(false);
    await form.findByText('The key is in the system’s keychain.', {}, { timeout: 3000 });
    expect(asked).not.toHaveBeenCalled();
    await fireEvent.click(form.getByLabelText(/^Speak without encryption/));
    await fireEvent.click(button);
    await screen.findByText('The endpoint cannot be reached.');
    expect(JSON.stringify(asked.mock.calls)).not.toContain('sk-secret');
    expect(asked).toHaveBeenCalledWith(
      expect.objectContaining({
        what: expect.objectContaining({ judge: 'qwen2.5-7b' }),
        endpoint: {
          url: 'http://127.0.0.1:8000/v1',
          key: 'hosted',
          allow_http: true,
          requests_at_once: 1,
          timeout_seconds: 120,
          patience_seconds: 300,
          budget_tokens: 50000,
          budget_money: 2.5,
          price_in_per_million: 0.5,
          price_out_per_million: 2,
        },
      }),
    );
  });
  it('refuses an arm against itself and half a pair', async () => {
    const form = await openForm('#/runs/1/results');
    const button = (await form.findByText('Judge', { selector: 'button' })) as HTMLButtonElement;
    await fireEvent.change(form.getByLabelText('Against'), { target: { value: 'tuned' } });
    form.getByText(/Choose another arm/);
    expect(button.disabled).toBe(true);
    await fireEvent.change(form.getByLabelText('Against'), { target: { value: 'untuned' } });
    for (const wrong of ['0', '1.5', 'ten']) {
      await fireEvent.input(form.getByLabelText('Pairs'), { target: { value: wrong } });
      expect([wrong, button.disabled]).toEqual([wrong, true]);
    }
    await fireEvent.input(form.getByLabelText('Pairs'), { target: { value: '' } });
    expect(button.disabled).toBe(false);
  });
  it('says why it cannot be asked', async () => {
    await open('#/runs/-2/results', { file: true });
    await screen.findByText(/Merge this run to have its answers judged/);
    expect(screen.queryByText('Ask a judge …')).toBeNull();
  });
  it('says what went wrong, and tries again', async () => {
    const form = await openForm('#/runs/1/results');
    await form.findByLabelText('Judge');
    const failing = { code: 'model', message: 'The judge is not whole.', detail: null };
    const { answerWith } = await import('$lib/ipc/mock');
    answerWith({
      judge: () => Promise.reject(failing),
      run: () => ({ ...{ summary, spec: spec(), spec_toml: '', facts: [], program_version: '1' } }),
    });
    await fireEvent.click(form.getByText('Judge', { selector: 'button' }));
    await screen.findByText('The judge is not whole.');
    screen.getByText('Try again');
  });
});

vi.setConfig({ testTimeout: 15_000 });
