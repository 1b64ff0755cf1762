// Rewards that are held against preferences, and reward models that are trained on them.
import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import type { LabelBench, RewardBench } from '$ipc';
import { agreementForest, benchCsv, benchInWords, doubts, partsInWords, share, withModel } from '$lib/state/bench';
import {
  asOther,
  binWord,
  fieldsOf,
  kindOf,
  labelCsv,
  labelDoubts,
  labelForest,
  labelPairsForest,
  labelsInWords,
  NO_COLUMNS,
  NO_FILTER,
} from '$lib/state/feedback';
import { draft } from '$lib/state/draft.svelte';
import { benching, feedbackFile, rewardTraining } from '$lib/state/preferences.svelte';
import { lastOf, nextName, smoothed, trainingOf, type TrainingFields } from '$lib/state/rewardTraining';
import { open, violations } from './app';

const LATE = { timeout: 8000 };

async function pairs(at: string) {
  await open(at);
  await fireEvent.input(await screen.findByLabelText('File'), { target: { value: '/home/ada/pairs.jsonl' } });
  await waitFor(() => expect(feedbackFile.pairs?.pairs).toBe(412), LATE);
}

describe('a reward', { timeout: 30_000 }, () => {
  it('is explained before there is a file, and a file that is none is refused', async () => {
    await open('#/rewards');
    await screen.findByText(/A reward is worth training on as far as it agrees with people/);
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Hold it against the file' }).disabled).toBe(true);
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
  it('is held against answers with labels, once it is said which number is the label', async () => {
    await open('#/rewards');
    await fireEvent.input(await screen.findByLabelText('File'), { target: { value: '/home/ada/helpsteer.jsonl' } });
    await screen.findByText(/several columns could be the label/, undefined, LATE);
    const label = screen.getByLabelText<HTMLSelectElement>('Label');
    expect([...label.options].map(({ text }) => text)).toEqual(['Choose a column …', 'helpfulness', 'correctness', 'verbosity']);
    await fireEvent.change(label, { target: { value: 'helpfulness' } });
    await screen.findByRole('img', { name: /^Answers by helpfulness: 0, 61; 1, 118/ }, LATE);
    const begin = await screen.findByRole<HTMLButtonElement>('button', { name: 'Hold it against 1,280 answers' }, LATE);
    await waitFor(() => expect(begin.disabled).toBe(false), LATE);
    await fireEvent.click(begin);
    await screen.findByText(/rank correlation with “helpfulness” is \+0\.34 \[/, undefined, LATE);
    expect(benching.asked?.columns).toEqual({ ...NO_COLUMNS, label: 'helpfulness' });
    screen.getByRole('img', { name: /^Agreement on answers to the same prompt: The reward 61\.4 %/ });
    expect(await violations()).toEqual([]);
  });
  it('is held against the columns that are chosen', async () => {
    await pairs('#/rewards');
    const prompt = screen.getByLabelText<HTMLSelectElement>('Prompt');
    expect([prompt.value, screen.getByLabelText<HTMLSelectElement>('Chosen answer').value]).toEqual(['question', 'chosen']);
    await fireEvent.change(prompt, { target: { value: 'system' } });
    await waitFor(() => expect(feedbackFile.seen?.columns.prompt).toBe('system'), LATE);
    expect(feedbackFile.columns).toEqual({ ...NO_COLUMNS, prompt: 'system' });
    await fireEvent.change(screen.getByLabelText('Each row is'), { target: { value: 'labelled' } });
    await screen.findByText(/no number that could be a label/, undefined, LATE);
    await screen.findByRole('button', { name: 'Hold it against the file' });
  });
  it('is held against a part of the file, drawn by a seed', async () => {
    await pairs('#/rewards');
    screen.getByText(/; 2 left out, 3 repeated/);
    expect(screen.queryByLabelText('Seed')).toBeNull();
    const only = screen.getByLabelText('Pairs');
    await fireEvent.input(only, { target: { value: '0' } });
    await screen.findByText('Write 1 or more, or nothing for all.');
    await fireEvent.input(only, { target: { value: '100' } });
    await fireEvent.input(screen.getByLabelText('Seed'), { target: { value: '7' } });
    const begin = await screen.findByRole<HTMLButtonElement>('button', { name: 'Hold it against 100 pairs' }, LATE);
    await waitFor(() => expect(begin.disabled).toBe(false), LATE);
    await fireEvent.click(begin);
    await screen.findAllByText(/100 pairs of 93 prompts, drawn from 412/, undefined, LATE);
    expect(benching.asked).toMatchObject({ only: 100, seed: 7 });
    expect(await violations()).toEqual([]);
  });
  it('is held against answers of a length and a language', async () => {
    await pairs('#/rewards');
    await fireEvent.input(screen.getByLabelText('Fewest words'), { target: { value: '30' } });
    await fireEvent.input(screen.getByLabelText('Most words'), { target: { value: '20' } });
    await screen.findByText('Write 30 or more, or nothing.');
    expect(screen.getByRole<HTMLButtonElement>('button', { name: /^Hold it against/ }).disabled).toBe(true);
    await fireEvent.input(screen.getByLabelText('Most words'), { target: { value: '90' } });
    await fireEvent.change(screen.getByLabelText('Language'), { target: { value: 'en' } });
    await screen.findByText(/; 52 of another length, 41 in another language, 2 left out/, undefined, LATE);
    const begin = await screen.findByRole<HTMLButtonElement>('button', { name: 'Hold it against 319 pairs' }, LATE);
    await waitFor(() => expect(begin.disabled).toBe(false), LATE);
    await fireEvent.click(begin);
    await waitFor(() => expect(benching.asked?.filter).toEqual({ min_words: 30, max_words: 90, language: 'en' }), LATE);
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
    screen.getByText(/^2 first messages of the held-out pairs are nearly one that is trained on/);
    expect(rewardTraining.asked).toMatchObject({ base: 'smollm2-135m-instruct', only: null, held_out: 0.2, learning_rate: 2e-4 });
    await screen.findByText(/% of 64 held-out pairs after step \d+/, undefined, LATE);
    await screen.findByRole('heading', { name: 'polite' }, LATE);
    await waitFor(() => expect(screen.getByLabelText<HTMLInputElement>('Name of the new model').value).toBe('polite-2'), LATE);
    expect(nextName('a-9', ['a-10'])).toBe('a-11');
    screen.getByText(/Right of the first 64 held-out pairs on the way: 61 % \(step 8\), /);
    screen.getByText(/^2 first messages of the held-out pairs are nearly one that it was trained on/);
    screen.getByRole('img', { name: /^Calibration: 55 % said/ });
    expect(await violations()).toEqual([]);
    await fireEvent.click(screen.getByRole('button', { name: 'Use it as a reward in a new experiment' }));
    await waitFor(() => expect(draft.spec?.reward.parts.at(-1)).toMatchObject({ kind: 'reward_model', model: 'polite' }), LATE);
    expect(location.hash).toBe('#/new/reward');
  });
  it('says after a stop from where it goes on', async () => {
    await pairs('#/rewards/train');
    await fireEvent.input(await screen.findByLabelText('Name of the new model', undefined, LATE), { target: { value: 'later' } });
    await fireEvent.click(screen.getByRole('button', { name: 'Train' }));
    await screen.findByText(/Step \d+ of 40/, undefined, LATE);
    await fireEvent.click(screen.getByRole('button', { name: 'Stop' }));
    await screen.findByText(/later was stopped at step \d+ of 40/, undefined, LATE);
    await fireEvent.click(screen.getByRole('button', { name: 'Train' }));
    await waitFor(() => expect(screen.queryByText(/was stopped at step/)).toBeNull(), LATE);
    rewardTraining.stop();
    await waitFor(() => expect(rewardTraining.since).toBeNull(), LATE);
  });
  it('learns from labels, of which it makes pairs', async () => {
    await open('#/rewards/train');
    await fireEvent.input(await screen.findByLabelText('File'), { target: { value: '/home/ada/helpsteer.jsonl' } });
    await fireEvent.change(await screen.findByLabelText('Label', undefined, LATE), { target: { value: 'correctness' } });
    await screen.findByText(/any two with different labels are a pair/, undefined, LATE);
    const begin = screen.getByRole<HTMLButtonElement>('button', { name: 'Train' });
    await waitFor(() => expect(begin.disabled).toBe(false), LATE);
  });
  it('is not asked for with what it cannot be', () => {
    const fields: TrainingFields = {
      ...{
        name: 'x',
        base: 'b',
        only: '',
        heldOut: '0.2',
        epochs: '1',
        learningRate: '2e-4',
        maxTokens: '512',
        nearDuplicates: '',
        seed: '0',
        checkpointing: false,
      },
    };
    const slips = (more: Partial<TrainingFields>) =>
      Object.keys(trainingOf({ ...fields, ...more }, { pairs: '/p.jsonl', columns: NO_COLUMNS, filter: NO_FILTER }, ['taken']).slips);
    expect(slips({})).toEqual([]);
    expect(slips({ name: 'taken', only: '3', heldOut: '1', epochs: '0', learningRate: '-1', maxTokens: 'many' })).toEqual([
      ...['name', 'only', 'heldOut', 'epochs', 'learningRate', 'maxTokens'],
    ]);
    expect(trainingOf(fields, { pairs: '/p.jsonl', columns: NO_COLUMNS, filter: NO_FILTER }, []).asked).toMatchObject({
      pairs: '/p.jsonl',
      only: null,
      max_tokens: 512,
    });
  });
  it('shows the mean loss of its last steps', () => {
    expect(lastOf([])).toBeNull();
    expect(smoothed([1, 3, 5])).toEqual([1, 2, 3]);
    expect(lastOf(Array.from({ length: 30 }, (_, i) => i))).toBe(19.5);
  });
});

const NOTHING_OUT = { rows: 0, reasons: [], wrong_length: 0, wrong_language: 0 };
describe('what was found', () => {
  const bounded = (value: number, low: number, high: number) => ({ value, interval: { low, high } });
  const found = (reward: number, length: number, low = reward - 0.1, high = reward + 0.1): RewardBench => ({
    ...{
      pairs: 40,
      prompts: 40,
      drawn_of: null,
      repeated: 0,
      left_out: NOTHING_OUT,
      unscored: 0,
      unscored_because: null,
      answers_per_second: 5,
      checksum: 'ab',
      origin: null,
    },
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

describe('what labels say', () => {
  const bounded = (value: number, half = 0.1) => ({ value, interval: { low: value - half, high: value + half } });
  const one = (name: string, correlation: number, more: Partial<LabelBench['rewards'][number]> = {}) => ({
    ...{
      name,
      with_label: bounded(correlation),
      on_pairs: bounded(0.5 + correlation / 2),
      ties: 2,
      auc: null,
      with_length: null,
      values: 7,
    },
    ...more,
  });
  const found = (reward: number, length: number, more = {}): LabelBench => ({
    ...{ label: 'score', answers: 40, prompts: 20, pairs: 30, drawn_of: null, label_with_length: null, left_out: NOTHING_OUT },
    ...{ unscored: 0, unscored_because: null, answers_per_second: 5, checksum: 'ab', origin: null },
    rewards: [one('reward', reward, more), one('length', length)],
  });
  it('is a sentence with intervals, chance and mere length', () => {
    expect(labelsInWords(found(0.4, 0.1))).toBe(
      'The reward’s rank correlation with “score” is +0.40 [+0.30, +0.50] over 40 answers to 20 prompts; that of the longer answer is +0.10 [0.00, +0.20]. Of 30 pairs of answers to the same prompt with different labels it agrees on 70.0 % [60.0, 80.0]; chance agrees on 50 %.',
    );
    expect(labelsInWords(found(0.4, 0.1, { with_label: null }))).toMatch(/there is no correlation/);
  });
  it('is doubted where it should be', () => {
    expect(labelDoubts(found(0.4, 0.1))).toEqual([]);
    expect(labelDoubts(found(0.05, 0.02)).map((said) => said.slice(0, 30))).toEqual([
      'Its correlation with the label',
      'Among answers to the same prom',
    ]);
    expect(labelDoubts(found(-0.4, 0.1))[0]).toMatch(/falls where the label rises/);
    expect(labelDoubts(found(0.4, 0.5))[0]).toMatch(/Mere length/);
    expect(labelDoubts(found(0.4, 0.1, { ties: 15 }))).toEqual(['It gives both answers the same in 50 % of the pairs.']);
  });
  it('is drawn and saved with what it has', () => {
    expect(labelForest(found(0.4, 0.1)).rows.map(({ label, words }) => [label, words[0]])).toEqual([
      ['The reward', '+0.40'],
      ['The longer answer', '+0.10'],
    ]);
    expect(labelPairsForest(found(0.4, 0.1, { on_pairs: null })).rows.length).toBe(1);
    expect(labelCsv(found(0.5, 0.1)).split('\r\n')[1]).toBe('reward,score,40,20,30,0.5,0.4,0.6,0.75,0.65,0.85,,,,,,,2,7');
  });
  it('has bins of values or of ranges', () => {
    const whole = [0, 1].map((low) => ({ low, high: low, answers: 1 }));
    const ranges = [{ low: 0, high: 0.25, answers: 1 }];
    expect([binWord(whole[1]!, whole), binWord(ranges[0]!, ranges)]).toEqual(['1', '0.00 to 0.25']);
  });
  it('is in columns that depend on the kind of file', () => {
    const seen = {
      columns: { ...NO_COLUMNS, chosen: 'a' },
      ...{ texts: ['q', 'a', 'b'], numbers: [], holds: { kind: 'unclear' as const, why: '' } },
    };
    expect(kindOf(seen)).toBe('pairs');
    expect(asOther('labelled', { ...NO_COLUMNS, prompt: 'q' }, seen)).toEqual({ ...NO_COLUMNS, prompt: 'q', response: 'a' });
    expect(kindOf({ ...seen, columns: NO_COLUMNS, numbers: ['n'] })).toBe('labelled');
    expect(fieldsOf('pairs', 'winner').map(({ label }) => label)).toEqual([
      'Prompt',
      'What the prompt goes on with',
      'System prompt',
      'One answer',
      'The other answer',
    ]);
  });
});
