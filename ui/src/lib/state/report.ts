// A result as one file that needs nothing else: it holds no script, and every text in it is escaped.
import type { Report, RunDetail } from '$ipc';
import { dateTime, fixed, fullStop, signed, typeset } from '$lib/format';
import { pairWord } from '$lib/charts/forest';
import { armWord } from '$lib/charts/palette';
import { costGroups, COSTS_NOTE } from './costs';
import { mark } from './experiments';
import { gapInWords } from './gaps';
import { instructionInWords, NOTHING_FOUND } from './instruction';
import { designInWords, doubts, effectiveNumbers, inWords, lemmaFigures, tunedFigures } from './lemma';
import { BIBTEX, methods } from './methods';
import { headroom, sortedPrompts } from './prompts';
import { watchedIn } from './rewards';
import { beginning, type Story } from './run';
import { measures, pairMeasures, type Measure } from './tables';
import { trainingInWords } from './validation';

export function escaped(text: string | number): string {
  return String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

const STYLE = `body{font:15px/1.55 Inter,system-ui,sans-serif;color:#191a1d;max-width:60rem;margin:3rem auto;padding:0 1.5rem}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.05rem;margin-top:2.2rem}.muted{color:#565a62}.verdict{font-size:1.15rem;font-weight:500}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.85rem}th,td{padding:.35rem .6rem;border-bottom:1px solid #e4e4e0;text-align:right}
th:first-child,td:first-child{text-align:left}figure{margin:1.5rem 0}svg{max-width:100%;height:auto}pre{background:#f1f1ee;padding:1rem;border-radius:6px;overflow:auto;font-size:.8rem;white-space:pre-wrap}.wide{overflow-x:auto}`;

const table = (rows: (string | number)[][]) =>
  `<div class="wide"><table>${rows.map((row, i) => `<tr>${row.map((cell) => (i === 0 ? `<th>${escaped(cell)}</th>` : `<td>${escaped(cell)}</td>`)).join('')}</tr>`).join('')}</table></div>`;

const paragraph = (text: string, kind = '') => `<p${kind && ` class="${kind}"`}>${escaped(typeset(text))}</p>`;
const symbols = (markup: string) => markup.replace(/_([A-Za-zλ]+)/g, '<sub>$1</sub>');

// So many columns are read beside each other on a page.
const MANY = 8;
/** Figures down and what they are of across, or the other way round where there is much of it. */
const figuresOf = <Of>(corner: string, of: Of[], head: (one: Of) => string, rows: Measure<Of>[]) =>
  of.length <= MANY
    ? table([[corner, ...of.map(head)], ...rows.map((row) => [row.label, ...of.map(row.show)])])
    : table([[corner, ...rows.map((row) => row.label)], ...of.map((one) => [head(one), ...rows.map((row) => row.show(one))])]);

function costs({ costs: all }: Report): string {
  if (all.length === 0) return '';
  const rows = costGroups(all).flatMap(({ title, measures: group }) =>
    group.map((measure) => ({ ...measure, label: `${title}: ${measure.label.replace(/^./, (first) => first.toLowerCase())}` })),
  );
  return `<h2>What each arm costs</h2>${figuresOf('Arm', all, (cost) => armWord(cost.arm), rows)}${paragraph(COSTS_NOTE, 'muted')}`;
}

function instruction({ instruction: found }: Report): string {
  if (!found) return '';
  return `<h2>Found instruction</h2>${found.text ? `<pre>${escaped(found.text)}</pre>` : paragraph(NOTHING_FOUND)}${paragraph(instructionInWords(found), 'muted')}`;
}

function lemma({ theory }: Report): string {
  if (!theory) return '';
  const figures = [...lemmaFigures(theory), ...tunedFigures(theory)];
  const reward = (x: number | null) => fixed(x);
  return `<h2>Without training: Lemma 5.1</h2>${paragraph(designInWords(theory))}
${doubts(theory)
  .map((doubt) => symbols(paragraph(`Warning: ${doubt}`)))
  .join('\n')}
${symbols(table([['Figure', 'Estimate [95 % interval]', 'Prompts'], ...figures.map((f) => [f.symbol, inWords(f), f.estimated.prompts]), ...effectiveNumbers(theory).map((row) => [row.symbol, row.value, theory.prompts])]))}
<h2>Convergence in K, in numbers</h2>${table([
    ['k', 'optimum, plug-in', 'optimum, cross-fitted', 'KL, nats', 'best of k, plug-in', 'best of k, cross-fitted'],
    ...theory.convergence.map((p) => [
      p.k,
      reward(p.reward),
      reward(p.cross_fitted),
      reward(p.kl),
      reward(p.best),
      reward(p.best_cross_fitted),
    ]),
  ])}
${theory.best_answers.length ? `<h2>Best of n answers</h2>${table([['n', 'mean reward'], ...theory.best_answers.map((p) => [p.n, reward(p.reward)])])}` : ''}
<h2>Prompt by prompt, in numbers</h2>${table([
    ['Prompt', 'untuned', 'tuned', 'optimum', 'best rewrite', 'to gain', 'shortfall'],
    ...sortedPrompts(theory.by_prompt, 'headroom').map((p) => [
      ...[`#${p.prompt_index}`, reward(p.untuned_reward), reward(p.tuned_reward), reward(p.optimum_reward), reward(p.best_reward)],
      ...[signed(headroom(p)), signed(p.shortfall)],
    ]),
  ])}`;
}

/** `figures` are drawings that this program made itself, as serialised SVG. */
export function htmlReport(
  detail: RunDetail,
  report: Report,
  figures: { title: string; caption: string; svg: string }[],
  story: Story = beginning(),
): string {
  const { summary } = detail;
  return `<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(summary.name)}, seed ${report.seed}</title><style>${STYLE}</style></head><body>
