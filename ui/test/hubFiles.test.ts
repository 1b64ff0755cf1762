import { expect, test } from 'vitest';
import { sourcesOf } from '../src/lib/state/hubFiles';

test('rows to train on are taken before those for tests, whatever the order of the names', () => {
  expect(sourcesOf(['/d/uf/data/test_prefs-00000-of-00001.parquet', '/d/uf/data/train_prefs-00000-of-00001.parquet'])).toEqual([
    '/d/uf/data/train_prefs-00000-of-00001.parquet',
    '/d/uf/data/test_prefs-00000-of-00001.parquet',
  ]);
  expect(sourcesOf(['/d/h/validation.jsonl.gz', '/d/h/train.jsonl.gz'])[0]).toBe('/d/h/train.jsonl.gz');
});

test('the parts of a file are taken together', () => {
  const parts = [0, 1, 2].map((n) => `/d/x/train-0000${n}-of-00003.parquet`);
  expect(sourcesOf(['/d/x/test-00000-of-00001.parquet', ...parts])).toEqual(['/d/x/train-*.parquet', '/d/x/test-00000-of-00001.parquet']);
});

test('a file for each source is a share of the whole', () => {
  expect(sourcesOf(['/d/full/evol.jsonl', '/d/full/flan.jsonl'])).toEqual(['/d/full', '/d/full/evol.jsonl', '/d/full/flan.jsonl']);
  expect(sourcesOf(['/d/full/a.jsonl', '/d/full/b.csv'])[0]).toBe('/d/full/a.jsonl');
  expect(sourcesOf(['/d/one/rows.jsonl'])).toEqual(['/d/one/rows.jsonl']);
  expect(sourcesOf([])).toEqual([]);
});
