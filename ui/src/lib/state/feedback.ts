// Columns of a file of feedback, and what a reward is worth by answers with labels, in words, rows and files.
import type { FeedbackColumns, FeedbackFilter, FeedbackPreview, LabelAgreement, LabelBench, LabelBin } from '$ipc';
import type { ForestOf } from '$lib/charts/forest';
import { csv, fixed, percent, plural, signed, signedInterval, thousands } from '$lib/format';
import { armOf, bounds, correlation, find, LENGTH, lengthy, nameOf, share, shareRows, unsteady, WHOLE } from './bench';
import { typed } from './steps';

export const NO_COLUMNS: FeedbackColumns = {
  prompt: null,
  input: null,
  system: null,
  chosen: null,
  rejected: null,
  response: null,
  label: null,
};
export const NO_FILTER: FeedbackFilter = { min_words: null, max_words: null, language: null };
export type Kind = 'pairs' | 'labelled';

/** Which pairs or answers count, as it is typed. */
export interface FilterFields {
  fewest: string;
  most: string;
  language: string | null;
}
export const NO_FIELDS: FilterFields = { fewest: '', most: '', language: null };
/** What typed fields mean, and what is wrong with each; where something is, that it says nothing. */
export function filterOf({ fewest, most, language }: FilterFields): { filter: FeedbackFilter; wrong: Record<'fewest' | 'most', string[]> } {
  const read = (text: string): { words: number | null; wrong: string[] } => {
    if (text.trim() === '') return { words: null, wrong: [] };
    const found = typed(text, true);
    return 'slip' in found ? { words: null, wrong: [`This ${found.slip}.`] } : { words: found.value, wrong: [] };
  };
  const [least, greatest] = [read(fewest), read(most)];
  if (least.words !== null && greatest.words !== null && least.words > greatest.words) {
    greatest.wrong.push(`Write ${least.words} or more, or nothing.`);
    greatest.words = null;
  }
  return {
    filter: { min_words: least.words, max_words: greatest.words, language },
    wrong: { fewest: least.wrong, most: greatest.wrong },
  };
}

interface ColumnField {
  key: keyof FeedbackColumns;
  label: string;
  /** Columns that can be chosen. */
  of: 'texts' | 'numbers';
  /** What is said where none is named and none was found. */
  none: string;
}
const BEFORE: ColumnField[] = [
  { key: 'prompt', label: 'Prompt', of: 'texts', none: 'None: it is in the conversation' },
  { key: 'input', label: 'What the prompt goes on with', of: 'texts', none: 'Nothing' },
  { key: 'system', label: 'System prompt', of: 'texts', none: 'Conversation’s own, if any' },
];
const UNKNOWN = 'Choose a column …';
/** The columns that a kind of file has. With `better` another column says which of two answers is the better one. */
export const fieldsOf = (kind: Kind, better: string | null): ColumnField[] =>
  kind === 'pairs'
    ? [
        ...BEFORE,
        { key: 'chosen', label: better ? 'One answer' : 'Chosen answer', of: 'texts', none: UNKNOWN },
        { key: 'rejected', label: better ? 'The other answer' : 'Rejected answer', of: 'texts', none: UNKNOWN },
      ]
    : [
        ...BEFORE,
        { key: 'response', label: 'Answer', of: 'texts', none: UNKNOWN },
        { key: 'label', label: 'Label', of: 'numbers', none: UNKNOWN },
      ];

/** Which kind a file is, or is taken for where that is unclear. */
export function kindOf({ holds, columns, numbers }: FeedbackPreview): Kind {
  if (holds.kind !== 'unclear') return holds.kind;
  if (columns.response !== null || columns.label !== null) return 'labelled';
  return columns.chosen !== null || columns.rejected !== null || !numbers.length ? 'pairs' : 'labelled';
}
/** Asks for the other kind: of the columns with answers, what is known of one is a beginning for the other. */
export function asOther(kind: Kind, named: FeedbackColumns, { columns, texts }: FeedbackPreview): FeedbackColumns {
  const { prompt, input, system } = named;
  const first = texts.find((name) => name !== columns.prompt && name !== columns.system) ?? null;
  const answer = columns.chosen ?? columns.response ?? first;
  return kind === 'labelled'
    ? { ...NO_COLUMNS, prompt, input, system, response: answer }
    : { ...NO_COLUMNS, prompt, input, system, chosen: answer };
}

