import { estimate, failure, leaveEstimate, type Estimate, type Failure, type Spec } from '$ipc';

const PAUSE_MS = 600;

/** What the draft will take on this machine, measured anew a moment after it has changed. */
class Estimating {
  value: Estimate | null = $state.raw(null);
  error: Failure | null = $state.raw(null);
  /** When the measurement that is under way began, in milliseconds since 1970. */
  since: number | null = $state(null);
  isCancelled = $state(false);
  private of = '';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private turn = 0;

  look(spec: Spec) {
    // Neither a name nor a seed makes a run longer.
    const of = JSON.stringify({ ...spec, name: '', seed: 0 });
    if (of === this.of) return;
    this.of = of;
    this.ask(spec, PAUSE_MS);
  }
  again = (spec: Spec) => this.ask(spec, 0);
  cancel = () => {
    this.reset();
    void leaveEstimate().catch(() => {});
    this.isCancelled = true;
  };
  forget() {
    this.reset();
    this.of = '';
  }
  private reset(since: number | null = null) {
    this.turn++;
    clearTimeout(this.timer);
    [this.value, this.error, this.since, this.isCancelled] = [null, null, since, false];
  }
  private ask(spec: Spec, pause: number) {
    this.reset(Date.now());
    const turn = this.turn;
    this.timer = setTimeout(async () => {
      try {
        const value = await estimate(spec);
        if (turn === this.turn) this.value = value;
      } catch (thrown) {
        if (turn === this.turn) this.error = failure(thrown);
      }
      if (turn === this.turn) this.since = null;
    }, pause);
  }
}

export const estimating = new Estimating();
