import { check, failure, type Failure, type Problem, type Spec } from '$ipc';
import { draft } from './draft.svelte';

const PAUSE_MS = 200;

/** The draft as the worker's own rules see it, asked anew a moment after one stops typing. */
class Checking {
  toml = $state('');
  error: Failure | null = $state.raw(null);
  isBehind = $state(false);
  private found: Problem[] = $state.raw([]);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private turn = 0;

  get problems(): Problem[] {
    return [...draft.slipped, ...this.found.filter((problem) => !(problem.path in draft.slips))];
  }
  look(spec: Spec) {
    this.isBehind = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(spec), PAUSE_MS);
  }
  private async ask(spec: Spec) {
    const turn = ++this.turn;
    try {
      const result = await check(spec);
      if (turn !== this.turn) return;
      this.found = result.problems;
      this.toml = result.toml;
      this.error = null;
    } catch (thrown) {
      if (turn === this.turn) this.error = failure(thrown);
    }
    if (turn === this.turn) this.isBehind = false;
  }
}

export const checking = new Checking();
