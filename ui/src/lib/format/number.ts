// Written by hand: WebKit's Intl throws where the locale is "C".
const MINUS = '−';
export const NONE = '–';

type Maybe = number | null | undefined;
const known = (x: Maybe): x is number => typeof x === 'number' && Number.isFinite(x);

/** Fixed decimals with a true minus sign; a dash for what is not there. */
export function fixed(x: Maybe, digits = 3): string {
  if (!known(x)) return NONE;
  const text = Math.abs(x).toFixed(digits);
  return x < 0 && Number(text) !== 0 ? MINUS + text : text;
}

/** With its sign, as differences are written. */
export function signed(x: Maybe, digits = 3): string {
  if (!known(x)) return NONE;
  return x > 0 && Number(x.toFixed(digits)) !== 0 ? `+${fixed(x, digits)}` : fixed(x, digits);
}

export const interval = (low: Maybe, high: Maybe, digits = 3) => `[${fixed(low, digits)}, ${fixed(high, digits)}]`;
export const signedInterval = (low: Maybe, high: Maybe, digits = 3) => `[${signed(low, digits)}, ${signed(high, digits)}]`;

/** About three significant digits, whatever the size: for axes, knobs and live values. */
export function short(x: Maybe): string {
  if (!known(x)) return NONE;
  const size = Math.abs(x);
  if (size === 0) return '0';
  if (size >= 1e6) return `${fixed(x / 1e6, size >= 1e7 ? 0 : 1)} M`;
  if (size >= 1e4) return thousands(Math.round(x));
  if (size >= 100) return fixed(x, 0);
  if (size >= 10) return fixed(x, 1);
  if (size >= 0.01) return fixed(x, size >= 1 ? 2 : 3);
  return x.toExponential(1).replace('-', MINUS).replace('e-', `e${MINUS}`).replace('e+', 'e');
}

/** A figure that somebody kept: whole numbers whole, others as short as they are read. */
export const amount = (x: number) => (Number.isInteger(x) ? thousands(x) : short(x));

/** Ticks of an axis, all with the decimals that their step needs. */
export function ticks(values: number[]): string[] {
  const step = Math.abs((values[1] ?? 1) - (values[0] ?? 0)) || 1;
  if (values.some((v) => Math.abs(v) >= 1e4) || step < 1e-4) return values.map(short);
  let digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  // A step such as 0.25 needs one more.
  if (Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6) digits++;
  return values.map((v) => fixed(v, digits));
}

/** 12345 → 12,345. */
export function thousands(x: Maybe): string {
  if (!known(x)) return NONE;
  const text = String(Math.abs(x)).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return x < 0 ? MINUS + text : text;
}

export function percent(share: Maybe, digits = 0): string {
  return known(share) ? `${fixed(share * 100, digits)} %` : NONE;
}

/** p as papers print it. */
export function probability(p: Maybe): string {
  if (!known(p)) return NONE;
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}

export function bytes(x: Maybe): string {
  if (!known(x)) return NONE;
  if (x >= 1e9) return `${(x / 1e9).toFixed(1)} GB`;
  if (x >= 1e6) return `${(x / 1e6).toFixed(0)} MB`;
  if (x >= 1e3) return `${(x / 1e3).toFixed(0)} kB`;
  return `${x} B`;
}

/** 134515008 → 135 M. */
export function parameters(x: Maybe): string {
  if (!known(x)) return NONE;
  if (x >= 1e9) return `${(x / 1e9).toFixed(1)} B`;
  if (x >= 1e6) return `${(x / 1e6).toFixed(0)} M`;
  return thousands(x);
}

export const plural = (n: number, one: string, many = `${one}s`) => `${thousands(n)} ${n === 1 ? one : many}`;

const ENERGY = [
  { unit: 'kWh', joules: 3.6e6, from: 3.6e6 },
  { unit: 'Wh', joules: 3600, from: 1e5 },
  { unit: 'kJ', joules: 1000, from: 1000 },
  { unit: 'J', joules: 1, from: 0 },
];
/** The unit in which figures of up to so many joules are read together, with the joules of one. */
export const energyUnit = (most: number) => ENERGY.find(({ from }) => most >= from) ?? ENERGY.at(-1)!;
