// Models behind an address.
import type { Endpoint, EndpointFindings, RunFact, Spec } from '$ipc';
import { plural, thousands } from '$lib/format';
import { labelOf } from './rewards';

/** Where a server on this machine mostly is, with what a spec leaves out. */
export const newEndpoint = (): Endpoint => ({
  url: 'http://127.0.0.1:8000/v1',
  requests_at_once: 4,
  timeout_seconds: 120,
  patience_seconds: 300,
});

/** What is to be said of a server's list of models where none of them can be chosen. */
export function withoutModels(served: string[] | null): string | null {
  if (served === null) return 'It has no list of models; its manual names them.';
  return served.length === 0 ? 'It serves no model.' : null;
}

const SEEDS = {
  kept: 'kept: the same seed gives the same answer',
  ignored: 'ignored: the same seed gives different answers',
  constant: 'without effect: different seeds give the same answer',
} as const;

/** What was found of an endpoint, a line each: what, how it is, and whether that is as good as it can be. */
export function findingsInWords(found: EndpointFindings): { what: string; is: string; isGood: boolean }[] {
  const { requests, tokens_in, tokens_out } = found.spent;
  return [
    { what: 'Model', is: found.version ? `${found.served} (${found.version})` : found.served, isGood: true },
    { what: 'Seeds', is: SEEDS[found.seeds], isGood: found.seeds === 'kept' },
    { what: 'Greedy answers', is: greedyInWords(found), isGood: found.greedy && found.repeats },
    {
      what: 'Asked together',
      is: togetherInWords(found),
      isGood: found.together,
    },
    { what: 'Log-probabilities', is: found.log_probs ? 'given' : 'not given', isGood: found.log_probs },
    { what: 'Count of tokens', is: found.usage ? 'given' : 'not given; estimated here', isGood: found.usage },
    { what: 'A short answer takes', is: `${found.seconds_per_answer.toFixed(2)} s`, isGood: true },
    { what: 'Trying it has cost', is: `${plural(requests, 'request')}, ${thousands(tokens_in + tokens_out)} tokens`, isGood: true },
  ];
}

const UNKNOWN = 'not known: short answers hold no text';

function greedyInWords(found: EndpointFindings): string {
  if (!found.greedy) return 'none: every answer is drawn';
  if (!found.compared) return UNKNOWN;
  return found.repeats ? 'the same every time' : 'not always the same';
}

function togetherInWords(found: EndpointFindings): string {
  if (!found.compared) return UNKNOWN;
  if (!found.together) return 'answered otherwise than one by one';
  return found.repeats ? 'answered as one by one' : 'answered as one by one but for rounding';
}

/** For a methods paragraph: which model answered behind the address, and what came of seeds; false for one on this machine. */
export function endpointInWords(spec: Spec, facts: RunFact[]): string | false {
  if (!spec.frozen.endpoint) return false;
  const of = (key: string) => facts.find((fact) => fact.key === `endpoint.${key}`)?.value;
  const [served, version, seeds] = [of('served') ?? spec.frozen.model, of('version'), of('seeds')];
  const found = seeds ? `; seeds were ${seeds.replace(':', ' in that')}` : '';
  return `The frozen model answered behind an OpenAI-compatible endpoint, as ${served}${version ? ` (${version})` : ''}${found}.`;
}

/** A budget of a run: of its frozen model, or of the judge with the label `part`. */
export interface UsedUp {
  of: 'tokens' | 'money';
  part: string | null;
}

/** Which budget a run that is paused has used up; null where it is not that which it waits for. */
export function usedUp(message: string | null, spec: Spec): UsedUp | null {
  const found = message?.match(/\((?:frozen|reward\.parts\[(\d+)\])\.endpoint\.budget_(tokens|money)\) is used up/);
  if (!found) return null;
  const part = found[1] === undefined ? undefined : spec.reward.parts[Number(found[1])];
  return { of: found[2] === 'money' ? 'money' : 'tokens', part: part ? labelOf(part) : null };
}
