import { appear } from '$ipc';

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'theme';
/** Sizes of text in percent. */
export const SIZES = [80, 90, 100, 110, 125, 150, 175, 200];
const USUAL = 100;
const SIZE_KEY = 'text-size';

// A report is written where nothing is kept.
const keptAs = (key: string) => globalThis.localStorage?.getItem(key) ?? null;
/** The size after this one, up or down; the last one stays. */
export const nextSize = (size: number, by: 1 | -1) =>
  (by > 0 ? SIZES.find((other) => other > size) : SIZES.findLast((other) => other < size)) ?? size;
/** A size that was kept, if it is one. */
const kept = (text: string | null) => (SIZES.includes(Number(text)) ? Number(text) : USUAL);

class Appearance {
  theme: Theme = $state((keptAs(KEY) as Theme | null) ?? 'system');
  size = $state(kept(keptAs(SIZE_KEY)));
  /** Counts changes, so that canvases know when to read colours again. */
  changes = $state(0);

  constructor() {
    if (!globalThis.document) return;
    this.apply();
    // Canvases that were drawn before the font came draw again.
    void document.fonts?.ready.then(() => this.changes++);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.changes++);
  }
  set(theme: Theme) {
    this.theme = theme;
    localStorage.setItem(KEY, theme);
    this.apply();
    this.changes++;
  }
  resize(size: number) {
    this.size = size;
    localStorage.setItem(SIZE_KEY, String(size));
    this.apply();
  }
  larger = () => this.resize(nextSize(this.size, 1));
  smaller = () => this.resize(nextSize(this.size, -1));
  usual = () => this.resize(USUAL);
  /** Pixels of a canvas, which no style sheet scales. */
  px = (length: number) => (length * this.size) / USUAL;
  private apply() {
    document.documentElement.style.fontSize = this.size === USUAL ? '' : `${this.size}%`;
    // In a browser there is no frame.
    void appear(this.theme).catch(() => {});
    if (this.theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
  }
}

export const appearance = new Appearance();
