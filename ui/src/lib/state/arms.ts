// Which arms an experiment runs, what each of them is and how many reward calls it takes.
import type { Arms, Spec } from '$ipc';
import { ARMS, type ArmKey } from '$lib/charts/palette';
import { plural, thousands } from '$lib/format';

/** A spec that says which arms it runs. */
export type WholeSpec = Spec & { arms: Arms };

/** As crates/contract/src/spec.rs has them. */
export const DEFAULT_ARMS: Arms = {
  raw: true,
  untuned: true,
  tuned: true,
  optimum: false,
  best_rewrite: false,
  best_answer: false,
  instruction: false,
  oracle: false,
  rewrites_per_prompt: 8,
  answers_per_rewrite: 4,
  best_of_answers: 8,
  instruction_request:
    "Write one short instruction for an assistant. It is put before a user's question, so that the assistant gives a more helpful, friendly and positive answer.{tried}\n\nReply with the new instruction only.",
  oracle_kl_coefficient: null,
};
/** With the usual arms where it names none. */
export const whole = (spec: Spec): WholeSpec => ({ ...spec, arms: { ...DEFAULT_ARMS, ...spec.arms } });

export const armsOf = (spec: Spec): ArmKey[] => ARMS.filter((arm) => whole(spec).arms[arm]);
/** Whether K rewrites of each test prompt are drawn, answered and scored. */
export const needsRewrites = (arms: Arms) => arms.optimum || arms.best_rewrite;

/** What each arm is, in a sentence. */
export const MEANINGS: Record<ArmKey, string> = {
  raw: 'The prompt as it is goes to the frozen model.',
  untuned: 'The prompter rewrites as it does before training.',
  tuned: 'The prompter rewrites as it does after training.',
  optimum:
    'Lemma 5.1 without training: of K untuned rewrites one is drawn with weights exp(R/λ), R the mean reward of its M answers, and answered afresh. What training is after.',
  best_rewrite: 'Of K untuned rewrites the one with the largest R is answered afresh: the most that choosing among them can give.',
  best_answer: 'The frozen model answers the raw prompt N times, and the answer with the largest reward is kept. No prompter.',
  instruction: 'One instruction stands before every prompt: the best that a search finds on the training prompts.',
  oracle: 'The frozen model itself is fine-tuned by the same algorithm: what the prompter stands in for.',
};

/** What cannot be said without an arm, as a sentence; null where nothing is lost. */
export const LOSSES: Partial<Record<ArmKey, string>> = {
  raw: 'Without the raw prompt no gain over it can be claimed: a rewrite might be worse than what was typed.',
  untuned: 'Without the untuned prompter no gain over it can be claimed: what training gives cannot be told from what rewriting gives.',
  tuned: 'Without the tuned prompter nothing is trained: there are no curves, and no prompter to try or to export.',
};
export const losses = (arms: Arms): string[] => ARMS.flatMap((arm) => (arms[arm] ? [] : (LOSSES[arm] ?? [])));

/** Reward calls of an arm by itself. */
export interface Calls {
  /** Training or a search, before it can answer. */
  prepare: number;
  /** To choose among rewrites or answers. */
  choose: number;
  /** For the answers that are compared. */
  answer: number;
}
/** Rewrites of a training, each answered and scored once; a search and the oracle's training get as many. */
export const trained = ({ training: t }: Spec) => t.iterations * t.prompts_per_iteration * t.group_size;
/** How often a training answers the validation prompts: before its first iteration, and then every so many. */
export const validations = ({ training: t }: Spec) =>
  t.validate_every_iterations > 0 ? 1 + Math.floor(t.iterations / t.validate_every_iterations) : 0;
/** Reward calls of a training's validations. */
export const validated = (spec: Spec) => validations(spec) * spec.data.validation * spec.evaluation.answers_per_prompt;

export function callsOf(spec: Spec, arm: ArmKey): Calls {
  const { arms, data, evaluation } = whole(spec);
  const answer = data.test * evaluation.answers_per_prompt;
  switch (arm) {
    case 'raw':
    case 'untuned':
      return { prepare: 0, choose: 0, answer };
    case 'optimum':
    case 'best_rewrite':
      return { prepare: 0, choose: data.test * arms.rewrites_per_prompt * arms.answers_per_rewrite, answer };
    case 'best_answer':
      // The kept ones are among them.
      return { prepare: 0, choose: answer * arms.best_of_answers, answer: 0 };
    case 'instruction':
      return { prepare: trained(spec), choose: 0, answer };
    default:
      return { prepare: trained(spec) + validated(spec), choose: 0, answer };
  }
}
export const sum = ({ prepare, choose, answer }: Calls) => prepare + choose + answer;

/** Reward calls of the whole run: arms that choose from the same rewrites share them. */
export function callsInAll(spec: Spec): number {
  const { arms } = whole(spec);
  const shared = arms.optimum && arms.best_rewrite ? callsOf(spec, 'optimum').choose : 0;
  return armsOf(spec).reduce((total, arm) => total + sum(callsOf(spec, arm)), -shared);
}

/** Where an arm's reward calls come from, as a sum of products. */
export function callsInWords(spec: Spec, arm: ArmKey): string {
  const { arms, data, evaluation, training: t } = whole(spec);
  const product = (...factors: [number, string][]) => factors.map(([n, word]) => plural(n, word)).join(' × ');
  const answers = product([data.test, 'prompt'], [evaluation.answers_per_prompt, 'answer']);
  const times = validations(spec);
  const validating = product([times, 'validation'], [data.validation, 'prompt'], [evaluation.answers_per_prompt, 'answer']);
  const training = (word: string) =>
    product([t.iterations, 'iteration'], [t.prompts_per_iteration, 'prompt'], [t.group_size, word]) + (times > 0 ? ` + ${validating}` : '');
  const rewrites = product([data.test, 'prompt'], [arms.rewrites_per_prompt, 'rewrite'], [arms.answers_per_rewrite, 'answer']);
  const shared = arms.optimum && arms.best_rewrite ? ' (drawn once for both arms)' : '';
  switch (arm) {
    case 'raw':
    case 'untuned':
      return answers;
    case 'tuned':
      return `${training('rewrite')} + ${answers}`;
    case 'optimum':
    case 'best_rewrite':
      return `${rewrites}${shared} + ${answers}`;
    case 'best_answer':
      return `${answers} × ${thousands(arms.best_of_answers)} to choose from`;
    case 'instruction':
      return `as many as a training makes, ${thousands(trained(spec))} + ${answers}`;
    case 'oracle':
      return `${training('answer')} + ${answers}`;
  }
}

/** Switches an arm, and forgets what only its fields held. */
export function switchArm(arms: Arms, arm: ArmKey, isOn: boolean) {
  arms[arm] = isOn;
  if (!arms.oracle) arms.oracle_kl_coefficient = null;
}
/** Paths of the fields that are seen, of those that belong to arms. */
export function fieldsOf(arms: Arms): string[] {
  return [
    ...(needsRewrites(arms) ? ['arms.rewrites_per_prompt', 'arms.answers_per_rewrite'] : []),
    ...(arms.best_answer ? ['arms.best_of_answers'] : []),
    ...(arms.oracle ? ['arms.oracle_kl_coefficient'] : []),
    ...(arms.instruction ? ['arms.instruction_request'] : []),
  ];
}
