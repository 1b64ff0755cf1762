// The phases of a run with the arms that it has.
import type { FitStep, Phase } from '$ipc';
import { armsInWords, type ArmKey } from '$lib/charts/palette';

const BEFORE: ArmKey[] = ['raw', 'untuned'];
/** The arms that a phase gives the answers of. */
export const answering = (arms: ArmKey[], phase: Phase) =>
  arms.filter((arm) => (phase === 'baselines' ? BEFORE.includes(arm) : phase === 'evaluate' && !BEFORE.includes(arm)));

/** The phases that a run with these arms goes through. */
export function phasesOf(arms: ArmKey[]): Phase[] {
  const needed: [Phase, boolean][] = [
    ['load', true],
    ['baselines', answering(arms, 'baselines').length > 0],
    ['train', arms.includes('tuned')],
    ['search', arms.includes('instruction')],
    ['oracle', arms.includes('oracle')],
    ['evaluate', answering(arms, 'evaluate').length > 0],
  ];
  return needed.flatMap(([phase, isNeeded]) => (isNeeded ? [phase] : []));
}

interface PhaseWords {
  /** In a row of phases. */
  short: string;
  /** With the arms that it answers with. */
  word: string;
  /** While it goes on. */
  doing: string;
  /** What progress counts. */
  unit: string;
}
const WORDS: Record<Phase, [short: string, doing: string, unit: string]> = {
  load: ['Loading the models', 'Loading models and proving the engine', ''],
  baselines: ['Baselines', 'Answering the test prompts without training', 'answer'],
  train: ['Training', 'Training the prompter', 'iteration'],
  search: ['Search for an instruction', 'Searching for an instruction', 'round'],
  oracle: ['Training the oracle', 'Training the frozen model itself, the oracle', 'iteration'],
  evaluate: ['Evaluation', 'Answering the test prompts', 'answer'],
};
export function phaseWords(phase: Phase, arms: ArmKey[]): PhaseWords {
  const [short, doing, unit] = WORDS[phase];
  const who = armsInWords(answering(arms, phase));
  const named = (text: string) => (who ? `${text}: ${who}` : text);
  return { short, word: named(short), doing: named(doing), unit };
}

/** The steps of an iteration as far as their memory goes. */
export const FIT_WORDS: Record<FitStep, string> = {
  load: 'Loading the models',
  rollout: 'Drawing rewrites',
  answers: 'Answers of the frozen model',
  reward: 'Reward models and judges',
  update: 'Update of the prompter',
  oracle: 'Update of the oracle',
};
