import { failure, type Failure } from '$ipc';

/** Work that takes long, wherever in the window one is: one at a time, told on the way, and left by a click. */
export class Work<Asked, News, Found> {
  /** What is, or was last, worked on. */
  asked: Asked | null = $state.raw(null);
  news: News | null = $state.raw(null);
  found: Found | null = $state.raw(null);
  error: Failure | null = $state.raw(null);
  /** The last work was left before its end. */
  wasStopped = $state(false);
  /** When it began, in milliseconds since 1970; null where nothing is worked on. */
  since: number | null = $state(null);
  private turn = 0;
  private readonly ask: (asked: Asked, onNews: (news: News) => void) => Promise<Found>;
  private readonly leave: () => Promise<unknown>;
  private readonly hear: (news: News) => void;

  /** `hear` is told of all news in their order; `news` is the last. */
  constructor(
    ask: (asked: Asked, onNews: (news: News) => void) => Promise<Found>,
    leave: () => Promise<unknown>,
    hear: (news: News) => void = () => {},
  ) {
    [this.ask, this.leave, this.hear] = [ask, leave, hear];
  }
  async begin(asked: Asked) {
    if (this.since !== null) return;
    const mine = ++this.turn;
    [this.asked, this.news, this.found, this.error, this.since, this.wasStopped] = [asked, null, null, null, Date.now(), false];
    try {
      const found = await this.ask(asked, (news) => {
        if (mine !== this.turn) return;
        this.hear(news);
        this.news = news;
      });
      if (mine === this.turn) this.found = found;
    } catch (thrown) {
      const error = failure(thrown);
      if (mine === this.turn) {
        // Whoever stopped it knows.
        this.wasStopped = error.code === 'stopped';
        this.error = this.wasStopped ? null : error;
      }
    }
    if (mine === this.turn) this.since = null;
  }
  stop = () => void this.leave().catch((thrown) => (this.error = failure(thrown)));
  forget() {
    if (this.since !== null) this.stop();
    this.turn++;
    [this.asked, this.news, this.found, this.error, this.since, this.wasStopped] = [null, null, null, null, null, false];
  }
}
