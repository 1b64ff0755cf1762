// Rewards of one's own: commands, services, judges.
import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import { agreeToCommands, rewardCommands } from '$ipc';
import { draft } from '$lib/state/draft.svelte';
import { asKind, isOutside, KINDS } from '$lib/state/rewards';
import { install } from '../src/dev';
import { open, violations } from './app';

/** The set-up with a new part of this kind. */
async function added(word: string) {
  await open('#/new/reward');
  await fireEvent.click(await screen.findByRole('button', { name: word }));
  return () => draft.spec!.reward.parts.at(-1)!;
}
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
  it('ask a judge here, or behind an address', async () => {
    const part = await added('Judge');
    await fireEvent.input(await screen.findByLabelText('Rubric'), { target: { value: 'Kind.' } });
    const address = screen.getByLabelText('Address, if the model is not on this machine');
    await fireEvent.input(address, { target: { value: 'http://127.0.0.1:8000/v1' } });
    await fireEvent.input(await screen.findByRole('textbox', { name: 'Model' }), { target: { value: 'large' } });
    expect(part()).toMatchObject({
      kind: 'judge',
      rubric: 'Kind.',
      model: 'large',
      lowest: 1,
      highest: 5,
      endpoint: { requests_at_once: 4 },
    });
    expect(await violations()).toEqual([]);
    await fireEvent.input(address, { target: { value: '' } });
    expect('endpoint' in part()).toBe(false);
    // Of the installed models those that write.
    const model = await screen.findByRole<HTMLSelectElement>('combobox', { name: 'Model' });
    await waitFor(() => expect([...model.options].map((one) => one.value)).toContain('smollm2-135m-instruct'));
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
    const tick = screen.getByLabelText<HTMLInputElement>('I have read it, and it may run with my rights');
    expect([startButton().disabled, tick.checked]).toEqual([true, false]);
    expect(await violations()).toEqual([]);
    await fireEvent.click(tick);
    await waitFor(() => expect(startButton().disabled).toBe(false));
    await fireEvent.click(startButton());
    await waitFor(() => expect(location.hash).toMatch(/^#\/runs\//), { timeout: 5000 });
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
