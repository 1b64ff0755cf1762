// What several seeds of one experiment found, as rows: shown, copied and saved from one source.
import type { Component, ComparisonOverSeeds, Interval, MeanOverSeeds, SeedsReport } from '$ipc';
import { fixed, interval, NONE, signed, signedInterval } from '$lib/format';
import { areClustered } from './clusters';
import { ends, measuresCsv, testMeasures, within, type Measure } from './tables';

/** Rewards of an arm, or with their sign differences of two. */
export function seedMeasures<Of>(get: (of: Of) => MeanOverSeeds, isDifference = false): Measure<Of>[] {
  const number = isDifference ? signed : fixed;
  const range = isDifference ? signedInterval : interval;
  const between = (label: string, key: string, title: string, of: (mean: MeanOverSeeds) => Interval | null): Measure<Of> => ({
    label,
    title,
    show: (x) => within(of(get(x)), range) || NONE,
    raw: ends(key, (x) => of(get(x))),
  });
  const component = (label: string, key: string, title: string, of: (mean: MeanOverSeeds) => Component | null): Measure<Of> => ({
    label: `Variance: ${label} [95 %]`,
    title,
    show: (x) => {
      const found = of(get(x));
      return found ? `${fixed(found.variance)} ${within(found.interval)}`.trim() : NONE;
    },
    raw: [[key, (x) => of(get(x))?.variance ?? null], ...ends(key, (x: Of) => of(get(x))?.interval)],
  });
  return [
    { label: 'Mean over seeds', show: (x) => number(get(x).mean), raw: [['mean', (x) => get(x).mean]] },
    between(
      '… 95 % by Student’s t',
      'student',
      'Seeds and prompts, or clusters of them, both random; right for few seeds',
      (m) => m.student,
    ),
    between(
      '… 95 % by bootstrap',
      'bootstrap',
      'Seeds and prompts, or clusters of them, resampled, crossed; too narrow below ten seeds',
      (m) => m.bootstrap,
    ),
    {
      label: 'Deviation of the seeds’ means',
      title: 'Standard deviation over seeds',
      show: (x) => fixed(get(x).deviation),
      raw: [['deviation', (x) => get(x).deviation]],
    },
    {
      label: 'Seeds (of them failed)',
      title: 'A failed seed counts at the baseline’s value: as a difference of 0, and in the tuned arm as the raw prompt’s mean',
      show: (x) => `${get(x).seeds} (${get(x).failed})`,
      raw: [
        ['seeds', (x) => get(x).seeds],
        ['failed', (x) => get(x).failed],
      ],
    },
    component('seeds', 'seed', 'Between training seeds, the same for all prompts', (m) => m.components.seed),
    component('prompts', 'prompt', 'Between prompts, the same for all seeds', (m) => m.components.prompt),
    component('seed × prompt', 'interaction', 'What a seed does to one prompt but not to others', (m) => m.components.interaction),
    component(
      'rewrite and answer',
      'answer',
      'Each answer has a rewrite of its own, so the two are one; the raw prompt has answers alone',
      (m) => m.components.rewrite ?? m.components.answer,
    ),
  ];
}

/** Whether a difference over seeds is more than chance. */
export const overSeedsMeasures = testMeasures(
  'Two-sided, of the t test with seeds and prompts, or clusters of them, both random; none with one seed',
);

const CHANCE = 'The smallest true difference that is found with a probability of 80 % at a level of 5 %';
type WithPower = Pick<ComparisonOverSeeds, 'power'>;
const found = (label: string, key: 'smallest' | 'twice_prompts' | 'twice_answers' | 'twice_seeds'): Measure<WithPower> => ({
  label,
  title: CHANCE,
  show: (c) => fixed(c.power?.[key]),
  raw: [[`detectable_${key}`, (c) => c.power?.[key] ?? null]],
});
/** How small a difference an experiment like this finds, and what doubling would buy. */
export const powerMeasures: Measure<WithPower>[] = [
  found('Smallest difference found', 'smallest'),
  found('… with twice the prompts', 'twice_prompts'),
  found('… with twice the answers', 'twice_answers'),
  found('… with twice the seeds', 'twice_seeds'),
];

export function seedsCsv(report: SeedsReport): string {
  const rows = [
    ...report.arms.map(({ arm, reward }) => ({ arm, baseline: null, mean: reward, p_value: null, p_holm: null, power: null })),
    ...report.comparisons.map(({ difference, ...rest }) => ({ ...rest, mean: difference })),
  ];
  const clustered = areClustered([report]);
  const heads = ['name', 'arm', 'baseline', 'prompts', ...(clustered ? ['clusters'] : [])];
  const lead = ({ arm, baseline }: (typeof rows)[number]) => [
    ...[report.name, arm, baseline, report.prompts],
    ...(clustered ? [report.clusters] : []),
  ];
  return measuresCsv(heads, rows, lead, [
    ...seedMeasures((row: (typeof rows)[number]) => row.mean),
    ...overSeedsMeasures,
    ...powerMeasures,
  ]);
}
