// The boundary answered from fixtures: for looking at pages in a browser and for component tests.
import type {
  Census,
  ClusterCounts,
  Data,
  Endpoint,
  HubAsked,
  HubSought,
  FeedbackColumns,
  FeedbackFilter,
  Reward,
  RunChange,
  RunDetail,
  RunSummary,
  Settings,
  Spec,
  SpecCheck,
  TheoryWorld,
  ToJudge,
  ToBenchReward,
  ToTrainReward,
} from '$ipc';
import { answerWith } from '$lib/ipc/mock';
import { armsOf, needsRewrites, whole } from '$lib/state/arms';
import { labelOf } from '$lib/state/rewards';
import { COMMANDED, described, SCORED, unagreed } from './commands';
import { Desk } from './desk';
import { designed } from './design';
import { foundAt, namesAt } from './endpoint';
import { estimated } from './estimate';
import { Arrivals, found as foundOnHub, KNOWN, shownOf } from './hub';
import { news } from './news';
import { Preferences, previewOf } from './preferences';
import { profiled } from './profiles';
import { loadOf, workerLog } from './worker';
import { ARMS_OF } from './arms';
import { cellSpec } from './cells';
import { CLUSTERED, CLUSTERED_SPEC } from './clusters';
import { COLLEAGUE, episodes, EXAMPLE, spec } from './fixtures';
import { bare, overview } from './overview';
import { samples } from './samples';
import { analysed } from './seeds';
import { theoryOf } from './theory';
import { tried } from './tried';
import { WATCHED, WATCHED_SPEC, watching } from './watched';

const wait = <T>(ms: number, value: T) => new Promise<T>((done) => setTimeout(() => done(value), ms));
const fail = (code: string, message: string, detail: string | null = null) => Promise.reject({ code, message, detail });
let desk = new Desk();
let arrivals = new Arrivals();
let preferences = new Preferences();
const find = (id: unknown) => desk.current().find((run) => run.id === id);

function specOf(run: RunSummary): Spec {
  const arms = ARMS_OF[run.experiment];
  const cell = cellSpec(run.experiment);
  if (cell) return spec({ ...cell, name: run.name, seed: run.seed });
  if (COMMANDED.includes(run.experiment)) return spec({ name: run.name, seed: run.seed, source: run.data, watched: [SCORED] });
  if (run.experiment === WATCHED) return spec({ ...WATCHED_SPEC, name: run.name, seed: run.seed });
  if (run.experiment === CLUSTERED) return spec({ ...CLUSTERED_SPEC, name: run.name, seed: run.seed });
  return spec({ name: run.name, seed: run.seed, source: run.data, kl: run.experiment === 'cc77' ? 0.002 : arms ? 0.1 : 0.01, arms });
}

function toml(s: Spec): string {
  const section = (name: string, table: object) =>
    `[${name}]\n${Object.entries(table)
      .filter(([, v]) => typeof v !== 'object' || Array.isArray(v))
      .map(([k, v]) => `${k} = ${JSON.stringify(v)}`)
      .join('\n')}\n`;
  return [
    `name = ${JSON.stringify(s.name)}\nseed = ${s.seed}\n`,
    section('data', s.data),
    section('prompter', s.prompter),
    section('prompter.lora', s.prompter.lora),
    section('frozen', s.frozen),
    ...s.reward.parts.map((part) => `[${section('reward.parts', part).replace(']', ']]')}`),
    section('training', s.training),
    section('evaluation', s.evaluation),
    ...(s.arms ? [section('arms', s.arms)] : []),
  ].join('\n');
}

/** Clusters of four prompts, of which the last of a split is cut. */
/** A file has what files have: a few rows that cannot be read, and two prompts that are nearly the same. */
function censusOf({ source, train, validation, test, max_words, near_duplicates }: Data): Census {
  const isFile = source !== 'shipped';
  const isApart = near_duplicates != null;
  return {
    rows: isFile ? 5000 : 400,
    malformed: isFile ? 3 : 0,
    malformed_examples: isFile
      ? [
          `${source}, line 17: is not valid JSON at column 40 (EOF while parsing a string); each row must be one whole object, such as {"prompt": "..."}`,
          `${source}, line 212: "prompt" holds null, not text or a conversation`,
          `${source}, line 1904: the prompt in "prompt" is empty; write one or remove the row`,
        ]
      : [],
    wrong_length: max_words == null ? 0 : 640,
    wrong_language: 0,
    repeated: isFile ? 41 : 0,
    with_system: source.includes('orca') ? 3120 : 0,
    distinct: isFile ? 4956 - (max_words == null ? 0 : 640) : train + validation + test,
    near_duplicates: isFile && isApart ? 12 : 0,
    near_in_training: isFile && !isApart ? 4 : 0,
    near_in_validation: isFile && !isApart ? 1 : 0,
    nearest:
      isFile && !isApart
        ? {
            prompt: 'Which plants grow well on a balcony that gets no sun at all in winter?',
            in_training: 'Which plants grow well on a balcony that gets no sun at all in the winter?',
            similarity: 0.86,
          }
        : null,
  };
}

