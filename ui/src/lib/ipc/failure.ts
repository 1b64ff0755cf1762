import { fullStop } from '$lib/format';
import { ALLOW_HTTP, FETCH, KEY_ITSELF, KEY_NAME, withLabels } from '$lib/state/labels';
import type { Check, Error as Failure, Event, Report } from './types';

/** Whatever a command rejected with, as the boundary's error: a sentence for somebody who sits before a window. */
export function failure(thrown: unknown): Failure {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown && typeof thrown.message === 'string') {
    const { code, detail } = thrown as Partial<Failure>;
    return { code: code ?? 'internal', message: fullStop(inWindow(thrown.message)), detail: detail ?? null };
  }
  return { code: 'internal', message: fullStop(String(thrown)), detail: null };
}

/** A check without what only a command line could do. */
export const forWindow = (check: Check): Check => ({
  ...check,
  finding: inWindow(check.finding),
  fix: inWindow(check.fix ?? '') || null,
});
/** What a report says, and what it advises. */
export const reportInWindow = (report: Report): Report => ({
  ...report,
  verdict: inWindow(report.verdict),
  warnings: report.warnings.map(inWindow),
});
/** What a run told on its way. */
export function eventInWindow(event: Event): Event {
  if (event.kind === 'guard') return { ...event, cause: inWindow(event.cause), remedy: inWindow(event.remedy) };
  if (event.kind === 'note') return { ...event, message: inWindow(event.message) };
  return event.kind === 'status' && event.message ? { ...event, message: inWindow(event.message) } : event;
}

