/** Values of `frozen.quantisation` with what a weight takes: blocks of GGML's types with their scales (docs/user-guide/models.md). */
const BITS = {
  q8_0: 8.5,
  q8k: 9.1,
  q6k: 6.6,
  q5_1: 6,
  q5k: 5.5,
  q5_0: 5.5,
  q4_1: 5,
  q4k: 4.5,
  q4_0: 4.5,
  q3k: 3.4,
} as const;

/** What can be chosen, `named` among it whatever it is. */
export function quantisations(named: string): { value: string; word: string }[] {
  const known = Object.entries(BITS).map(([value, bits]) => ({ value, word: `${value}: ${bits} bits a weight` }));
  const lower = named.toLowerCase();
  // As a file may write it: in capitals, or one that is refused with a sentence.
  const other = named && !(named in BITS) ? [{ value: named, word: known.find(({ value }) => value === lower)?.word ?? named }] : [];
  return [{ value: '', word: 'As on disk' }, ...known.filter(({ value }) => value !== lower || value === named), ...other];
}
