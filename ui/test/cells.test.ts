// Runs by data set and pair of models, beside the paper's own values.
import { describe, expect, it } from 'vitest';
import type { RunSummary, SeedsReport } from '$ipc';
import { armAt, GAP, layOut, LEFT, ownLayer, paperLayer, UNKNOWN_BASELINE } from '$lib/charts/cells';
import { cellRatioForest, gainForest } from '$lib/charts/forest';
import { flow } from '$lib/charts/legend';
import {
  aboveInWords,
  cellGains,
  cellRatios,
  cellsCsv,
  cellsOf,
  closedIn,
  codes,
  dataWords,
  experimentsOf,
  haveCells,
  haveOneReward,
  keyOf,
  leastInWords,
  leastVariance,
  withSeeds,
} from '$lib/state/cells';
import { adjusted, holm } from '$lib/state/compare';
import { closed, leastInPaper, leastInPaperInWords, meanInPaperInWords, PAPER } from '$lib/state/paper';
import { CELLS } from '../src/dev/cells';
import { others, spec, summaries } from '../src/dev/fixtures';
import { analysed } from '../src/dev/seeds';
import { WATCHED_SPEC } from '../src/dev/watched';

const runOf = (id: number): RunSummary => [...others, ...summaries].find((run) => run.id === id)!;
const chosen = CELLS.map(runOf);
const experiments = experimentsOf(chosen);
const together = new Map<string, SeedsReport>(withSeeds(experiments).map(({ key, runs }) => [key, analysed(runs)]));
const cells = cellsOf(experiments, together);
const arm = (cell: (typeof cells)[number] | undefined, name: string) => cell?.arms.find((one) => one.arm === name);

describe('the paper’s values', () => {
  it('are those of its figures', () => {
    expect(PAPER).toHaveLength(12);
    expect(PAPER.map(({ data, pair }) => `${data} ${pair}`)).toEqual(
      ['UltraFeedback', 'Orca', 'HelpSteer'].flatMap((data) => ['P1-F1', 'P1-F2', 'P2-F1', 'P2-F2'].map((pair) => `${data} ${pair}`)),
    );
    const sum = (of: 'mean' | 'variance') => PAPER.reduce((total, cell) => total + cell[of].reduce((a, b) => a + b, 0), 0);
    expect([sum('mean'), sum('variance')]).toEqual([expect.closeTo(44.39), expect.closeTo(49.61)]);
  });
  it('show the least variance in 10 of 12 groups, whatever the claim', () => {
    expect(leastInPaper()).toEqual({
      groups: 12,
      least: 10,
      exceptions: [
        'Orca P2-F1 (oracle 1.31, Align-Pro 1.33, no more apart than two readings can be off)',
        'HelpSteer P1-F1 (oracle 0.82, Align-Pro 0.87)',
      ],
    });
    expect(leastInPaperInWords()).toMatch(/^The paper claims .* in 10 of 12 groups, not in Orca P2-F1 .* and HelpSteer P1-F1/);
  });
  it('lie in order in all of them, and close their gaps', () => {
    expect(meanInPaperInWords()).toBe(
      'In the paper’s charts Align-Pro lies between the other two in 12 of 12 groups, and closes 29 % to 90 % of the gap.',
    );
    expect(closed(PAPER[0]!)).toBeCloseTo(0.745, 3);
  });
});

