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
];

/** A new part of a kind, with values that make sense to begin with. */
export function asKind(kind: RewardPart['kind'], weight: number): RewardPart {
  if (kind === 'length_band') return { kind, weight, min_words: 20, max_words: 40 };
  if (kind === 'regex') return { kind, weight, pattern: '', forbid: false };
  if (kind === 'reward_model') return { kind, weight, model: '' };
  return { kind, weight };
}

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
