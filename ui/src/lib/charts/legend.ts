/** About the width of a letter, in units of a chart. */
const LETTER = 6;
const BETWEEN = 14;

/** Words side by side in as many rows as they need, each after so much room for what it names. */
export function flow(words: string[], width: number, lead: number): { left: number; row: number }[] {
  let [left, row] = [0, 0];
  return words.map((word) => {
    const size = lead + LETTER * word.length;
    if (left > 0 && left + size > width) [left, row] = [0, row + 1];
    const place = { left, row };
    left += size + BETWEEN;
    return place;
  });
}