function clustersOf({ train, validation, test }: Data): ClusterCounts {
  const of = (prompts: number) => Math.ceil(prompts / 4);
  const cut = (prompts: number) => 4 * of(prompts) - prompts;
  return { train: of(train), validation: of(validation), test: of(test), unused: cut(test) + cut(validation) };
}

function check(s: Spec): SpecCheck {
  const problems = [];
  const { cluster_column } = s.data;
  if (cluster_column != null && cluster_column === s.data.column)
    problems.push({ path: 'data.cluster_column', message: 'is the column of the prompts; name another one, or leave it out' });
  if (s.training.group_size < 2)
    problems.push({
      path: 'training.group_size',
      message: `is ${s.training.group_size}; a group of one has no advantage to learn from: use 2 or more`,
    });
  const { keep, patience, validate_every_iterations: every } = s.training;
  for (const [key, isGiven] of [
    ['keep', keep === 'best'],
    ['patience', patience != null],
  ] as const)
    if (isGiven && every === 0)
      problems.push({
        path: `training.${key}`,
        message: 'looks at validations, of which there are none; set training.validate_every_iterations, 5 for example',
      });
  if (patience === 0) problems.push({ path: 'training.patience', message: 'is 0; it must be at least 1' });
  if (!s.prompter.meta_prompt.includes('{prompt}'))
    problems.push({ path: 'prompter.meta_prompt', message: "must contain {prompt} exactly once: it stands for the user's prompt" });
  if (!s.reward.parts.length) problems.push({ path: 'reward.parts', message: 'is empty; add at least one [[reward.parts]]' });
  else if (s.reward.parts.every((part) => part.weight === 0))
    problems.push({
      path: 'reward.parts',
      message: 'has weights of 0 only, so that there is nothing to train on; give at least one part another weight',
    });
  const labels = s.reward.parts.map(labelOf);
  labels.forEach((label, i) => {
    if (labels.indexOf(label) < i)
      problems.push({
        path: `reward.parts[${i}].name`,
        message: `"${label}" is taken by another part; give this one a name of its own`,
      });
  });
  const { arms } = whole(s);
  if (!armsOf(s).length) problems.push({ path: 'arms', message: 'has every arm switched off; switch at least one on' });
  if (needsRewrites(arms) && arms.rewrites_per_prompt < 2)
    problems.push({ path: 'arms.rewrites_per_prompt', message: `is ${arms.rewrites_per_prompt}; it must be at least 2` });
  if (arms.instruction && !arms.instruction_request.includes('{tried}'))
    problems.push({
      path: 'arms.instruction_request',
      message: 'must contain {tried} exactly once: it stands for the best instructions so far with their scores',
    });
  if (arms.oracle && s.frozen.top_p !== 1)
    problems.push({
      path: 'arms.oracle',
      message: 'needs frozen.temperature above 0, top_p = 1 and top_k = 0: what is trained is the distribution that answers are drawn from',
    });
  if (!s.name) problems.push({ path: 'name', message: 'is empty; give the experiment a name' });
  return { problems, toml: toml(s) };
}

