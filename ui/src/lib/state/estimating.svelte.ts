import { estimate, failure, type Estimate, type Failure, type Spec } from '$ipc';

const PAUSE_MS = 600;

/** What the draft will take on this machine, measured anew a moment after it has changed. */
class Estimating {
  value: Estimate | null = $state.raw(null);
  error: Failure | null = $state.raw(null);
  isBusy = $state(false);
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
  forget() {
    this.turn++;
    clearTimeout(this.timer);
    [this.of, this.value, this.error, this.isBusy] = ['', null, null, false];
  }
  private ask(spec: Spec, pause: number) {
    const turn = ++this.turn;
    [this.value, this.error, this.isBusy] = [null, null, true];
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      try {
        const value = await estimate(spec);
        if (turn === this.turn) this.value = value;
      } catch (thrown) {
        if (turn === this.turn) this.error = failure(thrown);
      }
      if (turn === this.turn) this.isBusy = false;
    }, pause);
  }
}

export const estimating = new Estimating();
