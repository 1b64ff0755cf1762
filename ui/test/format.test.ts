import { describe, expect, it } from 'vitest';
import { failure } from '$ipc';
import { forWindow } from '$lib/ipc/failure';
import {
  about,
  ago,
  amount,
  bytes,
  csv,
  duration,
  fixed,
  fullStop,
  interval,
  parameters,
  percent,
  plural,
  probability,
  rough,
  short,
  signed,
  thousands,
  ticks,
  typeset,
  words,
} from '$lib/format';

describe('numbers', () => {
  it('have a true minus sign and none for a rounded zero', () => {
    expect(fixed(-0.25, 2)).toBe('−0.25');
    expect(fixed(-0.0001, 2)).toBe('0.00');
    expect(signed(0.05)).toBe('+0.050');
    expect(signed(-0.05)).toBe('−0.050');
    expect(signed(0.0001, 2)).toBe('0.00');
    expect(interval(-0.1, 0.2, 2)).toBe('[−0.10, 0.20]');
  });
  it('show what is not there as a dash', () => {
    for (const x of [null, undefined, NaN, Infinity]) expect(fixed(x)).toBe('–');
    expect([percent(null), short(NaN), thousands(undefined), probability(null), bytes(null), parameters(null), duration(null)]).toEqual(
      Array(7).fill('–'),
    );
  });
  it('are as long as they need to be', () => {
    expect([0, 0.0005, 0.0123, 1.234, 12.34, 123.4, 12345, 2_500_000].map(short)).toEqual([
      '0',
      '5.0e−4',
      '0.012',
      '1.23',
      '12.3',
      '123',
      '12,345',
      '2.5 M',
    ]);
    expect([8, 12345, 0.00003588, -0.25].map(amount)).toEqual(['8', '12,345', '3.6e−5', '−0.250']);
    expect(thousands(1234567)).toBe('1,234,567');
    expect([0.0004, 0.0123].map(probability)).toEqual(['< 0.001', '0.012']);
    expect(percent(0.831, 1)).toBe('83.1 %');
    expect([999, 12_000, 271_000_000, 4.2e9].map(bytes)).toEqual(['999 B', '12 kB', '271 MB', '4.2 GB']);
    expect(parameters(134_515_008)).toBe('135 M');
    expect([plural(1, 'run'), plural(1200, 'run')]).toEqual(['1 run', '1,200 runs']);
  });
  it('share their decimals along an axis', () => {
    expect(ticks([0, 0.25, 0.5])).toEqual(['0.00', '0.25', '0.50']);
    expect(ticks([-0.2, 0, 0.2])).toEqual(['−0.2', '0.0', '0.2']);
    expect(ticks([0, 10, 20])).toEqual(['0', '10', '20']);
  });
});

describe('times', () => {
  it('are said in the units one thinks in', () => {
    expect([4.25, 42, 548, 7260, 180_000].map(duration)).toEqual(['4.3 s', '42 s', '9 min 8 s', '2 h 1 min', '2 d 2 h']);
    expect([10, 88, 240, 5400].map(about)).toEqual(['less than a minute', 'about 1 min 30 s', 'about 4 min', 'about 1.5 h']);
    const now = 1_000_000_000_000;
    expect([5, 300, 7200, 200_000].map((s) => ago(now - s * 1000, now))).toEqual(['just now', '5 min ago', '2 h ago', '2 d ago']);
  });
});

describe('sentences', () => {
  it('end with a full stop, once', () => {
    expect(['a.db is damaged', 'Done. ', 'Why?', 'It said “no.”', 'see (below)', 'Loading …', ''].map(fullStop)).toEqual([
      'a.db is damaged.',
      'Done.',
      'Why?',
      'It said “no.”',
      'see (below).',
      'Loading …',
      '',
    ]);
  });
  it('have true minus signs and keep figures on one line', () => {
    const seen = (text: string) => typeset(text).replaceAll('\u00a0', '_');
    expect(seen('(mean reward -0.019, 95 % interval -0.332 to +0.318, p = 0.938): on 6 test prompts')).toBe(
      '(mean reward −0.019, 95_% interval −0.332_to_+0.318, p_=_0.938): on 6 test prompts',
    );
    expect(seen('p < 0.001, [-0.03, 0.13], n = 12, at most 3.6e-5')).toBe('p_<_0.001, [−0.03,_0.13], n_=_12, at most 3.6e−5');
    for (const name of ['smollm2-135m-instruct', '/tmp/-1/run-2', '2026-11-25', 'seeds 3 to 7', '--db 1']) expect(typeset(name)).toBe(name);
  });
});

describe('what a command rejected with', () => {
  const said = (message: unknown) => failure(message).message;
  it('is a sentence', () => {
    expect([said({ message: 'a.db is damaged' }), said('gone'), failure({ code: 'run', message: 'No.' })]).toEqual([
      'a.db is damaged.',
      'gone.',
      { code: 'run', message: 'No.', detail: null },
    ]);
  });
  it('gives no advice for a command line', () => {
    const from = 'name another file with --db';
    expect(
      [
        `a.txt was left as it is; ${from}`,
        `change its permissions, or ${from}`,
        'The folder /x does not exist; create it, or name another file than /x/a.db with --db',
        'There is no run database a.db; name one that exists with --db, or start a run to make it',
        'a.db is not a regular file; name another one with --db',
      ].map((message) => said({ message })),
    ).toEqual([
      'a.txt was left as it is.',
      'change its permissions.',
      'The folder /x does not exist; create it.',
      'There is no run database a.db; start a run to make it.',
      'a.db is not a regular file.',
    ]);
    expect(forWindow({ name: 'database', health: 'bad', finding: `a.db is damaged; ${from}`, fix: from })).toMatchObject({
      finding: 'a.db is damaged',
      fix: null,
    });
  });
});

describe('differences of texts', () => {
  const both = (from: string, to: string) => {
    const pieces = words(from, to);
    const join = (without: string) =>
      pieces
        .filter((p) => p.kind !== without)
        .map((p) => p.text)
        .join('');
    return [join('added'), join('removed')];
  };
  it('keep both texts', () => {
    for (const [from, to] of [
      ['', ''],
      ['a b c', 'a x c'],
      ['why bread?', 'why bread? Tell me kindly'],
      ['one two', ''],
      ['', 'new'],
      ['a  b\nc', 'a b c d'],
    ] as const) {
      expect(both(from, to)).toEqual([from, to]);
    }
  });
  it('join neighbouring changes across a space', () => {
    expect(words('keep old words here', 'keep new ones here').map((p) => p.kind)).toEqual(['same', 'removed', 'added', 'same']);
  });
  it('give up on word-by-word for very long texts', () => {
    expect(words('a '.repeat(3000), 'b')).toHaveLength(2);
  });
});

it('CSV quotes what needs it', () => {
  expect(
    csv([
      ['a', 1, null],
      ['say "hi", you', 'two\nlines', -0.5],
    ]),
  ).toBe('a,1,\r\n"say ""hi"", you","two\nlines",-0.5\r\n');
});

it('guesses are as precise as guesses are', () => {
  expect([0.2, 48, 59.7, 88, 561, 2807, 5400, 100_000, 260_000, null].map(rough)).toEqual([
    '< 1 s',
    '48 s',
    '1 min',
    '1 min 30 s',
    '9 min 20 s',
    '47 min',
    '1.5 h',
    '28 h',
    '3 d',
    '–',
  ]);
});
