import type { RunSummary } from '$ipc';

/** What a dialog asks about; none is open where there is nothing. */
class Dialogs {
  toExport: RunSummary[] = $state.raw([]);
  toRemove: RunSummary[] = $state.raw([]);

  close = () => ([this.toExport, this.toRemove] = [[], []]);
}
export const dialogs = new Dialogs();
