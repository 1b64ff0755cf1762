import type { Training } from '$ipc';

export interface Preset {
  word: string;
  meaning: string;
  values: Partial<Training>;
}

const QUICKSTART: Partial<Training> = {
  iterations: 80,
  prompts_per_iteration: 4,
  group_size: 4,
  learning_rate: 1e-3,
  kl_coefficient: 0.005,
  schedule: 'linear',
  warmup_iterations: 2,
};

export const PRESETS: Preset[] = [
  {
    word: 'Look around',
    meaning: 'Six iterations: does everything work, do rewrites read well? Nothing is learned yet.',
    values: { ...QUICKSTART, iterations: 6 },
  },
  {
    word: 'Quickstart',
    meaning: 'What the shipped experiment uses: 80 iterations of 16 rewrites.',
    values: QUICKSTART,
  },
  {
    word: 'Careful',
    meaning: 'Longer and steadier: 100 iterations of 32 rewrites, a smaller step and more λ.',
    values: {
      iterations: 100,
      prompts_per_iteration: 4,
      group_size: 8,
      learning_rate: 5e-4,
      kl_coefficient: 0.01,
      schedule: 'linear',
      warmup_iterations: 5,
    },
  },
];

export const isPreset = (preset: Preset, training: Training) =>
  Object.entries(preset.values).every(([key, value]) => training[key as keyof Training] === value);
