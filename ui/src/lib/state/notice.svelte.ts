// One sentence about something that was done, for a while.
const SHOWN_MS = 8000;

class Notice {
  text = $state('');
  isBad = $state(false);
  private timer: ReturnType<typeof setTimeout> | undefined;
  say(text: string, isBad = false) {
    [this.text, this.isBad] = [text, isBad];
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.text = ''), SHOWN_MS);
  }
}
export const notice = new Notice();
