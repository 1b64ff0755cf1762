import { expect, test } from 'vitest';
import { sourcesOf } from '../src/lib/state/hubFiles';

const FOLDER = '/home/test/data/set';
const of = (...names: string[]) =>
  sourcesOf({ folder: FOLDER, files: names.map((name) => `${FOLDER}/${name}`) }).map((source) => source.replace(`${FOLDER}/`, ''));

test('rows to train on are taken before those for tests, whatever the order of the names', () => {
  const [test, train] = ['data/test_prefs-00000-of-00001.parquet', 'data/train_prefs-00000-of-00001.parquet'];
  expect(of(test, train)).toEqual([train, test]);
  expect(of('validation.jsonl.gz', 'train.jsonl.gz')[0]).toBe('train.jsonl.gz');
  expect(of('default/test/0000.parquet', 'default/train/0000.parquet')[0]).toBe('default/train/0000.parquet');
  // No word of these is for tests, and none for training.
  expect(of('latest.jsonl', 'b/constraints.jsonl')).toEqual(['latest.jsonl', 'b/constraints.jsonl']);
});

test('the parts of a file are taken together', () => {
  const parts = [0, 1, 2].map((n) => `train-0000${n}-of-00003.parquet`);
  expect(of('test-00000-of-00001.parquet', ...parts)).toEqual(['train-*.parquet', 'test-00000-of-00001.parquet']);
  expect(of('default/test/0000.parquet', 'default/train/0000.parquet', 'default/train/0001.parquet')).toEqual([
    'default/train/*.parquet',
    'default/test/0000.parquet',
  ]);
});

test('a file for each source is a share of the whole', () => {
  expect(of('evol.jsonl', 'flan.jsonl')).toEqual([FOLDER, 'evol.jsonl', 'flan.jsonl']);
  expect(of('a.jsonl', 'b.csv')[0]).toBe('a.jsonl');
  expect(of('rows.jsonl')).toEqual(['rows.jsonl']);
  expect(of()).toEqual([]);
});
