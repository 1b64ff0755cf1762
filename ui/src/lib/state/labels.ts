// What the form calls the keys of a spec: sentences name the key, and before a window the field is meant.
// Beside each field stands its label; a test holds the two against each other.

export const ALLOW_HTTP = 'Speak without encryption to a machine outside of the private networks';
export const KEY_NAME = 'Name of the key';
export const KEY_ITSELF = 'The key itself';
/** The button that brings the embedded model. */
export const FETCH = 'Fetch the embedded model';

export const FIELDS: Record<string, string> = {
  name: 'Name of the experiment',
  seed: 'Seed of the run',
  seeds: 'Seeds',
  precision: 'Precision of the weights',
  offload: 'Offload models that do not compute',
  'data.source': 'File',
  'data.column': 'Column',
  'data.input_column': 'Prompts go on with',
  'data.system_column': 'System prompts',
  'data.cluster_column': 'Prompts that belong together',
  'data.train': 'Training prompts',
  'data.validation': 'Validation prompts',
  'data.test': 'Test prompts',
  'data.min_words': 'Fewest words',
  'data.max_words': 'Most words',
  'data.language': 'Language',
  'data.near_duplicates': 'Near-duplicates from',
  'data.split_seed': 'Seed of the split',
  'prompter.model': 'Model',
  'prompter.meta_prompt': 'What asks for a rewrite',
  'prompter.rewrite_template': 'What the frozen model gets',
  'prompter.temperature': 'Temperature of the prompter',
  'prompter.ends_after': 'Ends after',
  'prompter.max_rewrite_tokens': 'Longest rewrite',
  'prompter.lora.rank': 'LoRA rank',
  'prompter.lora.alpha': 'Alpha',
  'prompter.lora.dropout': 'Dropout',
  'prompter.lora.targets': 'Layers with an adapter',
  'frozen.model': 'Model',
  'frozen.max_answer_tokens': 'Longest answer',
  'frozen.temperature': 'Temperature',
  'frozen.engine': 'Engine',
  'frozen.quantisation': 'Quantisation',
  'frozen.paged_attention': 'Paged attention',
  'frozen.top_p': 'Top-p',
  'frozen.top_k': 'Top-k',
  'training.algorithm': 'Algorithm',
  'training.kl_coefficient': 'λ, weight of the divergence',
  'training.learning_rate': 'Learning rate',
  'training.group_size': 'Group size',
  'training.iterations': 'Iterations',
  'training.prompts_per_iteration': 'Prompts per iteration',
  'training.schedule': 'Schedule',
  'training.warmup_iterations': 'Warm-up iterations',
  'training.updates_per_batch': 'Updates per batch',
  'training.clip_ratio': 'ε of the clipped ratio',
  'training.max_gradient_norm': 'Largest gradient norm',
  'training.weight_decay': 'Weight decay',
  'training.rewrites_per_pass': 'Rewrites per pass',
  'training.checkpointing': 'Gradient checkpointing',
  'training.checkpoint_every_iterations': 'Checkpoint every … iterations',
  'training.validate_every_iterations': 'Validate every … iterations',
  'training.keep': 'Prompter that is tested',
  'training.patience': 'Patience',
  'training.kl_target': 'Divergence to aim at',
  'training.kl_gain': 'How fast λ follows',
  'training.normalise_by': 'Divide the loss by',
  'training.clip_ratio_high': 'ε above 1',
  'training.gae_lambda': 'λ of the advantages',
  'training.value_clip': 'Clip of the values',
  'training.value_learning_rate': 'Learning rate of the value head',
  'training.scale_by_group_deviation': "Divide advantages by the group's deviation",
  'training.scale_by_length': "Divide the loss by a rewrite's length",
  'training.kl_in_loss': 'Divergence in the loss',
  'evaluation.answers_per_prompt': 'Answers per prompt',
  'evaluation.answers_per_batch': 'Answers per batch',
  'evaluation.bootstrap_resamples': 'Bootstrap resamples',
  'evaluation.permutations': 'Permutations',
  'arms.rewrites_per_prompt': 'K, rewrites of each prompt',
  'arms.answers_per_rewrite': 'M, answers to each rewrite',
  'arms.best_of_answers': 'N, answers to choose from',
  'arms.instruction_request': 'Request',
  'arms.oracle_kl_coefficient': 'λ of the oracle',
  'arms.instruction': 'Found instruction',
  'arms.oracle': 'Oracle: the model tuned',
};
/** Of what speaks to a model behind an address, wherever in a spec it stands. */
export const ENDPOINT: Record<string, string> = {
  url: 'Address',
  key: KEY_NAME,
  allow_http: ALLOW_HTTP,
  requests_at_once: 'Requests at once',
  timeout_seconds: 'Timeout',
  patience_seconds: 'Patience',
  budget_tokens: 'Budget',
  budget_money: 'Budget in money',
  price_in_per_million: 'Price of a million tokens read',
  price_out_per_million: 'Price of a million tokens written',
};
/** Of a part of the reward. */
export const PART: Record<string, string> = {
  kind: 'Part',
  weight: 'Weight',
  name: 'Name',
  min_words: 'Least words',
  max_words: 'Most words',
  pattern: 'Pattern',
  model: 'Model',
  command: 'Program and arguments, one a line',
  timeout_seconds: 'Seconds for a batch',
  patience_seconds: 'Patience',
  memory_mb: 'Memory, MB',
  url: 'Address',
  key: KEY_NAME,
  allow_http: ALLOW_HTTP,
  pairs_per_request: 'Pairs a request',
  rubric: 'Rubric',
  lowest: 'Lowest',
  highest: 'Highest',
};

