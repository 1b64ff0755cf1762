import type { RunSummary } from '$ipc';
import { grouped, matching, ordered, toggledTag, type Column, type Experiment, type Order, type View } from './experiments';
import { Selection, type Row } from './selection.svelte';

export const seedKey = (run: RunSummary) => `run ${run.id}`;

/** How the list of experiments is looked at: filter, order, view, what is open, selected and being edited. */
export class Listing {
  filter = $state('');
  order: Order = $state({ column: 'created', isDescending: true });
  view: View = $state('all');
  opened: Record<string, boolean> = $state({});
  editing: { row: string; what: 'name' | 'tags' } | null = $state.raw(null);
  readonly selection = new Selection();

  sort(column: Column) {
    const isDescending =
      this.order.column === column ? !this.order.isDescending : column !== 'name' && column !== 'status' && column !== 'seed';
    this.order = { column, isDescending };
  }
  look(view: View) {
    this.view = view;
    this.selection.clear();
  }
  chooseTag = (tag: string) => (this.filter = toggledTag(this.filter, tag));
  groups = (runs: RunSummary[]) => ordered(grouped(matching(runs, this.filter)), this.order);

  /** The rows of these groups as they are seen, with the seeds of those that are open. */
  rows(groups: Experiment[]): Row[] {
    return groups.flatMap((group) => {
      const row = { key: group.key, ids: group.runs.map((run) => run.id) };
      const isOpen = group.runs.length > 1 && this.opened[group.key];
      return isOpen ? [row, ...group.runs.map((run) => ({ key: seedKey(run), ids: [run.id] }))] : [row];
    });
  }
}
