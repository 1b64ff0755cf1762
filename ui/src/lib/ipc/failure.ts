import { fullStop } from '$lib/format';
import type { Check, Error as Failure } from './types';

/** Whatever a command rejected with, as the boundary's error: a sentence for somebody who sits before a window. */
export function failure(thrown: unknown): Failure {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown && typeof thrown.message === 'string') {
    const { code, detail } = thrown as Partial<Failure>;
    return { code: code ?? 'internal', message: fullStop(inWindow(thrown.message)), detail: detail ?? null };
  }
  return { code: 'internal', message: fullStop(String(thrown)), detail: null };
}

/** A check without what only a command line could do. */
export const forWindow = (check: Check): Check => ({
  ...check,
  finding: inWindow(check.finding),
  fix: inWindow(check.fix ?? '') || null,
});

// Advice that a command line would follow, and what stands in its place before a window.
const OPTIONS: [RegExp, string][] = [
  [/\bname (?:one|another)\b[^;]*? with --db, or /, ''],
  [/(?:^|;|,? or) ?name (?:one|another)\b[^;]*? with --db/, ''],
  [/; with a token it allows more: keep one with `alignpro key set huggingface`, or set HF_TOKEN/, ''],
  [/keep one with `alignpro key set huggingface`, or set HF_TOKEN/, 'enter it below'],
  [/ \(`alignpro hub search TEXT`; data sets want --data\)/, ''],
  [/: give another name with --name, or/, ': give another name, or'],
  [/, which --revision \S+ names\b/, ''],
  [/(:|;) --revision (\S*[^\s.])/, '$1 write $2 as the revision'],
  [/\btry --revision (\S*[^\s.])/, 'try the revision $1'],
  [/choose one with --file:/, 'choose one:'],
  [/no file that --file means/, 'no file of that name'],
  [/--held-out is/, 'The share held out is'],
  [/--learning-rate is/, 'The learning rate is'],
  [/\. Run the same command again/, '. Try again'],
  [/run the same command again/, 'try again'],
  [/the same command goes on with it/i, 'resumed, it goes on with it'],
];
/** A sentence without the options of a command line. */
export const inWindow = (message: string) => OPTIONS.reduce((text, [option, instead]) => text.replace(option, instead), message);
