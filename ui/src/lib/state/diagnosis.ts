import type { Failure, Overview, RunSummary, Settings } from '$ipc';
import { dateTime } from '$lib/format';

// Of a log, so many lines of its end.
const LINES = 80;

export interface Known {
  overview: Overview;
  settings: Settings | Failure;
  /** The newest run of one's own with the end of what its worker said. */
  newest: { run: RunSummary; log: string | Failure } | null;
}

/** What somebody who helps wants to see, as text; neither prompts nor answers unless a worker's log holds them. */
export function diagnosis({ overview, settings, newest }: Known): string {
  const checks = overview.checks.map((c) => `${c.health.padEnd(7)} ${c.name}: ${c.finding}${c.fix ? `\n        to do: ${c.fix}` : ''}`);
  const models = overview.models.map((m) => `${m.problem ? 'bad    ' : 'good   '} ${m.name}${m.problem ? `: ${m.problem}` : ''}`);
  return [
    `Align-Pro Studio ${overview.version}`,
    section('Checks', checks.join('\n')),
    section('Models', models.join('\n') || 'none'),
    section('Places', [overview.database, overview.models_folder, overview.logs_folder].join('\n')),
    section('Connections', overview.connections.map((c) => `${dateTime(c.at_ms)}  ${c.what}`).join('\n') || 'none'),
    section(
      'Settings',
      settledOr(settings, (value) => `threads: ${value.threads ?? 'all'}`),
    ),
    newest &&
      section(
        `Log of run ${newest.run.id} (${newest.run.status})`,
        settledOr(newest.log, (log) => log.trimEnd().split('\n').slice(-LINES).join('\n') || 'empty'),
      ),
  ]
    .filter(Boolean)
    .join('\n\n')
    .concat('\n');
}

const section = (title: string, text: string) => `# ${title}\n${text}`;
const settledOr = <T extends string | object>(value: T | Failure, text: (value: T) => string) =>
  isFailure(value) ? `could not be read: ${value.message}` : text(value);
const isFailure = (value: string | object): value is Failure => typeof value === 'object' && 'code' in value && 'message' in value;
