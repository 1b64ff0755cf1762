import { load, type Load } from '$ipc';

const POLL_MS = 1000;
/** Two minutes. */
export const LOADS = 120;

/** The loads that are kept with one more, or none where no worker has the run. */
export const keptLoads = (loads: Load[], next: Load | null): Load[] => (next ? [...loads, next].slice(-LOADS) : []);

/** A curve of the kept loads that ends at the right. */
export const curve = (loads: Load[], value: (load: Load) => number | null): (number | null)[] => [
  ...Array<null>(LOADS - loads.length).fill(null),
  ...loads.map(value),
];

/** What a run's worker takes of the machine, looked at every second while somebody can see it. */
export class LoadMeter {
  loads: Load[] = $state.raw([]);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isOver = false;
  private readonly id: number;

  constructor(id: number) {
    this.id = id;
    document.addEventListener('visibilitychange', this.look);
    this.look();
  }
  end = () => {
    this.isOver = true;
    clearTimeout(this.timer);
    document.removeEventListener('visibilitychange', this.look);
  };
  private look = () => {
    clearTimeout(this.timer);
    if (document.hidden) this.loads = [];
    else void this.poll();
  };
  private async poll() {
    // What a worker takes is an extra: where it cannot be told, nothing is shown.
    const next = await load(this.id).catch(() => null);
    if (this.isOver || document.hidden) return;
    this.loads = keptLoads(this.loads, next);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.poll(), POLL_MS);
  }
}
