import { href, parse, type Place } from './place';

class Router {
  // A report is written where there is no address.
  place: Place = $state(globalThis.location ? parse(location.hash) : { parts: [], query: {} });

  constructor() {
    globalThis.addEventListener?.('hashchange', () => (this.place = parse(location.hash)));
  }
  go(parts: (string | number)[], query: Record<string, string | number | null | undefined> = {}) {
    location.hash = href(parts, query);
  }
  /** Changes the query in place, without a step in the history. */
  amend(query: Record<string, string | number | null | undefined>) {
    history.replaceState(null, '', href(this.place.parts, { ...this.place.query, ...query }));
    this.place = parse(location.hash);
  }
}

export const router = new Router();
