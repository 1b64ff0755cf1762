// Samples, comparisons of runs, and what charts are made of.
import { describe, expect, it } from 'vitest';
import type { RunSummary } from '$ipc';
import { density, quantile } from '$lib/charts/density';
import { extent, room } from '$lib/charts/extent';
import { differenceForest, inGroups, ratioForest, seedForest } from '$lib/charts/forest';
import { ARMS } from '$lib/charts/palette';
import { DEFAULT_ARMS } from '$lib/state/arms';
import { baselinesOf, curves, differences, gains, smoothed } from '$lib/state/compare';
import { asKind } from '$lib/state/rewards';
import { armsIn, askedPair, gain, rewardsCsv, searched, sortedSamples, usualPair } from '$lib/state/samples';
import { EVERY_ARM, UNTRAINED } from '../src/dev/arms';
import { others, spec, summaries } from '../src/dev/fixtures';
import { samples } from '../src/dev/samples';
import { analysed } from '../src/dev/seeds';

describe('samples', () => {
  it('sort by gain, loss and order, and are searched in all texts', () => {
    const all = samples(1, 12);
    const pair = usualPair(armsIn(all));
    expect(pair).toEqual({ arm: 'tuned', baseline: 'raw' });
    const gains = sortedSamples(all, 'gain', pair).map((s) => gain(s, pair) ?? NaN);
    expect(gains).toEqual([...gains].sort((a, b) => b - a));
    expect(sortedSamples(all, 'loss', pair)[0]).toEqual(sortedSamples(all, 'gain', pair).at(-1));
    expect(sortedSamples(all, 'gain', null)).toEqual(sortedSamples(all, 'prompt', pair));
    expect(sortedSamples(all, 'prompt', pair).map((s) => s.prompt_index)).toEqual([...Array(12).keys()]);
    expect(searched(all, 'GOALKEEPER').map((s) => s.prompt_index)).toContain(0);
    expect(gain({ prompt_index: 0, prompt: '', system: null, answers: [] }, pair)).toBeNull();
  });
  it('compare two of the arms that there are', () => {
    const all = samples(1, 3, ['oracle', 'raw', 'optimum']);
    // Pools are no arms.
    all[0]?.answers.push({ ...all[0].answers[0]!, arm: 'rewrite_pool' });
    const arms = armsIn(all);
    expect(arms).toEqual(['raw', 'optimum', 'oracle']);
    expect(rewardsCsv(all).trimEnd().split('\r\n')).toHaveLength(1 + 3 * 3 * 2);
    expect(askedPair(arms, undefined, undefined)).toEqual({ arm: 'oracle', baseline: 'raw' });
    expect(askedPair(arms, 'optimum', 'oracle')).toEqual({ arm: 'optimum', baseline: 'oracle' });
    for (const [of, over] of [
      ['tuned', 'raw'],
      ['raw', 'raw'],
      ['rewrite_pool', 'raw'],
    ])
      expect(askedPair(arms, of, over)).toEqual({ arm: 'oracle', baseline: 'raw' });
    expect([usualPair(['raw']), usualPair([])]).toEqual([null, null]);
  });
});

describe('comparisons', () => {
  it('average seeds where all of them have a value', () => {
    const [one] = curves(
      [
        { ...summaries[0], seed: 1, reward_curve: [1, 2, null] },
        { ...summaries[0], seed: 2, reward_curve: [3, 4, 5, 6] },
      ] as RunSummary[],
      1,
    );
    expect(one).toMatchObject({ middle: [2, 3, null], low: [1, 2, null], high: [3, 4, null] });
    expect(smoothed([1, null, 3], 5)).toEqual([1, null, 2]);
  });
  it('hold the tuned prompter against the usual arms, or against another', () => {
    const every = others.find((run) => run.id === EVERY_ARM)!;
    const untrained = others.find((run) => run.id === UNTRAINED)!;
    const three = [summaries.find((run) => run.id === 1)!, every, untrained];
    expect(baselinesOf(three)).toEqual(ARMS.filter((arm) => arm !== 'tuned'));
    expect(gains(three, '').map(({ run, comparison }) => [run.id, comparison.baseline])).toEqual([
      [1, 'raw'],
      [1, 'untuned'],
      [EVERY_ARM, 'raw'],
      [EVERY_ARM, 'untuned'],
    ]);
    expect(gains(three, 'oracle').map(({ run }) => run.id)).toEqual([EVERY_ARM]);
    expect(baselinesOf([untrained])).toEqual([]);
  });
  it('take a spec that names no arms for one with the usual ones', () => {
    expect(differences([spec(), spec({ arms: { ...DEFAULT_ARMS, oracle: true } })]).map((d) => [d.key, d.values])).toEqual([
      ['arms.oracle', ['false', 'true']],
    ]);
  });
  it('name the keys in which specs differ', () => {
    const other = spec({ kl: 0.5, seed: 2 });
    other.reward.parts.push(asKind('readability', 1));
    expect(differences([spec(), other]).map((d) => [d.key, d.values])).toEqual([
      ['seed', ['1', '2']],
      ['training.kl_coefficient', ['0.01', '0.5']],
      ['reward.parts[2].kind', [null, 'readability']],
      ['reward.parts[2].weight', [null, '1']],
    ]);
  });
});

