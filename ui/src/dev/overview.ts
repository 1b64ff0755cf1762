import type { Overview } from '$ipc';

export const overview: Overview = {
  version: '0.1.0',
  database: '/home/ada/.local/share/alignpro/runs.db',
  models_folder: '/home/ada/.local/share/alignpro/models',
  logs_folder: '/home/ada/.local/share/alignpro/logs',
  connections: [
    { at_ms: Date.UTC(2026, 9, 3, 8, 12), what: 'smollm2-models 0.1.0 from the Python package index, through pip' },
    { at_ms: Date.UTC(2026, 9, 1, 16, 40), what: 'smollm2-models 0.1.0 from the Python package index, through pip' },
  ],
  checks: [
    { name: 'processor', health: 'good', finding: 'AMD Ryzen 7 7840U, 16 cores, 8 threads for computing', fix: null },
    { name: 'system', health: 'good', finding: 'Debian GNU/Linux 12, Linux 6.1', fix: null },
    { name: 'memory', health: 'good', finding: '20.4 GB free of 24.0 GB', fix: null },
    {
      name: 'disk',
      health: 'bad',
      finding: '1.2 GB free for /home/ada/.local/share/alignpro',
      fix: 'free some space (2.0 GB are wanted), or set ALIGNPRO_HOME to a folder on another disk',
    },
    { name: 'GPU', health: 'missing', finding: 'none: no NVIDIA driver is loaded', fix: 'nothing: small models run on the processor' },
    { name: 'home', health: 'good', finding: '/home/ada/.local/share/alignpro', fix: null },
    { name: 'model smollm2-135m-instruct', health: 'good', finding: 'llama, 135 M parameters, 271 MB', fix: null },
    { name: 'database', health: 'good', finding: '/home/ada/.local/share/alignpro/runs.db, 4.1 MB', fix: null },
  ],
  models: [
    {
      name: 'smollm2-135m-instruct',
      architecture: 'llama',
      parameters: 134_515_008,
      bytes: 271_000_000,
      path: '/home/ada/.local/share/alignpro/models/smollm2-135m-instruct',
      problem: null,
    },
    {
      name: 'qwen2.5-0.5b-instruct',
      architecture: 'qwen2',
      parameters: 494_032_768,
      bytes: 988_000_000,
      path: '/home/ada/.local/share/alignpro/models/qwen2.5-0.5b-instruct',
      problem: null,
    },
    {
      name: 'half-copied',
      architecture: null,
      parameters: null,
      bytes: 12_000,
      path: '/home/ada/.local/share/alignpro/models/half-copied',
      problem: 'config.json is there, model.safetensors is missing',
    },
  ],
};
