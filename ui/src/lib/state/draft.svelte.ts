import { quickstart, type Problem, type Spec } from '$ipc';
import { whole, type WholeSpec } from './arms';

const KEY = 'draft';
const SEEDS_KEY = 'draft-seeds';
export const MOST_SEEDS = 50;

/** The experiment that is being set up; it is still there after the window was closed. */
class Draft {
  spec: WholeSpec | null = $state(null);
  /** How many runs it becomes, each with a seed of its own: beside the spec, which is of one run. */
  seeds = $state(1);
  /** What the spec cannot hold, such as letters where a number belongs: by the field's path. */
  slips: Record<string, string> = $state({});

  constructor() {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Spec | null;
      // A draft of an earlier version names no arms.
      this.spec = kept && whole(kept);
      this.seeds = Number(localStorage.getItem(SEEDS_KEY) ?? 1) || 1;
    } catch {
      localStorage.removeItem(KEY);
    }
  }
  /** The draft that another one has replaced; it can be brought back. */
  before: { spec: WholeSpec; seeds: number } | null = $state.raw(null);

  async begin() {
    this.spec = { ...whole(await quickstart()), name: 'my-experiment' };
    this.seeds = 1;
    this.slips = {};
  }
  keep() {
    if (this.spec) localStorage.setItem(KEY, JSON.stringify(this.spec));
    localStorage.setItem(SEEDS_KEY, String(this.seeds));
  }
  clear() {
    this.setAside();
    localStorage.removeItem(KEY);
    localStorage.removeItem(SEEDS_KEY);
    this.spec = null;
    this.seeds = 1;
    this.slips = {};
  }
  setAside() {
    this.before = this.spec && { spec: $state.snapshot(this.spec) as WholeSpec, seeds: this.seeds };
  }
  bringBack() {
    const back = this.before;
    this.setAside();
    [this.spec, this.seeds] = [back?.spec ?? null, back?.seeds ?? 1];
    this.slips = {};
    this.keep();
  }
  /** What was mistyped in fields that are gone cannot be corrected. */
  forget(prefix: string) {
    for (const path of Object.keys(this.slips)) if (path.startsWith(prefix)) delete this.slips[path];
  }
  get slipped(): Problem[] {
    const slips = Object.entries(this.slips).map(([path, message]) => ({ path, message }));
    const isFar = !('seeds' in this.slips) && !(this.seeds >= 1 && this.seeds <= MOST_SEEDS);
    return isFar ? [...slips, { path: 'seeds', message: `is ${this.seeds}; write a number from 1 to ${MOST_SEEDS}` }] : slips;
  }
}

export const draft = new Draft();

/** Takes a run's spec as the draft: the same again with seeds from one on, or (null) as the start of something new. */
export function adopt(spec: Spec, again: { seed: number; seeds: number } | null) {
  draft.setAside();
  const copy = whole(structuredClone($state.snapshot(spec)) as Spec);
  draft.spec = again ? { ...copy, seed: again.seed } : { ...copy, name: `${copy.name}-copy` };
  draft.seeds = again?.seeds ?? 1;
  draft.slips = {};
  draft.keep();
}
