import type { RewardPart } from '$ipc';

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
    meaning: 'How much of what the prompt asks about the answer speaks of. The only part that looks at the prompt.',
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
];

/** A new part of a kind, with values that make sense to begin with. */
export function asKind(kind: RewardPart['kind'], weight: number): RewardPart {
  if (kind === 'length_band') return { kind, weight, min_words: 20, max_words: 40 };
  if (kind === 'regex') return { kind, weight, pattern: '', forbid: false };
  return { kind, weight };
}
