import { theory as ask, type TheoryWorld } from '$ipc';
import { LAMBDAS } from './theory';
import { Resource } from './resource.svelte';
import { typed } from './steps';

/** Sizes of a random world, as they are typed. */
const SIZES = ['seed', 'prompts', 'rewrites', 'answers'] as const;
export type Size = (typeof SIZES)[number];

/** What one looks at on the page of the theory; kept while the window is open. */
class TheoryView {
  kind: 'example' | 'random' = $state('example');
  typed: Record<Size, string> = $state({ seed: '1', prompts: '3', rewrites: '5', answers: '5' });
  /** Which of the λ. */
  at = $state(LAMBDAS.indexOf(0.1));
  prompt = $state(0);
  /** K of the best of K, among those that were computed. */
  best = $state('4');

  /** The world, or null where a number is none. */
  world: TheoryWorld | null = $derived.by(() => {
    if (this.kind === 'example') return { kind: 'example' };
    const read = SIZES.map((size) => typed(this.typed[size], true));
    const [seed, prompts, rewrites, answers] = read.map((one) => ('value' in one ? one.value : null));
    if (seed == null || prompts == null || rewrites == null || answers == null) return null;
    return { kind: 'random', seed, prompts, rewrites, answers };
  });
  slip(size: Size): string | null {
    const read = typed(this.typed[size], true);
    return 'slip' in read ? read.slip : null;
  }
  // λ = 0 goes first: the limit.
  readonly found = new Resource(() => ask(this.world ?? { kind: 'example' }, [0, ...LAMBDAS]));
}

export const view = new TheoryView();