const quoted = (label: string | undefined, of = '') => (label === undefined ? null : `“${label}”${of}`);
const OF_PROMPTER = ' of the prompter';
const OF_FROZEN = ' of the frozen model';

/** The field that holds a key, as a sentence names it; null where the form has none. */
export function fieldOf(path: string): string | null {
  if (path === 'arms') return 'The experiment';
  if (path === 'reward.parts') return 'The list of parts';
  const [, index, key = '', inner] = /^reward\.parts\[(\d+)\]\.([a-z_]+)(?:\.([a-z_]+))?$/.exec(path) ?? [];
  if (index !== undefined) {
    const label = key === 'endpoint' ? ENDPOINT[inner ?? ''] : inner === undefined ? PART[key] : undefined;
    return quoted(label, ` of part ${Number(index) + 1}`);
  }
  const endpoint = /^frozen\.endpoint\.([a-z_]+)$/.exec(path)?.[1];
  if (endpoint !== undefined) return quoted(ENDPOINT[endpoint], OF_FROZEN);
  const bare = path.replace(/\[\d+\]$/, '');
  return quoted(FIELDS[bare], bare === 'prompter.model' ? OF_PROMPTER : bare === 'frozen.model' ? OF_FROZEN : '');
}

// The last words of keys, as sentences shorten them, where they mean one label.
const SHORT = new Map<string, string | null>();
for (const [path, label] of [FIELDS, ENDPOINT, PART].flatMap((table) => Object.entries(table))) {
  const key = path.slice(path.lastIndexOf('.') + 1);
  if (key.includes('_')) SHORT.set(key, SHORT.has(key) && SHORT.get(key) !== label ? null : label);
}

const PATH = /(?<![\w./"“-])(?:data|prompter|frozen|reward|training|evaluation|arms)(?:\.[a-z_]+|\[\d+\])+(?![\w/"-]|\.\w)/g;
const KEY = /(?<![\w./"“-])[a-z]+(?:_[a-z]+)+(?![\w/"]|\.\w)/g;
// What a sentence repeats of others: texts in quotation marks, and a person's own command.
const OF_OTHERS = /"[^"]*"|`[^`]*`|(?<=\bits command ).*?(?= (?:ended|had scored|printed|cannot)\b)/g;

/** A sentence with the form's labels where it names keys of a spec. */
export function withLabels(text: string): string {
  const own = (part: string) =>
    part
      .replace(PATH, (path) => fieldOf(path) ?? path)
      .replace(KEY, (key) => quoted(SHORT.get(key) ?? undefined) ?? key)
      .replace(/” = true\b/g, '”');
  let [whole, last] = ['', 0];
  for (const { 0: other, index } of text.matchAll(OF_OTHERS)) {
    whole += own(text.slice(last, index)) + other;
    last = index + other.length;
  }
  return whole + own(text.slice(last));
}
