// Sentences about what was done, each for a while, and perhaps with what undoes it.
const SHOWN_MS = 8000;
const SHOWN_WITH_ACTION_MS = 10_000;
// What went wrong takes longer to read, and often comes with others.
const SHOWN_WHEN_BAD_MS = 20_000;

export interface Action {
  word: string;
  go: () => void;
}
export interface Notice {
  id: number;
  text: string;
  isBad: boolean;
  action: Action | null;
}

class Notices {
  /** The newest last. */
  list: Notice[] = $state.raw([]);
  private count = 0;
  private timers = new Map<number, ReturnType<typeof setTimeout>>();

  say(text: string, isBad = false, action: Action | null = null) {
    const notice = { id: ++this.count, text, isBad, action };
    // What is said once more is not there twice.
    for (const other of this.list) if (other.text === text) this.close(other);
    this.list = [...this.list, notice];
    this.time(notice);
  }
  close = ({ id }: Notice) => {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
    this.list = this.list.filter((other) => other.id !== id);
  };
  clear = () => this.list.forEach(this.close);
  /** All stay for as long as somebody is at one of them. */
  hold = () => this.timers.forEach((timer) => clearTimeout(timer));
  release = () => this.list.forEach((notice) => this.time(notice));
  private time(notice: Notice) {
    clearTimeout(this.timers.get(notice.id));
    const shown = notice.isBad ? SHOWN_WHEN_BAD_MS : notice.action ? SHOWN_WITH_ACTION_MS : SHOWN_MS;
    this.timers.set(
      notice.id,
      setTimeout(() => this.close(notice), shown),
    );
  }
}
export const notices = new Notices();