describe('cells', () => {
  it('are there where data sets or models differ among the runs with a report', () => {
    expect([haveCells(chosen), haveCells([runOf(21), runOf(22)]), haveCells([runOf(1), runOf(3)])]).toEqual([true, false, false]);
    expect(haveCells([runOf(21), { ...runOf(24), report: null }])).toBe(false);
    // One data set's experiments stand together, in whatever order they were chosen.
    expect(experimentsOf([runOf(21), runOf(24), runOf(23)]).map(({ name }) => name)).toEqual(['grid-1', 'grid-2', 'grid-3']);
  });
  it('have the models’ codes in the order in which they come', () => {
    expect(cells.map(({ data, pair, seeds }) => [data, pair, seeds])).toEqual([
      ['Shipped prompts', 'P1-F1', 2],
      ['Shipped prompts', 'P2-F1', 1],
      ['helpsteer', 'P1-F1', 2],
      ['helpsteer', 'P2-F1', 1],
      ['orca-prompts', 'P1-F2', 1],
    ]);
    expect(keyOf(cells)).toEqual([
      'P1: smollm2-135m-instruct',
      'P2: qwen2.5-0.5b-instruct',
      'F1: smollm2-135m-instruct',
      'F2: qwen2.5-0.5b-instruct',
    ]);
    expect([...codes('P', ['a', 'b', 'a'])]).toEqual([
      ['a', 'P1'],
      ['b', 'P2'],
    ]);
  });
  it('tell experiments apart that agree in data and pair', () => {
    const twins = cellsOf(experimentsOf([runOf(1), runOf(3), runOf(23)]), new Map());
    expect(twins.map(({ pair }) => pair)).toEqual(['P1-F1 a', 'P1-F1 b', 'P2-F1']);
    expect(keyOf(twins)).toContain('Shipped prompts P1-F1 a: quickstart');
    expect(keyOf(twins)).toContain('F1: smollm2-135m-instruct');
  });
  it('call data sets as shortly as tells them apart', () => {
    const words = [...dataWords(['shipped', '/a/orca.csv', '/a/orca.jsonl', '/b/help.csv', '/c/help.csv', 'C:\\d\\x.parquet']).values()];
    expect(words).toEqual(['Shipped prompts', 'orca.csv', 'orca.jsonl', '/b/help.csv', '/c/help.csv', 'x']);
  });
  it('have of several seeds the mean with Student’s interval, of one run its own', () => {
    const over = together.get('cell01')!.arms.find((one) => one.arm === 'tuned')!.reward;
    expect(arm(cells[0], 'tuned')).toMatchObject({ mean: over.mean, range: over.student });
    expect(arm(cells[0], 'tuned')!.mean).toBeCloseTo(1.025);
    const own = runOf(23).report!.arms.find(({ name }) => name === 'tuned')!;
    expect(arm(cells[1], 'tuned')).toMatchObject({ mean: own.reward_mean, range: { low: own.reward_ci_low, high: own.reward_ci_high } });
    expect(arm(cells[0], 'tuned')!.variance).toBeCloseTo(0.16);
  });
  it('have of seeds that cannot be put together a mean without an interval', () => {
    const [cell] = cellsOf(experiments, new Map());
    expect(arm(cell, 'tuned')).toMatchObject({ mean: expect.closeTo(1.025), range: null });
    expect([cell!.seeds, cell!.gaps, cell!.comparisons]).toEqual([2, [], []]);
  });
  it('count failed seeds', () => {
    const report = structuredClone(together.get('cell01')!);
    Object.assign(report.arms.find((one) => one.arm === 'tuned')!.reward, { seeds: 3, failed: 1 });
    expect(cellsOf(experiments, new Map([['cell01', report]]))[0]).toMatchObject({ seeds: 3, failed: 1 });
  });
  it('say where the tuned prompter varies least, and where it is above', () => {
    expect(leastVariance(cells)).toEqual({
      groups: 5,
      least: 4,
      exceptions: ['Shipped prompts P2-F1 (oracle 0.170, tuned 0.180)'],
    });
    expect(leastInWords(cells)).toMatch(/least variance in 4 of 5 groups, not in Shipped prompts P2-F1/);
    expect(leastInWords(cells.slice(0, 1))).toMatch(/in 1 of 1 group:/);
    // An arm that chooses the best of its answers varies less by making, and is not what the paper compares.
    const [first] = cells;
    const chooser = { ...first!, arms: [...first!.arms, { arm: 'best_answer' as const, mean: 1.3, range: null, variance: 0.01 }] };
    expect(leastVariance([chooser]).least).toBe(1);
    expect(leastInWords([{ ...first!, arms: first!.arms.slice(0, 1) }])).toMatch(/^No group here/);
    expect(aboveInWords(cells)).toMatch(/above raw in 5 of 5, and above untuned in 5 of 5 groups/);
    expect(aboveInWords([])).toBe('');
  });
  it('have the gap over the raw prompt where there is one', () => {
    expect(closedIn(cells[1]!)).toBeCloseTo(0.35 / 0.45);
    expect(closedIn({ ...cells[1]!, gaps: cells[1]!.gaps.slice(1) })).toBeCloseTo(0.31 / 0.41);
    expect(closedIn({ ...cells[1]!, gaps: [] })).toBeNull();
  });
  it('share a scale where they share a reward, whatever is watched', () => {
    expect(haveOneReward([spec(), spec(WATCHED_SPEC)])).toBe(true);
    const other = spec();
    other.reward.parts[1]!.weight = 0.7;
    expect(haveOneReward([spec(), other])).toBe(false);
  });
});

