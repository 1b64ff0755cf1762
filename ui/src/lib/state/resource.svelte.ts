import { untrack } from 'svelte';
import { failure, type Failure } from '$ipc';

/** Something that is asked for once and again: its value, whether it is on its way, and what went wrong. */
export class Resource<T> {
  value: T | null = $state.raw(null);
  error: Failure | null = $state.raw(null);
  busy = $state(false);
  private asked = 0;
  private readonly ask: () => Promise<T>;

  /** `known`: what is there before anybody asks. */
  constructor(ask: () => Promise<T>, known: T | null = null) {
    this.ask = ask;
    this.value = known;
  }
  load = async () => {
    const turn = ++this.asked;
    this.busy = true;
    try {
      // What the question reads is no reason for an effect to ask it again.
      const value = await untrack(this.ask);
      if (turn !== this.asked) return;
      this.value = value;
      this.error = null;
    } catch (thrown) {
      if (turn === this.asked) this.error = failure(thrown);
    } finally {
      if (turn === this.asked) this.busy = false;
    }
  };
}