describe('a forest', () => {
  const { comparisons } = summaries.find((run) => run.id === 1)!.report!;
  const rows = comparisons.map((comparison) => ({ comparison }));
  it('says more where there is room', () => {
    expect(differenceForest(rows, 500).heads).toEqual(['difference [95 % interval]', 'p', 'prompts']);
    const wide = differenceForest(rows, 1000);
    expect(wide.rows[0]?.cells).toHaveLength(wide.heads.length - 1);
    expect(wide.rows[0]?.cells[1]).toBe('74 %');
  });
  it('puts many rows into groups, those of the tuned prompter first', () => {
    const pairs = ['untuned raw', 'tuned raw', 'oracle raw', 'tuned oracle'].map((pair) => {
      const [arm = '', baseline = ''] = pair.split(' ');
      return { arm, baseline };
    });
    expect(inGroups(pairs, (pair) => pair).map(({ row, group }) => [row.arm, row.baseline, group])).toEqual([
      ['tuned', 'raw', 'Tuned against each'],
      ['tuned', 'oracle', 'Tuned against each'],
      ['untuned', 'raw', 'Others against raw'],
      ['oracle', 'raw', 'Others against raw'],
    ]);
    expect(inGroups(pairs.slice(0, 3), (pair) => pair).map(({ group }) => group)).toEqual([undefined, undefined, undefined]);
  });
  it('leaves out ratios that are not there', () => {
    expect(ratioForest(comparisons).rows).toHaveLength(3);
    expect(ratioForest(comparisons.map((c) => ({ ...c, variance: null }))).rows).toEqual([]);
  });
  it('shows of one seed the bootstrap alone', () => {
    const { comparisons: many } = analysed(summaries.filter((run) => run.id <= 2));
    expect(seedForest(many).rows[0]).toMatchObject({ range: many[0]!.difference.student, inner: many[0]!.difference.bootstrap });
    const one = many.map((c) => ({ ...c, difference: { ...c.difference, student: null } }));
    expect(seedForest(one).rows[0]).toMatchObject({ range: many[0]!.difference.bootstrap, inner: null });
  });
});

it('a density holds the weight of its values', () => {
  const curve = density([0, 0.1, 0.5, 0.4], -3, 4, 400);
  const area = curve.reduce((sum, p) => sum + p.height, 0) * (7 / 399);
  expect(area).toBeCloseTo(1, 2);
  expect(density([], 0, 1)).toEqual([]);
  expect([quantile([1, 2, 3, 4], 0.5), quantile([5], 0.9)]).toEqual([2.5, 5]);
});

it('an axis has a sensible length for a single value', () => {
  expect([extent(null, null), extent(0, 0), extent(0, 0, 0.1), extent(-6.4e-6, -6.4e-6, 0.1), extent(-0.05, -0.05, 0.1)]).toEqual([
    [0, 1],
    [0, 1],
    [0, 0.1],
    [0, 0.1],
    [-0.1, 0.1],
  ]);
  expect([extent(0.5, 0.5), extent(-1, 1), extent(0, 12, 0.1)]).toEqual([
    [0, 0.54],
    [-1.16, 1.16],
    [0, 12.96],
  ]);
  expect([room([]), room([2, 2]), room([1, 3])]).toEqual([
    [0, 1],
    [1.5, 2.5],
    [1, 3],
  ]);
});