export function install(options: { first?: boolean; broken?: boolean; file?: boolean; bare?: boolean } = {}) {
  desk = new Desk(options.first);
  [arrivals, preferences] = [new Arrivals(), new Preferences()];
  if (options.file) desk.open(COLLEAGUE);
  desk.hasEmbedded = !options.bare;
  const refusal = (id: unknown) => {
    const run = find(id);
    return run && unagreed(specOf(run).reward, desk.agreed);
  };
  const resumed = (ids: number[]) => {
    for (const id of ids) {
      const message = refusal(id);
      if (message) desk.refuse(id, message);
    }
    return desk.resume(ids.filter((id) => !refusal(id)));
  };
  const detail = (id: unknown): RunDetail | Promise<never> => {
    const run = find(id);
    if (!run) return fail('run', `There is no run ${String(id)} in this database.`);
    return {
      summary: run.report ? { ...run, report: { ...run.report, judged: [...run.report.judged, ...desk.judged(run.id)] } } : run,
      spec: specOf(run),
      program_version: '0.1.0',
      spec_toml: toml(specOf(run)),
      facts: [
        { key: 'machine.cpu', value: 'AMD Ryzen 7 7840U' },
        { key: 'machine.memory_bytes', value: '24000000000' },
        { key: 'engine', value: 'built-in, because it knows the architecture' },
        {
          key: 'engine.proof',
          value: JSON.stringify({
            engine: 'built-in (llama, f32)',
            prompts: 8,
            batched: true,
            max_log_prob_difference: 0.000021035881996154785,
            texts_differ: 0,
            detail: 'Eight prompts answered greedily, together and one by one: texts equal, log-probabilities within 2.1e-5.',
          }),
        },
        { key: 'machine.system', value: 'Debian GNU/Linux 12 (bookworm), Linux 6.1.0-25-amd64, x86_64' },
        { key: 'data.validation.checksum', value: 'c1d2c0b9a8e7f6d5c4b3a291807f6e5d4c3b2a19087f6e5d4c3b2a190807f6e5' },
        { key: 'model.prompter.checksum', value: 'sha256:5f2d1c0b9a8e7f6d5c4b3a291807f6e5d4c3b2a19087f6e5d4c3b2a190807f6e' },
        { key: 'data.test.checksum', value: 'sha256:aa17cc0b9a8e7f6d' },
      ],
    };
  };
  if (options.broken) {
    const broken = () =>
      fail(
        'database',
        '/home/ada/runs.db comes from a newer version of this program and was left as it is; install the newer version, or name another file with --db',
        'schema version 9, this program knows 4',
      );
    answerWith({
      listening: () => null,
      ...Object.fromEntries(
        [
          'examine',
          'runs',
          'run',
          'analyse',
          'news',
          'samples',
          'episodes',
          'quickstart',
          'check',
          'preview',
          'score',
          'files',
          'estimate',
          'settings',
          'log',
          'load',
          'theory',
          'keys',
        ].map((name) => [name, broken]),
      ),
    });
    return;
  }
  answerWith({
    examine: () => wait(400, desk.examined(desk.hasEmbedded ? overview : bare)),
    fetch_embedded: () => wait(600, null).then(() => ((desk.hasEmbedded = true), null)),
    reward_commands: (a) => wait(50, described(a.reward as Reward, desk.agreed)),
    agree_to_commands: (a) => desk.agree(described(a.reward as Reward, desk.agreed), a.digests as string[]),
    runs: () => desk.current(),
    run: ({ id }) => detail(id),
    analyse: ({ ids }) => analysed((ids as number[]).map(find).filter((run) => run !== undefined)),
    news: ({ id, after }) => {
      const run = find(id);
      return run ? news(run, armsOf(specOf(run)), after as number) : fail('run', `There is no run ${String(id)}.`);
    },
    episodes: ({ id, iteration: n }) => {
      const rows = episodes(n as number, find(id)?.seed);
      return find(id)?.experiment === WATCHED ? watching(rows) : rows;
    },
    samples: ({ id }) => {
      const run = find(id);
      const all = run?.report ? samples(run.seed, 96, armsOf(specOf(run))) : [];
      return run?.experiment === WATCHED ? all.map((sample) => ({ ...sample, answers: watching(sample.answers) })) : all;
    },
    quickstart: () => spec(),
    check: ({ spec: s }) => check(s as Spec),
    columns: ({ data }) =>
      (data as Data).source.includes('orca')
        ? { prompts: ['system_prompt', 'question'], clusters: ['system_prompt', 'question'] }
        : (data as Data).source.endsWith('.csv')
          ? { prompts: ['question', 'topic'], clusters: ['question', 'topic'] }
          : { prompts: ['instruction', 'prompt', 'answer'], clusters: ['instruction', 'prompt', 'answer', 'user'] },
    listening: () => null,
    preview: ({ data }) => {
      const d = data as Data;
      if (d.source !== 'shipped' && !/\.(jsonl|json|csv|parquet)(\.gz)?$/.test(d.source))
        return fail('data', `${d.source} is not there. Write "shipped" or the path of a .jsonl, .json, .csv or .parquet file.`);
      return {
        train: d.train,
        validation: d.validation,
        test: d.test,
        examples: episodes(1)
          .concat(episodes(2))
          .filter((_, i) => i % 4 === 0)
          .map((row) => row.prompt),
        median_words: 13,
        longest_words: 41,
        clusters: d.cluster_column == null ? null : clustersOf(d),
        census: censusOf(d),
      };
    },
    score: ({ reward, answer }) => {
      const parts = Object.fromEntries(
        (reward as Reward).parts.map((part) => [part.name ?? part.kind, Math.min(1, String(answer).length / 180)]),
      );
      return { total: (reward as Reward).parts.reduce((sum, part) => sum + part.weight * (parts[part.name ?? part.kind] ?? 0), 0), parts };
    },
    theory: ({ world, lambdas }) => theoryOf(world as TheoryWorld, lambdas as number[]),
    profiles: ({ ids }) => profiled((ids as number[]).flatMap((id) => find(id) ?? [])),
    design: ({ spec: s, seeds, deviation }) => designed(s as Spec, seeds as number, deviation as number | null, desk.current()),
    estimate: ({ spec: s }) => estimated(s as Spec),
    leave_estimate: () => null,
    endpoint_models: ({ endpoint }) => wait(200, endpoint).then(() => namesAt(endpoint as Endpoint)),
    try_endpoint: ({ endpoint, model }) => wait(300, model).then(() => foundAt(endpoint as Endpoint, model as string)),
    keys: () => ({ keychain: desk.keys, environment: ['gateway'] }),
    remove_key: ({ name }) => ((desk.keys = desk.keys.filter((kept) => kept !== name)), null),
    keep_key: ({ name }) => {
      desk.keys = [...new Set([...desk.keys, name as string])].sort();
      arrivals.token ||= name === 'huggingface';
      return wait(100, null);
    },
    hub_search: ({ sought }) => foundOnHub(sought as HubSought),
    hub_show: ({ asked }) => shownOf(asked as HubAsked),
    hub_known: () => KNOWN,
    hub_here: () => [],
    hub_get: ({ asked, onProgress }) => arrivals.get(asked as HubAsked, onProgress),
    leave_hub_get: ({ kind, name }) => arrivals.leave(kind, name),
    feedback: ({ file, columns, filter }) => previewOf(file as string, columns as FeedbackColumns, filter as FeedbackFilter),
    bench_reward: ({ reward, asked, onProgress }) => preferences.bench(reward as Reward, asked as ToBenchReward, onProgress),
    leave_reward_bench: () => preferences.leaveBench(),
    train_reward: ({ asked, onNews }) => preferences.train(asked as ToTrainReward, onNews),
    leave_reward_training: () => preferences.leaveTraining(),
    choose_feedback: () => '/home/ada/pairs.jsonl',
    appear: () => null,
    start: ({ spec: s, seeds }) => desk.start(s as Spec, seeds as number),
    stop: ({ id }) => desk.stop(id as number),
    resume: ({ ids }) => resumed(ids as number[]),
    resume_with_budget: ({ id }) => resumed([id as number]),
    change: ({ ids, change }) => desk.change(ids as number[], change as RunChange),
    remove: ({ ids }) => desk.remove(ids as number[]),
    export_runs: ({ ids }) => wait(300, `/home/ada/Downloads/${(ids as number[]).length === 1 ? 'run' : 'runs'}.alignpro`),
    save_report: ({ ids }) => wait(600, `/home/ada/Downloads/${(ids as number[]).length === 1 ? 'run' : 'runs'}-report.html`),
    export_adapter: ({ id }) => wait(300, `/home/ada/Downloads/run-${String(id)}-adapter`),
    files: () => desk.files(),
    choose_file: () => desk.open(COLLEAGUE),
    open_example: () => desk.open(EXAMPLE),
    settings: () => desk.settings,
    choose_model_folder: () => desk.lookIn('/srv/models'),
    forget_model_folder: ({ folder }) => desk.lookNoLonger(folder as string),
    keep_settings: ({ settings }) => desk.keepSettings(settings as Settings),
    log: ({ id }) => workerLog(find(id)),
    judge: ({ id, what, onProgress }) => desk.judge(id as number, what as ToJudge, onProgress),
    leave_judging: () => desk.leaveJudging(),
    load: ({ id }) => loadOf(find(id)),
    close_file: ({ path }) => desk.close(path as string),
    merge: ({ path }) => desk.merge(path as string),
    choose_prompts: () => '/home/ada/prompts.jsonl',
    try_prompt: ({ id, prompt, onNews }) => {
      const message = refusal(id);
      return message ? fail('reward', message) : tried(id as number, String(prompt), onNews);
    },
  });
}
