// Prompts that belong together: what is independent is a cluster of them.
import type { Arm, Comparison, Judged, Report, SeedsReport } from '$ipc';
import { plural } from '$lib/format';

/** "96 prompts", "96 prompts in 24 clusters". */
export const promptsInWords = (prompts: number, clusters: number | null | undefined, one = 'prompt') =>
  inClusters(plural(prompts, one), clusters);
/** The same of a number that stands in a column of its own. */
export const inClusters = (prompts: string, clusters: number | null | undefined) =>
  clusters == null ? prompts : `${prompts} in ${plural(clusters, 'cluster')}`;

type Counted = { clusters?: Arm['clusters'] | Comparison['clusters'] | Judged['clusters'] | SeedsReport['clusters'] };
export const areClustered = (all: Counted[]) => all.some(({ clusters }) => clusters != null);
/** What intervals and tests count. */
export const unitOf = (all: Counted[]) => (areClustered(all) ? 'clusters of prompts' : 'prompts');

/** What a report leaves out, since it takes prompts as independent. */
export const LEFT_OUT =
  'Left out, because they take prompts as independent: intervals of variance components, and the p of Brown and Forsythe.';
/** Arms and comparisons of a report. */
export const countedIn = ({ arms, comparisons }: Report): Counted[] => [...arms, ...comparisons];
