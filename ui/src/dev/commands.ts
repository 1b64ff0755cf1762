// Commands of a reward as the shell would describe them: a word that begins with / and ends like a file is one.
import type { Reward, RewardCommand, RewardPart } from '$ipc';
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

/** Experiments whose reward runs a command: one that failed, and one of a colleague. */
export const COMMANDED = ['bb01', 'ab12'];
export const SCORED: RewardPart = {
  kind: 'command',
  name: 'must name a price',
  weight: 1,
  command: ['python3', '/home/ada/price.py'],
  timeout_seconds: 60,
  memory_mb: 4096,
};

/** What a worker says that may not run a command of the reward; null where it may run all. */
export function unagreed(reward: Reward, agreed: string[]): string | null {
  const other = described(reward, agreed).find((command) => !command.agreed);
  return other
    ? `The part "${other.part}" of the reward runs a command that nobody has agreed to on this machine, or that has changed since: ${other.command.join(' ')}. Read it and the files that it names. If you trust them, do the same in a terminal, which asks, or with --allow-commands.`
    : null;
}
