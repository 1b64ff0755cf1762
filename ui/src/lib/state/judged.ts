// What judges said of a run's answers: as a figure, in words and as saved.
import type { Judged, Report, ShareOfPrompts } from '$ipc';
import type { ForestOf, ForestRow } from '$lib/charts/forest';
import { armWord } from '$lib/charts/palette';
import { capital, csv, dateTime, percent } from '$lib/format';
import { areClustered, inClusters } from './clusters';
import { ends, within } from './tables';

const shares = (low: number, high: number) => `[${percent(low)}, ${percent(high)}]`;
const short = (hash: string) => hash.slice(0, 12);

/** Of each judging the win rate, and below it what says how far the judge is to be believed. */
export function judgedForest(all: Judged[]): ForestOf {
  const words = all.map(({ judge, arm, baseline }) => `${armWord(arm)} against ${armWord(baseline).toLowerCase()}, judged by ${judge}`);
  const isTwice = (word: string) => words.filter((other) => other === word).length > 1;
  const rows = all.flatMap((judged, i): ForestRow[] => {
    const word = words[i]!;
    const group = isTwice(word) ? `${word} (${i + 1})` : word;
    const row = (label: string, arm: string, share: ShareOfPrompts | null): ForestRow[] => {
      if (!share) return [];
      const range = share.interval ?? { low: share.share, high: share.share };
      const words: [string, string] = [percent(share.share), within(share.interval, shares)];
      return [{ group, label, arm, value: share.share, range, words, cells: [String(judged.pairs)] }];
    };
    return [
      ...row(`${armWord(judged.arm)} wins`, judged.arm, judged.win_rate),
      ...row('For the first position', '', judged.first_position),
      ...row('Same in both orders', '', judged.agreement),
      ...row('For the longer answer', '', judged.longer),
    ];
  });
  return {
    title: 'Judged win rate',
    heads: ['share [95 % interval]', 'pairs'],
    axis: 'share of verdicts, and of pairs',
    none: 0.5,
    tick: (x) => percent(x),
    rows,
  };
}

/** Who judged what, and how much of it could be used. */
export const JUDGES: { head: string; isNumber?: boolean; show: (judged: Judged) => string; whole?: (judged: Judged) => string }[] = [
  { head: 'Judge', show: ({ judge }) => judge },
  { head: 'Arms', show: ({ arm, baseline }) => `${armWord(arm)} against ${armWord(baseline).toLowerCase()}` },
  { head: 'Pairs', isNumber: true, show: ({ pairs, available }) => `${pairs} of ${available}` },
  { head: 'Prompts', isNumber: true, show: ({ prompts, clusters }) => inClusters(String(prompts), clusters) },
  { head: 'No verdict', isNumber: true, show: ({ unparsed }) => String(unparsed) },
  { head: 'Too long', isNumber: true, show: ({ too_long }) => String(too_long) },
  { head: 'Checksum', show: ({ checksum }) => short(checksum), whole: ({ checksum }) => checksum },
  { head: 'Template', show: ({ template_hash }) => template_hash },
];

/** By which engine, and when; in words. */
export const sittings = (all: Judged[]) =>
  all.map(({ engine, began_at_ms, ended_at_ms }) => `${capital(engine)}: ${dateTime(began_at_ms)} to ${dateTime(ended_at_ms)}.`).join(' ');

/** Each template that judges were given, once. */
export const templatesOf = (all: Judged[]): [hash: string, text: string][] => [
  ...new Map(all.map(({ template_hash, template }) => [template_hash, template])),
];

const SHARES = ['win_rate', 'first_position', 'agreement', 'longer'] as const;
export function judgedCsv({ run, name, seed, judged }: Report): string {
  const columns = SHARES.flatMap((key): [string, (one: Judged) => number | null][] => [
    [key, (one) => one[key]?.share ?? null],
    ...ends(key, (one: Judged) => one[key]?.interval),
  ]);
  const own = [
    'arm',
    'baseline',
    'judge',
    'checksum',
    'engine',
    'template_hash',
    'pairs',
    'prompts',
    ...(areClustered(judged) ? (['clusters'] as const) : []),
    'available',
    'unparsed',
    'too_long',
  ] as const;
  return csv([
    ['run', 'name', 'seed', ...own, ...columns.map(([head]) => head)],
    ...judged.map((one) => [run, name, seed, ...own.map((key) => one[key]), ...columns.map(([, get]) => get(one))]),
  ]);
}
