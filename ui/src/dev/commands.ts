// Commands of a reward as the shell would describe them: a word that begins with / and ends like a file is one.
import type { Reward, RewardCommand } from '$ipc';
import { labelOf } from '$lib/state/rewards';

const hashed = (text: string) => {
  let hash = 7;
  for (const c of text) hash = (hash * 31 + c.charCodeAt(0)) >>> 0;
  return hash.toString(16).padStart(8, '0').repeat(8);
};

/** `agreed` holds the digests that a person has agreed to. */
export const described = (reward: Reward, agreed: string[]): RewardCommand[] =>
  reward.parts.flatMap((part) => {
    if (part.kind !== 'command') return [];
    const files = part.command.filter((word) => /^\/.*\.\w+$/.test(word)).map((path) => ({ path, checksum: hashed(path) }));
    const digest = hashed(JSON.stringify([part.command, files]));
    return [{ part: labelOf(part), command: part.command, folder: '/', files, digest, agreed: agreed.includes(digest) }];
  });
