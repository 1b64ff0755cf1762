// What a reward is worth by preferences of people, in words, rows and files.
import type { Bounded, Calibration, Repeat, Reward, RewardBench, RewardPart } from '$ipc';
import type { ForestOf } from '$lib/charts/forest';
import { csv, fixed, NONE, percent, plural, signed, signedInterval, thousands } from '$lib/format';
import { asKind, labelOf } from './rewards';
import { typed } from './steps';

/** The rule that the longer answer is the better one. */
export const LENGTH = 'length';
/** The whole reward, beside its parts. */
export const WHOLE = 'reward';

export const nameOf = ({ name }: { name: string }) => (name === WHOLE ? 'The reward' : name === LENGTH ? 'The longer answer' : name);

export const shares = (range: { low: number; high: number }) => `[${fixed(100 * range.low, 1)}, ${fixed(100 * range.high, 1)}]`;
/** A share with its interval, in percent. */
export function share(found: Bounded | null): string {
  if (!found) return NONE;
  return found.interval ? `${percent(found.value, 1)} ${shares(found.interval)}` : percent(found.value, 1);
}
export const correlation = (found: Bounded | null) =>
  found ? `${signed(found.value, 2)}${found.interval ? ` ${signedInterval(found.interval.low, found.interval.high, 2)}` : ''}` : NONE;

export const find = <T extends { name: string }>(rewards: readonly T[], name: string) => rewards.find((one) => one.name === name) ?? null;

/** How often it agrees with people, beside chance and mere length. */
export function benchInWords(found: RewardBench): string {
  const reward = find(found.rewards, WHOLE)?.accuracy ?? null;
  const length = find(found.rewards, LENGTH)?.accuracy ?? null;
  if (!reward) return 'No pair could be compared.';
  const beside = length ? `; chance agrees on 50 %, the rule that the longer answer is the better one on ${share(length)}` : '';
  return `The reward agrees with people on ${share(reward)} of ${plural(found.pairs, 'pair')}${beside}.`;
}

/** Why it is to be doubted, as sentences. */
export function doubts(found: RewardBench): string[] {
  const reward = find(found.rewards, WHOLE);
  const accuracy = reward?.accuracy ?? null;
  const length = find(found.rewards, LENGTH)?.accuracy ?? null;
  const range = accuracy?.interval;
  const said: string[] = [];
  if (range && range.low <= 0.5 && range.high >= 0.5) said.push('That cannot be told from chance.');
  if (range && range.high < 0.5) said.push('It prefers what people reject: look at the signs of its weights.');
  if (accuracy && length && accuracy.value > 0.5 && length.value >= accuracy.value)
    said.push('Mere length agrees with people as often, so that it adds nothing to counting words here.');
  return [...said, ...lengthy(reward), ...unsteady(found.rewards)];
}
/** Whether it goes with the length of answers, as sentences. */
export const lengthy = (reward: { with_length: Bounded | null } | null) =>
  (reward?.with_length?.interval?.low ?? 0) > 0.3
    ? ['It goes with the length of answers: what is trained on it may learn to write more, and nothing else.']
    : [];
/** Which parts do not give the same answer the same score twice, as sentences. */
export const unsteady = (rewards: readonly { name: string; repeat?: Repeat }[]) =>
  rewards.flatMap(({ name, repeat }) =>
    repeat && repeat.differ > 0
      ? [
          `${name} gives ${repeat.differ} of ${plural(repeat.answers, 'answer')} another score when it is asked again, by at most ${repeat.largest_difference.toExponential(1)}.`,
        ]
      : [],
  );
/** As which arm a reward, its parts and the rule of length are drawn. */
export const armOf = ({ name }: { name: string }) => (name === LENGTH ? 'raw' : name === WHOLE ? 'tuned' : 'untuned');

/** Shares of pairs with their intervals, a row each. */
export const shareRows = <T extends { name: string; ties: number }>(
  rewards: readonly T[],
  of: (one: T) => Bounded | null,
): ForestOf['rows'] =>
  rewards.flatMap((one) => {
    const found = of(one);
    if (!found?.interval) return [];
    const { value, interval: range } = found;
    return [{ label: nameOf(one), arm: armOf(one), value, range, words: [percent(value, 1), shares(range)], cells: [thousands(one.ties)] }];
  });