<h1>${escaped(summary.name)}</h1>
<p class="muted">${summary.file === null ? `Run ${summary.id}` : `From ${escaped(mark(summary))}`}, seed ${report.seed}, ${escaped(summary.data)}, ${escaped(summary.prompter)} rewrites for ${escaped(summary.frozen)}, ${escaped(dateTime(summary.created_at_ms))}. Spec ${escaped(report.spec_hash)}.</p>
<p class="verdict">${escaped(typeset(report.verdict))}</p>
${trainingInWords(detail.spec, story)
  .map((sentence) => paragraph(sentence))
  .join('\n')}
${report.warnings.map((warning) => `<p>Warning: ${escaped(typeset(fullStop(warning)))}</p>`).join('\n')}
${figures.map((f) => `<figure><h2>${escaped(f.title)}</h2>${f.svg}<figcaption class="muted">${escaped(f.caption)}</figcaption></figure>`).join('\n')}
${report.comparisons.length ? `<h2>Differences</h2>${figuresOf('Paired over prompts', report.comparisons, (c) => pairWord(c), pairMeasures(report.comparisons))}` : ''}
<h2>Arms</h2>${figuresOf('Test prompts', report.arms, (arm) => armWord(arm.name), measures(report.arms, watchedIn(detail.spec)))}
${report.gaps.length ? `<h2>Gap closed, in words</h2>${report.gaps.map((gap) => paragraph(gapInWords(gap))).join('\n')}` : ''}
${instruction(report)}
${costs(report)}
${lemma(report)}
<h2>Methods</h2><p>${escaped(methods(detail, report, story))}</p>
<h2>Citation</h2><pre>${escaped(BIBTEX)}</pre>
<h2>Spec</h2><pre>${escaped(detail.spec_toml)}</pre>
<h2>Facts of the run</h2>${table([['Key', 'Value'], ...detail.facts.map((fact) => [fact.key, fact.value])])}
<p class="muted">Made by Align-Pro Studio ${escaped(detail.program_version)}.</p></body></html>`;
}
