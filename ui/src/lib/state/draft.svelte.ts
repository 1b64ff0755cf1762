import { quickstart, type Problem, type Spec } from '$ipc';

const KEY = 'draft';

/** The experiment that is being set up; it is still there after the window was closed. */
class Draft {
  spec: Spec | null = $state(null);
  /** What the spec cannot hold, such as letters where a number belongs: by the field's path. */
  slips: Record<string, string> = $state({});

  constructor() {
    try {
      this.spec = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Spec | null;
    } catch {
      localStorage.removeItem(KEY);
    }
  }
  /** The draft that another one has replaced; it can be brought back. */
  before: Spec | null = $state.raw(null);

  async begin() {
    this.spec = { ...(await quickstart()), name: 'my-experiment' };
    this.slips = {};
  }
  keep() {
    if (this.spec) localStorage.setItem(KEY, JSON.stringify(this.spec));
  }
  clear() {
    this.setAside();
    localStorage.removeItem(KEY);
    this.spec = null;
    this.slips = {};
  }
  setAside() {
    this.before = this.spec && ($state.snapshot(this.spec) as Spec);
  }
  bringBack() {
    [this.spec, this.before] = [this.before, this.spec && ($state.snapshot(this.spec) as Spec)];
    this.slips = {};
    this.keep();
  }
  get slipped(): Problem[] {
    return Object.entries(this.slips).map(([path, message]) => ({ path, message }));
  }
}

export const draft = new Draft();

/** Takes a run's spec as the draft: the same again with the next seed, or as the start of something new. */
export function adopt(spec: Spec, nextSeed: boolean) {
  draft.setAside();
  const copy = structuredClone($state.snapshot(spec)) as Spec;
  draft.spec = nextSeed ? { ...copy, seed: copy.seed + 1 } : { ...copy, name: `${copy.name}-copy` };
  draft.slips = {};
  draft.keep();
}
