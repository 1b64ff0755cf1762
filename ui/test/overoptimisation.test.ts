// Parts that are only watched, and what they say of a reward that is trained on.
import { describe, expect, it } from 'vitest';
import type { RewardPart } from '$ipc';
import { watchedForest } from '$lib/charts/forest';
import { panels } from '$lib/charts/lines';
import { change, courses, coursesCsv, marked, overoptimisationInWords } from '$lib/state/overoptimisation';
import { isWatched, labelOf, toWatch, watchedIn } from '$lib/state/rewards';
import { beginning, type Story } from '$lib/state/run';
import { comparisonsCsv, measures, pairMeasures } from '$lib/state/tables';
import { OLD, others, spec } from '../src/dev/fixtures';
import { CHOSEN, WATCHED_SPEC } from '../src/dev/watched';

const reportOf = (id: number) => others.find((run) => run.id === id)!.report!;
const watched = spec(WATCHED_SPEC);

/** A training in which the divergence grows by a nat an iteration. */
function training(n: number, metrics: (i: number) => Record<string, number | null>): Story {
  const rows = Array.from({ length: n }, (_, i) => ({ iteration: i + 1, seconds: 1, metrics: { kl: i, ...metrics(i) } }));
  return { ...beginning(), iterations: new Map(rows.map((row) => [row.iteration, row])) };
}

describe('a part to watch', () => {
  it('is scored with a weight of 0, under a name that is free', () => {
    const parts: RewardPart[] = [{ kind: 'sentiment', weight: 1 }];
    const names = Array.from({ length: 5 }, () => {
      parts.push(toWatch(parts));
      return labelOf(parts.at(-1)!);
    });
    expect(names).toEqual(['readability', 'topicality', 'length_band', 'readability 2', 'readability 3']);
    expect(new Set(parts.map(labelOf)).size).toBe(parts.length);
    expect(parts.slice(1).every(isWatched)).toBe(true);
    expect([watchedIn(watched), watchedIn(spec())]).toEqual([['readability'], []]);
  });
  it('is marked in the tables, and keeps its column in files', () => {
    const report = reportOf(CHOSEN);
    const labels = measures(report.arms, ['readability']).map(({ label }) => label);
    expect(labels).toContain('Part: readability (watched)');
    expect(labels).toContain('Part: sentiment');
    expect(measures(report.arms).map(({ label }) => label)).toContain('Part: readability');
    const curves = panels(
      training(3, () => ({ reward_mean: 1, 'reward_part.readability': 1, 'reward_part.sentiment': 1 })),
      ['readability'],
    );
    const parts = curves.others.find(({ title }) => title === 'Parts of the reward')!;
    expect(parts.lines.map(({ label }) => label)).toEqual(['readability (watched)', 'sentiment']);
  });
});

describe('a comparison', () => {
  it('says what is left at equal length, and what watched parts did', () => {
    const { comparisons } = reportOf(CHOSEN);
    const rows = pairMeasures(comparisons);
    const show = (label: string) => rows.find((row) => row.label.startsWith(label))!.show(comparisons[0]!);
    expect(show('… at equal length')).toBe('+0.172 [+0.082, +0.262] (+0.0031 per token)');
    expect(show('Watched: readability')).toBe('−0.090 [−0.121, −0.060]');
    const bare = { ...comparisons[0]!, at_equal_length: { difference: 0.2, interval: null, per_token: -0.001 }, watched: [] };
    expect(rows.find(({ label }) => label.includes('equal'))!.show(bare)).toBe('+0.200 (−0.0010 per token)');
    expect(rows.find(({ label }) => label.includes('Watched'))!.show(bare)).toBe('–');
    const [head, first] = comparisonsCsv(reportOf(CHOSEN)).split('\r\n');
    const at = (column: string) => first!.split(',')[head!.split(',').indexOf(column)];
    expect([at('watched_readability'), at('reward_per_token')]).toEqual(['-0.09', '0.0031']);
  });
  it('of an older version has neither', () => {
    const { comparisons } = reportOf(OLD);
    expect(pairMeasures(comparisons).some(({ label }) => label.startsWith('Watched'))).toBe(false);
    expect(
      pairMeasures(comparisons)
        .find(({ label }) => label.includes('equal'))!
        .show(comparisons[0]!),
    ).toBe('–');
    expect(watchedForest(comparisons).rows).toEqual([]);
  });
  it('is drawn for the watched parts of what was trained', () => {
    expect(watchedForest(reportOf(CHOSEN).comparisons).rows.map(({ group, label, cells }) => [group, label, cells])).toEqual([
      ['readability', 'Tuned − raw', ['+0.191']],
      ['readability', 'Tuned − untuned', ['+0.230']],
    ]);
  });
});

