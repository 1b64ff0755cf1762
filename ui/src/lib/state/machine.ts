import type { Check, Overview } from '$ipc';
import { sentence } from '$lib/format';

/** The machine in plain words, and what would keep a run from working. */
export function machineInWords({ checks, models }: Overview): { lines: { label: string; text: string }[]; obstacles: Check[] } {
  const finding = (name: string) => checks.find((check) => check.name.toLowerCase() === name);
  const [processor, memory, gpu] = [finding('processor'), finding('memory'), finding('gpu')];
  const names = usable(models).map((model) => model.name);
  const lines = [
    gpu && {
      label: 'GPU',
      text: gpu.health === 'good' ? sentence(gpu.finding) : `${withoutGpu(gpu.finding)} Small models run on the processor.`,
    },
    processor && { label: 'Processor', text: sentence(processor.finding) },
    memory && { label: 'Memory', text: sentence(memory.finding) },
    { label: 'Models', text: names.length ? names.join(', ') : 'None is installed yet.' },
  ].filter((line) => line !== undefined);
  return { lines, obstacles: checks.filter((check) => check.health === 'bad') };
}

/** The model of the quickstart. */
export const EMBEDDED = 'smollm2-135m-instruct';
/** Whether fetching the embedded model is what a check asks for. */
export const wantsEmbedded = ({ name, health }: Check) => name === `model ${EMBEDDED}` && health === 'bad';

const withoutGpu = (finding: string) =>
  sentence(finding.startsWith('none: ') ? `No GPU found: ${finding.slice('none: '.length)}` : finding);

/** Those that can be a prompter. */
export const trainable = (models: Overview['models']) => usable(models).filter((model) => model.is_trainable);
/** Those that write. */
export const usable = (models: Overview['models']) => models.filter((model) => model.problem === null && !model.is_reward_model);
/** Those that score. */
export const rewardModels = (models: Overview['models']) => models.filter((model) => model.problem === null && model.is_reward_model);

/** With how many threads a worker computes where none are set; null where the check does not say. */
export function threadsOf({ checks }: Overview): number | null {
  const found = /(\d+) threads for computing/.exec(checks.find((check) => check.name === 'processor')?.finding ?? '');
  return found ? Number(found[1]) : null;
}

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/;
/** Whether a model, or a data set, can be called this here (worker::models::check_name). */
export const isName = (name: string) => NAME.test(name) && !/\.gguf$/i.test(name);
