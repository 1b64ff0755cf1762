export type Theme = 'system' | 'light' | 'dark';
const KEY = 'theme';

class Appearance {
  theme: Theme = $state((localStorage.getItem(KEY) as Theme | null) ?? 'system');
  /** Counts changes, so that canvases know when to read colours again. */
  changes = $state(0);

  constructor() {
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
  private apply() {
    if (this.theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
  }
}

export const appearance = new Appearance();
