/** From where to where an upright axis goes: 0 is always in view, and what stays within `least` is noise around it. */
export function extent(low: number | null, high: number | null, least = 0): [number, number] {
  const [from, to] = [Math.min(0, low ?? 0), Math.max(0, high ?? 0)];
  if (from === to) return [0, least || 1];
  if (to - from < least) return [from < -least / 10 ? -least : 0, least];
  const pad = 0.08 * (to - from);
  return [from < 0 ? from - pad : 0, to > 0 ? to + pad : 0];
}

/** The same of an axis that need not show 0: a single value gets room on both sides. */
export function room(values: number[]): [number, number] {
  if (values.length === 0) return [0, 1];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}
