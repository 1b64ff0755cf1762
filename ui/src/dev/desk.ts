// The runs and files of the fixtures, changed as the shell would change them.
import type {
  Judged,
  JudgeProgress,
  Merged,
  OpenFile,
  Overview,
  RewardCommand,
  RunChange,
  RunSummary,
  Settings,
  Spec,
  Status,
  ToJudge,
} from '$ipc';
import { send } from '$lib/ipc/mock';
import { isSame, judged as judgedOf, most, steps } from './judged';
import { EXAMPLE, foreign, iteration, opened, others, RUNNING, summaries, summary } from './fixtures';

// The running run makes an iteration in so many milliseconds.
const PACE = 2500;
const JUDGE_MS = 60;
const fail = (code: string, message: string) => Promise.reject({ code, message, detail: null });
const isHeld = (status: Status) => status === 'created' || status === 'waiting' || status === 'running';

export class Desk {
  private own: RunSummary[];
  private paths: string[] = [];
  settings: Settings = { threads: null };
  agreed: string[] = [];
  keys = ['hosted', 'huggingface'];
  /** The embedded model is there. */
  hasEmbedded = true;
  private judgings: { run: number; judged: Judged }[] = [];
  private judging = 0;
  private named: string[] = [];
  private forgotten: string[] = [];

  constructor(isEmpty = false) {
    this.own = isEmpty ? [] : [...others, ...summaries].map((run) => ({ ...run }));
  }
  current(): RunSummary[] {
    const seen = foreign.filter((run) => run.file !== null && this.paths.includes(run.file));
    return [...this.own.map((run) => (run.id === RUNNING ? moved(run) : run)), ...seen];
  }
  files = (): OpenFile[] => this.paths.map(asFile);
  open(path: string): OpenFile {
    if (!this.paths.includes(path)) this.paths.push(path);
    return asFile(path);
  }
  close(path: string) {
    this.paths = this.paths.filter((other) => other !== path);
    return null;
  }
  merge(path: string): Merged {
    const runs = foreign.filter((run) => run.file === path);
    // The colleague's quickstart is one's own first run.
    const isKnown = (run: RunSummary) => this.own.some((mine) => mine.experiment === run.experiment && mine.seed === run.seed);
    const fresh = runs.filter((run) => !isKnown(run)).map((run) => ({ ...run, file: null, id: 100 - run.id }));
    this.own = [...fresh, ...this.own];
    return { added: fresh.map((run) => run.id), known: runs.length - fresh.length };
  }
  start(spec: Spec, seeds: number): number[] {
    const more = Array.from({ length: seeds - 1 }, (_, i) =>
      summary(200 + i, {
        name: spec.name,
        experiment: 'new',
        seed: spec.seed + 1 + i,
        status: 'waiting',
        iterations_done: 0,
        created_at_ms: opened,
      }),
    );
    this.own = [...more, ...this.own];
    return [RUNNING, ...more.map((run) => run.id)];
  }
  agree(commands: RewardCommand[], digests: string[]) {
    if (commands.some((command) => !command.agreed && !digests.includes(command.digest)))
      return fail('reward', 'The command has changed since it was shown. Look at it again.');
    this.agreed = [...this.agreed, ...digests];
    return null;
  }
  stop = (id: number) => this.put([id], { status: 'stopped', message: 'stopped on request' });
  /** As a worker ends at once that may not run a command of its reward. */
  refuse = (id: number, message: string) => this.put([id], { message });
  resume([first, ...waiting]: number[]) {
    if (first !== undefined) this.put([first], { status: 'running', message: null });
    return this.put(waiting, { status: 'waiting', message: null });
  }
  change(ids: number[], { name, notes, tags, archived, deleted }: RunChange) {
    const held = this.own.find((run) => ids.includes(run.id) && isHeld(run.status));
    if (deleted && held) return fail('run', `Run ${held.id} is ${held.status}; stop it before you delete it.`);
    return this.put(ids, {
      ...(name !== null && { name }),
      ...(notes !== null && { notes }),
      ...(tags !== null && { tags }),
      ...(archived !== null && { archived }),
      ...(deleted !== null && { deleted_at_ms: deleted ? Date.now() : null }),
    });
  }
  keepSettings(settings: Settings) {
    if (settings.threads !== null && (settings.threads < 1 || settings.threads > 1024))
      return fail('io', 'A worker computes with 1 to 1024 threads.');
    this.settings = settings;
    return null;
  }
  /** The machine, with the folders that were named since. */
  examined(machine: Overview): Overview {
    const { searched, named } = machine.model_folders;
    const kept = named.filter((folder) => !this.forgotten.includes(folder));
    return { ...machine, model_folders: { searched: [...searched, ...this.named], named: [...kept, ...this.named] } };
  }
  lookIn(folder: string): Settings {
    this.named = [...new Set([...this.named, folder])];
    return this.settings;
  }
  lookNoLonger(folder: string): Settings {
    this.named = this.named.filter((named) => named !== folder);
    this.forgotten = [...this.forgotten, folder];
    return this.settings;
  }
  judged = (run: number): Judged[] => this.judgings.filter((one) => one.run === run).map(({ judged }) => judged);
  leaveJudging() {
    this.judging++;
    return null;
  }
  async judge(run: number, what: ToJudge, onProgress: unknown): Promise<Judged> {
    const turn = ++this.judging;
    for (const done of steps(what)) {
      await new Promise((next) => setTimeout(next, JUDGE_MS));
      if (turn !== this.judging) return fail('stopped', 'The judging was stopped; what is judged is kept.');
      send<JudgeProgress>(onProgress, { done, total: most(what) });
      const judged = judgedOf(what, done);
      this.judgings = [...this.judgings.filter((one) => one.run !== run || !isSame(one.judged, judged)), { run, judged }];
    }
    return judgedOf(what, most(what));
  }
  remove(ids: number[]) {
    this.own = this.own.filter((run) => !ids.includes(run.id));
    return null;
  }
  private put(ids: number[], changes: Partial<RunSummary>) {
    this.own = this.own.map((run) => (ids.includes(run.id) ? { ...run, ...changes } : run));
    return null;
  }
}

const asFile = (path: string): OpenFile => ({
  path,
  name: path.split('/').at(-1) ?? path,
  is_example: path === EXAMPLE,
  runs: foreign.filter((run) => run.file === path).map((run) => run.id),
});

function moved(run: RunSummary): RunSummary {
  const done = Math.min(31, 11 + Math.floor((Date.now() - opened) / PACE));
  return {
    ...run,
    iterations_done: done,
    reward_curve: Array.from({ length: done }, (_, i) => iteration(i + 1, run.seed).metrics.reward_mean ?? null),
  };
}
