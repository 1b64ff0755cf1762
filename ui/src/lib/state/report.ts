// A result as one file that needs nothing else: it holds no script, and every text in it is escaped.
import type { Report, RunDetail } from '$ipc';
import { dateTime, fullStop, typeset } from '$lib/format';
import { pairWord } from '$lib/charts/forest';
import { armWord } from '$lib/charts/palette';
import { mark } from './experiments';
import { BIBTEX, methods } from './methods';
import { measures, pairMeasures } from './tables';

export function escaped(text: string | number): string {
  return String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

const STYLE = `body{font:15px/1.55 Inter,system-ui,sans-serif;color:#191a1d;max-width:60rem;margin:3rem auto;padding:0 1.5rem}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.05rem;margin-top:2.2rem}.muted{color:#565a62}.verdict{font-size:1.15rem;font-weight:500}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.85rem}th,td{padding:.35rem .6rem;border-bottom:1px solid #e4e4e0;text-align:right}
th:first-child,td:first-child{text-align:left}figure{margin:1.5rem 0}svg{max-width:100%;height:auto}pre{background:#f1f1ee;padding:1rem;border-radius:6px;overflow:auto;font-size:.8rem;white-space:pre-wrap}`;

const table = (rows: (string | number)[][]) =>
  `<table>${rows.map((row, i) => `<tr>${row.map((cell) => (i === 0 ? `<th>${escaped(cell)}</th>` : `<td>${escaped(cell)}</td>`)).join('')}</tr>`).join('')}</table>`;

/** `figures` are drawings that this program made itself, as serialised SVG. */
export function htmlReport(detail: RunDetail, report: Report, figures: { title: string; caption: string; svg: string }[]): string {
  const { summary } = detail;
  const arms = [
    ['Test prompts', ...report.arms.map((arm) => armWord(arm.name))],
    ...measures(report.arms).map((m) => [m.label, ...report.arms.map(m.show)]),
  ];
  const pairs = [
    ['Paired over prompts', ...report.comparisons.map((c) => pairWord(c))],
    ...pairMeasures.map((m) => [m.label, ...report.comparisons.map(m.show)]),
  ];
  return `<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(summary.name)}, seed ${report.seed}</title><style>${STYLE}</style></head><body>
<h1>${escaped(summary.name)}</h1>
<p class="muted">${summary.file === null ? `Run ${summary.id}` : `From ${escaped(mark(summary))}`}, seed ${report.seed}, ${escaped(summary.data)}, ${escaped(summary.prompter)} rewrites for ${escaped(summary.frozen)}, ${escaped(dateTime(summary.created_at_ms))}. Spec ${escaped(report.spec_hash)}.</p>
<p class="verdict">${escaped(typeset(report.verdict))}</p>
${report.warnings.map((warning) => `<p>Warning: ${escaped(typeset(fullStop(warning)))}</p>`).join('\n')}
${figures.map((f) => `<figure><h2>${escaped(f.title)}</h2>${f.svg}<figcaption class="muted">${escaped(f.caption)}</figcaption></figure>`).join('\n')}
<h2>Differences</h2>${table(pairs)}
<h2>Arms</h2>${table(arms)}
<h2>Methods</h2><p>${escaped(methods(detail, report))}</p>
<h2>Citation</h2><pre>${escaped(BIBTEX)}</pre>
<h2>Spec</h2><pre>${escaped(detail.spec_toml)}</pre>
<h2>Facts of the run</h2>${table([['Key', 'Value'], ...detail.facts.map((fact) => [fact.key, fact.value])])}
<p class="muted">Made by Align-Pro Studio ${escaped(detail.program_version)}.</p></body></html>`;
}
