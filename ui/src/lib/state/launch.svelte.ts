// A run from its spec to its page.
import { failure, start, type Failure, type Spec } from '$ipc';
import { router } from './router.svelte';
import { runs } from './runs.svelte';

export class Launch {
  isStarting = $state(false);
  error: Failure | null = $state.raw(null);

  /** Writes and starts the run, and goes to watch it. */
  go = async (spec: Spec | Promise<Spec>) => {
    this.isStarting = true;
    this.error = null;
    try {
      const id = await start(await spec);
      void runs.load();
      router.go(['runs', id, 'live']);
    } catch (thrown) {
      this.error = failure(thrown);
    } finally {
      this.isStarting = false;
    }
  };
}
