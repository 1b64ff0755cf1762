import { amount, bytes, typeset } from '$lib/format';

const HASH = /^([a-z0-9]+:)?[0-9a-f]{32,}$/;
const ENDS = 8;

/** A long hash cut in its middle; null for what is none. */
export function cutHash(value: string): string | null {
  const hash = HASH.exec(value);
  if (!hash) return null;
  const prefix = hash[1] ?? '';
  return `${prefix}${value.slice(prefix.length, prefix.length + ENDS)}…${value.slice(-ENDS)}`;
}

/** The entries of a value that is a JSON object, in its order; null for any other. */
export function entriesOf(value: string): [string, string][] | null {
  if (!value.startsWith('{')) return null;
  try {
    const entries = Object.entries(JSON.parse(value) as object);
    return entries.map(([key, entry]) => [key, inWords(entry)]);
  } catch {
    return null;
  }
}

function inWords(entry: unknown): string {
  if (typeof entry === 'number') return amount(entry);
  return typeof entry === 'string' ? typeset(entry) : JSON.stringify(entry);
}

export const factInWords = (key: string, value: string) => (key.endsWith('_bytes') ? bytes(Number(value)) : value);
