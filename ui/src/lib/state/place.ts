// Where one is: the hash of the address, "#/runs/3/samples?q=bread".
export interface Place {
  parts: string[];
  query: Record<string, string>;
}

export function parse(hash: string): Place {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const parts = path.split('/').filter(Boolean).map(decode);
  return { parts, query: Object.fromEntries(new URLSearchParams(search)) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a place; empty values of the query are left out. */
export function href(parts: (string | number)[], query: Record<string, string | number | null | undefined> = {}): string {
  const kept = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const search = new URLSearchParams(kept.map(([key, value]) => [key, String(value)])).toString();
  return `#/${parts.map((part) => encodeURIComponent(part)).join('/')}${search ? `?${search}` : ''}`;
}
