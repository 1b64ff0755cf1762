import type { Endpoint, EndpointFindings } from '$ipc';

const refuse = (message: string) => Promise.reject({ code: 'network', message, detail: 'Connection refused (os error 111)' });
const isThere = (endpoint: Endpoint) => endpoint.url.includes(':8000') || endpoint.url.startsWith('https://');
const gone = (endpoint: Endpoint) => refuse(`The endpoint ${endpoint.url} cannot be reached. Is it running, and is the url right?`);

/** The models at the fixtures' addresses: one here, more at a hosted one, nobody elsewhere. */
export const namesAt = (endpoint: Endpoint) =>
  isThere(endpoint) ? (endpoint.url.startsWith('https://') ? ['large', 'medium', 'small'] : ['qwen2.5-7b']) : gone(endpoint);

/** A server of one's own keeps seeds, a hosted one does not. */
export function foundAt(endpoint: Endpoint, model: string): EndpointFindings | Promise<never> {
  if (!isThere(endpoint)) return gone(endpoint);
  const isHosted = endpoint.url.startsWith('https://');
  return {
    url: endpoint.url,
    model,
    served: isHosted ? `${model}-2026-11-01` : model,
    version: isHosted ? 'owned by host, fingerprint fp_44709d6fcb' : 'server uvicorn, owned by vllm, root Qwen/Qwen2.5-7B-Instruct',
    context: isHosted ? null : 32768,
    seeds: isHosted ? 'ignored' : 'kept',
    log_probs: !isHosted,
    usage: true,
    greedy: true,
    compared: true,
    repeats: !isHosted,
    together: true,
    seconds_per_answer: 0.41,
    spent: { requests: 19, tokens_in: 412, tokens_out: 296, tokens_estimated: 0, money: null },
    remarks: isHosted
      ? [
          'It does not keep seeds: the same run would get other answers the next time. Answers are kept as they come, so that stopping and going on changes nothing.',
        ]
      : [],
  };
}
