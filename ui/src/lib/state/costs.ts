// What each arm cost, as rows: shown, copied and saved from one source.
import type { ArmCost, Report, Spent } from '$ipc';
import { amount, duration, energyUnit, NONE, short, thousands } from '$lib/format';
import { measuresCsv, type Measure } from './tables';

export interface CostGroup {
  title: string;
  meaning: string;
  measures: Measure<ArmCost>[];
}

/** Before an arm can answer, on the test prompts, and for one prompt that it has not seen. */
export function costGroups(costs: ArmCost[]): CostGroup[] {
  const joules = costs.flatMap((cost) => [cost.preparation?.joules ?? 0, cost.answering.joules ?? 0]);
  const unit = energyUnit(Math.max(0, ...joules));
  const spent = (key: string, of: (cost: ArmCost) => Spent | null): Measure<ArmCost>[] => {
    const one = (label: string, figure: keyof Spent, show: (x: number) => string): Measure<ArmCost> => {
      const get = (cost: ArmCost) => of(cost)?.[figure] ?? null;
      const shown = (x: number | null) => (x === null ? NONE : show(x));
      return { label, show: (cost) => shown(get(cost)), raw: [[`${key}_${figure}`, get]] };
    };
    return [
      one('Reward calls', 'reward_calls', thousands),
      one('Tokens', 'tokens', thousands),
      one('Time', 'seconds', duration),
      one(`Energy, ${unit.unit}`, 'joules', (x) => short(x / unit.joules)),
    ];
  };
  const serving = (label: string, figure: keyof ArmCost['serving']): Measure<ArmCost> => ({
    label,
    show: (cost) => amount(cost.serving[figure]),
    raw: [[`serving_${figure}`, (cost) => cost.serving[figure]]],
  });
  return [
    {
      title: 'Before it can answer',
      meaning: 'Training or a search',
      measures: spent('preparation', (cost) => cost.preparation),
    },
    {
      title: 'Answering the test',
      meaning: 'All its answers to the test prompts, with what they were chosen from',
      measures: spent('answering', (cost) => cost.answering),
    },
    {
      title: 'Serving one prompt',
      meaning: 'One answer to a prompt that it has not seen, on average',
      measures: [
        serving('Rewrites', 'rewrites'),
        serving('Answers', 'answers'),
        serving('Reward calls', 'reward_calls'),
        serving('Tokens', 'tokens'),
      ],
    },
  ];
}

export const COSTS_NOTE =
  'Tokens: what models wrote. Arms that choose from the same rewrites each count all of them: alone an arm would need them too. Energy: of the whole processor and graphics card, whatever else they did. A dash: there is none, or the machine does not tell.';

export const costsCsv = ({ run, name, seed, costs }: Report) =>
  measuresCsv(
    ['run', 'name', 'seed', 'arm'],
    costs,
    (cost) => [run, name, seed, cost.arm],
    costGroups(costs).flatMap((group) => group.measures),
  );
