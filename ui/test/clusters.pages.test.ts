// Prompts that belong together: how they are named, and how what was found of them is said.
import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import { differenceForest } from '$lib/charts/forest';
import { promptsInWords, unitOf } from '$lib/state/clusters';
import { draft } from '$lib/state/draft.svelte';
import { methods } from '$lib/state/methods';
import { armsCsv, comparisonsCsv } from '$lib/state/tables';
import { BY_CUSTOMER, CLUSTERED_SPEC } from '../src/dev/clusters';
import { others, spec, summaries } from '../src/dev/fixtures';
import { open, violations } from './app';

const reportOf = (id: number) => [...summaries, ...others].find((run) => run.id === id)!.report!;
const LATE = { timeout: 3000 };

describe('in words', () => {
  it('prompts stand in their clusters where there are any', () => {
    expect([promptsInWords(96, 24, 'test prompt'), promptsInWords(96, null), promptsInWords(1, 1)]).toEqual([
      '96 test prompts in 24 clusters',
      '96 prompts',
      '1 prompt in 1 cluster',
    ]);
    expect([unitOf([{ clusters: null }]), unitOf([{}, { clusters: 3 }])]).toEqual(['prompts', 'clusters of prompts']);
  });
  it('methods say what is counted, and what is left out', () => {
    const run = others.find(({ id }) => id === BY_CUSTOMER)!;
    const detail = { summary: run, spec: spec(CLUSTERED_SPEC), program_version: '0.1.0', spec_toml: '', facts: [] };
    const text = methods(detail, run.report!);
    for (const expected of [
      'on 96 held-out test prompts in 24 clusters, 2 answers of each arm',
      'one cluster for each value of customer',
      'the cluster is the unit of all intervals and tests, and of the splits',
      'bootstrap intervals over clusters of prompts (10,000 resamples)',
      'sign-flip permutation test over clusters of prompts (exact',
      'their intervals would take prompts as independent, and are not given',
    ])
      expect(text).toContain(expected);
    expect(text).not.toContain('Brown-Forsythe');
    const usual = methods({ ...detail, spec: spec() }, reportOf(1));
    expect(usual).toContain('The prompt is the unit of all intervals and tests.');
    expect(usual).not.toContain('cluster');
  });
  it('tables have a column more, and others do not', () => {
    const heads = (text: string) => text.split('\r\n')[0]!.split(',');
    expect(heads(comparisonsCsv(reportOf(BY_CUSTOMER))).slice(-2)).toEqual(['prompts', 'clusters']);
    expect(heads(armsCsv(reportOf(BY_CUSTOMER)))).toContain('clusters');
    expect([comparisonsCsv(reportOf(1)), armsCsv(reportOf(1))].some((text) => text.includes('clusters'))).toBe(false);
    const forest = (id: number) =>
      differenceForest(
        reportOf(id).comparisons.map((comparison) => ({ comparison })),
        900,
      );
    expect(forest(BY_CUSTOMER).heads.at(-1)).toBe('clusters');
    expect([forest(BY_CUSTOMER).rows[0]?.cells.at(-1), forest(1).heads.at(-1)]).toEqual(['24', 'prompts']);
  });
});

describe('pages', () => {
  it('name the column of a file, and say how many clusters each split has', async () => {
    await open('#/new/data');
    await fireEvent.click(await screen.findByText('A file'));
    await fireEvent.input(screen.getByLabelText('File'), { target: { value: '/data/tickets.jsonl' } });
    const chosen = screen.getByLabelText<HTMLSelectElement>('Prompts that belong together');
    expect(chosen.selectedOptions[0]?.text).toBe('None: each stands alone');
    await within(chosen).findByRole('option', { name: 'user' }, LATE);
    expect([...chosen.options].map(({ text }) => text)).not.toContain(draft.spec?.data.column);
    await fireEvent.change(chosen, { target: { value: 'user' } });
    expect(draft.spec?.data.cluster_column).toBe('user');
    await screen.findByText(/64, 12 and 24 clusters/, {}, LATE);
    expect(await violations()).toEqual([]);
    // One of the test's clusters of four gives two prompts away.
    await fireEvent.input(screen.getByLabelText('Test prompts'), { target: { value: '94' } });
    await screen.findByText(/24 clusters; 2 prompts unused, of clusters that did not fit whole/, {}, LATE);
    // The shipped prompts have none, and a spec without clusters has no such key.
    await fireEvent.click(screen.getByText('Shipped'));
    expect(draft.spec?.data).not.toHaveProperty('cluster_column');
    await fireEvent.click(screen.getByText('A file'));
    const again = screen.getByLabelText<HTMLSelectElement>('Prompts that belong together');
    expect(again.selectedOptions[0]?.text).toBe('None: each stands alone');
  });
  it('say what is wrong beside the field', async () => {
    await open('#/new/data');
    await fireEvent.click(await screen.findByText('A file'));
    draft.spec!.data.cluster_column = draft.spec!.data.column;
    const field = screen.getByLabelText('Prompts that belong together');
    await screen.findByText('This is the column of the prompts; name another one, or leave it out.', {}, LATE);
    await waitFor(() => expect(field.getAttribute('aria-invalid')).toBe('true'));
  });
  it('count clusters in what a run found', async () => {
    await open(`#/runs/${BY_CUSTOMER}/results`);
    await screen.findByText(/^Paired over 96 test prompts in 24 clusters, 2 answers each; .* of clusters of prompts\./, {}, LATE);
    screen.getByText(/^Prompts of one cluster belong together .* Left out, because they take prompts as independent/);
    screen.getByText(/resampling clusters of prompts\.$/);
    screen.getByText(/The test of Brown and Forsythe takes prompts as independent and is left out\.$/);
    expect(screen.getAllByText('96 in 24 clusters').length).toBeGreaterThan(0);
    expect(await violations()).toEqual([]);
  });
  it('count clusters over seeds', async () => {
    await open(`#/compare?runs=${BY_CUSTOMER},${BY_CUSTOMER + 1}`);
    await screen.findByText(
      /^2 seeds of one experiment, 96 test prompts in 24 clusters, .* seeds and clusters of prompts both count/,
      {},
      LATE,
    );
    screen.getByText(/^Over 2 seeds on 96 test prompts in 24 clusters/);
    expect(await violations()).toEqual([]);
  });
});
