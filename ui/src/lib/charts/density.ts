/** A smooth outline of values (Gaussian kernel, Silverman's width), as heights at evenly spaced points. */
export function density(values: number[], low: number, high: number, points = 60): { at: number; height: number }[] {
  const n = values.length;
  if (n === 0) return [];
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / Math.max(1, n - 1));
  const width = (0.9 * (deviation || 0.1)) / n ** 0.2;
  return Array.from({ length: points }, (_, i) => {
    const at = low + ((high - low) * i) / (points - 1);
    const height = values.reduce((sum, v) => sum + Math.exp(-0.5 * ((at - v) / width) ** 2), 0) / (n * width * Math.sqrt(2 * Math.PI));
    return { at, height };
  });
}

/** Linear interpolation between order statistics. */
export function quantile(sorted: number[], q: number): number {
  const place = (sorted.length - 1) * q;
  const [low, high] = [sorted[Math.floor(place)] ?? NaN, sorted[Math.ceil(place)] ?? NaN];
  return low + (high - low) * (place - Math.floor(place));
}
