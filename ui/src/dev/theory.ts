// The theory of a small world by its definitions; the shell's own is in crates/analysis, and more careful.
import type { BestOf, Theory, TheoryPoint, TheoryWorld } from '$ipc';
import { stream } from './random';

interface World {
  share: number;
  text: string;
  answers: string[];
  r: number[];
  raw: number[];
  rewrites: { text: string; chance: number; answers: number[] }[];
}
const BETA = 0.1;
const COUNTS = [1, 2, 4, 8, 16, 32];

const EXAMPLE: World[] = [
  {
    share: 0.6,
    text: 'tell me about tea',
    answers: ['A clear overview with examples.', 'A list of facts.', 'A rambling paragraph.', '“Tea is a drink.”'],
    r: [0.9, 0.6, 0.3, 0.1],
    raw: [0.1, 0.25, 0.4, 0.25],
    rewrites: [
      { text: 'tell me about tea', chance: 0.4, answers: [0.1, 0.25, 0.4, 0.25] },
      { text: 'Explain how tea is grown, made and drunk, with an example of each.', chance: 0.07, answers: [0.65, 0.25, 0.08, 0.02] },
      { text: 'List ten facts about tea.', chance: 0.2, answers: [0.1, 0.8, 0.07, 0.03] },
      { text: 'Tea?', chance: 0.33, answers: [0.02, 0.08, 0.3, 0.6] },
    ],
  },
  {
    share: 0.4,
    text: "what's 17 * 23",
    answers: ['391, step by step.', '391', 'A wrong number.'],
    r: [1, 0.7, 0],
    raw: [0.02, 0.38, 0.6],
    rewrites: [
      { text: "what's 17 * 23", chance: 0.55, answers: [0.02, 0.38, 0.6] },
      { text: 'Work out 17 · 23 step by step. <b>Show your work.</b>', chance: 0.1, answers: [0.75, 0.1, 0.15] },
      { text: 'Quickly, 17 times 23?', chance: 0.35, answers: [0.01, 0.34, 0.65] },
    ],
  },
];

function random(seed: number, prompts: number, rewrites: number, answers: number): World[] {
  const { uniform } = stream(seed);
  const simplex = (n: number) => {
    const draws = Array.from({ length: n }, () => -Math.log(1 - uniform()));
    return draws.map((draw) => draw / sum(draws));
  };
  return simplex(prompts).map((share, x) => ({
    share,
    text: `prompt ${x}`,
    answers: Array.from({ length: answers }, (_, y) => `answer ${y}`),
    r: Array.from({ length: answers }, uniform),
    raw: simplex(answers),
    rewrites: simplex(rewrites).map((chance, i) => ({ text: `rewrite ${i}`, chance, answers: simplex(answers) })),
  }));
}

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
const dot = (a: number[], b: number[]) => sum(a.map((v, i) => v * b[i]!));
const divergence = (a: number[], b: number[]) => sum(a.map((v, i) => (v > 0 ? v * Math.log(v / b[i]!) : 0)));
const apart = (a: number[], b: number[]) => sum(a.map((v, i) => Math.abs(v - b[i]!))) / 2;

function tilt(p: number[], v: number[], t: number) {
  const top = Math.max(...v);
  const weights = p.map((chance, i) => (t === 0 ? (v[i] === top ? chance : 0) : chance * Math.exp((v[i]! - top) / t)));
  const z = sum(weights);
  return { q: weights.map((weight) => weight / z), logZ: t === 0 ? null : Math.log(z) + top / t };
}

/** The law of the best of n, in a world without ties. */
function bestOf(p: number[], v: number[], n: number): number[] {
  const below = (i: number) => sum(p.filter((_, j) => v[j]! <= v[i]!));
  return p.map((chance, i) => below(i) ** n - (below(i) - chance) ** n);
}

