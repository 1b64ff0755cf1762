import { expect, test } from 'vitest';
import { quantisations } from '$lib/state/quantisation';

const values = (named: string) => quantisations(named).map(({ value }) => value);

test('every quantisation can be chosen, and none', () => {
  expect(values('')).toEqual(['', 'q8_0', 'q8k', 'q6k', 'q5_1', 'q5k', 'q5_0', 'q4_1', 'q4k', 'q4_0', 'q3k']);
  expect(values('q4k')).toEqual(values(''));
});

test('what a file names stays chosen as it is written', () => {
  expect(values('Q4K')).toContain('Q4K');
  expect(values('Q4K')).not.toContain('q4k');
  expect(quantisations('Q4K').at(-1)?.word).toBe('q4k: 4.5 bits a weight');
  expect(quantisations('afq4').at(-1)).toEqual({ value: 'afq4', word: 'afq4' });
});
