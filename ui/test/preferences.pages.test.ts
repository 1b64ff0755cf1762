// Rewards that are held against preferences, and reward models that are trained on them.
import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import type { RewardBench } from '$ipc';
import { agreementForest, benchCsv, benchInWords, doubts, partsInWords, share, withModel } from '$lib/state/bench';
import { draft } from '$lib/state/draft.svelte';
import { benching, pairsFile, rewardTraining } from '$lib/state/preferences.svelte';
import { lastOf, smoothed, trainingOf, type TrainingFields } from '$lib/state/rewardTraining';
import { open, violations } from './app';

const LATE = { timeout: 8000 };

async function pairs(at: string) {
  await open(at);
  await fireEvent.input(await screen.findByLabelText('File'), { target: { value: '/home/ada/pairs.jsonl' } });
  await waitFor(() => expect(pairsFile.seen?.pairs).toBe(412), LATE);
}

describe('a reward', { timeout: 30_000 }, () => {
  it('is explained before there is a file, and a file that is none is refused', async () => {
    await open('#/rewards');
    await screen.findByText(/A reward is worth training on as far as it agrees with people/);
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Hold it against the pairs' }).disabled).toBe(true);
    await fireEvent.input(screen.getByLabelText('File'), { target: { value: '/home/ada/notes.txt' } });
    await screen.findByText(/notes\.txt is not there/, undefined, LATE);
    expect(await violations()).toEqual([]);
  });
  it('is held against pairs, with how often it agrees', async () => {
    await pairs('#/rewards');
    await fireEvent.change(screen.getByLabelText('Whose'), { target: { value: 'part Topicality' } });
    const begin = screen.getByRole<HTMLButtonElement>('button', { name: 'Hold it against 412 pairs' });
    await waitFor(() => expect(begin.disabled).toBe(false), LATE);
    await fireEvent.click(begin);
    await screen.findByRole('progressbar', { name: 'Scoring' }, LATE);
    await screen.findByText(/The reward agrees with people on 63.8 % \[59.0, 68.6\] of 412 pairs/, undefined, LATE);
    const table = within(screen.getByRole('region', { name: 'Agreement and length' }));
    table.getByText('The longer answer');
    expect(await violations()).toEqual([]);
  });
  it('of an earlier run is read when it is chosen', async () => {
    await pairs('#/rewards');
    const option = await waitFor(() => {
      const found = [...screen.getByLabelText<HTMLSelectElement>('Whose').options].find(({ value }) => value.startsWith('run '));
      if (!found) throw new Error('no runs yet');
      return found;
    }, LATE);
    await fireEvent.change(screen.getByLabelText('Whose'), { target: { value: option.value } });
    await screen.findByText(/1 × sentiment/, undefined, LATE);
  });
  it('can be stopped, and nothing is shown then', async () => {
    await pairs('#/rewards');
    await waitFor(() => expect(screen.getByRole<HTMLButtonElement>('button', { name: /^Hold it against 412/ }).disabled).toBe(false), LATE);
    await fireEvent.click(screen.getByRole('button', { name: /^Hold it against 412/ }));
    await fireEvent.click(await screen.findByRole('button', { name: 'Stop' }, LATE));
    await waitFor(() => expect(benching.since).toBeNull(), LATE);
    expect([benching.found, benching.error]).toEqual([null, null]);
  });
});

