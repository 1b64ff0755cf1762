// What a run found beside means: costs, the gap closed, Lemma 5.1, prompts one by one, and the report and methods that tell it.
import { describe, expect, it } from 'vitest';
import type { ArmCost, GapClosed, PromptTheory, Report, RunDetail, RunTheory, SeedsReport } from '$ipc';
import { ARMS } from '$lib/charts/palette';
import { energyUnit } from '$lib/format';
import { costGroups, costsCsv } from '$lib/state/costs';
import { gapForest, gapInWords, gapsCsv, seedGapsCsv } from '$lib/state/gaps';
import { instructionInWords } from '$lib/state/instruction';
import {
  bestCsv,
  bestLines,
  convergenceCsv,
  convergenceLines,
  doublings,
  doubts,
  effectiveNumbers,
  inWords,
  lemmaCsv,
  lemmaFigures,
  tunedFigures,
} from '$lib/state/lemma';
import { methods } from '$lib/state/methods';
import { headroom, promptsCsv, rewardsOf, shortfall, sortedPrompts } from '$lib/state/prompts';
import { ARMS_OF, EVERY_ARM, UNTRAINED, WITHHELD } from '../src/dev/arms';
import { others, spec, summaries } from '../src/dev/fixtures';
import { samples } from '../src/dev/samples';

const runOf = (id: number) => [...others, ...summaries].find((run) => run.id === id)!;
const reportOf = (id: number): Report => runOf(id).report!;
const detailOf = (id: number): RunDetail => {
  const summary = runOf(id);
  return { summary, program_version: '9.8.7', spec: spec({ arms: ARMS_OF[summary.experiment] }), spec_toml: '', facts: [] };
};
const lines = (csv: string) => csv.trimEnd().split('\r\n');
const theory = reportOf(EVERY_ARM).theory!;
const plain = reportOf(UNTRAINED).theory!;

describe('costs', () => {
  const { costs } = reportOf(EVERY_ARM);
  const shown = (cost: ArmCost, all = costs) => costGroups(all).map(({ measures }) => measures.map((measure) => measure.show(cost)));
  const of = (arm: string) => costs.find((cost) => cost.arm === arm)!;
  it('are dashes where there are none, or where the machine does not tell', () => {
    expect(shown(of('raw'))[0]).toEqual(['–', '–', '–', '–']);
    expect(shown(of('best_answer'))[1]!.at(-1)).toBe('–');
    expect(shown(of('tuned'))[0]).toEqual(['512', '32,768', '6 min 1 s', '5.94']);
    expect(shown(of('raw'))[2]).toEqual(['0', '1', '0', '46.3']);
  });
  it('are of one unit of energy, named once', () => {
    const units = [900, 54_000, 140_000, 5e6].map((joules) => energyUnit(joules).unit);
    expect(units).toEqual(['J', 'kJ', 'Wh', 'kWh']);
    expect(energyUnit(5e6).joules * (5e6 / 3.6e6)).toBe(5e6);
    const heads = costGroups(costs).flatMap(({ measures }) => measures.map(({ label }) => label));
    expect(heads.filter((head) => head.startsWith('Energy'))).toEqual(['Energy, Wh', 'Energy, Wh']);
    const none = costs.map((cost) => ({ ...cost, preparation: null, answering: { ...cost.answering, joules: null } }));
    expect(costGroups(none)[0]!.measures.at(-1)!.label).toBe('Energy, J');
  });
  it('are saved in full, a row an arm', () => {
    const [head, ...rows] = lines(costsCsv(reportOf(EVERY_ARM)));
    expect(rows).toHaveLength(ARMS.length);
    const at = (row: string, column: string) => row.split(',')[head!.split(',').indexOf(column)];
    expect([at(rows[0]!, 'preparation_joules'), at(rows[2]!, 'preparation_joules'), at(rows[3]!, 'serving_reward_calls')]).toEqual([
      '',
      '21400',
      '32',
    ]);
  });
});

