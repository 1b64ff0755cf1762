// Rewards of one's own: commands, services, judges.
import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import { agreeToCommands, rewardCommands } from '$ipc';
import { answerWith } from '$lib/ipc/mock';
import { resumeAll } from '$lib/state/actions';
import { Consent } from '$lib/state/consent.svelte';
import { draft } from '$lib/state/draft.svelte';
import { asKind, isOutside, KINDS } from '$lib/state/rewards';
import { runs } from '$lib/state/runs.svelte';
import { install } from '../src/dev';
import { open, violations } from './app';

/** The set-up with a new part of this kind. */
async function added(word: string) {
  await open('#/new/reward');
  await fireEvent.click(await screen.findByRole('button', { name: word }));
  return () => draft.spec!.reward.parts.at(-1)!;
}
/** Names a key and keeps it, so that it stands nowhere but in the keychain. */
async function keepsKey() {
  await fireEvent.input(screen.getByLabelText('Name of the key'), { target: { value: 'hosted' } });
  const key = await screen.findByLabelText<HTMLInputElement>('The key itself');
  await fireEvent.input(key, { target: { value: 'sk-secret' } });
  await fireEvent.click(screen.getByRole('button', { name: 'Keep' }));
  await screen.findByText('The key is in the system’s keychain.', {}, { timeout: 3000 });
  expect(key.value).toBe('');
  expect(JSON.stringify(draft.spec) + Object.values(localStorage).join()).not.toContain('sk-secret');
}
const TICK = 'I have read it, and it may run with my rights';
const startButton = () => screen.getByRole<HTMLButtonElement>('button', { name: 'Start the run' });

