// The step of the data: what is left out of a file is said, and what leaves it out can be set.
import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import { draft } from '$lib/state/draft.svelte';
import { open, violations } from './app';

const LATE = { timeout: 3000 };

async function file(path: string) {
  await open('#/new/data');
  await fireEvent.click(await screen.findByRole('radio', { name: 'A file' }));
  await fireEvent.input(await screen.findByLabelText('File'), { target: { value: path } });
  await screen.findByRole('region', { name: 'Examples' }, LATE);
}

describe('the preview of a file', () => {
  it('says what is left out and why, and which prompts are nearly the same', async () => {
    await file('/home/ada/prompts.jsonl');
    await screen.findByText(
      /Of 5,000 rows 4,956 can be drawn; left out are 3 without a prompt that can be read and 41 equal/,
      undefined,
      LATE,
    );
    await fireEvent.click(screen.getByText('Rows without a prompt'));
    expect(screen.getByText(/line 212: "prompt" holds null/)).toBeTruthy();
    const warnings = screen.getByRole('list', { name: 'Warnings' });
    expect(within(warnings).getByText(/4 test or validation prompts have a near-duplicate .* The nearest, 86 %/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  });
  it('says who is given the system prompts', async () => {
    await file('/home/ada/orca.parquet');
    await screen.findByText(/A system prompt stands before 3,120 of them/, undefined, LATE);
    await waitFor(() => expect(draft.spec?.data).toMatchObject({ column: 'question', system_column: 'system_prompt' }), LATE);
  });
});

describe('what counts', () => {
  it('is written into the spec, and gone with the shipped prompts', async () => {
    await file('/home/ada/prompts.csv.gz');
    await fireEvent.click(screen.getByText('Which prompts count'));
    await fireEvent.input(screen.getByLabelText('Most words'), { target: { value: '200' } });
    await fireEvent.input(screen.getByLabelText('Near-duplicates from'), { target: { value: '0.8' } });
    await fireEvent.change(screen.getByLabelText('Language'), {
      target: { value: screen.getByRole<HTMLOptionElement>('option', { name: 'English' }).value },
    });
    await waitFor(() => expect(draft.spec?.data).toMatchObject({ max_words: 200, near_duplicates: 0.8, language: 'en' }), LATE);
    await screen.findByText(/12 near-duplicates passed over in drawing/, undefined, LATE);
    expect(screen.queryByRole('list', { name: 'Warnings' })).toBeNull();
    await fireEvent.click(screen.getByRole('radio', { name: 'Shipped' }));
    await waitFor(() => expect(Object.keys(draft.spec!.data)).not.toContain('language'));
    expect(Object.keys(draft.spec!.data)).not.toContain('near_duplicates');
  });
});
