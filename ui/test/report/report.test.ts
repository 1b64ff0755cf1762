// The report as the worker draws it: no document, no storage, no address.
import { JSDOM } from 'jsdom';
import { describe, expect, it } from 'vitest';
import type { Event, ReportedRun, ReportSource, RunSummary } from '$ipc';
import { armsOf } from '$lib/state/arms';
import { grouped } from '$lib/state/experiments';
import { ARMS_OF, EVERY_ARM, UNTRAINED } from '../../src/dev/arms';
import { CELLS, cellSpec } from '../../src/dev/cells';
import { OLD, others, spec, summaries } from '../../src/dev/fixtures';
import { profiled } from '../../src/dev/profiles';
import { news } from '../../src/dev/news';
import { samples } from '../../src/dev/samples';
import { analysed } from '../../src/dev/seeds';
import { CHOSEN, WATCHED_SPEC } from '../../src/dev/watched';
import { report } from '../../src/report';

const runOf = (id: number) => [...summaries, ...others].find((run) => run.id === id)!;
function reported(summary: RunSummary): ReportedRun {
  const ofRun = spec(summary.id === CHOSEN ? WATCHED_SPEC : (cellSpec(summary.experiment) ?? { arms: ARMS_OF[summary.experiment] }));
  const facts = [{ key: '<b>', value: "'&" }];
  return {
    detail: { summary, program_version: '9.8.7', spec: ofRun, spec_toml: 'name = "</pre><img src=x>"', facts },
    news: news(summary, armsOf(ofRun), 0),
    samples: samples(1, 4).map(({ prompt_index, answers }) => ({
      prompt_index,
      prompt: '',
      system: null,
      answers: answers.map((answer) => ({ ...answer, answer: '', rewrite: null })),
    })),
  };
}
const sourceOf = (runs: RunSummary[]): ReportSource => ({
  program_version: '9.8.7',
  runs: runs.map(reported),
  seeds: grouped(runs)
    .filter((group) => group.runs.length > 1)
    .map((group) => ({ runs: group.runs.map(({ id }) => id), report: analysed(group.runs), failure: null })),
  profiles: grouped(runs).length > 1 ? profiled(runs) : null,
});
const draw = (source: ReportSource) => new JSDOM(report(JSON.stringify(source))).window.document;
const textOf = (page: Document) => page.body.textContent ?? '';
const ofRun = (id: number) => textOf(draw(sourceOf([runOf(id)])));
/** Nothing acts in it, nothing is fetched, and every link stays in the file. */
function isStill(page: Document) {
  expect(page.querySelectorAll('script, img, b, button, input, select, textarea, form, iframe, link, object')).toHaveLength(0);
  expect([...page.querySelectorAll('*')].flatMap((one) => one.getAttributeNames()).filter((name) => /^on|^src/.test(name))).toEqual([]);
  const links = [...page.querySelectorAll('[href]')].map((link) => link.getAttribute('href')!);
  expect(links.filter((to) => !/^#\w|^data:text\/csv/.test(to))).toEqual([]);
  for (const to of links.filter((link) => link.startsWith('#'))) expect(page.getElementById(to.slice(1)), to).not.toBeNull();
  expect(textOf(page)).not.toMatch(/undefined|NaN|Infinity/);
}

describe('a report of one run', () => {
  it('says what was found and how, for a paper', () => {
    const page = draw(sourceOf([runOf(1)]));
    isStill(page);
    expect(page.querySelectorAll('figure svg').length).toBeGreaterThan(5);
    for (const words of [
      '96 held-out test prompts, 2 answers of each arm to each prompt',
      '10,000 resamples',
      'Holm for 3 comparisons',
      'Align-Pro Studio 9.8.7',
      'doi     = {10.1609/aaai.v39i26.34979}',
      '… BCa interval',
      'Ratio of variances [95 % interval]',
      '0.69 [0.50, 0.97]',
      'Distribution of rewards',
    ])
      expect(textOf(page)).toContain(words);
  });
  it('is a file in which no text of others is markup', () => {
    const name = '<script>alert(1)</script> "x"';
    const page = draw(sourceOf([{ ...runOf(EVERY_ARM), name }]));
    isStill(page);
    expect(page.querySelector('h1')?.textContent).toBe(name);
    expect(page.title).toContain(name);
    expect(textOf(page)).toContain('</pre><img');
    expect(page.querySelector('meta[http-equiv]')?.getAttribute('content')).toContain("default-src 'none'");
  });
  it('holds every section of a run with all arms', () => {
    const text = ofRun(EVERY_ARM);
    for (const words of [
      'What each arm costs',
      'The tuned prompter closes 54\u00a0%',
      'Found instruction',
      'Answer warmly, and end with <b>one</b> concrete thing',
      'Without training: Lemma 5.1',
      'Importance sampling says little here',
      'Convergence in K',
      'Best of n',
      'Prompt by prompt',
      'Tuned − best rewrite',
      'Oracle − raw',
    ])
      expect(text).toContain(words);
    // Prompts stay with their numbers, whose words the pages show.
    expect(text).not.toMatch(/Write a toast|goalkeeper/);
  });
  it('holds nothing of what was not there', () => {
    for (const id of [1, OLD]) expect(ofRun(id)).not.toMatch(/What each arm costs|Gap closed|Found instruction|Lemma 5\.1/);
    expect(ofRun(UNTRAINED)).toContain('Nothing that was tried beat the prompt alone.');
    const run = runOf(1);
    const alone = { ...run, report: { ...run.report!, arms: run.report!.arms.slice(0, 1), comparisons: [] } };
    const text = textOf(draw(sourceOf([alone])));
    expect(text).not.toMatch(/Paired differences|Holm|Brown-Forsythe/);
    expect(text).toContain('The raw prompt was evaluated on 96 held-out test prompts');
  });
  it('says which prompter was tested and how its training ended', () => {
    const source = sourceOf([runOf(CHOSEN)]);
    const validated = (iteration: number, objective: number, is_best: boolean): Event => ({
      ...{ kind: 'validated', iteration, objective, is_best, reward_mean: objective, kl: 0 },
    });
    const ended: Event = { kind: 'ended_early', arm: 'tuned', iteration: 28, best: 16 };
    source.runs[0]!.news.events = [validated(0, 0.5, true), validated(16, 0.8, true), validated(28, 0.7, false), ended].map((event, i) => ({
      ...{ sequence: i + 1, at_ms: i, event },
    }));
    const text = textOf(draw(source));
    expect(text).toContain('Tested: the prompter of iteration 16');
    expect(text).toContain('The training ended early, after iteration 28');
    expect(text).toContain('On validation prompts');
  });
});

describe('a report of several runs', () => {
  it('of one experiment puts the seeds together', () => {
    const page = draw(sourceOf([1, 2].map(runOf)));
    isStill(page);
    for (const words of [
      '2 runs of 1 experiment: quickstart, seeds 1, 2.',
      'Differences over seeds',
      'with 2 training seeds',
      'seeds 1 and 2',
    ])
      expect(textOf(page)).toContain(words);
    expect(textOf(page)).not.toContain('One training seed');
  });
  it('of several experiments has all data sets and pairs beside the paper’s values', () => {
    const page = draw(sourceOf(CELLS.map(runOf)));
    isStill(page);
    for (const words of [
      'All data sets and pairs',
      'read off its charts',
      'Performance profiles',
      'grid-1: 2 seeds together',
      'Where their specs differ',
      'Spec of grid-5',
    ])
      expect(textOf(page)).toContain(words);
    // What all experiments share is said once.
    expect(textOf(page).match(/The prompt is the unit of all intervals and tests\./g)).toHaveLength(1);
    expect(textOf(page)).toContain('Grid-1: Following Align-Pro');
  });
  it('says why seeds have no interval together', () => {
    const source = sourceOf([1, 2].map(runOf));
    source.seeds = [{ runs: [1, 2], report: null, failure: 'two runs have the same seed' }];
    expect(textOf(draw(source))).toContain('The seeds of quickstart have no interval together: two runs have the same seed.');
  });
});
