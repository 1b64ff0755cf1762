// The steps of setting up an experiment, and which of them holds a key of the spec.
import type { Problem } from '$ipc';
import { fullStop } from '$lib/format';
import { fieldOf } from './labels';

export const STEPS = [
  { key: 'data', word: 'Data' },
  { key: 'models', word: 'Models' },
  { key: 'reward', word: 'Reward' },
  { key: 'training', word: 'Training' },
  { key: 'evaluation', word: 'Evaluation' },
  { key: 'review', word: 'Review' },
] as const;
export type Step = (typeof STEPS)[number]['key'];

export function stepOf(path: string): Step {
  if (path === 'prompter.max_rewrite_tokens' || path.startsWith('prompter.lora') || path.startsWith('training')) return 'training';
  if (path.startsWith('data')) return 'data';
  if (path.startsWith('prompter') || path.startsWith('frozen') || path === 'precision' || path === 'offload') return 'models';
  if (path.startsWith('reward')) return 'reward';
  if (path.startsWith('evaluation') || path.startsWith('arms') || path === 'seed' || path === 'seeds') return 'evaluation';
  return 'data';
}

export const problemsAt = (problems: Problem[], path: string) => problems.filter((problem) => problem.path === path);
export const problemsIn = (problems: Problem[], step: Step) => problems.filter((problem) => stepOf(problem.path) === step);

/** The id of the control that holds a key. */
export const fieldId = (path: string) => `field-${path.replace(/[^a-z0-9]+/gi, '-')}`;

/** A problem as a sentence of its own: messages go on from the field's name. */
export const asSentence = ({ path, message }: Problem) => fullStop(`${fieldOf(path) ?? path} ${message}`);

const INTEGER = /^\d+$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
/** What was typed as a number, or why it is none. */
export function typed(text: string, isInteger: boolean): { value: number } | { slip: string } {
  const trimmed = text.trim().replace('−', '-');
  if (trimmed === '') return { slip: 'is empty; write a number' };
  if (isInteger)
    return INTEGER.test(trimmed) && Number.isSafeInteger(Number(trimmed))
      ? { value: Number(trimmed) }
      : { slip: `is “${trimmed}”; write a whole number of 0 or more` };
  const value = Number(trimmed);
  return NUMBER.test(trimmed) && Number.isFinite(value) ? { value } : { slip: `is “${trimmed}”; write a number such as 0.01 or 1e-3` };
}