const MACHINE = '“Machine and models”';
const ITSELF = `“${KEY_ITSELF}”`;
// Advice that a command line would follow, and what stands in its place before a window.
const OPTIONS: [RegExp, string][] = [
  // Run databases.
  [/\bname (?:one|another)\b[^;]*? with --db, or /, ''],
  [/(?:^|;|,? or) ?name (?:one|another)\b[^;]*? with --db/, ''],
  // The hub.
  [/; with a token it allows more: keep one with `alignpro key set huggingface`, or set HF_TOKEN/, ''],
  [/keep one with `alignpro key set huggingface`, or set HF_TOKEN/, 'enter it below'],
  [/ \(`alignpro hub search TEXT`; data sets want --data\)/, ''],
  [/`alignpro hub search TEXT` finds them/, 'The search finds them'],
  [/: give another name with --name, or/, ': give another name, or'],
  [/, which --revision \S+ names\b/, ''],
  [/(:|;) --revision (\S*[^\s.])/, '$1 write $2 as the revision'],
  [/\btry --revision (\S*[^\s.])/, 'try the revision $1'],
  [/choose one with --file:/, 'choose one:'],
  [/no file that --file means/, 'no file of that name'],
  [/among what --file means \(/, 'among the chosen files ('],
  // Work that goes on.
  [/\. Run the same command again/, '. Try again'],
  [/run the same command again/, 'try again'],
  [/: the same command goes on from there/, ': trained again with the same settings, it goes on from there'],
  [/\bThe same command goes on with the rest/, 'Asked again, the judge goes on with the rest'],
  [/\bthe same command goes on with the rest/, 'asked again, the judge goes on with the rest'],
  [/the same command goes on with it/i, 'resumed, it goes on with it'],
  [/`alignpro resume \d+` goes on with it/, 'resumed, it goes on'],
  [/`alignpro resume \d+` begins it/, 'resumed, it begins'],
  [/`alignpro resume \d+` goes on/, 'resumed, it goes on'],
  [/ with `alignpro stop \d+`/, ''],
  // Budgets that are used up.
  [/ \((?:frozen\.endpoint\.budget_\w+|--budget-\w+)\) is used up/, ' is used up'],
  [/ \(reward\.parts\[\d+\]\.endpoint\.budget_\w+\) is used up/, ' of a judge is used up'],
  [/Give a larger one with --budget-\w+ \w+ to go on/, 'Give a larger one to go on'],
  [/Give a larger one to go on: a run with --budget-\w+ "(.*)=N", anything else in the spec/, 'Give the part “$1” a larger one to go on'],
  [/The same command with a larger one goes on/, 'With a larger one it goes on'],
  // Keys and addresses.
  [
    /Keep one with `alignpro key set [^`]*` and name it: key = "[^"]*" .*?(?=\.(?:\s|$))/,
    `Give it a name under “${KEY_NAME}”, and keep it under ${ITSELF}`,
  ],
  [/\b(keep the key|keep the right one|keep it|set it anew) with `alignpro key set [^`]*`/i, `$1 under ${ITSELF}`],
  [/ and name it in key\b/, `, with its name under “${KEY_NAME}”`],
  [/or set allow_http = true(?: \(--allow-http\))?/, `or tick “${ALLOW_HTTP}”`],
  [/Look at `alignpro endpoint models URL`, and at the url/, 'Look at “List models”, and at the address'],
  [/\b(is|check) the url\b/i, '$1 the address'],
  [/write that address as the url/, 'write that address instead'],
  [/; --anyway brings it all the same/, ''],
  // Models.
  [/name a model \(`alignpro models list` shows them\)/, 'choose one of the list, or write the name that the server has for it'],
  [/ \(`alignpro models list`\)/, ''],
  [/`alignpro hub get [^`]*` brings one from the hub/, `${MACHINE} brings one from the hub`],
  [/none is\. `alignpro models fetch` brings .*? another/, `none is. Bring one under ${MACHINE}`],
  [/add a model with `alignpro hub get [^`]*` or `alignpro models import [^`]*`/, `bring a model under ${MACHINE}`],
  [/ with `alignpro models fetch`, `alignpro models import` or `alignpro hub get`/, ` under ${MACHINE}`],
  [/turn the file into a folder with `alignpro models import`/, `choose a folder of safetensors (${MACHINE} brings them)`],
  [/: `alignpro models fetch` brings it/, `: “${FETCH}” under ${MACHINE} brings it`],
  [/\brun `alignpro models fetch`/, `click “${FETCH}”`],
  [/^`alignpro models fetch`$/, `click “${FETCH}”`],
  [/--judge names/, '“Judge” names'],
  [/--base names/, '“Model to begin with” names'],
  [/needs engine = "mistralrs" or "auto"/, 'needs the engine mistral.rs, or Automatic'],
  [/needs engine = "mistralrs"/, 'needs the engine mistral.rs'],
  [/set frozen\.engine to "auto" or "mistralrs"/, 'set frozen.engine to Automatic or mistral.rs'],
  // Rewards.
  [/add at least one \[\[reward\.parts\]\]/, 'add at least one part'],
  [/ \(\[\[reward\.parts\]\]\)/, ''],
  [/name it under \[\[reward\.parts\]\]/, 'choose it as a reward model'],
  [/to be named under \[\[reward\.parts\]\]/, 'to be chosen as a reward model'],
  [/\ba length_band part\b/, 'a part “Length band”'],
  [
    /do the same in a terminal, which asks, or with --allow-commands/,
    'agree to it on the page of the run, under “Review” or on the page “Rewards”',
  ],
  // Files of feedback.
  [/\bname it \((--\w+-column)\)/, 'choose it under $1'],
  [/\bname those of pairs\b/, 'choose those of pairs'],
  [/\bor its columns with (?=--)/, 'or choose its columns under '],
  [/: name the one to hold the reward against \(--label\)/, ': choose the one to hold the reward against under --label'],
  [/--chosen-column\b/, '“Chosen answer”'],
  [/--rejected-column\b/, '“Rejected answer”'],
  [/--response-column\b/, '“Answer”'],
  [/--label(?![\w=-])/, '“Label”'],
  // Reward models that are trained.
  [/--held-out is/, 'The share held out is'],
  [/--learning-rate is/, 'The learning rate is'],
];
/** A sentence without the options of a command line, and with the form's labels for the keys of a spec. */
export const inWindow = (message: string) =>
  withLabels(OPTIONS.reduce((text, [option, instead]) => text.replace(option, instead), message));
