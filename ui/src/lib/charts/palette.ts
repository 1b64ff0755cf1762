import type { Arms } from '$ipc';
import { listed } from '$lib/format';

/** In the order in which they are shown. */
export const ARMS = [
  'raw',
  'untuned',
  'tuned',
  'optimum',
  'best_rewrite',
  'best_answer',
  'instruction',
  'oracle',
] as const satisfies (keyof Arms)[];
export type ArmKey = (typeof ARMS)[number];
export const isArm = (name: string): name is ArmKey => (ARMS as readonly string[]).includes(name);

export const armColour = (arm: string) => (isArm(arm) ? `var(--arm-${arm})` : 'var(--muted)');
export const runColour = (index: number) => `var(--run-${index % 6})`;

const WORDS: Record<ArmKey, [short: string, long: string]> = {
  raw: ['Raw', 'Raw prompt'],
  untuned: ['Untuned', 'Untuned prompter'],
  tuned: ['Tuned', 'Tuned prompter'],
  optimum: ['Optimum', 'Optimum without training'],
  best_rewrite: ['Best rewrite', 'Best of K rewrites'],
  best_answer: ['Best answer', 'Best of N answers'],
  instruction: ['Instruction', 'Found instruction'],
  oracle: ['Oracle', 'Oracle: the model tuned'],
};
export function armWord(arm: string, long = false): string {
  return isArm(arm) ? WORDS[arm][long ? 1 : 0] : arm;
}
/** Arms as they are listed in a sentence. */
export const armsInWords = (arms: readonly string[]) => listed(arms.map((arm) => armWord(arm).toLowerCase()));

// Within 11 by 11 about 0, so that arms differ by more than their colour.
const DISC = 'M-4.7 0A4.7 4.7 0 1 1 4.7 0A4.7 4.7 0 1 1 -4.7 0Z';
const MARKS: Record<ArmKey, string> = {
  raw: 'M-4.1 -4.1H4.1V4.1H-4.1Z',
  untuned: 'M0 -5.5L5.5 0L0 5.5L-5.5 0Z',
  tuned: DISC,
  optimum: 'M0 -5.2L5.3 4.2H-5.3Z',
  best_rewrite: 'M0 5.2L5.3 -4.2H-5.3Z',
  best_answer: 'M-1.7 -5.2H1.7V-1.7H5.2V1.7H1.7V5.2H-1.7V1.7H-5.2V-1.7H-1.7Z',
  instruction: 'M2.3 -4.8L4.8 -2.3L2.4 0L4.8 2.3L2.3 4.8L0 2.4L-2.3 4.8L-4.8 2.3L-2.4 0L-4.8 -2.3L-2.3 -4.8L0 -2.4Z',
  oracle: 'M0 -5.8L1.5 -2L5.5 -1.8L2.4 0.8L3.4 4.7L0 2.5L-3.4 4.7L-2.4 0.8L-5.5 -1.8L-1.5 -2Z',
};
export const armMark = (arm: string) => (isArm(arm) ? MARKS[arm] : DISC);

/** A colour of the visual language as a canvas wants it. */
export function ink(name: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

export function withAlpha(colour: string, alpha: number): string {
  const numbers = colour.match(/[\d.]+/g);
  return numbers && numbers.length >= 3 ? `rgba(${numbers.slice(0, 3).join(', ')}, ${alpha})` : colour;
}
