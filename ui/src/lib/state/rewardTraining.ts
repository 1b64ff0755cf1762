// What is typed for the training of a reward model, and what is shown of it on the way.
import type { FeedbackColumns, FeedbackFilter, ToTrainReward } from '$ipc';
import { isName } from './machine';
import { typed } from './steps';

export interface TrainingFields {
  name: string;
  base: string;
  only: string;
  heldOut: string;
  epochs: string;
  learningRate: string;
  maxTokens: string;
  nearDuplicates: string;
  seed: string;
  checkpointing: boolean;
}
/** Fewer cannot be split. */
export const LEAST_PAIRS = 10;
export const NAME_HINT = 'It is installed under it: letters, digits, dots, dashes and underscores.';

/** The first name after this one that nothing has: name-2, name-3, … */
export function nextName(name: string, taken: readonly string[]): string {
  const [, stem, last] = /^(.*?)(?:-(\d+))?$/.exec(name)!;
  for (let n = Number(last ?? 1) + 1; ; n++) if (!taken.includes(`${stem}-${n}`)) return `${stem}-${n}`;
}

/** What is asked for, or what is wrong with it, as sentences by their field. */
export function trainingOf(
  fields: TrainingFields,
  { pairs, columns, filter }: { pairs: string; columns: FeedbackColumns; filter: FeedbackFilter },
  taken: readonly string[],
): { asked: ToTrainReward | null; slips: Record<string, string> } {
  const slips: Record<string, string> = {};
  const number = (
    key: Exclude<keyof TrainingFields, 'checkpointing'>,
    isInteger: boolean,
    fits: (x: number) => boolean,
    range: string,
  ): number => {
    const read = typed(fields[key], isInteger);
    if ('slip' in read) slips[key] = `This ${read.slip}.`;
    else if (!fits(read.value)) slips[key] = `Write ${range}.`;
    return 'slip' in read ? NaN : read.value;
  };
  const name = fields.name.trim();
  if (!isName(name)) slips.name = 'Letters, digits, dots, dashes and underscores, not beginning with a dot or a dash.';
  else if (taken.includes(name)) slips.name = 'A model of this name is installed; choose another.';
  const only =
    fields.only.trim() === '' ? null : number('only', true, (x) => x >= LEAST_PAIRS, `${LEAST_PAIRS} or more, or nothing for all`);
  const near =
    fields.nearDuplicates.trim() === ''
      ? null
      : number('nearDuplicates', false, (x) => x > 0 && x <= 1, 'a share above 0 and at most 1, such as 0.8, or nothing');
  const asked: ToTrainReward = {
    pairs,
    columns,
    filter,
    near_duplicates: near,
    name,
    base: fields.base,
    only,
    held_out: number('heldOut', false, (x) => x > 0 && x < 1, 'a share above 0 and below 1, such as 0.2'),
    epochs: number('epochs', true, (x) => x >= 1 && x <= 100, 'a number from 1 to 100'),
    learning_rate: number('learningRate', false, (x) => x > 0, 'a number above 0, such as 2e-4'),
    max_tokens: number('maxTokens', true, (x) => x >= 1, '1 or more'),
    seed: number('seed', true, () => true, 'a whole number'),
    checkpointing: fields.checkpointing,
  };
  return { asked: Object.keys(slips).length ? null : asked, slips };
}

const LAST = 20;
/** Mean of the last values. */
export function lastOf(values: readonly number[]): number | null {
  const last = values.slice(-LAST);
  return last.length ? last.reduce((sum, value) => sum + value, 0) / last.length : null;
}
/** Of each value, the mean of it and those before it, as many as `lastOf` takes. */
export const smoothed = (values: readonly number[]) => values.map((_, i) => lastOf(values.slice(0, i + 1))!);
