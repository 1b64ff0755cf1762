// How fast a thing arrives, and how long the rest takes: from what the last seconds have brought.
export interface Mark {
  at_ms: number;
  done: number;
}

const SPAN_MS = 15_000;
const LEAST_MS = 1_000;

/** The marks of the last seconds with a new one. */
export const marked = (marks: readonly Mark[], mark: Mark): Mark[] => [...marks.filter(({ at_ms }) => mark.at_ms - at_ms <= SPAN_MS), mark];

/** So many a second; null while that cannot be told. */
export function pace(marks: readonly Mark[]): number | null {
  const [first, last] = [marks[0], marks.at(-1)];
  if (!first || !last || last.at_ms - first.at_ms < LEAST_MS) return null;
  return (1000 * (last.done - first.done)) / (last.at_ms - first.at_ms);
}

/** Seconds until all of it is there; null while that cannot be told. */
export function left(marks: readonly Mark[], total: number): number | null {
  const [speed, last] = [pace(marks), marks.at(-1)];
  return speed && last ? (total - last.done) / speed : null;
}
