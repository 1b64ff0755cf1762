// Arms as they are set up, and the phases that they make.
import { describe, expect, it } from 'vitest';
import type { Spec } from '$ipc';
import { ARMS, armsInWords } from '$lib/charts/palette';
import { armsOf, callsInAll, callsInWords, callsOf, DEFAULT_ARMS, fieldsOf, LOSSES, losses, sum, switchArm, whole } from '$lib/state/arms';
import { phasesOf, phaseWords } from '$lib/state/phases';
import rust from '../../crates/contract/src/arm.rs?raw';
import { spec } from '../src/dev/fixtures';

const all = (): Spec => ({
  ...spec(),
  arms: { ...DEFAULT_ARMS, ...Object.fromEntries(ARMS.map((arm) => [arm, true])) },
});

describe('the usual arms', () => {
  const body = /impl Default for Arms \{([\s\S]*?)\n\}/.exec(rust)?.[1] ?? '';
  it('are those of the contract', () => {
    for (const [key, value] of Object.entries(DEFAULT_ARMS)) {
      const written = new RegExp(`\\b${key}: ([^,]+),`).exec(body)?.[1];
      const expected = key === 'instruction_request' ? 'Self::default_instruction_request()' : value === null ? 'None' : String(value);
      expect(written, key).toBe(expected);
    }
  });
  it('ask for an instruction in the same words', () => {
    const literal = /fn default_instruction_request\(\) -> String \{\s*"([\s\S]*?)"\s*\.into/.exec(rust)?.[1] ?? '';
    expect(literal.replace(/\\\n\s*/g, '').replaceAll('\\n', '\n')).toBe(DEFAULT_ARMS.instruction_request);
  });
  it('stand in a spec that names none, or only some', () => {
    expect(armsOf(spec())).toEqual(['raw', 'untuned', 'tuned']);
    const { oracle_kl_coefficient: _, ...some } = { ...DEFAULT_ARMS, raw: false };
    expect(whole({ ...spec(), arms: some as Spec['arms'] }).arms).toEqual({ ...DEFAULT_ARMS, raw: false });
  });
});

describe('reward calls', () => {
  it('are counted for each arm', () => {
    // 96 prompts, 2 answers; 32 iterations of 4 × 4; K = 8, M = 4, N = 8.
    const of = Object.fromEntries(ARMS.map((arm) => [arm, callsOf(all(), arm)]));
    expect(of.raw).toEqual({ prepare: 0, choose: 0, answer: 192 });
    expect(of.tuned).toEqual({ prepare: 512, choose: 0, answer: 192 });
    expect(of.optimum).toEqual({ prepare: 0, choose: 3072, answer: 192 });
    expect(of.best_rewrite).toEqual(of.optimum);
    expect(of.best_answer).toEqual({ prepare: 0, choose: 1536, answer: 0 });
    expect([of.instruction, of.oracle]).toEqual([of.tuned, of.tuned]);
  });
  it('of the whole run count what two arms share once', () => {
    const each = ARMS.reduce((total, arm) => total + sum(callsOf(all(), arm)), 0);
    expect(callsInAll(all())).toBe(each - 3072);
    expect(callsInAll(spec())).toBe(512 + 3 * 192);
    const one = all();
    one.arms!.best_rewrite = false;
    expect(callsInAll(one)).toBe(each - 3072 - 192);
  });
  it('are said as the products that they are', () => {
    expect(callsInWords(spec(), 'tuned')).toBe('32 iterations × 4 prompts × 4 rewrites + 96 prompts × 2 answers');
    expect(callsInWords(all(), 'optimum')).toBe('96 prompts × 8 rewrites × 4 answers (drawn once for both arms) + 96 prompts × 2 answers');
    expect(callsInWords(spec(), 'best_answer')).toBe('96 prompts × 2 answers × 8 to choose from');
    for (const arm of ARMS) expect(callsInWords(all(), arm)).not.toMatch(/undefined|NaN/);
  });
});

describe('switching an arm', () => {
  it('shows the fields that it has, and forgets what only they held', () => {
    const { arms } = whole(spec());
    expect(fieldsOf(arms)).toEqual([]);
    switchArm(arms, 'best_rewrite', true);
    switchArm(arms, 'oracle', true);
    arms.oracle_kl_coefficient = -1;
    expect(fieldsOf(arms)).toEqual(['arms.rewrites_per_prompt', 'arms.answers_per_rewrite', 'arms.oracle_kl_coefficient']);
    switchArm(arms, 'oracle', false);
    expect(arms.oracle_kl_coefficient).toBeNull();
  });
  it('says what cannot be claimed without it', () => {
    expect(losses(DEFAULT_ARMS)).toEqual([]);
    expect(losses({ ...DEFAULT_ARMS, raw: false, untuned: false })).toEqual([LOSSES.raw, LOSSES.untuned]);
    expect(LOSSES.raw).toContain('no gain over it can be claimed');
  });
});

describe('phases', () => {
  it('are those that the arms need', () => {
    expect(phasesOf(['raw', 'untuned', 'tuned'])).toEqual(['load', 'baselines', 'train', 'evaluate']);
    expect(phasesOf([...ARMS])).toEqual(['load', 'baselines', 'train', 'search', 'oracle', 'evaluate']);
    expect(phasesOf(['raw'])).toEqual(['load', 'baselines']);
    expect(phasesOf(['optimum', 'best_answer'])).toEqual(['load', 'evaluate']);
  });
  it('name the arms that they answer with', () => {
    expect(phaseWords('baselines', ['raw', 'untuned', 'tuned']).word).toBe('Baselines: raw and untuned');
    expect(phaseWords('evaluate', [...ARMS]).doing).toBe(
      'Answering the test prompts: tuned, optimum, best rewrite, best answer, instruction and oracle',
    );
    expect([phaseWords('search', []).unit, phaseWords('oracle', []).unit]).toEqual(['round', 'iteration']);
    expect(phaseWords('evaluate', []).word).toBe('Evaluation');
  });
});

it('arms are listed as one says them', () =>
  expect([armsInWords([]), armsInWords(['raw']), armsInWords(['raw', 'best_rewrite'])]).toEqual(['', 'raw', 'raw and best rewrite']));
