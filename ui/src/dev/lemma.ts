// Lemma 5.1 from rewrites that are drawn here; the program's own estimators are in crates/analysis, and more careful.
import type { Estimated, PromptTheory, RunTheory } from '$ipc';
import { stream } from './random';

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
const mean = (values: number[]) => sum(values) / values.length;

function estimated(values: number[]): Estimated {
  const middle = mean(values);
  const deviation = Math.sqrt(sum(values.map((v) => (v - middle) ** 2)) / (values.length - 1));
  const half = (1.96 * deviation) / Math.sqrt(values.length);
  return { mean: middle, interval: { low: middle - half, high: middle + half }, prompts: values.length };
}

function weights(rewards: number[], lambda: number): number[] {
  const top = Math.max(...rewards);
  const tilted = rewards.map((r) => Math.exp((r - top) / lambda));
  return tilted.map((t) => t / sum(tilted));
}
const dot = (a: number[], b: number[]) => sum(a.map((v, i) => v * b[i]!));
const away = (w: number[]) => Math.log(w.length) + sum(w.map((v) => (v > 0 ? v * Math.log(v) : 0)));
const effective = (w: number[]) => 1 / sum(w.map((v) => v * v));
const best = (by: number[], of: number[]) => of[by.indexOf(Math.max(...by))]!;

/** Two noisy means of each rewrite's reward, as of two halves of the answers. */
interface Drawn {
  first: number[];
  second: number[];
}
const whole = ({ first, second }: Drawn) => first.map((v, k) => (v + second[k]!) / 2);
const crossed = (drawn: Drawn, of: (by: number[], values: number[]) => number) =>
  (of(drawn.first, drawn.second) + of(drawn.second, drawn.first)) / 2;

export interface Design {
  prompts: number;
  rewrites: number;
  answers: number;
  lambda: number;
  /** The tuned prompter's mean reward on each prompt; without it none was trained. */
  tuned: (number | null)[] | null;
  /** Effective number of rewrites under its weights. */
  overlap: number;
  /** N. */
  bestOf: number | null;
}

export function theoryOfRun(seed: number, { prompts, rewrites, answers, lambda, tuned, overlap, bestOf }: Design): RunTheory {
  const { normal, uniform } = stream(seed + 77);
  const drawn: Drawn[] = Array.from({ length: prompts }, () => {
    const [ease, spread] = [0.72 + 0.25 * normal(), 0.05 + 0.3 * uniform()];
    const worth = Array.from({ length: rewrites }, () => ease + spread * normal());
    const noise = 0.45 / Math.sqrt(Math.max(1, answers / 2));
    return { first: worth.map((r) => r + noise * normal()), second: worth.map((r) => r + noise * normal()) };
  });
  const all = drawn.map(whole);
  const tilt = (by: number[]) => weights(by, lambda);
  const halves = answers > 1;
  const kl = all.map((r) => away(tilt(r)));
  const cross = drawn.map((d) => crossed(d, (by, of) => dot(tilt(by), of)));
  const objective = all.map((r, x) => dot(tilt(r), r) - lambda * kl[x]!);
  const by_prompt = all.map((r, prompt_index): PromptTheory => {
    const reward = halves ? cross[prompt_index]! : dot(tilt(r), r);
    const mine = tuned?.[prompt_index] ?? null;
    return {
      prompt_index,
      untuned_reward: mean(r),
      optimum_reward: reward,
      best_reward: Math.max(...r),
      worst_reward: Math.min(...r),
      kl: kl[prompt_index]!,
      effective_rewrites: effective(tilt(r)),
      tuned_reward: mine,
      shortfall: tuned ? 0.02 + 0.2 * uniform() ** 3 : null,
    };
  });
  const counts = Array.from({ length: Math.floor(Math.log2(rewrites)) + 1 }, (_, i) => 2 ** i);
  if (counts.at(-1) !== rewrites) counts.push(rewrites);
  const first = ({ first, second }: Drawn, k: number): Drawn => ({ first: first.slice(0, k), second: second.slice(0, k) });
  const shifted = ({ mean, interval, prompts }: Estimated, by: number): Estimated => ({
    mean: mean + by,
    interval: interval && { low: interval.low + by * 1.3, high: interval.high + by * 0.8 },
    prompts,
  });
  return {
    lambda,
    prompts,
    rewrites,
    answers,
    untuned_reward: estimated(all.map(mean)),
    reward: estimated(all.map((r) => dot(tilt(r), r))),
    cross_fitted: halves ? estimated(cross) : null,
    gain: halves ? estimated(cross.map((v, x) => v - mean(all[x]!))) : null,
    kl: estimated(kl),
    kl_extrapolated: halves ? shifted(estimated(kl), -0.08) : null,
    objective: estimated(objective),
    objective_extrapolated: halves ? shifted(estimated(objective), -0.03) : null,
    effective_rewrites: all.map((r) => effective(tilt(r))).sort((a, b) => a - b)[Math.floor(prompts / 2)]!,
    convergence: counts.map((k) => {
      const some = drawn.map((d) => first(d, k));
      const over = (of: (d: Drawn) => number) => mean(some.map(of));
      return {
        k,
        reward: over((d) => dot(tilt(whole(d)), whole(d))),
        cross_fitted: halves ? over((d) => crossed(d, (by, of) => dot(tilt(by), of))) : null,
        kl: over((d) => away(tilt(whole(d)))),
        best: over((d) => Math.max(...whole(d))),
        best_cross_fitted: halves ? over((d) => crossed(d, best)) : null,
      };
    }),
    best_answers:
      bestOf === null
        ? []
        : [1, 2, 4, 8, 16, 32].filter((n) => n <= bestOf).map((n) => ({ n, reward: 0.77 + 0.46 * Math.sqrt(2 * Math.log(n)) * 0.75 })),
    tuned: tuned && {
      effective_rewrites: overlap,
      reward: { mean: 0.97, interval: { low: 0.88, high: 1.07 }, prompts },
      kl: { mean: 1.31, interval: { low: 1.12, high: 1.5 }, prompts },
      shortfall: estimated(by_prompt.map((p) => p.shortfall ?? 0)),
      shortfall_extrapolated: halves ? shifted(estimated(by_prompt.map((p) => p.shortfall ?? 0)), -0.012) : null,
    },
    by_prompt,
  };
}
