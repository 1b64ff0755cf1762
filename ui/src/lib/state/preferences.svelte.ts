// Preferences of people: the file that is looked at, the reward that is held against it, the reward model that is trained on it.
import {
  benchReward,
  failure,
  leaveRewardBench,
  leaveRewardTraining,
  pairs,
  trainReward,
  type BenchProgress,
  type Failure,
  type PairsPreview,
  type Reward,
  type RewardBench,
  type RewardTrained,
  type RewardTrainingNews,
  type ToTrainReward,
} from '$ipc';
import { Work } from './work.svelte';

const PAUSE_MS = 300;

/** A file of pairs, looked at a moment after it was named. */
class PairsFile {
  path = $state('');
  seen: PairsPreview | null = $state.raw(null);
  error: Failure | null = $state.raw(null);
  isBusy = $state(false);
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  set = (path: string) => {
    this.path = path;
    clearTimeout(this.timer);
    const mine = ++this.turn;
    [this.seen, this.error, this.isBusy] = [null, null, path.trim() !== ''];
    if (path.trim() === '') return;
    this.timer = setTimeout(async () => {
      try {
        const seen = await pairs(path.trim());
        if (mine === this.turn) this.seen = seen;
      } catch (thrown) {
        if (mine === this.turn) this.error = failure(thrown);
      }
      if (mine === this.turn) this.isBusy = false;
    }, PAUSE_MS);
  };
}
export const pairsFile = new PairsFile();

/** Which reward is held against which file, under the words that it was chosen by. */
export interface ToBench {
  reward: Reward;
  of: string;
  file: string;
}
export const benching = new Work<ToBench, BenchProgress, RewardBench>(
  ({ reward, file }, onNews) => benchReward(reward, file, onNews),
  leaveRewardBench,
);

/** A step, with when it was told. */
export type Step = Extract<RewardTrainingNews, { kind: 'step' }> & { at_ms: number };
class Training extends Work<ToTrainReward, RewardTrainingNews, RewardTrained> {
  /** Of the training that is, or was last, under way. */
  steps: Step[] = $state.raw([]);

  constructor() {
    super(trainReward, leaveRewardTraining, (news) => {
      if (news.kind !== 'step') return;
      const step = { ...news, at_ms: Date.now() };
      this.steps = step.step === 1 ? [step] : [...this.steps, step];
    });
  }
  get firstStepAt(): number | null {
    return this.steps[0]?.at_ms ?? null;
  }
}
export const rewardTraining = new Training();
