// A page as it stands in a report: a file in which nothing can be clicked and nothing is asked for.
import { getContext, setContext } from 'svelte';
import type { Profiles, Sample, SeedsReport } from '$ipc';

export interface Printed {
  /** What the seeds of one experiment say together, by the numbers of their runs; null where they say nothing. */
  seeds: (runs: number[]) => SeedsReport | null;
  /** Of all runs of the report, where they are of several experiments. */
  profiles: Profiles | null;
  /** The rewards of a run's answers; the texts are left out, for a report goes to people who were not given the prompts. */
  samples: (run: number) => Sample[];
}
const KEY = 'printed';
/** What a report holds; undefined in the window. */
export const printed = () => getContext<Printed | undefined>(KEY);
export const print = (report: Printed) => setContext(KEY, report);
/** Width of a chart in a report. */
export const PRINTED_WIDTH = 860;
