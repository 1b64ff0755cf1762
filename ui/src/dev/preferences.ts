// A file of preferences, what a reward is worth by it, and a reward model that learns from it.
import type { Agreement, BenchProgress, PairsPreview, Reward, RewardBench, RewardTrained, RewardTrainingNews, ToTrainReward } from '$ipc';
import { send } from '$lib/ipc/mock';
import { labelOf } from '$lib/state/rewards';

const refuse = (code: string, message: string) => Promise.reject({ code, message, detail: null });
const later = (ms: number) => new Promise((done) => setTimeout(done, ms));
const TELL_MS = 60;
const PAIRS = 412;

export const previewOf = (file: string): PairsPreview | Promise<never> =>
  !/\.(jsonl|csv|parquet)(\.gz)?$/.test(file)
    ? refuse('data', `${file} is not there. Name a .jsonl, .csv or .parquet file of pairs.`)
    : {
        pairs: PAIRS,
        skipped: 2,
        reasons: ['line 17 has no "rejected"', 'line 230 its two answers are the same'],
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
  skipped: 2,
  reasons: ['line 17 has no "rejected"', 'line 230 its two answers are the same'],
  unscored: 0,
  unscored_because: null,
  rewards: [
    agreement('reward', 0.638, 0.21),
    ...names.map((name, i) => agreement(name, 0.52 + 0.05 * i, 0.1 + 0.15 * i, name === 'topicality' ? 31 : 0)),
    agreement('length', 0.553, 0, 9),
  ],
  answers_per_second: 1840,
  checksum: 'c1d2c0b9a8e7f6d5c4b3a291807f6e5d4c3b2a19087f6e5d4c3b2a190807f6e5',
});

export class Preferences {
  private benching = 0;
  private training = 0;

  async bench(reward: Reward, onProgress: unknown): Promise<RewardBench> {
    const mine = ++this.benching;
    for (let scored = 8; scored < PAIRS; scored += 40) {
      send<BenchProgress>(onProgress, { scored, total: PAIRS });
      await later(TELL_MS);
      if (mine !== this.benching) return refuse('stopped', 'Stopped before all pairs were scored; nothing is kept of it.');
    }
    return benchOf(reward.parts.map(labelOf), PAIRS);
  }
  leaveBench() {
    this.benching++;
    return null;
  }
  async train(asked: ToTrainReward, onNews: unknown): Promise<RewardTrained> {
    const mine = ++this.training;
    const steps = 40;
    for (let step = 1; step <= steps; step++) {
      const loss = 0.45 + 0.25 * Math.exp(-step / 12) + 0.06 * Math.sin(step * 2.3);
      send<RewardTrainingNews>(onNews, { kind: 'step', step, steps, loss, accuracy: Math.min(1, 0.5 + step / 120) });
      await later(TELL_MS);
      if (mine !== this.training) return refuse('stopped', 'Stopped before the reward model was trained; nothing is kept of it.');
    }
    send<RewardTrainingNews>(onNews, { kind: 'measuring', scored: 40, total: 82 });
    await later(TELL_MS);
    return {
      folder: `/home/ada/.local/share/alignpro/models/${asked.name}`,
      base: asked.base,
      pairs: 327,
      too_long: 3,
      steps,
      training_loss: 0.471,
      seconds: 214,
      held_out: benchOf([], 82),
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
    };
  }
  leaveTraining() {
    this.training++;
    return null;
  }
}
