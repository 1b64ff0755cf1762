// What the paper's figures 2 and 3 show (Trivedi et al. 2025), read off their bars.
import { fixed, listed, percent } from '$lib/format';

/** How far a value that was read off a bar can be off. */
export const READING = 0.01;

type Three = [none: number, tuned: number, oracle: number];
export interface PaperCell {
  data: string;
  /** P1 or P2, and F1 or F2. */
  pair: string;
  mean: Three;
  variance: Three;
}
const of = (data: string, pair: string, mean: Three, variance: Three): PaperCell => ({ data, pair, mean, variance });
export const PAPER: PaperCell[] = [
  of('UltraFeedback', 'P1-F1', [0.39, 1.12, 1.37], [1.87, 1.14, 1.8]),
  of('UltraFeedback', 'P1-F2', [0.69, 1.33, 1.4], [1.84, 1.42, 1.79]),
  of('UltraFeedback', 'P2-F1', [0.46, 1.13, 1.4], [2.24, 1.21, 1.92]),
  of('UltraFeedback', 'P2-F2', [0.7, 1.4, 1.48], [2.19, 1.37, 1.94]),
  of('Orca', 'P1-F1', [1.59, 1.85, 2.45], [1.91, 1.22, 1.44]),
  of('Orca', 'P1-F2', [1.96, 2.37, 2.61], [1.89, 1.4, 1.65]),
  of('Orca', 'P2-F1', [1.12, 1.43, 2.18], [1.97, 1.33, 1.31]),
  of('Orca', 'P2-F2', [1.82, 2.05, 2.41], [1.66, 1.12, 1.36]),
  of('HelpSteer', 'P1-F1', [0.11, 0.73, 0.84], [0.98, 0.87, 0.82]),
  of('HelpSteer', 'P1-F2', [0.25, 0.7, 1], [1.14, 0.75, 0.89]),
  of('HelpSteer', 'P2-F1', [0.19, 0.81, 0.95], [1.07, 0.72, 0.97]),
  of('HelpSteer', 'P2-F2', [0.29, 0.85, 0.96], [0.94, 0.61, 0.86]),
];
/** The caption names F1's model for F2 too, whose bars differ everywhere. */
export const PAPER_MODELS = ['P1: Phi-3.5-Instruct', 'P2: Qwen-2.5-1.5B-Instruct', 'F1: Llama-3.1-8B-Instruct', 'F2: not known'];

/** (Align-Pro − no fine-tuning) / (oracle − no fine-tuning), of the means. */
export const closed = ({ mean: [none, tuned, oracle] }: PaperCell) => (tuned - none) / (oracle - none);

/** Of so many groups, in how many one arm has the least variance, and where not. */
export interface Least {
  groups: number;
  least: number;
  exceptions: string[];
}

/** Whether Align-Pro has the least variance, as the paper says of its figure 3. */
export function leastInPaper(): Least {
  const others = PAPER.map(({ data, pair, variance: [none, tuned, oracle] }) => {
    const [word, value] = none < oracle ? (['no fine-tuning', none] as const) : (['oracle', oracle] as const);
    return { name: `${data} ${pair}`, word, value, tuned };
  });
  const exceptions = others.filter(({ value, tuned }) => tuned >= value);
  return {
    groups: PAPER.length,
    least: PAPER.length - exceptions.length,
    exceptions: exceptions.map(({ name, word, value, tuned }) => {
      // Both were read off.
      const isDoubtful = tuned - value <= 2 * READING + 1e-9;
      return `${name} (${word} ${fixed(value, 2)}, Align-Pro ${fixed(tuned, 2)}${isDoubtful ? ', no more apart than two readings can be off' : ''})`;
    }),
  };
}
export function leastInPaperInWords(): string {
  const { groups, least, exceptions } = leastInPaper();
  return `The paper claims the least variance for Align-Pro; its own bars show it in ${least} of ${groups} groups${exceptions.length ? `, not in ${listed(exceptions)}` : ''}.`;
}
export function meanInPaperInWords(): string {
  const between = PAPER.filter(({ mean: [none, tuned, oracle] }) => none < tuned && tuned < oracle).length;
  const shares = PAPER.map(closed);
  return `In the paper’s charts Align-Pro lies between the other two in ${between} of ${PAPER.length} groups, and closes ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))} of the gap.`;
}
