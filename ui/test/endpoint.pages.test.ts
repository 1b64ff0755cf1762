// A frozen model behind an address.
import { fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import LargerBudget from '$lib/components/LargerBudget.svelte';
import { answerWith } from '$lib/ipc/mock';
import { Consent } from '$lib/state/consent.svelte';
import { draft } from '$lib/state/draft.svelte';
import { asKind } from '$lib/state/rewards';
import { endpointInWords, findingsInWords, newEndpoint, usedUp } from '$lib/state/endpoint';
import { foundAt } from '../src/dev/endpoint';
import { spec } from '../src/dev/fixtures';
import { open, violations } from './app';

async function elsewhere() {
  await open('#/new/models');
  await fireEvent.click(await screen.findByRole('radio', { name: 'Behind an address' }));
  return screen.findByLabelText<HTMLInputElement>('Address');
}

describe('a frozen model behind an address', { timeout: 30_000 }, () => {
  it('is chosen, listed and tried by clicks, and by nothing else', async () => {
    await elsewhere();
    expect(draft.spec?.frozen).toMatchObject({ engine: 'endpoint', model: '', endpoint: { url: 'http://127.0.0.1:8000/v1' } });
    const tryIt = screen.getByRole<HTMLButtonElement>('button', { name: 'Try it' });
    expect(tryIt.disabled).toBe(true);
    await fireEvent.click(screen.getByRole('button', { name: 'List models' }));
    await waitFor(() => expect(draft.spec?.frozen.model).toBe('qwen2.5-7b'));
    await fireEvent.click(tryIt);
    const found = within(await screen.findByRole('region', { name: 'What was found' }, { timeout: 3000 }));
    found.getByText('kept: the same seed gives the same answer');
    expect(await violations()).toEqual([]);
    // What was found is of that address.
    await fireEvent.input(screen.getByLabelText('Address'), { target: { value: 'http://127.0.0.1:9/v1' } });
    expect(screen.queryByRole('region', { name: 'What was found' })).toBeNull();
    await fireEvent.click(tryIt);
    await screen.findByText(/cannot be reached. Is it running/, {}, { timeout: 3000 });
  });
  it('gives way to one on this machine again', async () => {
    await elsewhere();
    await fireEvent.click(screen.getByRole('radio', { name: 'On this machine' }));
    expect(draft.spec?.frozen).toMatchObject({ engine: 'auto', model: 'smollm2-135m-instruct' });
    expect(draft.spec?.frozen.endpoint).toBeUndefined();
  });
  it('has the name of a key in the spec, and the key nowhere', async () => {
    await elsewhere();
    await fireEvent.input(screen.getByLabelText('Name of the key'), { target: { value: 'hosted' } });
    const key = await screen.findByLabelText<HTMLInputElement>('The key itself');
    expect(key.type).toBe('password');
    await fireEvent.input(key, { target: { value: 'sk-secret' } });
    await fireEvent.click(screen.getByRole('button', { name: 'Keep' }));
    await screen.findByText('The key is in the system’s keychain.', {}, { timeout: 3000 });
    expect(key.value).toBe('');
    expect(draft.spec?.frozen.endpoint?.key).toBe('hosted');
    expect(JSON.stringify(draft.spec)).not.toContain('sk-secret');
    expect(Object.values(localStorage).join()).not.toContain('sk-secret');
  });
  it('is spoken to without encryption only after a tick', async () => {
    await elsewhere();
    const tick = screen.getByLabelText<HTMLInputElement>('Speak without encryption to a machine outside of the private networks');
    expect(tick.checked).toBe(false);
    await fireEvent.click(tick);
    expect(draft.spec?.frozen.endpoint?.allow_http).toBe(true);
    await screen.findByText(/^Without encryption, as the experiment allows/);
    await fireEvent.click(tick);
    expect(draft.spec?.frozen.endpoint?.allow_http).toBeUndefined();
  });
  it('takes what was mistyped along when it goes', async () => {
    await elsewhere();
    await fireEvent.input(screen.getByLabelText('Timeout'), { target: { value: 'long' } });
    expect(Object.keys(draft.slips)).toEqual(['frozen.endpoint.timeout_seconds']);
    await fireEvent.click(screen.getByRole('radio', { name: 'On this machine' }));
    expect(draft.slips).toEqual({});
  });
  it('is told with what it cannot do', () => {
    const hosted = foundAt({ ...newEndpoint(), url: 'https://api.example.com/v1' }, 'large');
    if (hosted instanceof Promise) throw new Error('nobody there');
    const bad = findingsInWords(hosted).filter(({ isGood }) => !isGood);
    expect(bad.map(({ what }) => what)).toEqual(['Seeds', 'Greedy answers', 'Log-probabilities']);
  });
});

describe('the methods of a run', () => {
  it('name the model behind the address and what came of seeds', () => {
    const through = { ...spec(), frozen: { ...spec().frozen, model: 'large', endpoint: newEndpoint() } };
    const facts = [
      { key: 'endpoint.served', value: 'large-2' },
      { key: 'endpoint.seeds', value: 'ignored: the same seed gives different answers' },
    ];
    expect(endpointInWords(through, facts)).toBe(
      'The frozen model answered behind an OpenAI-compatible endpoint, as large-2; seeds were ignored in that the same seed gives different answers.',
    );
    expect(endpointInWords(spec(), [])).toBe(false);
  });
});

describe('a run whose budget is used up', () => {
  it('is told from others', () => {
    const whose = (message: string | null) => usedUp(message, spec());
    expect(whose('The budget of 900 tokens (frozen.endpoint.budget_tokens) is used up: 3 requests.')).toEqual({ of: 'tokens', part: null });
    expect(whose('The budget of 2 in money (frozen.endpoint.budget_money) is used up: 3 requests.')).toEqual({ of: 'money', part: null });
    const judge = { name: 'kind', ...asKind('judge', 1) };
    const judged = { ...spec(), reward: { parts: [...spec().reward.parts, judge] } };
    const message = `The budget of 9 tokens (reward.parts[${judged.reward.parts.length - 1}].endpoint.budget_tokens) is used up: 1 request.`;
    expect(usedUp(message, judged)).toEqual({ of: 'tokens', part: 'kind' });
    expect(whose('The endpoint cannot be reached.')).toBeNull();
    expect(whose(null)).toBeNull();
  });
  it('goes on with a larger one', async () => {
    const asked = vi.fn(() => null);
    answerWith({ resume_with_budget: asked });
    const begun = vi.fn();
    render(LargerBudget, { id: 7, budget: { of: 'tokens', part: null }, consent: new Consent(), begun });
    const field = screen.getByLabelText('A larger budget, in tokens');
    await fireEvent.input(field, { target: { value: 'many' } });
    await fireEvent.click(screen.getByRole('button', { name: 'Resume with this budget' }));
    screen.getByText(/write a whole number/);
    await fireEvent.input(field, { target: { value: '50000' } });
    await fireEvent.click(screen.getByRole('button', { name: 'Resume with this budget' }));
    await waitFor(() => expect(begun).toHaveBeenCalledOnce());
    expect(asked).toHaveBeenCalledWith({ id: 7, part: null, tokens: 50000, money: null });
  });
  it('waits for a yes to the commands of its reward', async () => {
    const consent = new Consent();
    const asked = vi.fn(() => null);
    const command = { part: 'p', command: ['/a.py'], folder: '/', files: [], digest: '1', agreed: false };
    answerWith({ resume_with_budget: asked, agree_to_commands: () => null, reward_commands: () => [command] });
    await consent.look({ parts: [asKind('command', 1)] });
    render(LargerBudget, { id: 7, budget: { of: 'tokens', part: null }, consent, begun: () => {} });
    await fireEvent.input(screen.getByLabelText('A larger budget, in tokens'), { target: { value: '50000' } });
    const button = screen.getByRole<HTMLButtonElement>('button', { name: 'Resume with this budget' });
    expect(button.disabled).toBe(true);
    consent.tick('1', true);
    await waitFor(() => expect(button.disabled).toBe(false));
    await fireEvent.click(button);
    await waitFor(() => expect(asked).toHaveBeenCalledOnce());
  });
  it('goes on with a larger one for a judge', async () => {
    const asked = vi.fn(() => null);
    answerWith({ resume_with_budget: asked });
    const begun = vi.fn();
    render(LargerBudget, { id: 7, budget: { of: 'money', part: 'kind' }, consent: new Consent(), begun });
    await fireEvent.input(screen.getByLabelText('A larger budget for the judge “kind”, in money'), { target: { value: '2.5' } });
    await fireEvent.click(screen.getByRole('button', { name: 'Resume with this budget' }));
    await waitFor(() => expect(begun).toHaveBeenCalledOnce());
    expect(asked).toHaveBeenCalledWith({ id: 7, part: 'kind', tokens: null, money: 2.5 });
  });
});
