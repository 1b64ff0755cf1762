// A file of feedback, what a reward is worth by it, and a reward model that learns from pairs.
import type {
  Agreement,
  BenchProgress,
  FeedbackBench,
  FeedbackColumns,
  FeedbackFilter,
  FeedbackPreview,
  Held,
  LabelAgreement,
  LabelBench,
  LeftOut,
  Reward,
  RewardBench,
  RewardTrained,
  RewardTrainingNews,
  ToBenchReward,
  ToTrainReward,
  HeldOutAt,
} from '$ipc';
import { send } from '$lib/ipc/mock';
import { NO_COLUMNS } from '$lib/state/feedback';
import { labelOf } from '$lib/state/rewards';

const refuse = (code: string, message: string) => Promise.reject({ code, message, detail: null });
const later = (ms: number) => new Promise((done) => setTimeout(done, ms));
const TELL_MS = 60;
const PAIRS = 412;
const ANSWERS = 1280;
const PROMPTS = 320;
const LEFT_OUT: LeftOut = {
  rows: 2,
  reasons: ['line 17 has no "rejected"', 'line 230 its two answers are the same'],
  wrong_length: 0,
  wrong_language: 0,
};
const LABELLED_OUT: LeftOut = { rows: 1, reasons: ['line 44 has no "helpfulness"'], wrong_length: 0, wrong_language: 0 };
const LABELS = ['helpfulness', 'correctness', 'verbosity'];

const PAIRS_HELD: Held = {
  kind: 'pairs',
  pairs: PAIRS,
  repeated: 3,
  better: null,
  left_out: LEFT_OUT,
  examples: [
    {
      prompt: 'How do I get a red wine stain out of a <b>linen</b> tablecloth?',
      earlier: 0,
      chosen: 'Blot it, do not rub. Cover it with salt, then pour boiling water through the cloth from above.',
      rejected: 'Just wash it.',
    },
    {
      prompt: 'And if it has dried?',
      earlier: 2,
      chosen: 'Soak it for half an hour in cold water with a spoon of washing soda, then wash it as usual.',
      rejected: 'Then it is too late, throw it away.',
    },
  ],
};
const LABELLED_HELD: Held = {
  kind: 'labelled',
  answers: ANSWERS,
  prompts: PROMPTS,
  labels: [61, 118, 304, 502, 295].map((answers, label) => ({ low: label, high: label, answers })),
  left_out: LABELLED_OUT,
  examples: [
    {
      prompt: 'How do I get a red wine stain out of a linen tablecloth?',
      earlier: 0,
      answer: 'Blot it, then cover it with salt.',
      label: 4,
    },
    { prompt: 'How do I get a red wine stain out of a linen tablecloth?', earlier: 0, answer: 'Just wash it.', label: 1 },
  ],
};

/** An eighth is of another length, a tenth in another language. */
function filtered(held: Held, { min_words, max_words, language }: FeedbackFilter): Held {
  if (held.kind === 'unclear') return held;
  const all = held.kind === 'pairs' ? held.pairs : held.answers;
  const [wrong_length, wrong_language] = [(min_words ?? max_words) ? Math.round(all / 8) : 0, language === null ? 0 : Math.round(all / 10)];
  const left_out = { ...held.left_out, wrong_length, wrong_language };
  const left = all - wrong_length - wrong_language;
  return held.kind === 'pairs' ? { ...held, left_out, pairs: left } : { ...held, left_out, answers: left };
}

/** A file whose name begins with "helpsteer" has answers with several numbers, every other one pairs. */
export function previewOf(file: string, named: FeedbackColumns, filter: FeedbackFilter): FeedbackPreview | Promise<never> {
  if (!/\.(jsonl|json|csv|parquet)(\.gz)?$/.test(file))
    return refuse('data', `${file} is not there. Name a .jsonl, .json, .csv or .parquet file of pairs, or of answers with labels.`);
  const isLabelled = file.includes('helpsteer');
  const texts = isLabelled ? ['prompt', 'response'] : ['system', 'question', 'chosen', 'rejected'];
  const numbers = isLabelled ? LABELS : [];
  const unclear = (why: string): FeedbackPreview => ({
    columns: named,
    texts,
    numbers,
    holds: { kind: 'unclear', why: `${file}: ${why}` },
  });
  if (isLabelled) {
    if (named.chosen ?? named.rejected) return unclear('no column is known to hold the rejected answer: name it (--rejected-column)');
    if (named.label === null)
      return unclear(
        'several columns could be the label, "helpfulness", "correctness" and "verbosity": name the one to hold the reward against (--label)',
      );
    const { prompt, system, response, label } = named;
    const columns = { ...NO_COLUMNS, prompt: prompt ?? 'prompt', system, response: response ?? 'response', label };
    return { columns, texts, numbers, holds: filtered(LABELLED_HELD, filter) };
  }
  if (named.response ?? named.label) return unclear('holds no number that could be a label: name those of pairs');
  const { prompt, system, chosen, rejected } = named;
  const columns = {
    ...{ prompt: prompt ?? 'question', system: system ?? 'system', chosen: chosen ?? 'chosen', rejected: rejected ?? 'rejected' },
    ...{ input: null, response: null, label: null },
  };
  return { columns, texts, numbers, holds: filtered(PAIRS_HELD, filter) };
}

const bounded = (value: number, half = 0.048) => ({ value, interval: { low: value - half, high: Math.min(1, value + half) } });
const agreement = (name: string, accuracy: number, withLength: number, ties = 0): Agreement => ({
  name,
  ties,
  accuracy: bounded(accuracy),
  where_shorter: bounded(accuracy - withLength / 6, 0.08),
  where_longer: bounded(accuracy + withLength / 8, 0.06),
  with_length: name === 'length' ? null : bounded(withLength, 0.09),
});

