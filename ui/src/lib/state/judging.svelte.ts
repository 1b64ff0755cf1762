import { judge, leaveJudging, type Endpoint, type Judged, type JudgeProgress, type ToJudge } from '$ipc';
import { Work } from './work.svelte';

interface Asked {
  run: number;
  what: ToJudge;
  /** Where the judge is, if not on this machine. */
  endpoint: Endpoint | null;
}

/** The judging that is under way, wherever in the window one is. */
class Judging extends Work<Asked, JudgeProgress, Judged> {
  /** How many have ended, well or not: by then there are new verdicts. */
  ended = $state(0);

  constructor() {
    super(({ run, what, endpoint }, onNews) => judge(run, what, endpoint, onNews), leaveJudging);
  }
  override async begin(asked: Asked) {
    if (this.since !== null) return;
    await super.begin(asked);
    this.ended++;
  }
}

export const judging = new Judging();
