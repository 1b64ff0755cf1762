// One sentence about something that was done, for a while, and perhaps what undoes it.
const SHOWN_MS = 8000;
const SHOWN_WITH_ACTION_MS = 10_000;

export interface Action {
  word: string;
  go: () => void;
}

class Notice {
  text = $state('');
  isBad = $state(false);
  action: Action | null = $state.raw(null);
  private timer: ReturnType<typeof setTimeout> | undefined;

  say(text: string, isBad = false, action: Action | null = null) {
    [this.text, this.isBad, this.action] = [text, isBad, action];
    this.release();
  }
  close = () => {
    clearTimeout(this.timer);
    [this.text, this.action] = ['', null];
  };
  /** Stays for as long as somebody is at it. */
  hold = () => clearTimeout(this.timer);
  release = () => {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.close, this.action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
  };
}
export const notice = new Notice();
