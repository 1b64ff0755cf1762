import { cleanup } from '@testing-library/svelte';
import { afterEach, vi } from 'vitest';

// What jsdom lacks and the pages use.
window.matchMedia ??= ((query: string) => ({
  matches: false,
  media: query,
  addEventListener() {},
  removeEventListener() {},
})) as unknown as typeof window.matchMedia;
class Watcher {
  observe() {}
  unobserve() {}
  disconnect() {}
}
globalThis.ResizeObserver ??= Watcher as unknown as typeof ResizeObserver;
globalThis.IntersectionObserver ??= Watcher as unknown as typeof IntersectionObserver;
HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
  this.open = true;
};

HTMLCanvasElement.prototype.getContext = () => null;

// Canvases cannot be drawn on here.
vi.mock('uplot', () => {
  class Plot {
    static sync = () => ({ key: 'iterations' });
    setData() {}
    setSize() {}
    destroy() {}
  }
  return { default: Plot };
});

afterEach(() => {
  cleanup();
  localStorage.clear();
});