describe('gains', () => {
  it('are adjusted after Holm for all that are shown', () => {
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([
      expect.closeTo(0.03),
      expect.closeTo(0.06),
      expect.closeTo(0.06),
      expect.closeTo(0.02),
    ]);
    expect([holm([]), holm([0.9, 0.8])]).toEqual([[], [1, 1]]);
    const rows = runOf(1).report!.comparisons.map((comparison) => ({ comparison }));
    expect(adjusted(rows)[0]!.comparison).toMatchObject({ p_value: 0.0001, p_holm: expect.closeTo(0.0003) });
  });
  it('of several seeds have the p of their t test, adjusted together with those of single runs', () => {
    const gains = cellGains(cells, '');
    expect(gains).toHaveLength(10);
    const [seeds, , one] = gains;
    const { p_value } = together.get('cell01')!.comparisons[0]!;
    expect(seeds).toMatchObject({ cell: 'Shipped prompts, P1-F1', baseline: 'raw', p: p_value, seeds: 2 });
    expect(gains.map(({ adjusted }) => adjusted)).toEqual(holm(gains.map(({ p }) => p!)));
    expect(one).toMatchObject({ cell: 'Shipped prompts, P2-F1', p: 0.0004, adjusted: expect.closeTo(0.004) });
    expect(cellGains(cells, 'oracle').map(({ baseline }) => baseline)).toEqual(Array(5).fill('oracle'));
    const { rows } = gainForest(gains);
    expect([rows[0]!.cells, rows[2]!.cells]).toEqual([
      ['0.009', '0.026', '2'],
      ['< 0.001', '0.004', '1'],
    ]);
    // One seed has no t test.
    const untested = new Map(
      [...together].map(([key, report]) => [key, { ...report, comparisons: report.comparisons.map((c) => ({ ...c, p_value: null })) }]),
    );
    expect(cellGains(cellsOf(experiments, untested), '')[0]).toMatchObject({ p: null, adjusted: null });
  });
  it('have ratios of variances in each run that has an interval', () => {
    const ratios = cellRatios(experiments, cells, 'raw');
    expect(ratios.map(({ cell, baseline, seed }) => [cell, baseline, seed])).toEqual([
      ['Shipped prompts, P1-F1', 'raw', 1],
      ['Shipped prompts, P1-F1', 'raw', 2],
      ['Shipped prompts, P2-F1', 'raw', null],
      ['helpsteer, P1-F1', 'raw', 1],
      ['helpsteer, P1-F1', 'raw', 2],
      ['helpsteer, P2-F1', 'raw', null],
      ['orca-prompts, P1-F2', 'raw', null],
    ]);
    expect(cellRatios(experiments, cells, '')).toHaveLength(14);
    const [first, , third] = cellRatioForest(ratios).rows;
    expect([first!.label, third!.label, first!.group]).toEqual(['Tuned / raw, seed 1', 'Tuned / raw', 'Shipped prompts, P1-F1']);
    expect(first!.words[0]).toBe('0.67');
    // Reports of the first version have none.
    const aged = experiments.map((one) => ({
      ...one,
      runs: one.runs.map((run) => ({
        ...run,
        report: { ...run.report!, comparisons: run.report!.comparisons.map((c) => ({ ...c, variance: null })) },
      })),
    }));
    expect(cellRatios(aged, cells, '')).toEqual([]);
  });
});

