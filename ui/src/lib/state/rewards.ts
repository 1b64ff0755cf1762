// The parts that a reward is made of.
import type { RewardPart, Spec } from '$ipc';

export const KINDS: { kind: RewardPart['kind']; word: string; range: string; meaning: string }[] = [
  {
    kind: 'sentiment',
    word: 'Sentiment',
    range: '−1 to 1',
    meaning: 'How positive the answer sounds (VADER). It counts words, not meaning; English only.',
  },
  {
    kind: 'topicality',
    word: 'Topicality',
    range: '0 to 1',
    meaning: 'How much of what the prompt asks about the answer speaks of. The only program that looks at the prompt.',
  },
  {
    kind: 'length_band',
    word: 'Length band',
    range: '0 to 1',
    meaning: '1 from the least to the most words, falling to 0 at half the lower and twice the upper bound.',
  },
  { kind: 'regex', word: 'Pattern', range: '0 or 1', meaning: '1 where a regular expression matches, or, forbidden, where it does not.' },
  {
    kind: 'readability',
    word: 'Readability',
    range: '0 to 1',
    meaning: 'Flesch reading ease divided by 100: short words in short sentences. English only.',
  },
  {
    kind: 'reward_model',
    word: 'Reward model',
    range: 'Without bounds',
    meaning: 'What a model that was trained on preferences gives the prompt and the answer. Weigh it by the spread of its scores.',
  },
  {
    kind: 'judge',
    word: 'Judge',
    range: 'From the lowest to the highest number',
    meaning: 'A language model is asked for a number by a rubric; what counts is the mean of the numbers that it may say.',
  },
  {
    kind: 'command',
    word: 'Command',
    range: 'Without bounds',
    meaning:
      'A program of your own, which reads pairs and prints scores as lines of JSON. It runs with your rights, after you have agreed to it.',
  },
  {
    kind: 'http',
    word: 'Service',
    range: 'Without bounds',
    meaning: 'An address of your own that batches of prompts and answers are posted to. They leave this program.',
  },
];

/** A new part of a kind, with values that make sense to begin with. */
export function asKind(kind: RewardPart['kind'], weight: number): RewardPart {
  if (kind === 'length_band') return { kind, weight, min_words: 20, max_words: 40 };
  if (kind === 'regex') return { kind, weight, pattern: '', forbid: false };
  if (kind === 'reward_model') return { kind, weight, model: '' };
  if (kind === 'judge')
    return { kind, weight, model: '', rubric: 'The answer is correct, to the point and friendly.', lowest: 1, highest: 5 };
  if (kind === 'command') return { kind, weight, command: [], timeout_seconds: 120, memory_mb: 4096 };
  if (kind === 'http')
    return { kind, weight, url: 'http://127.0.0.1:8000/score', timeout_seconds: 120, patience_seconds: 300, pairs_per_request: 64 };
  return { kind, weight };
}

/** Computed by a model, a command or a service, which are there for a run only. */
export const isOutside = (part: RewardPart) => ['reward_model', 'judge', 'command', 'http'].includes(part.kind);
/** Whether what is asked for is there to be chosen among the installed models. */
export const needsModel = (part: RewardPart) => part.kind === 'reward_model' || part.kind === 'judge';
/** The name under which a part is stored and shown. */
export const labelOf = (part: RewardPart) => part.name ?? part.kind;
/** Scored and shown, with nothing trained on it. */
export const isWatched = (part: RewardPart) => part.weight === 0;
export const watchedIn = (spec: Spec): string[] => spec.reward.parts.filter(isWatched).map(labelOf);

// Those that need no settings, the one that is seldom trained on first.
const WATCHABLE: RewardPart['kind'][] = ['readability', 'topicality', 'sentiment', 'length_band'];
/** A part to watch: of a kind that is not there yet, as far as there is one, and under a name that is not taken. */
export function toWatch(parts: RewardPart[]): RewardPart {
  const taken = parts.map(labelOf);
  const free = WATCHABLE.find((kind) => !taken.includes(kind));
  if (free) return asKind(free, 0);
  let n = 2;
  while (taken.includes(`readability ${n}`)) n++;
  return { ...asKind('readability', 0), name: `readability ${n}` };
}
