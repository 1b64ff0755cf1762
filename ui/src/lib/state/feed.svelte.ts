import { failure, news, type Failure } from '$ipc';
import { beginning, isActive, told, type Story } from './run';

const POLL_MS = 500;

/** A run's story as it is told, from its beginning, polled while the run is under way. */
export class Feed {
  story: Story = $state.raw(beginning());
  error: Failure | null = $state.raw(null);
  isLoaded = $state(false);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isOver = false;
  readonly id: number;
  private readonly ended: () => void;

  constructor(id: number, ended: () => void) {
    this.id = id;
    this.ended = ended;
    void this.poll();
  }
  /** Asks at once, as after a stop or a resume. */
  poll = async () => {
    clearTimeout(this.timer);
    const wasActive = this.isLoaded && isActive(this.story.status);
    try {
      const latest = await news(this.id, this.story.sequence);
      if (this.isOver) return;
      this.story = told(this.story, latest);
      this.isLoaded = true;
      this.error = null;
    } catch (thrown) {
      if (this.isOver) return;
      this.error = failure(thrown);
    }
    const moves = isActive(this.story.status);
    if (wasActive && !moves) this.ended();
    // A run that rests is looked at now and then: it may be resumed from a command line.
    clearTimeout(this.timer);
    this.timer = setTimeout(this.poll, moves ? POLL_MS : 6 * POLL_MS);
  };
  end = () => {
    this.isOver = true;
    clearTimeout(this.timer);
  };
}
