// A grouped chart of data sets and pairs: what is drawn in it, and where.
import type { Interval } from '$ipc';
import { percent } from '$lib/format';
import { closedIn, type Cell } from '$lib/state/cells';
import { closed, PAPER, PAPER_MODELS } from '$lib/state/paper';
import { ARMS, armWord } from './palette';

export type CellMeasure = 'mean' | 'variance';
export interface CellPoint {
  arm: string;
  value: number;
  range: Interval | null;
}
export interface DrawnCell {
  word: string;
  /** Below its word, one for each of the layer's heads. */
  notes: string[];
  points: CellPoint[];
}
/** Panels on one scale. */
export interface Layer {
  title: string;
  panels: { title: string; cells: DrawnCell[] }[];
  /** Each has its place in every group. */
  arms: { arm: string; word: string }[];
  heads: string[];
  /** What the words of groups stand for. */
  key: string[];
}

function panelsOf(cells: { data: string; drawn: DrawnCell }[]): Layer['panels'] {
  const titles = [...new Set(cells.map(({ data }) => data))];
  return titles.map((title) => ({ title, cells: cells.filter(({ data }) => data === title).map(({ drawn }) => drawn) }));
}

export function ownLayer(cells: Cell[], key: string[], measure: CellMeasure): Layer {
  const hasGaps = measure === 'mean' && cells.some(({ gaps }) => gaps.length > 0);
  const drawn = cells.map((cell) => ({
    data: cell.data,
    drawn: {
      word: cell.pair,
      notes: [String(cell.seeds), ...(hasGaps ? [percent(closedIn(cell))] : [])],
      points: cell.arms.flatMap(({ arm, mean, range, variance }): CellPoint[] => {
        if (measure === 'mean') return [{ arm, value: mean, range }];
        return variance === null ? [] : [{ arm, value: variance, range: null }];
      }),
    },
  }));
  const arms = ARMS.filter((arm) => cells.some((cell) => cell.arms.some((one) => one.arm === arm)));
  return {
    title: 'Your runs',
    panels: panelsOf(drawn),
    arms: arms.map((arm) => ({ arm, word: armWord(arm) })),
    heads: ['seeds', ...(hasGaps ? ['gap closed'] : [])],
    key,
  };
}

/** What the paper calls no fine-tuning may be the raw prompt or the untuned prompter, so it is neither here. */
export const UNKNOWN_BASELINE = 'none';
export function paperLayer(measure: CellMeasure): Layer {
  const names = [UNKNOWN_BASELINE, 'tuned', 'oracle'];
  const hasGaps = measure === 'mean';
  return {
    title: 'The paper’s own values, read off its charts (±0.01), on a scale of their own',
    panels: panelsOf(
      PAPER.map((cell) => ({
        data: cell.data,
        drawn: {
          word: cell.pair,
          notes: hasGaps ? [percent(closed(cell))] : [],
          points: names.map((arm, i) => ({ arm, value: cell[measure][i] ?? 0, range: null })),
        },
      })),
    ),
    arms: ['No fine-tuning', 'Align-Pro', 'Oracle (RLHF)'].map((word, i) => ({ arm: names[i] ?? '', word })),
    heads: hasGaps ? ['gap closed'] : [],
    key: PAPER_MODELS,
  };
}

export const LEFT = 74;
const RIGHT = 8;
/** Between panels. */
export const GAP = 24;
const MOST = 132;
/** What a group needs for its words. */
const LEAST = 46;
const POINT = 13;
const MARGIN = 14;

export interface PanelPlace {
  row: number;
  left: number;
  /** Width of a group. */
  slot: number;
}
/** Panels with so many groups side by side, in as many rows as they need; those of a row are as wide as there is room for. */
export function layOut(counts: number[], arms: number, width: number): PanelPlace[] {
  const least = Math.max(LEAST, arms * POINT + MARGIN);
  const room = width - LEFT - RIGHT;
  const rows: number[][] = [];
  let used = Infinity;
  for (const count of counts) {
    const size = count * least + GAP;
    if (used + size - GAP > room) {
      rows.push([]);
      used = 0;
    }
    rows.at(-1)?.push(count);
    used += size;
  }
  return rows.flatMap((row, at) => {
    const groups = row.reduce((a, b) => a + b, 0);
    const slot = Math.min(MOST, (room - GAP * (row.length - 1)) / groups);
    let left = LEFT;
    return row.map((count) => {
      const place = { row: at, left, slot };
      left += count * slot + GAP;
      return place;
    });
  });
}

/** Where an arm stands within its group. */
export const armAt = (index: number, arms: number, slot: number) =>
  slot / 2 + (index - (arms - 1) / 2) * Math.min(POINT + 5, (slot - MARGIN) / Math.max(1, arms));
