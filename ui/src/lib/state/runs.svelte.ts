import { runs as ask } from '$ipc';
import { Resource } from './resource.svelte';
import { isActive } from './run';

const MOVING_MS = 1000;
const RESTING_MS = 10_000;

class Runs extends Resource<Awaited<ReturnType<typeof ask>>> {
  private watchers = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Keeps the list fresh while somebody looks; returns what ends it. */
  watch = () => {
    this.watchers++;
    if (this.watchers === 1) void this.turn();
    return () => {
      this.watchers--;
      if (this.watchers === 0) clearTimeout(this.timer);
    };
  };
  private turn = async () => {
    clearTimeout(this.timer);
    await this.load();
    if (this.watchers === 0) return;
    const isMoving = this.value?.some((run) => run.file === null && isActive(run.status));
    this.timer = setTimeout(this.turn, isMoving ? MOVING_MS : RESTING_MS);
  };
}

export const runs = new Runs(ask);