describe('the grouped chart', () => {
  it('gives each arm its place in every group', () => {
    const layer = ownLayer(cells, ['key'], 'mean');
    expect(layer.panels.map(({ title, cells: of }) => [title, of.length])).toEqual([
      ['Shipped prompts', 2],
      ['helpsteer', 2],
      ['orca-prompts', 1],
    ]);
    expect([layer.arms.map((one) => one.arm), layer.heads]).toEqual([
      ['raw', 'untuned', 'tuned', 'oracle'],
      ['seeds', 'gap closed'],
    ]);
    expect(layer.panels[0]!.cells[1]!.notes).toEqual(['1', '78 %']);
    const variance = ownLayer(cells, [], 'variance');
    expect([variance.heads, variance.panels[0]!.cells[0]!.points[2]]).toEqual([
      ['seeds'],
      { arm: 'tuned', value: expect.closeTo(0.16), range: null },
    ]);
    const at = [0, 1, 2].map((i) => armAt(i, 3, 60));
    expect([at[1], at[2]! - at[1]!]).toEqual([30, expect.closeTo(at[1]! - at[0]!)]);
    expect(armAt(7, 8, 118)).toBeLessThan(118);
  });
  it('draws the paper apart, with a baseline of its own', () => {
    const layer = paperLayer('mean');
    expect(layer.title).toContain('read off its charts (±0.01)');
    expect(layer.panels.map(({ cells: of }) => of.length)).toEqual([4, 4, 4]);
    expect(layer.panels[0]!.cells[0]).toEqual({
      word: 'P1-F1',
      notes: ['74 %'],
      points: [
        { arm: UNKNOWN_BASELINE, value: 0.39, range: null },
        { arm: 'tuned', value: 1.12, range: null },
        { arm: 'oracle', value: 1.37, range: null },
      ],
    });
    expect(paperLayer('variance').panels[2]!.cells[3]!.points.map(({ value }) => value)).toEqual([0.94, 0.61, 0.86]);
  });
  it('fills its rows, and needs more of them where it is narrow', () => {
    const wide = layOut([4, 4, 4], 3, 900);
    expect(new Set(wide.map(({ row }) => row))).toEqual(new Set([0]));
    expect(wide[1]!.left - wide[0]!.left).toBeCloseTo(4 * wide[0]!.slot + GAP);
    const end = wide[2]!.left + 4 * wide[2]!.slot;
    expect(end).toBeLessThanOrEqual(900);
    expect(end).toBeGreaterThan(880);
    const narrow = layOut([4, 4, 4], 3, 400);
    expect(narrow.map(({ row, left }) => [row, left])).toEqual([
      [0, LEFT],
      [1, LEFT],
      [2, LEFT],
    ]);
    // One panel that is too wide for a row is drawn closer.
    const [crowded] = layOut([20], 8, 500);
    expect(LEFT + 20 * crowded!.slot).toBeLessThanOrEqual(500);
    expect(layOut([], 3, 400)).toEqual([]);
  });
  it('puts the words of a legend side by side', () => {
    expect(flow(['aaaa', 'bbbb', 'cccc'], 100, 20).map(({ row }) => row)).toEqual([0, 1, 2]);
    expect(flow(['aaaa', 'bbbb', 'cccc'], 200, 20)).toEqual([
      { left: 0, row: 0 },
      { left: 58, row: 0 },
      { left: 116, row: 0 },
    ]);
  });
  it('is saved with the paper’s values only where they are shown', () => {
    const [head, ...rows] = cellsCsv(cells, false).trimEnd().split('\r\n');
    expect(rows).toHaveLength(20);
    const all = cellsCsv(cells, true).trimEnd().split('\r\n');
    expect(all).toHaveLength(1 + 20 + 36);
    expect(new Set(all.map((row) => row.replace(/"[^"]*"/g, '').split(',').length)).size).toBe(1);
    expect(all[21]).toMatch(/^"the paper, read off its charts",UltraFeedback,P1-F1,/);
    expect(head).toContain('gap_closed_over_no_fine_tuning');
    expect(rows[0]).toMatch(/^own,Shipped prompts,P1-F1,smollm2-135m-instruct,smollm2-135m-instruct,grid-1,2,0,raw,/);
  });
});
