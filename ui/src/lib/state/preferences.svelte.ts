// Feedback of people: the file that is looked at, the reward that is held against it, the reward model that is trained on it.
import {
  benchReward,
  failure,
  feedback,
  leaveRewardBench,
  leaveRewardTraining,
  trainReward,
  type BenchProgress,
  type Failure,
  type FeedbackBench,
  type FeedbackColumns,
  type FeedbackPreview,
  type Reward,
  type RewardTrained,
  type RewardTrainingNews,
  type ToBenchReward,
  type ToTrainReward,
} from '$ipc';
import { filterOf, NO_COLUMNS, NO_FIELDS, type FilterFields } from './feedback';
import { Work } from './work.svelte';

const PAUSE_MS = 300;

/** A file of pairs or of labelled answers, looked at a moment after it, or one of its columns, was named. */
class FeedbackFile {
  path = $state('');
  /** Columns that a person chose; the others are found by their names. */
  columns: FeedbackColumns = $state.raw(NO_COLUMNS);
  /** Which of its pairs or answers count, as it is typed. */
  which: FilterFields = $state.raw(NO_FIELDS);
  seen: FeedbackPreview | null = $state.raw(null);
  error: Failure | null = $state.raw(null);
  isBusy = $state(false);
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  get pairs() {
    return this.seen?.holds.kind === 'pairs' ? this.seen.holds : null;
  }
  get labelled() {
    return this.seen?.holds.kind === 'labelled' ? this.seen.holds : null;
  }
  /** What is typed there, and what is wrong with it. */
  get kept() {
    return filterOf(this.which);
  }
  get isRight() {
    return Object.values(this.kept.wrong).every(({ length }) => length === 0);
  }
  set = (path: string) => {
    [this.path, this.columns, this.which, this.seen] = [path, NO_COLUMNS, NO_FIELDS, null];
    this.look(PAUSE_MS);
  };
  /** What was seen with other columns stays until the new is. */
  choose = (columns: FeedbackColumns) => {
    this.columns = columns;
    this.look(0);
  };
  keep = (which: Partial<FilterFields>) => {
    this.which = { ...this.which, ...which };
    this.look(PAUSE_MS);
  };
  private look(pause: number) {
    clearTimeout(this.timer);
    const mine = ++this.turn;
    const path = this.path.trim();
    [this.error, this.isBusy] = [null, path !== ''];
    if (path === '') return;
    this.timer = setTimeout(async () => {
      try {
        const seen = await feedback(path, this.columns, this.kept.filter);
        if (mine === this.turn) this.seen = seen;
      } catch (thrown) {
        if (mine === this.turn) [this.seen, this.error] = [null, failure(thrown)];
      }
      if (mine === this.turn) this.isBusy = false;
    }, pause);
  }
}
export const feedbackFile = new FeedbackFile();

/** Which reward is held against which file, under the words that it was chosen by. */
export interface ToBench extends ToBenchReward {
  reward: Reward;
  of: string;
}
export const benching = new Work<ToBench, BenchProgress, FeedbackBench>(
  ({ reward, of: _, ...asked }, onNews) => benchReward(reward, asked, onNews),
  leaveRewardBench,
);

export type Near = Extract<RewardTrainingNews, { kind: 'near' }>;
/** A step, with when it was told. */
export type Step = Extract<RewardTrainingNews, { kind: 'step' }> & { at_ms: number };
class Training extends Work<ToTrainReward, RewardTrainingNews, RewardTrained> {
  /** Of the training that is, or was last, under way. */
  steps: Step[] = $state.raw([]);
  /** What held-out pairs have in common with those that are trained on. */
  near: Near | null = $state.raw(null);

  constructor() {
    super(trainReward, leaveRewardTraining, (news) => {
      if (news.kind === 'near') this.near = news;
      if (news.kind !== 'step') return;
      const step = { ...news, at_ms: Date.now() };
      this.steps = step.step === 1 ? [step] : [...this.steps, step];
    });
  }
  override async begin(asked: ToTrainReward) {
    if (this.since === null) this.near = null;
    await super.begin(asked);
  }
  /** The first step of this process; those before it were only told again. */
  get firstStep(): Step | null {
    return this.steps.find(({ is_earlier }) => !is_earlier) ?? null;
  }
}
export const rewardTraining = new Training();