describe('reward against divergence', () => {
  it('has the root of the divergence, and never the root of what is below 0', () => {
    const [reward] = courses(
      spec(),
      training(4, (i) => ({ reward_mean: i, kl: i === 0 ? -1e-5 : i * i })),
    );
    expect(reward!.steps.map(({ x }) => x)).toEqual([0, 1, 2, 3]);
    expect(reward!.smooth.at(-1)).toEqual({ iteration: 2.5, x: 1.5, y: 1.5 });
  });
  it('leaves out what was not finite, and parts that were not measured', () => {
    const story = training(4, (i) => ({ reward_mean: i === 1 ? null : i, kl: i === 2 ? null : i }));
    const all = courses(watched, story);
    expect(all.map(({ label, steps }) => [label, steps.map(({ iteration }) => iteration)])).toEqual([['reward', [1, 4]]]);
    expect(courses(spec(), beginning())).toEqual([]);
  });
  it('marks the best validation and the last iteration', () => {
    const story = training(6, (i) => ({ reward_mean: i }));
    const words = () => marked(story, courses(spec(), story)[0]!).map(({ word }) => word);
    expect(words()).toEqual(['iteration 6']);
    const best = { kind: 'validated', objective: 1, reward_mean: 1, kl: 1, is_best: true } as const;
    story.validations = new Map([[3, { ...best, iteration: 3 }]]);
    expect(words()).toEqual(['best validation: 3', 'iteration 6']);
    story.validations = new Map([[6, { ...best, iteration: 6 }]]);
    expect(words()).toEqual(['best validation: 6']);
  });
  it('is a change only where it is more than its noise', () => {
    expect(change([0, 0.1, 0, 0.1, 1, 1.1, 1, 1.1])).toMatchObject({ then: 0.05, now: 1.05, way: 1 });
    expect(change([0, 1, 0, 1, 0, 1])?.way).toBe(0);
    expect(change([1, 1, 0, 0])?.way).toBe(-1);
    expect(change([1, 2, 3])).toBeNull();
  });
  it('is said in words', () => {
    const noise = (i: number) => 0.01 * ((i * 7) % 5);
    const words = (readability: (i: number) => number, of = watched) =>
      overoptimisationInWords(
        courses(
          of,
          training(20, (i) => ({ reward_mean: 0.5 + i / 20 + noise(i), 'reward_part.readability': readability(i) + noise(i) })),
        ),
      );
    const falling = words((i) => 0.6 - (i - 5) ** 2 / 400);
    expect(falling).toContain('The reward that is trained on rose from 0.62 to 1.37, from the first 5 iterations to the latest 5');
    expect(falling).toContain('The watched readability fell from 0.59 to 0.26; it was highest near iteration 6, at √KL = 2.2.');
    expect(falling).toContain('may be exploited');
    expect(words((i) => i / 20)).toContain('All that is watched rose with it');
    const flat = words(() => 0.5);
    expect(flat).toContain('The watched readability cannot be told from its noise (0.52, then 0.52).');
    expect(flat).not.toMatch(/exploited/);
    expect(words(() => 0.5, spec())).toContain('nothing independent of the training says');
    expect(
      overoptimisationInWords(
        courses(
          spec(),
          training(3, () => ({ reward_mean: 1 })),
        ),
      ),
    ).toMatch(/too few iterations/);
  });
  it('is saved as it is drawn', () => {
    const story = training(5, (i) => ({ reward_mean: i, 'reward_part.readability': 1 - i }));
    const [head, ...rows] = coursesCsv(courses(watched, story)).trimEnd().split('\r\n');
    expect(head).toBe('series,watched,iteration,sqrt_kl,mean,sqrt_kl_smoothed,mean_smoothed');
    expect(rows).toHaveLength(10);
    expect(rows[5]).toBe('readability,true,1,0,1,0,1');
  });
});
