import { untrack } from 'svelte';
import { failure, hubGet, hubHere, leaveHubGet, type Failure, type HubAsked, type HubBrought, type HubKind } from '$ipc';
import { marked, type Mark } from './pace';

const KEY = 'downloads';

/** What is brought from the hub, with a name for this machine. */
export type Wanted = HubAsked & { name: string };
export const keyOf = (wanted: { kind: HubKind; name: string }) => `${wanted.kind} ${wanted.name}`;

/** A download that is under way, or that has stopped, failed or ended. */
export class Download {
  readonly wanted: Wanted;
  /** It was found on the disk, and is there whatever is named here. */
  readonly isFound: boolean;
  /** Of all its files together. */
  bytes = $state(0);
  done = $state(0);
  /** On its way now. */
  file = $state('');
  marks: Mark[] = $state.raw([]);
  isUnderWay = $state(false);
  error: Failure | null = $state.raw(null);
  brought: HubBrought | null = $state.raw(null);

  constructor(wanted: Wanted, bytes: number, done = 0, brought: HubBrought | null = null, isFound = false) {
    [this.wanted, this.isFound] = [wanted, isFound];
    [this.bytes, this.done, this.brought] = [bytes, done, brought];
  }
  get key() {
    return keyOf(this.wanted);
  }
}

interface Kept {
  wanted: Wanted;
  bytes: number;
  done: number;
  brought: HubBrought | null;
}

/** Everything that is brought from the hub. What is not finished is still named after the window was closed, to be gone on with. */
class Downloads {
  all: Download[] = $state([]);
  /** Keys of those that a card shows which is open. */
  private attended: string[] = $state([]);
  /** Keys of those that are to be named no more while this window is open. */
  private forgotten: string[] = [];
  /** How many have ended well: by then there is something new on the machine. */
  ended = $state(0);

  constructor() {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) ?? '[]') as Kept[];
      this.all = kept.map(({ wanted, bytes, done, brought }) => new Download(wanted, bytes, done, brought));
    } catch {
      localStorage.removeItem(KEY);
    }
  }
  /** Data sets that the command line has brought, or another window, are told too. */
  async look() {
    // Whoever cannot be asked has nothing to add.
    const here = await hubHere().catch(() => []);
    const news = here.filter(({ kind, name }) => !this.find(kind, name) && !this.forgotten.includes(keyOf({ kind, name })));
    const found = news.map((one) => {
      const wanted = { kind: one.kind, id: one.id, revision: one.revision, files: [], name: one.name };
      return new Download(wanted, one.bytes, one.bytes, one, true);
    });
    this.all = [...this.all, ...found];
  }
  /** Models that have arrived stand in the list of models; data sets are told here. */
  of = (kind: HubKind) => this.all.filter(({ wanted }) => wanted.kind === kind);
  /** Those that no card shows. */
  apart = (all: Download[]) => all.filter(({ key, isUnderWay, error }) => !this.attended.includes(key) || !(isUnderWay || error));
  /** A card shows what is asked for by this key; returns what ends it. */
  attend(key: string) {
    untrack(() => (this.attended = [...this.attended, key]));
    return () => (this.attended = this.attended.toSpliced(this.attended.indexOf(key), 1));
  }
  get underWay() {
    return this.all.filter((download) => download.isUnderWay);
  }
  find = (kind: HubKind, name: string) => this.all.find(({ key }) => key === keyOf({ kind, name })) ?? null;

  /** Begins, or goes on with what has arrived. */
  async begin(wanted: Wanted, bytes: number) {
    const known = this.find(wanted.kind, wanted.name);
    if (known?.isUnderWay) return;
    this.all = [new Download(wanted, bytes, known?.done), ...this.all.filter((other) => other !== known)];
    const download = this.find(wanted.kind, wanted.name)!;
    download.isUnderWay = true;
    this.keep();
    try {
      download.brought = await hubGet(wanted, (progress) => {
        [download.done, download.bytes, download.file] = [progress.done_bytes, progress.bytes, progress.file];
        download.marks = marked(download.marks, { at_ms: Date.now(), done: progress.done_bytes });
      });
      download.done = download.bytes = download.brought.bytes;
      this.ended++;
    } catch (thrown) {
      const error = failure(thrown);
      // Whoever stopped it knows.
      download.error = error.code === 'stopped' ? null : error;
    }
    download.isUnderWay = false;
    download.marks = [];
    this.keep();
  }
  resume = (download: Download) => void this.begin(download.wanted, download.bytes);
  stop = ({ wanted }: Download) => void leaveHubGet(wanted.kind, wanted.name).catch(() => {});
  /** Is named no more; what has arrived stays where it is. */
  forget = (download: Download) => {
    if (download.isUnderWay) this.stop(download);
    this.all = this.all.filter((other) => other.key !== download.key);
    this.forgotten.push(download.key);
    this.keep();
  };
  clear() {
    this.all = [];
    localStorage.removeItem(KEY);
  }
  private keep() {
    const kept: Kept[] = this.all
      .filter(({ isFound }) => !isFound)
      .map(({ wanted, bytes, done, brought }) => ({ wanted, bytes, done, brought }));
    localStorage.setItem(KEY, JSON.stringify(kept));
  }
}

export const downloads = new Downloads();
