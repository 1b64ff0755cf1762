// What an endpoint may take and cost, as it is typed where no spec is checked. What fits is what the worker takes.
import type { Endpoint } from '$ipc';
import { thousands } from '$lib/format';
import { typed } from './steps';

/** What an endpoint may take and cost: the greatest value of a whole number, `money` for a price, and whether 0 is one. Absent values are the usual ones. */
const LIMITS = {
  budget_tokens: { most: Number.MAX_SAFE_INTEGER, isZeroFit: false },
  requests_at_once: { most: 256, isZeroFit: false },
  timeout_seconds: { most: 3600, isZeroFit: false },
  patience_seconds: { most: 86_400, isZeroFit: true },
  price_in_per_million: { most: 'money', isZeroFit: true },
  price_out_per_million: { most: 'money', isZeroFit: true },
  budget_money: { most: 'money', isZeroFit: false },
} as const;
export type Limit = keyof typeof LIMITS;

/** Limits as they are typed. */
export const noLimits = (): Record<Limit, string> => ({
  budget_tokens: '',
  requests_at_once: '',
  timeout_seconds: '',
  patience_seconds: '',
  price_in_per_million: '',
  price_out_per_million: '',
  budget_money: '',
});

/** What typed limits mean for an endpoint, and what is wrong with each. */
export function limitsOf(texts: Record<Limit, string>): {
  limits: Partial<Pick<Endpoint, Limit>>;
  wrong: Partial<Record<Limit, string[]>>;
} {
  const limits: Partial<Pick<Endpoint, Limit>> = {};
  const wrong: Partial<Record<Limit, string[]>> = {};
  for (const key of Object.keys(LIMITS) as Limit[]) {
    if (texts[key].trim() === '') continue;
    const { most, isZeroFit } = LIMITS[key];
    const read = typed(texts[key], most !== 'money');
    if ('slip' in read) wrong[key] = [`This ${read.slip}.`];
    else if (read.value < 0 || (read.value === 0 && !isZeroFit))
      wrong[key] = [most === 'money' ? `Write ${isZeroFit ? '0 or more' : 'more than 0'}.` : 'Write 1 or more, or nothing.'];
    else if (most !== 'money' && read.value > most) wrong[key] = [`Write ${thousands(most)} or less.`];
    else limits[key] = read.value;
  }
  const isPriced = limits.price_in_per_million !== undefined && limits.price_out_per_million !== undefined;
  if (limits.budget_money !== undefined && !isPriced) wrong.budget_money = ['Money is counted from both prices; write them too.'];
  return { limits, wrong };
}
