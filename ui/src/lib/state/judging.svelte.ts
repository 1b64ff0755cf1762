import { failure, judge, leaveJudging, type Endpoint, type Failure, type JudgeProgress, type ToJudge } from '$ipc';

/** The judging that is under way, wherever in the window one is. */
class Judging {
  /** The run that is, or was last, judged. */
  run: number | null = $state(null);
  what: ToJudge | null = $state.raw(null);
  progress: JudgeProgress | null = $state.raw(null);
  /** When it began, in milliseconds since 1970; null where nothing is judged. */
  since: number | null = $state(null);
  error: Failure | null = $state.raw(null);
  /** How many have ended, well or not: by then there are new verdicts. */
  ended = $state(0);

  /** With `endpoint`, by a model behind it. */
  async begin(run: number, what: ToJudge, endpoint: Endpoint | null = null) {
    if (this.since !== null) return;
    [this.run, this.what, this.progress, this.error, this.since] = [run, what, null, null, Date.now()];
    try {
      await judge(run, what, endpoint, (progress) => (this.progress = progress));
    } catch (thrown) {
      const error = failure(thrown);
      // Whoever stopped it knows.
      this.error = error.code === 'stopped' ? null : error;
    }
    this.since = null;
    this.ended++;
  }
  stop = () => void leaveJudging().catch((thrown) => (this.error = failure(thrown)));
  forget() {
    if (this.since !== null) this.stop();
    [this.run, this.what, this.progress, this.error, this.since] = [null, null, null, null, null];
  }
}

export const judging = new Judging();