describe('a reward model', { timeout: 30_000 }, () => {
  it('is trained, measured, and becomes a part of a reward', async () => {
    await pairs('#/rewards/train');
    await screen.findByLabelText('Model to begin with', undefined, LATE);
    const name = screen.getByLabelText('Name of the new model');
    await fireEvent.input(name, { target: { value: 'skywork-reward-v2-qwen3-0.6b' } });
    screen.getByText(/A model of this name is installed/);
    await fireEvent.input(name, { target: { value: 'polite' } });
    await fireEvent.click(screen.getByRole('button', { name: 'Train' }));
    await screen.findByText(/Step \d+ of 40/, undefined, LATE);
    expect(rewardTraining.asked).toMatchObject({ base: 'smollm2-135m-instruct', only: null, held_out: 0.2, learning_rate: 2e-4 });
    await screen.findByRole('heading', { name: 'polite' }, LATE);
    screen.getByRole('img', { name: /^Calibration: 55 % said/ });
    expect(await violations()).toEqual([]);
    await fireEvent.click(screen.getByRole('button', { name: 'Use it as a reward in a new experiment' }));
    await waitFor(() => expect(draft.spec?.reward.parts.at(-1)).toMatchObject({ kind: 'reward_model', model: 'polite' }), LATE);
    expect(location.hash).toBe('#/new/reward');
  });
  it('is not asked for with what it cannot be', () => {
    const fields: TrainingFields = {
      ...{ name: 'x', base: 'b', only: '', heldOut: '0.2', epochs: '1', learningRate: '2e-4', maxTokens: '512', seed: '0' },
    };
    const slips = (more: Partial<TrainingFields>) => Object.keys(trainingOf({ ...fields, ...more }, '/p.jsonl', ['taken']).slips);
    expect(slips({})).toEqual([]);
    expect(slips({ name: 'taken', only: '3', heldOut: '1', epochs: '0', learningRate: '-1', maxTokens: 'many' })).toEqual([
      ...['name', 'only', 'heldOut', 'epochs', 'learningRate', 'maxTokens'],
    ]);
    expect(trainingOf(fields, '/p.jsonl', []).asked).toMatchObject({ pairs: '/p.jsonl', only: null, max_tokens: 512 });
  });
  it('shows the mean loss of its last steps', () => {
    expect(lastOf([])).toBeNull();
    expect(smoothed([1, 3, 5])).toEqual([1, 2, 3]);
    expect(lastOf(Array.from({ length: 30 }, (_, i) => i))).toBe(19.5);
  });
});

describe('what was found', () => {
  const bounded = (value: number, low: number, high: number) => ({ value, interval: { low, high } });
  const found = (reward: number, length: number, low = reward - 0.1, high = reward + 0.1): RewardBench => ({
    ...{ pairs: 40, skipped: 0, reasons: [], unscored: 0, unscored_because: null, answers_per_second: 5, checksum: 'ab' },
    rewards: [
      { name: 'reward', ties: 0, accuracy: bounded(reward, low, high), where_shorter: null, where_longer: null, with_length: null },
      { name: 'a, b', ties: 1, accuracy: null, where_shorter: null, where_longer: null, with_length: null },
      { name: 'length', ties: 2, accuracy: bounded(length, 0.4, 0.9), where_shorter: null, where_longer: null, with_length: null },
    ],
  });
  it('is said with its interval, chance and mere length', () => {
    expect(benchInWords(found(0.7, 0.55))).toBe(
      'The reward agrees with people on 70.0 % [60.0, 80.0] of 40 pairs; chance agrees on 50 %, the rule that the longer answer is the better one on 55.0 % [40.0, 90.0].',
    );
    expect(share(null)).toBe('–');
  });
  it('is doubted where it should be', () => {
    expect(doubts(found(0.7, 0.55))).toEqual([]);
    expect(doubts(found(0.55, 0.52))).toEqual(['That cannot be told from chance.']);
    expect(doubts(found(0.7, 0.75))[0]).toMatch(/Mere length/);
    expect(doubts(found(0.2, 0.5))[0]).toMatch(/signs of its weights/);
  });
  it('is drawn and saved with what it has', () => {
    expect(agreementForest(found(0.7, 0.55)).rows.map(({ label }) => label)).toEqual(['The reward', 'The longer answer']);
    expect(benchCsv(found(0.7, 0.55)).split('\r\n')[2]).toBe('"a, b",40,,,,,,,,,,,,,1');
  });
  it('names parts with their weights, and a second reward model by its own name', () => {
    const reward = withModel(withModel({ parts: [] }, 'first'), 'second');
    expect(partsInWords(reward)).toBe('1 × reward_model + 1 × second');
  });
});
