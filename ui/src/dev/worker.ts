import type { Load, RunSummary } from '$ipc';
import { opened } from './fixtures';

/** What a worker takes of the fixtures' machine: a card where the run has an odd seed. */
export function loadOf(run: RunSummary | undefined): Load | null {
  if (run?.status !== 'running') return null;
  const seconds = (Date.now() - opened) / 1000;
  return {
    cpu_percent: 620 + 140 * Math.sin(seconds / 4),
    cores: 8,
    memory_bytes: 812_000_000 + 5_000_000 * Math.min(30, seconds) + 20_000_000 * Math.sin(seconds / 3),
    memory_total_bytes: 24_000_000_000,
    gpu:
      run.seed % 2
        ? {
            name: 'NVIDIA GeForce RTX 4060 Laptop GPU',
            percent: Math.round(55 + 30 * Math.sin(seconds / 5)),
            memory_bytes: 3_400_000_000,
            memory_total_bytes: 8_200_000_000,
          }
        : null,
  };
}

/** What a run's worker said; one that was started from a command line said nothing that was kept. */
export function workerLog(run: RunSummary | undefined): string {
  if (!run || run.seed === 1) return '';
  const end = run.message ? `error: ${run.message}\n` : '';
  return `run ${run.id}: loading smollm2-135m-instruct\nrun ${run.id}: the engine is proven <b>batched</b>\n${end}`;
}