const places = (bins: readonly LabelBin[]) => (bins.every(({ low, high }) => Number.isInteger(low) && Number.isInteger(high)) ? 0 : 2);
/** A label's value, or its range. */
export const binWord = ({ low, high }: LabelBin, bins: readonly LabelBin[]) =>
  low === high ? fixed(low, places(bins)) : `${fixed(low, places(bins))} to ${fixed(high, places(bins))}`;

/** How it goes with the label, beside mere length. */
export function labelsInWords(found: LabelBench): string {
  const [reward, length] = [find(found.rewards, WHOLE), find(found.rewards, LENGTH)];
  const over = `over ${plural(found.answers, 'answer')} to ${plural(found.prompts, 'prompt')}`;
  if (!reward?.with_label) return `The reward, or “${found.label}”, is the same for all, ${over}: there is no correlation.`;
  const beside = length?.with_label ? `; that of the longer answer is ${correlation(length.with_label)}` : '';
  const said = [`The reward’s rank correlation with “${found.label}” is ${correlation(reward.with_label)} ${over}${beside}.`];
  if (reward.on_pairs)
    said.push(
      `Of ${plural(found.pairs, 'pair')} of answers to the same prompt with different labels it agrees on ${share(reward.on_pairs)}; chance agrees on 50 %.`,
    );
  if (reward.auc) said.push(`An answer with the higher label is worth more than one with the lower in ${share(reward.auc)} of all cases.`);
  return said.join(' ');
}

const MANY_TIES = 0.25;
/** Why it is to be doubted, as sentences. */
export function labelDoubts(found: LabelBench): string[] {
  const [reward, length] = [find(found.rewards, WHOLE), find(found.rewards, LENGTH)];
  const [withLabel, onPairs] = [reward?.with_label ?? null, reward?.on_pairs?.interval];
  const range = withLabel?.interval;
  const said: string[] = [];
  if (range && range.low <= 0 && range.high >= 0) said.push('Its correlation with the label cannot be told from none.');
  if (range && range.high < 0)
    said.push('It falls where the label rises: look at the signs of its weights, and whether a higher label is the better one.');
  if (onPairs && onPairs.low <= 0.5 && onPairs.high >= 0.5)
    said.push('Among answers to the same prompt, which is what training compares, it cannot be told from chance.');
  if (withLabel && length?.with_label && withLabel.value > 0 && length.with_label.value >= withLabel.value)
    said.push('Mere length goes with the label as closely, so that it adds nothing to counting words here.');
  said.push(...lengthy(reward));
  if (reward && found.pairs > 0 && reward.ties / found.pairs > MANY_TIES)
    said.push(`It gives both answers the same in ${percent(reward.ties / found.pairs)} of the pairs.`);
  return [...said, ...unsteady(found.rewards)];
}

/** Correlations with the label, a row each. */
export const labelForest = (found: LabelBench): ForestOf => ({
  title: 'Rank correlation with the label',
  heads: ['correlation [95 % interval]', 'values'],
  axis: `Spearman’s correlation with “${found.label}”`,
  none: 0,
  rows: found.rewards.flatMap((one) => {
    if (!one.with_label?.interval) return [];
    const { value, interval: range } = one.with_label;
    const words: [string, string] = [signed(value, 2), signedInterval(range.low, range.high, 2)];
    return [{ label: nameOf(one), arm: armOf(one), value, range, words, cells: [thousands(one.values)] }];
  }),
});
/** Agreement on answers to the same prompt, a row each. */
export const labelPairsForest = (found: LabelBench): ForestOf => ({
  title: 'Agreement on answers to the same prompt',
  heads: ['pairs agreed on [95 % interval]', 'ties'],
  axis: 'share of pairs whose answer with the higher label is worth more',
  none: 0.5,
  tick: (value) => percent(value),
  rows: shareRows(found.rewards, (one) => one.on_pairs),
});

const FIGURES: [head: string, of: (one: LabelAgreement) => LabelAgreement['with_label']][] = [
  ['rank correlation with the label', (one) => one.with_label],
  ['agrees on pairs', (one) => one.on_pairs],
  ['area under the ROC curve', (one) => one.auc],
  ['rank correlation with length', (one) => one.with_length],
];
export const labelCsv = (found: LabelBench) =>
  csv([
    [
      ...['reward', 'label', 'answers', 'prompts', 'pairs'],
      ...FIGURES.flatMap(([head]) => [head, `${head}: 95 % low`, `${head}: 95 % high`]),
      ...['ties', 'values'],
    ],
    ...found.rewards.map((one) => [
      ...[one.name, found.label, found.answers, found.prompts, found.pairs],
      ...FIGURES.flatMap(([, of]) => bounds(of(one))),
      ...[one.ties, one.values],
    ]),
  ]);
