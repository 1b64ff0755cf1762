import { fetchEmbedded } from '$ipc';
import { Work } from './work.svelte';

/** The embedded model on its way, wherever in the window one is. Nothing stops it: what has arrived is kept in any case. */
class Fetching extends Work<null, never, null> {
  /** How often it has arrived: by then there is something new on the machine. */
  ended = $state(0);

  constructor() {
    super(fetchEmbedded, async () => {});
  }
  override async begin() {
    if (this.since !== null) return;
    await super.begin(null);
    if (this.error === null) this.ended++;
  }
}

export const fetching = new Fetching();