describe('the gap closed', () => {
  const { gaps } = reportOf(EVERY_ARM);
  it('is said with both intervals', () => {
    expect(gapInWords(gaps[0]!)).toBe(
      'The oracle gains +0.441 [+0.352, +0.533] over the raw prompt. The tuned prompter closes 54 % [37 %, 71 %] of that.',
    );
    expect(gapForest(gaps).rows.map(({ label, value }) => [label, value])).toEqual([
      ['Over the raw prompt', 0.535],
      ['Over the untuned prompter', 0.573],
    ]);
    expect(gapForest(gaps).also?.at).toBe(1);
  });
  it('is withheld with its reason, and then not drawn', () => {
    const withheld = reportOf(WITHHELD).gaps;
    expect(gapInWords(withheld[0]!)).toContain("is withheld, because the oracle's gain over the untuned prompter cannot be told from 0");
    expect(gapForest(withheld).rows).toEqual([]);
    const unknown: GapClosed = { baseline: 'raw', width: null, width_interval: null, share: null, interval: null, withheld: 'no prompts' };
    expect(gapInWords(unknown)).toBe('The share that the tuned prompter closes is withheld, because no prompts.');
    const seeds = { name: 'x', runs: [{ seed: 4 }, { seed: 5 }], gaps: withheld } as unknown as SeedsReport;
    expect(lines(seedGapsCsv(seeds))[1]).toMatch(/^x,4 5,untuned,0.04,-0.061,0.142,,,,the oracle's gain/);
    expect(lines(gapsCsv(reportOf(WITHHELD)))[1]).toMatch(/^13,oracle-gains-nothing,4,untuned,0.04,-0.061,0.142,,,,the oracle's gain/);
  });
});

describe('Lemma 5.1', () => {
  it('has every figure with its interval', () => {
    const figures = lemmaFigures(theory);
    expect(figures.map(({ key }) => key)).toEqual([
      'untuned_reward',
      'reward',
      'cross_fitted',
      'gain',
      'kl',
      'kl_extrapolated',
      'objective',
      'objective_extrapolated',
    ]);
    expect(inWords(figures[0]!)).toMatch(/^\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]$/);
    expect(inWords(figures[3]!)).toMatch(/^\+/);
    expect(inWords(figures[4]!)).toMatch(/ nats$/);
    expect(figures[4]!.sentence).toContain('log K = 2.08 nats');
    expect(tunedFigures(theory)).toHaveLength(4);
  });
  it('leaves out what one answer to a rewrite cannot say', () => {
    expect(lemmaFigures(plain).map(({ key }) => key)).toEqual(['untuned_reward', 'reward', 'kl', 'objective']);
    expect(tunedFigures(plain)).toEqual([]);
    expect(convergenceLines(plain).map(({ word }) => word)).toEqual(['optimum, plug-in', 'best of k, plug-in', 'untuned']);
  });
  it('says when it is not to be trusted', () => {
    const sound: RunTheory = {
      ...theory,
      effective_rewrites: 5,
      kl: { ...theory.kl, mean: 0.6 },
      tuned: { ...theory.tuned!, effective_rewrites: 4 },
    };
    expect(doubts(sound)).toEqual([]);
    expect(doubts({ ...sound, tuned: { ...sound.tuned!, effective_rewrites: 2.4 } })).toEqual([
      expect.stringContaining('rest on 2.4 of 8 rewrites in the median prompt. Importance sampling says little here'),
    ]);
    expect(doubts({ ...sound, kl: { ...theory.kl, mean: 2 } })).toEqual([
      expect.stringContaining('The divergence of ρ* is near log K = 2.08 nats'),
    ]);
    expect(doubts({ ...sound, effective_rewrites: 1.2 })).toEqual([expect.stringContaining('rest on 1.2 of 8 rewrites')]);
    expect(doubts({ ...sound, answers: 1 })).toEqual([expect.stringContaining('only plug-in figures')]);
    expect(effectiveNumbers(theory).map(({ value }) => value)[1]).toBe('1.7 of 8');
  });
  it('is drawn over rewrites, and over answers or what they cost', () => {
    const drawn = bestLines(theory, 'drawn').map((line) => line.points!.map(([x]) => x));
    expect(drawn).toEqual([
      [1, 2, 4, 8],
      [1, 2, 4, 8],
    ]);
    // M = 4 reward calls for each rewrite.
    expect(bestLines(theory, 'calls')[1]!.points!.map(([x]) => x)).toEqual([4, 8, 16, 32]);
    expect(doublings(bestLines(theory, 'calls'))).toEqual([1, 2, 4, 8, 16, 32]);
    expect(doublings([])).toEqual([1]);
    expect(convergenceLines(theory)[1]).toMatchObject({ word: 'optimum, plug-in', dashes: '5 4' });
    expect(bestLines(plain, 'drawn')[1]!.word).toBe('best of n rewrites, plug-in');
  });
  it('is saved as it is drawn', () => {
    expect(lines(lemmaCsv(reportOf(EVERY_ARM), theory))).toHaveLength(1 + 8 + 4 + 2);
    expect(lines(lemmaCsv(reportOf(UNTRAINED), plain))).toHaveLength(1 + 4 + 1);
    expect(lines(convergenceCsv(theory)).map((line) => line.split(',')[0])).toEqual(['k', '1', '2', '4', '8']);
    expect(lines(bestCsv(theory))).toHaveLength(1 + 4 + 4);
  });
});

describe('prompts one by one', () => {
  const prompt = (changes: Partial<PromptTheory>): PromptTheory => ({
    prompt_index: 0,
    untuned_reward: 0.5,
    optimum_reward: 0.8,
    best_reward: 1,
    worst_reward: 0.1,
    kl: 1,
    effective_rewrites: 3,
    tuned_reward: 0.7,
    shortfall: 0.02,
    ...changes,
  });
  const three = [
    prompt({ prompt_index: 0, shortfall: 0.01 }),
    prompt({ prompt_index: 1, optimum_reward: 1.4, shortfall: null, tuned_reward: null }),
    prompt({ prompt_index: 2, optimum_reward: 0.5, shortfall: 0.3 }),
  ];
  const order = (by: Parameters<typeof sortedPrompts>[1]) => sortedPrompts(three, by).map((p) => p.prompt_index);
  it('sort by what there is to gain, and by what training missed', () => {
    expect([order('headroom'), order('limit'), order('shortfall'), order('prompt')]).toEqual([
      [1, 0, 2],
      [2, 0, 1],
      [2, 0, 1],
      [0, 1, 2],
    ]);
    expect(headroom(three[0]!)).toBeCloseTo(0.3);
    expect([shortfall(prompt({ shortfall: null })), shortfall(three[1]!)]).toEqual([expect.closeTo(0.1), null]);
  });
  it('have their rewards from the least on, without an arm that is not there', () => {
    expect(rewardsOf(three[0]!).map(({ arm }) => arm)).toEqual(['untuned', 'tuned', 'optimum', 'best_rewrite']);
    expect(rewardsOf(three[1]!).map(({ arm }) => arm)).toEqual(['untuned', 'best_rewrite', 'optimum']);
  });
  it('are saved all, with their words where those are here', () => {
    const saved = lines(promptsCsv(theory, samples(1)));
    expect(saved).toHaveLength(97);
    expect(saved[1]).toMatch(/^0,Write a toast for a goalkeeper/);
    expect(lines(promptsCsv(theory, null))[1]).toMatch(/^0,,/);
  });
});

describe('the methods', () => {
  it('name the arms that were run, and how', () => {
    const text = methods(detailOf(EVERY_ARM), reportOf(EVERY_ARM));
    for (const words of [
      'was trained for 32 iterations (GRPO, λ = 0.01, seed 1, 512 reward calls)',
      'The raw prompt, the untuned prompter, the tuned prompter, the optimum without training, the best of K rewrites, the best of N answers, the found instruction and the oracle were compared',
      'with the same decoding seeds in all arms, but for the best of N answers',
      'K = 8 rewrites were drawn from the untuned prompter, with M = 4 answers to each',
      'weights exp(R/λ), λ = 0.1',
      'best of N = 8 answers',
      'searched for on training prompts with 512 reward calls; 24 instructions were tried',
      'trained by the same algorithm with 512 reward calls and λ = 0.05',
      '(tuned − baseline) / (oracle − baseline)',
      'Holm for 13 comparisons',
      'importance sampling on the same rewrites',
    ])
      expect(text).toContain(words);
  });
  it('say nothing of arms that were not run', () => {
    const usual = methods(detailOf(1), reportOf(1));
    expect(usual).toContain('The raw prompt, the untuned prompter and the tuned prompter were compared on 96 held-out test prompts');
    expect(usual).not.toMatch(/exp\(|oracle|instruction|Lemma/);
    const untrained = methods(detailOf(UNTRAINED), reportOf(UNTRAINED));
    expect(untrained).toContain('rewrites of prompts are those of an untrained prompter');
    expect(untrained).not.toMatch(/LoRA|One training seed|Cross-fitted|importance sampling/);
  });
});

it('an instruction says how it was found', () =>
  expect(instructionInWords({ text: '', score: 0.5, n: 1, tried: 19 })).toMatch(
    /^19 instructions tried\. Score 0\.500, from 1 reward call:/,
  ));