describe('rewards of one’s own', { timeout: 30_000 }, () => {
  it('are set up with their keys', async () => {
    const part = await added('Service');
    await fireEvent.input(await screen.findByLabelText('Address'), { target: { value: 'https://scores.example/all' } });
    await fireEvent.input(screen.getByLabelText('Name of the key'), { target: { value: 'hosted' } });
    await fireEvent.input(screen.getByLabelText('Pairs a request'), { target: { value: '16' } });
    expect(part()).toMatchObject({ kind: 'http', url: 'https://scores.example/all', key: 'hosted', pairs_per_request: 16 });
    expect('allow_http' in part()).toBe(false);
    expect(await violations()).toEqual([]);
  });
  it('keep a key, wait as long as they are told, and speak openly only after a tick', async () => {
    const part = await added('Service');
    await fireEvent.input(await screen.findByLabelText('Patience'), { target: { value: '60' } });
    await keepsKey();
    const tick = screen.getByLabelText(/^Speak without encryption/);
    await fireEvent.click(tick);
    expect(part()).toMatchObject({ key: 'hosted', patience_seconds: 60, allow_http: true });
    await fireEvent.click(tick);
    expect(JSON.stringify(part())).not.toContain('allow_http');
  });
  it('ask a judge here, or behind an address', async () => {
    const part = await added('Judge');
    await fireEvent.input(await screen.findByLabelText('Rubric'), { target: { value: 'Kind.' } });
    await fireEvent.click(screen.getByRole('radio', { name: 'Behind an address' }));
    await fireEvent.input(await screen.findByRole('combobox', { name: 'Model' }), { target: { value: 'large' } });
    expect(part()).toMatchObject({
      kind: 'judge',
      rubric: 'Kind.',
      model: 'large',
      lowest: 1,
      highest: 5,
      endpoint: { url: 'http://127.0.0.1:8000/v1', requests_at_once: 4 },
    });
    expect(await violations()).toEqual([]);
    await fireEvent.click(screen.getByRole('radio', { name: 'On this machine' }));
    expect('endpoint' in part()).toBe(false);
    // Of the installed models those that write.
    const model = await screen.findByRole<HTMLSelectElement>('combobox', { name: 'Model' });
    await waitFor(() => expect([...model.options].map((one) => one.value)).toContain('smollm2-135m-instruct'));
  });
  it('set up a judge behind an address as the frozen model is', async () => {
    const part = await added('Judge');
    await fireEvent.click(await screen.findByRole('radio', { name: 'Behind an address' }));
    await fireEvent.click(await screen.findByRole('button', { name: 'List models' }));
    await waitFor(() => expect(part()).toMatchObject({ model: 'qwen2.5-7b' }));
    await fireEvent.click(screen.getByRole('button', { name: 'Try it' }));
    await screen.findByRole('region', { name: 'What was found' }, { timeout: 3000 });
    await keepsKey();
    await fireEvent.click(screen.getByLabelText(/^Speak without encryption/));
    for (const [label, value] of [
      ['Budget', '50000'],
      ['Requests at once', '2'],
      ['Timeout', '30'],
      ['Patience', '60'],
      ['Price of a million tokens read', '0.5'],
      ['Price of a million tokens written', '2'],
      ['Budget in money', '3'],
    ] as const)
      await fireEvent.input(screen.getByLabelText(label), { target: { value } });
    expect(part()).toMatchObject({
      endpoint: {
        key: 'hosted',
        allow_http: true,
        budget_tokens: 50000,
        requests_at_once: 2,
        timeout_seconds: 30,
        patience_seconds: 60,
        price_in_per_million: 0.5,
        price_out_per_million: 2,
        budget_money: 3,
      },
    });
    expect(await violations()).toEqual([]);
    // What was mistyped goes with its field.
    await fireEvent.input(screen.getByLabelText('Timeout'), { target: { value: 'long' } });
    const index = draft.spec!.reward.parts.length - 1;
    expect(Object.keys(draft.slips)).toEqual([`reward.parts[${index}].endpoint.timeout_seconds`]);
    await fireEvent.click(screen.getByRole('radio', { name: 'On this machine' }));
    expect(draft.slips).toEqual({});
  });
  it('say what is wrong with a judge’s address at its field', async () => {
    await added('Judge');
    await fireEvent.click(await screen.findByRole('radio', { name: 'Behind an address' }));
    const address = await screen.findByLabelText('Address');
    const index = draft.spec!.reward.parts.length - 1;
    answerWith({
      check: () => ({
        problems: [{ path: `reward.parts[${index}].endpoint.url`, message: 'is open; write https://, or set allow_http = true' }],
        toml: '',
      }),
    });
    await fireEvent.input(address, { target: { value: 'http://example.com/v1' } });
    await screen.findByText(/^This is open; write https:\/\/, or tick “Speak without encryption to/, {}, { timeout: 3000 });
    expect(address.getAttribute('aria-invalid')).toBe('true');
  });
  it('run no command that was not agreed to, as it was shown', async () => {
    const part = await added('Command');
    const words = screen.getByLabelText('Program and arguments, one a line');
    await fireEvent.input(words, { target: { value: 'python3\n/home/ada/score.py' } });
    expect(part()).toMatchObject({ command: ['python3', '/home/ada/score.py'], memory_mb: 4096 });
    location.hash = '#/new/review';
    const shown = await screen.findByRole('list', { name: 'Words of the command of command' }, { timeout: 5000 });
    expect(
      within(shown)
        .getAllByRole('listitem')
        .map((one) => one.textContent),
    ).toEqual(['python3', '/home/ada/score.py']);
    await screen.findByText(/^SHA-256 [0-9a-f]{16}…$/);
    const tick = screen.getByLabelText<HTMLInputElement>(TICK);
    expect([startButton().disabled, tick.checked]).toEqual([true, false]);
    expect(await violations()).toEqual([]);
    await fireEvent.click(tick);
    await waitFor(() => expect(startButton().disabled).toBe(false));
    await fireEvent.click(startButton());
    await waitFor(() => expect(location.hash).toMatch(/^#\/runs\//), { timeout: 5000 });
  });
  it('let a run go on only after the yes, which is asked for on its page', async () => {
    await open('#/runs/6/live');
    const panel = within(await screen.findByRole('region', { name: 'The reward runs what you have not agreed to' }, { timeout: 5000 }));
    panel.getByRole('list', { name: 'Words of the command of must name a price' });
    const resumeButton = () => screen.getByRole<HTMLButtonElement>('button', { name: 'Resume' });
    expect(resumeButton().disabled).toBe(true);
    expect(await violations()).toEqual([]);
    await fireEvent.click(panel.getByLabelText(TICK));
    await waitFor(() => expect(resumeButton().disabled).toBe(false));
    await fireEvent.click(resumeButton());
    const stopButton = await screen.findByRole('button', { name: 'Stop' }, { timeout: 5000 });
    // From then on it is as with any other run.
    await fireEvent.click(stopButton);
    await waitFor(() => expect(resumeButton().disabled).toBe(false), { timeout: 5000 });
    expect(screen.queryByRole('region', { name: 'The reward runs what you have not agreed to' })).toBeNull();
  });
  it('are asked about before a prompt is tried with a run that a colleague sent', async () => {
    await open('#/runs/-1/try', { file: true });
    await screen.findByText('Merge this run to try it', {}, { timeout: 5000 });
    expect(screen.queryByLabelText(TICK)).toBeNull();
    await fireEvent.click(screen.getAllByText('Merge into mine')[0]!);
    await waitFor(() => expect(location.hash).toBe('#/experiments'));
    location.hash = '#/runs/101/try';
    await fireEvent.input(await screen.findByLabelText('Your prompt', {}, { timeout: 5000 }), { target: { value: 'Why?' } });
    const tick = await screen.findByLabelText(TICK);
    const answer = screen.getByText<HTMLButtonElement>('Answer with every arm');
    expect(answer.disabled).toBe(true);
    await fireEvent.click(tick);
    await waitFor(() => expect(answer.disabled).toBe(false));
    await fireEvent.click(answer);
    await screen.findByText('after 32 iterations, seed 1', {}, { timeout: 15_000 });
    expect(screen.queryByLabelText(TICK)).toBeNull();
  });
  it('leave a run as it is that is resumed from the list, and lead to its page', async () => {
    await open('#/experiments');
    await waitFor(() => expect(runs.value).not.toBeNull());
    const these = runs.value!.filter((run) => [4, 6].includes(run.id));
    await resumeAll(these);
    await waitFor(() => expect(runs.value!.find((run) => run.id === 4)!.status).toBe('running'));
    expect(runs.value!.find((run) => run.id === 6)!.status).toBe('failed');
    await screen.findByText(/^The reward of “fewer-complaints.*” runs a command that you have not agreed to\./);
    await fireEvent.click(screen.getByRole('button', { name: 'Read it' }));
    await waitFor(() => expect(location.hash).toBe('#/runs/6'));
  });
  it('are shown anew where one has changed since it was ticked', async () => {
    const consent = new Consent();
    const command = { part: 'p', command: ['/a.py'], folder: '/', files: [], digest: '1', agreed: false };
    const agree = vi.fn(() => null);
    answerWith({ reward_commands: () => [command], agree_to_commands: agree });
    expect(await consent.settle()).toBe(true);
    await consent.look({ parts: [asKind('command', 1)] });
    consent.tick('1', true);
    command.digest = '2';
    expect([await consent.settle(), consent.isAwaited, agree.mock.calls.length]).toEqual([false, true, 0]);
    consent.tick('2', true);
    expect([await consent.settle(), agree.mock.calls.length]).toEqual([true, 1]);
  });
  it('know what was agreed to, and ask again for what has changed', async () => {
    install();
    const reward = (script: string) => ({
      parts: [{ kind: 'command' as const, weight: 1, command: [script], timeout_seconds: 1, memory_mb: 0 }],
    });
    const agreed = async (script: string) => (await rewardCommands(reward(script)))[0]!.agreed;
    expect(await agreed('/a.py')).toBe(false);
    await agreeToCommands(reward('/a.py'), [(await rewardCommands(reward('/a.py')))[0]!.digest]);
    expect([await agreed('/a.py'), await agreed('/b.py')]).toEqual([true, false]);
    await expect(agreeToCommands(reward('/b.py'), [])).rejects.toMatchObject({ code: 'reward' });
  });
  it('are tried in a run only', () => {
    const outside = KINDS.map(({ kind }) => asKind(kind, 1)).filter(isOutside);
    expect(outside.map((part) => part.kind)).toEqual(['reward_model', 'judge', 'command', 'http']);
  });
});
