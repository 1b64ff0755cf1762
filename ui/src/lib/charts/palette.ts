export const ARMS = ['raw', 'untuned', 'tuned'] as const;

export const armColour = (arm: string) => ((ARMS as readonly string[]).includes(arm) ? `var(--arm-${arm})` : 'var(--muted)');
export const runColour = (index: number) => `var(--run-${index % 6})`;

const WORDS: Record<string, [string, string]> = {
  raw: ['Raw', 'Raw prompt'],
  untuned: ['Untuned', 'Untuned prompter'],
  tuned: ['Tuned', 'Tuned prompter'],
};
export function armWord(arm: string, long = false): string {
  const words = WORDS[arm];
  return words ? words[long ? 1 : 0] : arm;
}

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
