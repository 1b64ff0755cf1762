import { lastPart } from './experiments';

/** `train-00000-of-00002.parquet` and `train/0000.parquet` without which of the parts it is. */
const withoutPart = (path: string) => path.replace(/-\d{5}-of-\d{5}(?=\.)/, '-*').replace(/(?<=[\\/])\d{4,}(?=\.)/, '*');
const folderOf = (path: string) => path.slice(0, path.length - lastPart(path).length);
const kindOf = (path: string) => /\.(jsonl|ndjson|json|csv|parquet)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();

const word = (words: string) => new RegExp(`(?<![a-z])(?:${words})(?![a-z])`, 'i');
const TO_TRAIN = word('train|training');
const FOR_TESTS = word('tests?|testing|valid|validation|val|evals?|evaluation|dev|heldout|held');

/**
 * What of a data set that was brought into a folder can be taken, as `data.source` names it: a file, the parts of one (`train-*.parquet`), or the folder
 * where each file is a share of the whole. What is taken unless another is asked for, the rows to train on, stands first.
 */
export function sourcesOf({ folder, files }: { folder: string; files: string[] }): string[] {
  // By the names within the data set: what lies above is the person's.
  const rank = (path: string) => {
    const own = path.startsWith(folder) ? path.slice(folder.length) : lastPart(path);
    return TO_TRAIN.test(own) ? 0 : FOR_TESTS.test(own) ? 2 : 1;
  };
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const group = withoutPart(file);
    groups.set(group, [...(groups.get(group) ?? []), file]);
  }
  const sources = [...groups].map(([group, parts]) => (parts.length > 1 ? group : parts[0]!)).sort((a, b) => rank(a) - rank(b));
  const areShares =
    sources.length > 1 &&
    sources.every((source) => rank(source) === 1 && folderOf(source) === folderOf(sources[0]!) && kindOf(source) === kindOf(sources[0]!));
  return areShares ? [folderOf(sources[0]!).replace(/[\\/]$/, ''), ...sources] : sources;
}
