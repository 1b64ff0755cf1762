import { createSubscriber } from 'svelte/reactivity';

// What moves while one waits moves in these steps and not by an animation of the style sheet: the web view draws the whole window sixty
// times a second for the smallest of those, and without a graphics card the processor does it, which the worker needs.
const STEP_MS = 250;
let count = 0;
const subscribe = createSubscriber((update) => {
  const timer = setInterval(() => {
    count++;
    update();
  }, STEP_MS);
  return () => clearInterval(timer);
});

/** Counts on, four times a second, where somebody looks. */
export function ticks(): number {
  subscribe();
  return count;
}
/** The same for what only moves: it stands still for who asked for that. */
export const beat = () => (matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : ticks());
