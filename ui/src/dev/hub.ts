// A hub as the shell would speak to it: a few models and data sets, one gated, one that is nowhere, downloads that take a while.
import type { HubAsked, HubBrought, HubKnown, HubListed, HubProgress, HubShown, HubSought } from '$ipc';
import { send } from '$lib/ipc/mock';

const refuse = (code: string, message: string, detail: string | null = null) => Promise.reject({ code, message, detail });
const later = (ms: number) => new Promise((done) => setTimeout(done, ms));
/** Downloads of the fixtures are told so often, a tenth further each time. */
export const TELL_MS = 250;

const listed = (id: string, more: Partial<HubListed> = {}): HubListed => ({
  id,
  downloads: 1_204_133,
  likes: 412,
  licence: 'apache-2.0',
  gated: false,
  weights: ['safetensors'],
  parameters: 494_032_768,
  bytes: 988_065_536,
  ...more,
});
const MODELS = [
  listed('Qwen/Qwen2.5-0.5B-Instruct'),
  listed('meta-llama/Llama-3.2-1B-Instruct', {
    licence: 'llama3.2',
    gated: true,
    downloads: 2_310_400,
    likes: 980,
    parameters: 1_235_814_400,
    bytes: 2_471_628_800,
  }),
  listed('bartowski/Qwen2.5-0.5B-Instruct-GGUF', { weights: ['gguf'], downloads: 55_120, likes: 31, bytes: null }),
  listed('somebody/a-model-with-a-very-long-name-that-goes-on-and-on-qwen2.5-0.5b-instruct-dpo-merged-v3', {
    licence: null,
    downloads: 41,
    likes: 0,
  }),
  listed('old/pickled-qwen', { weights: [], licence: 'mit', downloads: 310, likes: 2, parameters: null, bytes: null }),
];
const DATA = [
  listed('Anthropic/hh-rlhf', { licence: 'mit', weights: [], downloads: 18_200, parameters: null, bytes: 92_400_000 }),
  listed('argilla/qwen-preferences', { weights: [], downloads: 900, parameters: null, bytes: 41_200_000 }),
];

export const KNOWN: HubKnown[] = [
  [
    'ultrafeedback',
    'HuggingFaceH4/ultrafeedback_binarized',
    ['data/train_prefs-*.parquet', 'data/test_prefs-*.parquet'],
    'prompt',
    'mit',
    '61,135 prompts and 2,000 for tests, each with a chosen and a rejected conversation',
  ],
  [
    'helpsteer2',
    'nvidia/HelpSteer2',
    ['train.jsonl.gz', 'validation.jsonl.gz'],
    'prompt',
    'cc-by-4.0',
    '21,362 answers rated by people; a prompt stands twice',
  ],
  [
    'orca-pairs',
    'Intel/orca_dpo_pairs',
    ['orca_rlhf.jsonl'],
    'question',
    'apache-2.0',
    '12,859 questions with a chosen and a rejected answer',
  ],
].map(([name, id, files, column, licence, what]) => ({ name, id, files, column, licence, what }) as HubKnown);

export const found = async ({ kind, text, tags, limit }: HubSought): Promise<HubListed[]> => {
  await later(150);
  if (text === 'offline')
    return refuse('network', 'https://huggingface.co cannot be reached. It was tried 6 times.', 'dns error: failed to lookup address');
  const named = (kind === 'data' ? DATA : MODELS).filter(({ id }) => id.toLowerCase().includes(text.toLowerCase()));
  return named.filter(({ weights }) => tags.every((tag) => weights.includes(tag))).slice(0, limit);
};

const GATED =
  'https://huggingface.co gives the model meta-llama/Llama-3.2-1B-Instruct only to those who have agreed to its conditions. Agree to them on https://huggingface.co/meta-llama/Llama-3.2-1B-Instruct, make a token in your settings there, and keep one with `alignpro key set huggingface`, or set HF_TOKEN.';

