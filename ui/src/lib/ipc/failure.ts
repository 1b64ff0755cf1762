import { fullStop } from '$lib/format';
import type { Check, Error as Failure } from './types';

/** Whatever a command rejected with, as the boundary's error: a sentence for somebody who sits before a window. */
export function failure(thrown: unknown): Failure {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown && typeof thrown.message === 'string') {
    const { code, detail } = thrown as Partial<Failure>;
    return { code: code ?? 'internal', message: fullStop(withoutOption(thrown.message)), detail: detail ?? null };
  }
  return { code: 'internal', message: fullStop(String(thrown)), detail: null };
}

/** A check without what only a command line could do. */
export const forWindow = (check: Check): Check => ({
  ...check,
  finding: withoutOption(check.finding),
  fix: withoutOption(check.fix ?? '') || null,
});

/** Without the advice to name another database by `--db`: a window has no command line. */
const withoutOption = (message: string) =>
  message.replace(/\bname (?:one|another)\b[^;]*? with --db, or /, '').replace(/(?:^|;|,? or) ?name (?:one|another)\b[^;]*? with --db/, '');
