import { lastPart } from './experiments';

/** `train-00000-of-00002.parquet` without which of the parts it is. */
const part = /-\d{5}-of-\d{5}(?=\.)/;
const folderOf = (path: string) => path.slice(0, path.length - lastPart(path).length);
const kindOf = (path: string) => /\.(jsonl|ndjson|csv|parquet)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();

/** What rows are for, by the name of their file: those to train on, of which nothing is said, for tests. */
const rank = (path: string) => (/train/i.test(lastPart(path)) ? 0 : /test|valid|eval|dev|held/i.test(lastPart(path)) ? 2 : 1);

/**
 * What of a data set that was brought can be taken, as `data.source` names it: a file, the parts of one (`train-*.parquet`), or the folder where each
 * file is a share of the whole. What is taken unless another is asked for stands first.
 */
export function sourcesOf(files: string[]): string[] {
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const group = file.replace(part, '-*');
    groups.set(group, [...(groups.get(group) ?? []), file]);
  }
  const sources = [...groups].map(([group, parts]) => (parts.length > 1 ? group : parts[0]!)).sort((a, b) => rank(a) - rank(b));
  const areShares =
    sources.length > 1 &&
    sources.every((source) => rank(source) === 1 && folderOf(source) === folderOf(sources[0]!) && kindOf(source) === kindOf(sources[0]!));
  return areShares ? [folderOf(sources[0]!).replace(/[\\/]$/, ''), ...sources] : sources;
}
