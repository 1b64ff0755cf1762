// A run from its spec to its page.
import { failure, start, type Failure, type Spec } from '$ipc';
import { plural } from '$lib/format';
import { notices } from './notices.svelte';
import { router } from './router.svelte';
import { runs } from './runs.svelte';

export class Launch {
  isStarting = $state(false);
  error: Failure | null = $state.raw(null);

  /** Writes and starts a run for each seed, and goes to where they can be watched. */
  go = async (spec: Spec | Promise<Spec>, seeds = 1) => {
    this.isStarting = true;
    this.error = null;
    try {
      const [first, ...others] = await start(await spec, seeds);
      void runs.load();
      if (first !== undefined && others.length === 0) router.go(['runs', first, 'live']);
      else {
        notices.say(`${plural(seeds, 'run')}: the first one begins, the others wait for their turn.`);
        router.go(['experiments']);
      }
    } catch (thrown) {
      this.error = failure(thrown);
    } finally {
      this.isStarting = false;
    }
  };
}