/** Agreement with its interval, a row each. */
export const agreementForest = (found: RewardBench): ForestOf => ({
  title: 'Agreement with people',
  heads: ['pairs agreed on [95 % interval]', 'ties'],
  axis: 'share of pairs whose chosen answer is worth more',
  none: 0.5,
  tick: (value) => percent(value),
  rows: shareRows(found.rewards, (one) => one.accuracy),
});

export const bounds = (found: Bounded | null) => [found?.value, found?.interval?.low, found?.interval?.high];
export const benchCsv = (found: RewardBench) =>
  csv([
    [
      'reward',
      'pairs',
      ...['agrees', 'agrees where the chosen is shorter', 'agrees where the chosen is longer', 'rank correlation with length'].flatMap(
        (head) => [head, `${head}: 95 % low`, `${head}: 95 % high`],
      ),
      'ties',
    ],
    ...found.rewards.map((one) => [
      one.name,
      found.pairs,
      ...[one.accuracy, one.where_shorter, one.where_longer, one.with_length].flatMap(bounds),
      one.ties,
    ]),
  ]);

export const calibrationCsv = ({ bins }: Calibration) =>
  csv([
    ['probability from', 'to', 'mean probability', 'observed share', '95 % low', '95 % high', 'pairs'],
    ...bins.map((bin) => [bin.low, bin.high, bin.predicted, ...bounds(bin.observed), bin.pairs]),
  ]);
export const calibrationInWords = ({ error, loss }: Calibration) =>
  `Calibration error ${fixed(error, 3)}: by so much its probabilities are off, on the average over pairs. Loss ${fixed(loss, 3)} nats, where chance has 0.693.`;

/** Of how many what was held against was drawn; nothing where it is all. */
export const drawnFrom = ({ drawn_of }: { drawn_of: number | null }) => (drawn_of === null ? '' : `, drawn from ${thousands(drawn_of)}`);
/** Which file it was. */
export const fileOf = ({ checksum, origin }: { checksum: string; origin: string | null }) =>
  `File: SHA-256 ${checksum.slice(0, 16)}…${origin ? `, from the hub: ${origin}` : ''}`;

/** How much of a file is asked for, or what is wrong with what was typed, by its field. */
export function partOf(
  only: string,
  seed: string,
): { asked: { only: number | null; seed: number } | null; wrong: Record<'only' | 'seed', string[]> } {
  if (only.trim() === '') return { asked: { only: null, seed: 0 }, wrong: { only: [], seed: [] } };
  const [many, by] = [typed(only, true), typed(seed, true)];
  const wrong = {
    only: 'slip' in many ? [`This ${many.slip}.`] : many.value < 1 ? ['Write 1 or more, or nothing for all.'] : [],
    seed: 'slip' in by ? [`This ${by.slip}.`] : [],
  };
  const isRight = wrong.only.length + wrong.seed.length === 0;
  return { asked: isRight && 'value' in many && 'value' in by ? { only: many.value, seed: by.value } : null, wrong };
}

/** A reward that can be held against preferences, and the words that it is chosen by. */
export interface Candidate {
  key: string;
  word: string;
  reward: Reward;
}
export const alone = (part: RewardPart, word: string): Candidate => ({ key: `part ${word}`, word, reward: { parts: [part] } });
/** Programs that need no settings. */
export const PROGRAMS: Candidate[] = [
  alone(asKind('sentiment', 1), 'Sentiment'),
  alone(asKind('topicality', 1), 'Topicality'),
  alone(asKind('readability', 1), 'Readability'),
];
export const ofModel = (model: string): Candidate => alone({ kind: 'reward_model', weight: 1, model }, model);

/** The parts of a reward with their weights. */
export const partsInWords = ({ parts }: Reward) => parts.map((part) => `${part.weight} × ${labelOf(part)}`).join(' + ');

/** A reward with a reward model as one more part, under a name that is free. */
export function withModel(reward: Reward, model: string): Reward {
  const part: RewardPart = { kind: 'reward_model', weight: 1, model };
  const isTaken = reward.parts.some((other) => labelOf(other) === 'reward_model');
  return { parts: [...reward.parts, isTaken ? { ...part, name: model } : part] };
}