export function theoryOf(asked: TheoryWorld, lambdas: number[]): Theory | Promise<never> {
  if (asked.kind === 'random' && !(asked.prompts >= 1 && asked.prompts <= 6)) {
    return Promise.reject({ code: 'spec', message: `A random world has 1 to 6 prompts, not ${asked.prompts}.`, detail: null });
  }
  const world = asked.kind === 'example' ? EXAMPLE : random(asked.seed, asked.prompts, asked.rewrites, asked.answers);
  const mean = (of: (prompt: World) => number) => sum(world.map((prompt) => prompt.share * of(prompt)));
  const sft = (prompt: World) => prompt.rewrites.map((r) => r.chance);
  const values = (prompt: World) => prompt.rewrites.map((r) => dot(r.answers, prompt.r));
  const induced = (prompt: World, rho: number[]) => prompt.r.map((_, y) => sum(prompt.rewrites.map((r, i) => rho[i]! * r.answers[y]!)));
  const oracle = (prompt: World) => tilt(prompt.raw, prompt.r, BETA).q;
  const rewards = world.flatMap((prompt) => prompt.r);
  const range = Math.max(...rewards) - Math.min(...rewards);
  const best = (p: (prompt: World) => number[], v: (prompt: World) => number[]): BestOf[] =>
    COUNTS.map((n) => ({
      n,
      reward: mean((prompt) => dot(bestOf(p(prompt), v(prompt), n), v(prompt))),
      kl: mean((prompt) => divergence(bestOf(p(prompt), v(prompt), n), p(prompt))),
    }));
  const raw = mean((prompt) => dot(prompt.raw, prompt.r));
  const untuned = mean((prompt) => dot(sft(prompt), values(prompt)));
  const [moved, gained] = [mean((prompt) => apart(oracle(prompt), prompt.raw)), mean((prompt) => dot(oracle(prompt), prompt.r))];
  const rewritten = mean((prompt) => sum(prompt.rewrites.map((r) => r.chance * apart(prompt.raw, r.answers))));
  const bestRewrites = best(sft, values);

  function point(lambda: number): TheoryPoint {
    const rho = (prompt: World) => tilt(sft(prompt), values(prompt), lambda);
    const reward = mean((prompt) => dot(rho(prompt).q, values(prompt)));
    const kl = mean((prompt) => divergence(rho(prompt).q, sft(prompt)));
    const back = lambda === 0 ? null : mean((prompt) => divergence(sft(prompt), rho(prompt).q));
    const half = lambda === 0 ? reward - untuned : lambda * back!;
    const [oracleTerm, rewriteTerm, divergenceTerm] = [range * moved, range * rewritten, lambda * kl];
    const bound = oracleTerm + rewriteTerm - divergenceTerm;
    return {
      lambda,
      prompts: world.map((prompt) => {
        const { q, logZ } = rho(prompt);
        const [v, d] = [dot(q, values(prompt)), divergence(q, sft(prompt))];
        return { rewrites: q, answers: induced(prompt, q), reward: v, kl: d, log_z: logZ, objective: v - lambda * d };
      }),
      reward,
      kl,
      kl_back: back,
      identity: lambda * kl + half,
      objective: reward - lambda * kl,
      share_of_gap: (reward - untuned) / (gained - untuned),
      gap: gained - reward,
      oracle_term: oracleTerm,
      rewrite_term: rewriteTerm,
      divergence_term: divergenceTerm,
      bound,
      slack: bound - (gained - reward),
      oracle_slack: oracleTerm - (gained - raw),
      rewrite_slack: rewriteTerm - (raw - untuned),
      divergence_slack: half,
      best_rewrites_objective: bestRewrites.map((b) => b.reward - lambda * b.kl),
    };
  }

  return {
    prompts: world.map((prompt) => ({
      text: prompt.text,
      probability: prompt.share,
      raw_reward: dot(prompt.raw, prompt.r),
      untuned_reward: dot(sft(prompt), values(prompt)),
      oracle_reward: dot(oracle(prompt), prompt.r),
      rewrites: prompt.rewrites.map((r, i) => ({ text: r.text, probability: r.chance, reward: values(prompt)[i]! })),
      answers: prompt.answers.map((text, y) => ({
        text,
        reward: prompt.r[y]!,
        raw: prompt.raw[y]!,
        untuned: induced(prompt, sft(prompt))[y]!,
        oracle: oracle(prompt)[y]!,
      })),
    })),
    reward_range: range,
    raw_reward: raw,
    untuned_reward: untuned,
    greedy_rewrite_reward: mean((prompt) => Math.max(...values(prompt))),
    greedy_answer_reward: mean((prompt) => Math.max(...prompt.r)),
    beta: BETA,
    oracle_reward: gained,
    oracle_kl: mean((prompt) => divergence(oracle(prompt), prompt.raw)),
    points: lambdas.map(point),
    best_rewrites: bestRewrites,
    best_answers: best(
      (prompt) => prompt.raw,
      (prompt) => prompt.r,
    ),
  };
}