export async function shownOf(asked: HubAsked): Promise<HubShown> {
  await later(120);
  const known = KNOWN.find(({ name }) => name === asked.id);
  const one = [...MODELS, ...DATA].find(({ id }) => id === asked.id);
  if (!known && !one)
    return refuse(
      'token',
      `https://huggingface.co has no model ${asked.id} that everyone may see. Look at its name (\`alignpro hub search TEXT\`; data sets want --data). If it is private, a token is needed: keep one with \`alignpro key set huggingface\`, or set HF_TOKEN.`,
    );
  const id = known?.id ?? asked.id;
  const isGguf = id.endsWith('GGUF');
  const isPickle = id.includes('pickled');
  const ggufs = ['Q4_K_M', 'Q6_K', 'Q8_0'].map((form, i) => ({ path: `Qwen2.5-0.5B-Instruct-${form}.gguf`, bytes: 398e6 + 110e6 * i }));
  const rows = (known?.files ?? ['train.jsonl.gz', 'test.jsonl.gz']).map((path, i) => ({
    path: path.replace('*', '00000-of-00001'),
    bytes: 226e6 / (1 + 20 * i),
  }));
  const folder = [
    { path: 'config.json', bytes: 659 },
    { path: 'tokenizer.json', bytes: 7_031_645 },
    { path: 'tokenizer_config.json', bytes: 7_305 },
    { path: 'model.safetensors', bytes: 988_097_824 },
  ];
  const isData = asked.kind === 'data';
  const files = isData ? rows : isGguf ? ggufs.filter(({ path }) => asked.files.includes(path)) : isPickle ? [] : folder;
  return {
    kind: asked.kind,
    id,
    name: known?.name ?? id.split('/')[1] ?? id,
    revision: '7ae557604adf67be50417f59c2c2f167def9a775',
    licence: known ? known.licence : (one?.licence ?? null),
    gated: one?.gated ?? false,
    downloads: one?.downloads ?? 20_411,
    likes: one?.likes ?? 280,
    architecture: isData ? null : isGguf ? 'qwen2' : id.startsWith('meta') ? 'LlamaForCausalLM' : 'Qwen2ForCausalLM',
    fitness: isData ? null : 'It can be trained, and it can be frozen.',
    is_fit: true,
    files,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    left_out: isData ? 1 : 4,
    choices: isData ? rows : isGguf ? ggufs : [],
    problem: isPickle
      ? `The model ${id} holds pytorch_model.bin, which is a pickle: reading one can run any program, so it is refused. Look for another repository of it with .safetensors or .gguf files, or for a revision with them (the hub's own conversion is often refs/pr/1; its page lists them): --revision refs/pr/1.`
      : isGguf && !files.length
        ? `The model ${id} has 3 GGUF files; choose one with --file: ${ggufs.map(({ path }) => path).join(', ')}.`
        : null,
  };
}

/** Downloads that are under way, with how far each has come: it goes on from there. */
export class Arrivals {
  private readonly done = new Map<string, number>();
  private readonly left = new Set<string>();
  token = false;

  async get(asked: HubAsked, onProgress: unknown): Promise<HubBrought> {
    const key = `${asked.kind} ${asked.name}`;
    this.left.delete(key);
    const shown = await shownOf(asked);
    if (shown.gated && !this.token) return refuse('token', GATED, 'Access to this repository is restricted.');
    const from = this.done.get(key) ?? 0;
    const files = asked.kind === 'data' && asked.files.length ? shown.files.filter(({ path }) => asked.files.includes(path)) : shown.files;
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    for (let step = from; step <= 10; step++) {
      this.done.set(key, step);
      send<HubProgress>(onProgress, { file: files.at(-1)?.path ?? '', done_bytes: Math.round((bytes * step) / 10), bytes });
      await later(TELL_MS);
      if (this.left.has(key)) return refuse('stopped', 'The download was stopped; what has arrived is kept.');
    }
    const folder = `/home/ada/.local/share/alignpro/${asked.kind === 'data' ? 'data' : 'models'}/${asked.name}`;
    const known = KNOWN.find(({ name }) => name === asked.id);
    return {
      kind: asked.kind,
      id: shown.id,
      revision: shown.revision,
      licence: shown.licence,
      name: asked.name ?? shown.name,
      folder,
      files: files.map(({ path }) => `${folder}/${path}`),
      bytes,
      column: known?.column ?? null,
      system_column: known?.name === 'orca-pairs' ? 'system' : null,
    };
  }
  leave(kind: unknown, name: unknown) {
    this.left.add(`${String(kind)} ${String(name)}`);
    return null;
  }
}
