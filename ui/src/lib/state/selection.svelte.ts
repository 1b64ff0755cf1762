// Which runs are selected in a list whose rows hold one or several of them.
export interface Row {
  key: string;
  ids: number[];
}

/** The ids after a row was switched, and with it, where a range is meant, all rows from the anchor to it. */
export function switched(ids: number[], rows: Row[], key: string, isOn: boolean, anchor: string | null = null): number[] {
  const [a, b] = [rows.findIndex((row) => row.key === anchor), rows.findIndex((row) => row.key === key)];
  const touched = a < 0 ? rows.slice(b, b + 1) : rows.slice(Math.min(a, b), Math.max(a, b) + 1);
  const those = new Set(touched.flatMap((row) => row.ids));
  const others = ids.filter((id) => !those.has(id));
  return isOn ? [...others, ...those] : others;
}

export class Selection {
  ids: number[] = $state.raw([]);
  private anchor: string | null = null;

  count = (ids: number[]) => ids.filter((id) => this.ids.includes(id)).length;
  pick(rows: Row[], key: string, isOn: boolean, isRange: boolean) {
    this.ids = switched(this.ids, rows, key, isOn, isRange ? this.anchor : null);
    this.anchor = key;
  }
  set(ids: number[]) {
    this.ids = ids;
    this.anchor = null;
  }
  clear = () => this.set([]);
}
