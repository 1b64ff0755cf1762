// The phases of a run with the arms that it has.
import type { Phase } from '$ipc';
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
  /** In a list of phases. */
  word: string;
  /** While it goes on. */
  doing: string;
  /** What progress counts. */
  unit: string;
}
export function phaseWords(phase: Phase, arms: ArmKey[]): PhaseWords {
  const who = armsInWords(answering(arms, phase));
  switch (phase) {
    case 'load':
      return { word: 'Loading the models', doing: 'Loading models and proving the engine', unit: '' };
    case 'baselines':
      return {
        word: `Baselines${who && `: ${who}`}`,
        doing: `Answering the test prompts without training${who && `: ${who}`}`,
        unit: 'answer',
      };
    case 'train':
      return { word: 'Training', doing: 'Training the prompter', unit: 'iteration' };
    case 'search':
      return { word: 'Search for an instruction', doing: 'Searching for an instruction', unit: 'round' };
    case 'oracle':
      return { word: 'Training the oracle', doing: 'Training the frozen model itself, the oracle', unit: 'iteration' };
    case 'evaluate':
      return { word: `Evaluation${who && `: ${who}`}`, doing: `Answering the test prompts${who && `: ${who}`}`, unit: 'answer' };
  }
}
