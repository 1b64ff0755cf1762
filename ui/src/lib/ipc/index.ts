// The only door to the desktop shell: nothing else imports @tauri-apps/*.
import { Channel, invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import { eventInWindow, failure, forWindow, inWindow, reportInWindow } from './failure';
import type {
  BenchProgress,
  Data,
  DataColumns,
  DataPreview,
  DesignPower,
  Endpoint,
  EndpointFindings,
  EpisodeRow,
  Estimate,
  FeedbackBench,
  FeedbackColumns,
  FeedbackFilter,
  FeedbackPreview,
  HubAsked,
  HubBrought,
  HubKind,
  HubKnown,
  HubListed,
  HubProgress,
  HubShown,
  HubSought,
  Judged,
  JudgeProgress,
  KeyNames,
  Load,
  Merged,
  Opened,
  OpenFile,
  Overview,
  Profiles,
  Reward,
  RewardCommand,
  RewardTrained,
  RewardTrainingNews,
  RunChange,
  RunDetail,
  RunNews,
  RunSummary,
  Sample,
  ScoreRow,
  SeedsReport,
  Settings,
  Share,
  Spec,
  SpecCheck,
  Theory,
  TheoryWorld,
  ToJudge,
  ToBenchReward,
  ToTrainReward,
  Tried,
  TryNews,
} from './types';

export type * from './types';
export type { Error as Failure } from './types';
export { failure, inWindow } from './failure';

export const examine = async (): Promise<Overview> => {
  const overview = await invoke<Overview>('examine');
  const models = overview.models.map((model) => ({ ...model, problem: model.problem && inWindow(model.problem) }));
  return { ...overview, models, checks: overview.checks.map(forWindow) };
};
export const runs = () => invoke<RunSummary[]>('runs');
export const run = async (id: number): Promise<RunDetail> => {
  const detail = await invoke<RunDetail>('run', { id });
  const { report } = detail.summary;
  return { ...detail, summary: { ...detail.summary, report: report && reportInWindow(report) } };
};
/** What seeds of one experiment say together. */
export const analyse = async (ids: number[]): Promise<SeedsReport> => {
  const found = await invoke<SeedsReport>('analyse', { ids });
  return { ...found, verdict: inWindow(found.verdict), warnings: found.warnings.map(inWindow) };
};
/** Arms over the data sets and pairs of models of these runs, on one scale. */
export const profiles = (ids: number[]) => invoke<Profiles>('profiles', { ids });
/** The run's message stays as it is: it says which budget is used up, and is put into the window's words where it is shown. */
export const news = async (id: number, after: number): Promise<RunNews> => {
  const told = await invoke<RunNews>('news', { id, after });
  return { ...told, events: told.events.map((one) => ({ ...one, event: eventInWindow(one.event) })) };
};
export const episodes = (id: number, iteration: number) => invoke<EpisodeRow[]>('episodes', { id, iteration });
export const samples = (id: number) => invoke<Sample[]>('samples', { id });
export const quickstart = () => invoke<Spec>('quickstart');
export const check = async (spec: Spec): Promise<SpecCheck> => {
  const found = await invoke<SpecCheck>('check', { spec });
  return { ...found, problems: found.problems.map(({ path, message }) => ({ path, message: inWindow(message) })) };
};
/** The columns of a file that can hold the prompts, and that can say which belong together; none for the shipped ones. */
export const columns = (data: Data) => invoke<DataColumns>('columns', { data });
/** The commands that a reward would run, with whether a person has agreed to them; of a run as its worker would. None is run by this. */
export const rewardCommands = (reward: Reward, run: number | null = null) => invoke<RewardCommand[]>('reward_commands', { reward, run });
/** Keeps that a person has agreed to the commands that were shown with these digests. */
export const agreeToCommands = (reward: Reward, digests: string[], run: number | null = null) =>
  invoke<null>('agree_to_commands', { reward, digests, run });
export const preview = (data: Data) => invoke<DataPreview>('preview', { data });
export const score = (reward: Reward, prompt: string, answer: string) => invoke<ScoreRow>('score', { reward, prompt, answer });
/** Runs with so many seeds, from the spec's own on; the first begins and the others wait for their turn. */
export const start = (spec: Spec, seeds: number) => invoke<number[]>('start', { spec, seeds });
/** What is known of a small exact world at each λ. */
export const theory = (world: TheoryWorld, lambdas: number[]) => invoke<Theory>('theory', { world, lambdas });
/** How small a difference so many seeds find together; `deviation` is assumed in place of what earlier runs show. */
export const design = async (spec: Spec, seeds: number, deviation: number | null): Promise<DesignPower> => {
  const found = await invoke<DesignPower>('design', { spec, seeds, deviation });
  return { ...found, finding: inWindow(found.finding) };
};
export const estimate = (spec: Spec) => invoke<Estimate>('estimate', { spec });
/** Nobody waits for the estimate any more. */
export const leaveEstimate = () => invoke<null>('leave_estimate');
/** The names of the models that an endpoint serves; null where it has no such list. Uses the network. */
export const endpointModels = (endpoint: Endpoint) => invoke<string[] | null>('endpoint_models', { endpoint });
/** What an endpoint can be relied on for, found by some thirty small requests. Uses the network. */
export const tryEndpoint = (endpoint: Endpoint, model: string) => invoke<EndpointFindings>('try_endpoint', { endpoint, model });
/** The names of the keys that are kept. */
export const keys = () => invoke<KeyNames>('keys');
export const removeKey = (name: string) => invoke<null>('remove_key', { name });
export const keepKey = (name: string, key: string) => invoke<null>('keep_key', { name, key });
export const stop = (id: number) => invoke<null>('stop', { id });
export const resume = (ids: number[]) => invoke<null>('resume', { ids });
/** Goes on with a run whose budget was used up, with a larger one: of its frozen model, or of the judge with the label `part`. */
export const resumeWithBudget = (id: number, part: string | null, tokens: number | null, money: number | null) =>
  invoke<null>('resume_with_budget', { id, part, tokens, money });
const UNCHANGED: RunChange = { name: null, notes: null, tags: null, archived: null, deleted: null };
export const change = (ids: number[], changes: Partial<RunChange>) => invoke<null>('change', { ids, change: { ...UNCHANGED, ...changes } });
/** Removes deleted runs for good. */
export const remove = (ids: number[]) => invoke<null>('remove', { ids });
/** What the arms write is told as it grows, each arm when it is done, and all of them in the end. */
export const tryPrompt = (id: number, prompt: string, seed: number, onNews: (news: TryNews) => void) =>
  invoke<Tried>('try_prompt', { id, prompt, seed, onNews: new Channel(onNews) });
/** A model, on this machine or behind an endpoint, compares answers of a run, from where it stopped before; how far it is, is told on the way. */
export const judge = (id: number, what: ToJudge, endpoint: Endpoint | null, onProgress: (progress: JudgeProgress) => void) =>
  invoke<Judged>('judge', { id, what, endpoint, onProgress: new Channel(onProgress) });
/** Stops the judging that is under way; what is judged is kept. */
export const leaveJudging = () => invoke<null>('leave_judging');
/** Brings the embedded model, unless it is there; takes seconds to minutes. Uses the network. */
export const fetchEmbedded = () => invoke<null>('fetch_embedded');
/** What the hub finds, the most downloaded first. Uses the network. */
export const hubSearch = (sought: HubSought) => invoke<HubListed[]>('hub_search', { sought });
/** What a repository is, and what of it would be brought. Uses the network. */
export const hubShow = async (asked: HubAsked): Promise<HubShown> => {
  const shown = await invoke<HubShown>('hub_show', { asked });
  return { ...shown, fitness: shown.fitness && inWindow(shown.fitness), problem: shown.problem && inWindow(shown.problem) };
};
/** The data sets that are known by a short name; asks nobody. */
export const hubKnown = () => invoke<HubKnown[]>('hub_known');
/** The data sets that are here, whoever brought them. */
export const hubHere = () => invoke<HubBrought[]>('hub_here');
/** Brings it, from where an earlier attempt stopped; how far it is, is told on the way. Uses the network. */
export const hubGet = (asked: HubAsked, onProgress: (progress: HubProgress) => void) =>
  invoke<HubBrought>('hub_get', { asked, onProgress: new Channel(onProgress) });
/** Stops that download; what has arrived is kept. */
export const leaveHubGet = (kind: HubKind, name: string) => invoke<null>('leave_hub_get', { kind, name });
/** What a file of feedback holds, with these columns, of what counts; columns that are null are found by their names. */
export const feedback = async (file: string, columns: FeedbackColumns, filter: FeedbackFilter): Promise<FeedbackPreview> => {
  const seen = await invoke<FeedbackPreview>('feedback', { file, columns, filter });
  const { holds } = seen;
  return holds.kind === 'unclear' ? { ...seen, holds: { ...holds, why: inWindow(holds.why) } } : seen;
};
/** Holds a reward against a file of feedback; how far it is, is told on the way. */
export const benchReward = (reward: Reward, asked: ToBenchReward, onProgress: (progress: BenchProgress) => void) =>
  invoke<FeedbackBench>('bench_reward', { reward, asked, onProgress: new Channel(onProgress) });
export const leaveRewardBench = () => invoke<null>('leave_reward_bench');
/** Trains a reward model and installs it; each step is told. */
export const trainReward = (asked: ToTrainReward, onNews: (news: RewardTrainingNews) => void) =>
  invoke<RewardTrained>('train_reward', { asked, onNews: new Channel(onNews) });
/** Stops the training of a reward model; the same file, name and settings go on with it. */
export const leaveRewardTraining = () => invoke<null>('leave_reward_training');
/** What a run's worker takes of the machine; null where no worker has the run. */
export const load = (id: number) => invoke<Load | null>('load', { id });
/** The end of what a run's worker said. */
export const log = (id: number) => invoke<string>('log', { id });
export const settings = () => invoke<Settings>('settings');
export const chooseModelFolder = () => invoke<Settings | null>('choose_model_folder');
export const forgetModelFolder = (folder: string) => invoke<Settings>('forget_model_folder', { folder });
export const keepSettings = (settings: Settings) => invoke<null>('keep_settings', { settings });
/** Puts a file into the downloads folder, never over another; its path. */
export const save = (name: string, bytes: Uint8Array) => invoke<string>('save', bytes, { headers: { name } });
/** One file of runs in the downloads folder; its path. */
export const exportRuns = (ids: number[], share: Share) => invoke<string>('export_runs', { ids, share });
/** What these runs found as one HTML file in the downloads folder; its path. */
export const saveReport = (ids: number[]) => invoke<string>('save_report', { ids });
/** The trained prompter as a PEFT adapter folder in the downloads folder; its path. */
export const exportAdapter = (id: number) => invoke<string>('export_adapter', { id });
/** The files that are open beside one's own database. */
export const files = () => invoke<OpenFile[]>('files');
/** Opens a file of runs that a person chose; null where none was. */
export const chooseFile = () => invoke<OpenFile | null>('choose_file');
export const openExample = () => invoke<OpenFile>('open_example');
export const closeFile = (path: string) => invoke<null>('close_file', { path });
export const merge = (path: string) => invoke<Merged>('merge', { path });
/** The path of a file of feedback that a person chose. */
export const chooseFeedback = () => invoke<string | null>('choose_feedback');
/** The path of a file of prompts that a person chose. */
export const choosePrompts = () => invoke<string | null>('choose_prompts');

/** The window's frame and its menu as the pages are. */
export const appear = (theme: 'light' | 'dark' | 'system') => invoke<null>('appear', { theme });

/** Tells which of the menu's items was chosen; returns what ends it. */
export function onMenu(handler: (action: string) => void): () => void {
  const listening = listen<string>('menu', (event) => handler(event.payload));
  // Without it the keys and the palette are left.
  listening.catch(() => {});
  return () => void listening.then((end) => end()).catch(() => {});
}

/** Tells of files that were dropped on the window or opened from the desktop; returns what ends it. */
export function onOpened(handler: (opened: Opened) => void): () => void {
  const listening = listen<Opened>('opened', ({ payload: { file, error } }) => handler({ file, error: error && failure(error) })).then(
    async (end) => {
      // Files that the program was started with are told only once there is someone to hear.
      await invoke('listening');
      return end;
    },
  );
  listening.catch((thrown) => handler({ file: null, error: failure(thrown) }));
  return () => void listening.then((end) => end()).catch(() => {});
}
