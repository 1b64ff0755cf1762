// What a judge says of the fixtures' answers.
import type { Judged, ShareOfPrompts, ToJudge } from '$ipc';

const ALL = 192;
const BATCH = 16;
export const most = ({ pairs }: ToJudge) => Math.min(ALL, pairs ?? ALL);
/** How many pairs are done after each batch. */
export const steps = (what: ToJudge) =>
  Array.from({ length: Math.ceil(most(what) / BATCH) }, (_, i) => Math.min(most(what), (i + 1) * BATCH));
export const isSame = (a: Judged, b: Judged) => a.judge === b.judge && a.arm === b.arm && a.baseline === b.baseline;

const share = (share: number, pairs: number): ShareOfPrompts => {
  const half = 0.9 / Math.sqrt(Math.max(1, pairs));
  return { share, interval: { low: Math.max(0, share - half), high: Math.min(1, share + half) } };
};

/** A small judge looks at the position, a larger one at the answers. With 0 done, all are. */
export function judged(what: ToJudge, done: number): Judged {
  const isSmall = what.judge.startsWith('smollm');
  const asked = done || most(what);
  const unparsed = Math.round(asked * (isSmall ? 0.22 : 0.02));
  const pairs = asked - unparsed;
  return {
    judge: what.judge,
    checksum: isSmall ? '5f2d1c0b9a8e7f6d5c4b3a291807f6e5d4c3b2a1' : '0b9a8e7f6d5c4b3a291807f6e5d4c3b2a15f2d1c',
    engine: `built-in engine, ${what.judge}`,
    template: 'Which answer to {prompt} is better?\n\nA: {first}\n\nB: {second}\n\nEnd with A, B or tie. <b>Be fair.</b>',
    template_hash: 'a3f9c04d17be',
    arm: what.arm,
    baseline: what.baseline,
    pairs,
    prompts: Math.min(96, pairs),
    clusters: null,
    available: ALL,
    unparsed,
    too_long: 0,
    win_rate: share(isSmall ? 0.53 : 0.64, pairs),
    first_position: share(isSmall ? 0.81 : 0.54, pairs),
    agreement: share(isSmall ? 0.34 : 0.83, pairs),
    longer: share(isSmall ? 0.51 : 0.58, pairs),
    arm_is_longer: 0.61,
    began_at_ms: Date.UTC(2026, 9, 4, 9, 12),
    ended_at_ms: Date.UTC(2026, 9, 4, 9, 31),
    warnings: isSmall
      ? [
          'This judge follows the position more than the answers: it said the same in both orders of 34 % of the pairs, and 81 % of its verdicts that were no ties went to the answer that stood first. Its win rate says little; ask a larger model.',
        ]
      : [],
  };
}
