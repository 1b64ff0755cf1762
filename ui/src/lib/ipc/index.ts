// The only door to the desktop shell: nothing else imports @tauri-apps/*.
import { invoke } from '@tauri-apps/api/core';
import type {
  Data,
  DataPreview,
  EpisodeRow,
  Error as Failure,
  Overview,
  Reward,
  RunDetail,
  RunNews,
  RunSummary,
  Sample,
  ScoreRow,
  Spec,
  SpecCheck,
  Tried,
} from './types';

export type * from './types';
export type { Error as Failure } from './types';

export const examine = () => invoke<Overview>('examine');
export const runs = () => invoke<RunSummary[]>('runs');
export const run = (id: number) => invoke<RunDetail>('run', { id });
export const news = (id: number, after: number) => invoke<RunNews>('news', { id, after });
export const episodes = (id: number, iteration: number) => invoke<EpisodeRow[]>('episodes', { id, iteration });
export const samples = (id: number) => invoke<Sample[]>('samples', { id });
export const quickstart = () => invoke<Spec>('quickstart');
export const check = (spec: Spec) => invoke<SpecCheck>('check', { spec });
export const preview = (data: Data) => invoke<DataPreview>('preview', { data });
export const score = (reward: Reward, prompt: string, answer: string) => invoke<ScoreRow>('score', { reward, prompt, answer });
export const start = (spec: Spec) => invoke<number>('start', { spec });
export const stop = (id: number) => invoke<null>('stop', { id });
export const resume = (id: number) => invoke<null>('resume', { id });
export const tryPrompt = (id: number, prompt: string, seed: number) => invoke<Tried>('try_prompt', { id, prompt, seed });
/** Puts a file into the downloads folder, never over another; its path. */
export const save = (name: string, bytes: Uint8Array) => invoke<string>('save', bytes, { headers: { name } });
/** The path of a file of prompts that a person chose. */
export const choosePrompts = () => invoke<string | null>('choose_prompts');

/** Whatever a command rejected with, as the boundary's error. */
export function failure(thrown: unknown): Failure {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown && typeof thrown.message === 'string') {
    const { code, detail } = thrown as Partial<Failure>;
    return { code: code ?? 'internal', message: thrown.message, detail: detail ?? null };
  }
  return { code: 'internal', message: String(thrown), detail: null };
}
