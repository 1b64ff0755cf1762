import type { Instruction } from '$ipc';
import { fixed, plural } from '$lib/format';

export const NOTHING_FOUND = 'Nothing that was tried beat the prompt alone.';
/** How an instruction was found, and what its score is. */
export const instructionInWords = ({ score, n, tried }: Instruction) =>
  `${plural(tried, 'instruction')} tried. Score ${fixed(score)}, from ${plural(n, 'reward call')}: mean reward on training prompts, shrunk towards the mean of all that was tried. What it is worth on test prompts is the reward of its arm.`;