const benchOf = (names: string[], pairs: number): RewardBench => ({
  pairs,
  drawn_of: null,
  repeated: 0,
  prompts: pairs - 7,
  left_out: LEFT_OUT,
  unscored: 0,
  unscored_because: null,
  rewards: [
    agreement('reward', 0.638, 0.21),
    ...names.map((name, i) => agreement(name, 0.52 + 0.05 * i, 0.1 + 0.15 * i, name === 'topicality' ? 31 : 0)),
    agreement('length', 0.553, 0, 9),
  ],
  answers_per_second: 1840,
  checksum: 'c1d2c0b9a8e7f6d5c4b3a291807f6e5d4c3b2a19087f6e5d4c3b2a190807f6e5',
  origin: null,
});

const labelAgreement = (name: string, withLabel: number, withLength: number, ties = 0): LabelAgreement => ({
  name,
  with_label: bounded(withLabel, 0.06),
  on_pairs: bounded(0.5 + withLabel / 3),
  ties,
  auc: null,
  with_length: name === 'length' ? null : bounded(withLength, 0.07),
  values: name === 'length' ? 212 : 1190,
});
const labelBenchOf = (names: string[], label: string): LabelBench => ({
  label,
  answers: ANSWERS,
  prompts: PROMPTS,
  pairs: 1433,
  drawn_of: null,
  label_with_length: bounded(0.19, 0.06),
  left_out: LABELLED_OUT,
  unscored: 0,
  unscored_because: null,
  rewards: [
    labelAgreement('reward', 0.342, 0.21, 12),
    ...names.map((name, i) => labelAgreement(name, 0.12 + 0.14 * i, 0.1 + 0.15 * i, 31)),
    labelAgreement('length', 0.19, 0, 9),
  ],
  answers_per_second: 1840,
  checksum: 'c1d2c0b9a8e7f6d5c4b3a291807f6e5d4c3b2a19087f6e5d4c3b2a190807f6e5',
  origin: null,
});

const heldOutAt = (step: number): HeldOutAt => ({
  step,
  pairs: 64,
  loss: 0.5 + 0.2 * Math.exp(-step / 10) + 0.001 * step,
  accuracy: 0.5 + 0.22 * (1 - Math.exp(-step / 12)),
});

export class Preferences {
  private benching = 0;
  private training = 0;

  async bench(reward: Reward, { columns: { label }, only }: ToBenchReward, onProgress: unknown): Promise<FeedbackBench> {
    const mine = ++this.benching;
    const all = label === null ? PAIRS : ANSWERS;
    const total = Math.min(only ?? all, all);
    const drawn_of = total < all ? all : null;
    for (let scored = 8; scored < total; scored += total / 10) {
      send<BenchProgress>(onProgress, { scored: Math.round(scored), total });
      await later(TELL_MS);
      if (mine !== this.benching) return refuse('stopped', 'Stopped before all answers were scored; nothing is kept of it.');
    }
    const names = reward.parts.map(labelOf);
    return label === null
      ? { kind: 'pairs', ...benchOf(names, total), drawn_of }
      : { kind: 'labelled', ...labelBenchOf(names, label), answers: total, drawn_of, origin: 'nvidia/HelpSteer2 at 6d9e1f2 (cc-by-4.0)' };
  }
  leaveBench() {
    this.benching++;
    return null;
  }
  async train(asked: ToTrainReward, onNews: unknown): Promise<RewardTrained> {
    const mine = ++this.training;
    const steps = 40;
    send<RewardTrainingNews>(onNews, { kind: 'near', first_messages: 2, similarity: 0.91 });
    for (let step = 1; step <= steps; step++) {
      const loss = 0.45 + 0.25 * Math.exp(-step / 12) + 0.06 * Math.sin(step * 2.3);
      const accuracy = Math.min(1, 0.5 + step / 120);
      const seen = step % 8 === 0 ? { held_out: heldOutAt(step) } : {};
      send<RewardTrainingNews>(onNews, { kind: 'step', step, steps, loss, accuracy, is_earlier: false, ...seen });
      await later(TELL_MS);
      if (mine !== this.training)
        return refuse(
          'stopped',
          'Stopped. What was trained up to half a minute ago is kept: the same file, name and settings go on with it.',
        );
    }
    send<RewardTrainingNews>(onNews, { kind: 'measuring', scored: 40, total: 82 });
    await later(TELL_MS);
    return {
      folder: `/home/ada/.local/share/alignpro/models/${asked.name}`,
      base: asked.base,
      pairs: 327,
      too_long: 3,
      too_near: 0,
      steps,
      training_loss: 0.471,
      on_the_way: [8, 16, 24, 32, 40].map(heldOutAt),
      seconds: 214,
      held_out: benchOf([], 82),
      near_in_training: 2,
      nearest: {
        prompt: 'How do I get a red wine stain out of a linen tablecloth?',
        in_training: 'How do I get a red wine stain out of a linen tablecloth quickly?',
        similarity: 0.91,
      },
      calibration: {
        bins: [0.5, 0.6, 0.7, 0.8, 0.9].map((low, i) => ({
          low,
          high: low + 0.1,
          pairs: [22, 19, 17, 13, 11][i]!,
          predicted: low + 0.048,
          observed: bounded(low + [0.01, 0.06, 0.0, -0.04, 0.02][i]!, 0.16 - 0.02 * i),
        })),
        error: 0.041,
        loss: 0.598,
      },
      columns: { prompt: null, input: null, system: null, chosen: 'chosen', rejected: 'rejected', response: null, label: null },
      better: null,
    };
  }
  leaveTraining() {
    this.training++;
    return null;
  }
}
