// Colours of arms as people with any colour vision see them, on the ground of both themes.
import { describe, expect, it } from 'vitest';
import { ARMS, armMark } from '$lib/charts/palette';
import css from '../src/app.css?raw';

type Triple = [number, number, number];
type Matrix = [Triple, Triple, Triple];
const times = (m: Matrix, v: Triple) => m.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]) as Triple;

// Machado, Oliveira and Fernandes (2009): no cone of one kind, in linear RGB.
const VISIONS: Record<string, Matrix> = {
  usual: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function linear(hex: string): Triple {
  const one = (at: number) => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return [one(1), one(3), one(5)];
}
/** Oklab (Ottosson 2020), in which equal distances look about equal. */
function oklab(rgb: Triple): Triple {
  const lms = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    rgb,
  ).map((x) => Math.cbrt(Math.max(0, x))) as Triple;
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    lms,
  );
}
const luminance = ([r, g, b]: Triple) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
const contrast = (a: Triple, b: Triple) => {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
};
const apart = (a: Triple, b: Triple) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

function both(token: string): [light: Triple, dark: Triple] {
  const found = new RegExp(`--${token}: light-dark\\((#[0-9a-f]{6}), (#[0-9a-f]{6})\\)`).exec(css);
  return [linear(found?.[1] ?? ''), linear(found?.[2] ?? '')];
}

describe.each([0, 1] as const)('arms in theme %i', (theme) => {
  const of = (token: string) => both(token)[theme]!;
  it('stand out from the ground', () => {
    // WCAG 2.2 asks 3 of what is drawn.
    for (const arm of ARMS) expect(contrast(of(`arm-${arm}`), of('surface')), arm).toBeGreaterThanOrEqual(3);
  });
  it.each(Object.keys(VISIONS))('are told apart with %s', (vision) => {
    const seen = ARMS.map((arm) => oklab(times(VISIONS[vision]!, of(`arm-${arm}`)).map((x) => Math.min(1, Math.max(0, x))) as Triple));
    // What is just told apart side by side is about 0.02.
    seen.forEach((a, i) => seen.slice(i + 1).forEach((b, j) => expect(apart(a, b), `${ARMS[i]} ${ARMS[i + 1 + j]}`).toBeGreaterThan(0.07)));
  });
});

it('no two arms have the same mark', () => expect(new Set(ARMS.map(armMark)).size).toBe(ARMS.length));
