// Which parts of the reward are only watched, for whatever shows them below a page.
import { getContext, setContext } from 'svelte';

const KEY = Symbol('watched parts');
const none = (): string[] => [];

/** Tells all components below which labels are those of watched parts. */
export const provideWatched = (labels: () => string[]) => setContext(KEY, labels);
export const watchedHere = () => getContext<(() => string[]) | undefined>(KEY) ?? none;
