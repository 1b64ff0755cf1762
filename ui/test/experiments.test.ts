import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import { tellOpened } from '$lib/ipc/mock';
import { COLLEAGUE } from '../src/dev/fixtures';
import { open, violations } from './app';

const box = (name: string | RegExp) => screen.findByRole<HTMLInputElement>('checkbox', { name });
const bar = () => screen.findByRole('toolbar', { name: 'Selected runs' });
const choose = async (of: string, word: string | RegExp) => {
  await fireEvent.click(await screen.findByRole('button', { name: `Actions for ${of}` }));
  await fireEvent.click(await screen.findByRole('menuitem', { name: word }));
};

describe('a selection', () => {
  it('is of runs: a group selects its seeds, Shift a range, the head all of them', async () => {
    await open('#/experiments');
    await fireEvent.click(await box('Select quickstart, 3 seeds'));
    expect((await bar()).textContent).toContain('3 runs selected');
    await fireEvent.click(screen.getByLabelText('Seeds of quickstart'));
    expect((await box('Select seed 2 of quickstart')).checked).toBe(true);
    await fireEvent.click(await box('Select seed 2 of quickstart'));
    expect((await box('Select quickstart, 3 seeds')).indeterminate).toBe(true);
    await fireEvent.click(await box('Select all'));
    expect((await bar()).textContent).toContain('23 runs selected');
    expect(await violations()).toEqual([]);
    await fireEvent.keyDown(document.body, { key: 'Escape' });
    expect(screen.queryByRole('toolbar')).toBeNull();
    await fireEvent.click(await box('Select low-kl, 2 seeds'));
    await fireEvent.click(await box('Select quick <img src=x onerror=alert(1)> look'), { shiftKey: true });
    expect((await bar()).textContent).toContain('3 runs selected');
  });
  it('is deleted without a question, and brought back', async () => {
    await open('#/experiments');
    await fireEvent.click(await box('Select low-kl, 2 seeds'));
    await fireEvent.keyDown(document.body, { key: 'Delete' });
    await screen.findByText('Deleted 2 runs.');
    expect(screen.queryByText('low-kl')).toBeNull();
    await screen.findByText('Deleted 3');
    await fireEvent.click(screen.getByText('Undo'));
    await screen.findByText('low-kl');
  });
  it('keeps what a worker has, and says so', async () => {
    await open('#/experiments');
    await fireEvent.click(await box('Select patient'));
    await fireEvent.click(within(await bar()).getByText('Delete'));
    await screen.findByText('Run 8 is waiting; stop it before you delete it.');
    expect(screen.getByText('patient')).toBeTruthy();
  });
});

describe('views', () => {
  it('show what is archived and what is deleted, and go when they are empty', async () => {
    await open('#/experiments');
    await fireEvent.click(await screen.findByLabelText('Archived 1'));
    await choose('put-away', 'Unarchive');
    await screen.findByText('patient');
    expect(screen.queryByText('Archived 1')).toBeNull();
    await fireEvent.click(screen.getByLabelText('Deleted 1'));
    await choose('thrown-away', /Remove for good/);
    const dialog = await screen.findByRole('dialog', { name: 'Remove 1 run for good?' });
    expect(await violations()).toEqual([]);
    await fireEvent.click(within(dialog).getByText('Remove for good'));
    await screen.findByText('Removed “thrown-away” for good.');
    await screen.findByText('patient');
    expect(screen.queryByText('thrown-away')).toBeNull();
  });
});

describe('the scale of differences', () => {
  it('covers the rows of every view', async () => {
    const { container } = await open('#/experiments');
    await fireEvent.click(await screen.findByLabelText('Deleted 1'));
    await screen.findByText('thrown-away');
    const bar = container.querySelector('svg[aria-label^="Tuned minus raw"]')!;
    const width = bar.getAttribute('viewBox')!.split(' ').map(Number)[2]!;
    for (const end of ['x1', 'x2']) {
      const at = Number(bar.querySelector('.range')?.getAttribute(end));
      expect(at).toBeGreaterThanOrEqual(0);
      expect(at).toBeLessThanOrEqual(width);
    }
  });
});

describe('a row', () => {
  it('is renamed in place', async () => {
    await open('#/experiments');
    const row = (await screen.findByText('patient')).closest('tr')!;
    await fireEvent.keyDown(row, { key: 'F2' });
    const field = await screen.findByLabelText('Name of patient');
    await fireEvent.input(field, { target: { value: 'calm' } });
    await fireEvent.keyDown(field, { key: 'Enter' });
    await screen.findByText('calm');
    await waitFor(() => expect(document.activeElement?.textContent).toBe('calm'));
  });
  it('gets tags for all its seeds, which filter the list', async () => {
    await open('#/experiments');
    await choose('low-kl, 2 seeds', 'Tags');
    const field = await screen.findByLabelText('Add a tag');
    await fireEvent.input(field, { target: { value: 'to show' } });
    await fireEvent.keyDown(field, { key: 'Enter' });
    await screen.findByLabelText('Remove the tag to show');
    expect(await violations()).toEqual([]);
    await fireEvent.keyDown(field, { key: 'Escape' });
    await fireEvent.click(await screen.findByRole('button', { name: 'to show' }));
    expect(screen.getByLabelText<HTMLInputElement>('Filter').value).toBe('tag:"to show"');
    await waitFor(() => expect(screen.queryByText('patient')).toBeNull());
    expect(screen.getByText('1 experiment, 2 runs')).toBeTruthy();
    await fireEvent.click(screen.getByRole('button', { name: 'to show' }));
    await screen.findByText('patient');
  });
  it('has a menu that keys go through', async () => {
    await open('#/experiments');
    const opener = await screen.findByRole('button', { name: 'Actions for patient' });
    await fireEvent.click(opener);
    const menu = await screen.findByRole('menu');
    await waitFor(() => expect(document.activeElement?.textContent).toBe('Open'));
    await fireEvent.keyDown(menu, { key: 'ArrowUp' });
    expect(document.activeElement?.textContent).toContain('Delete');
    expect(await violations()).toEqual([]);
    await fireEvent.keyDown(menu, { key: 'Escape' });
    expect([screen.queryByRole('menu'), document.activeElement]).toEqual([null, opener]);
  });
  it('is repeated with the seeds after its own', async () => {
    await open('#/experiments');
    await choose('quickstart, 3 seeds', 'Repeat with more seeds');
    expect((await screen.findByLabelText<HTMLInputElement>('Seed of the run')).value).toBe('4');
    expect(screen.getByLabelText<HTMLInputElement>('Seeds').value).toBe('2');
  });
});

describe('a file', () => {
  it('opens beside the own runs, is merged and closed', async () => {
    const { container } = await open('#/experiments');
    await fireEvent.click(await screen.findByText('Open file …'));
    await screen.findByText('Opened colleague.alignpro: 3 runs, read-only.');
    await screen.findByText('warmer <b>at work</b>');
    expect(container.querySelectorAll('table b')).toHaveLength(0);
    expect(await violations()).toEqual([]);
    await fireEvent.click(await box('Select private-prompts'));
    expect([...(await bar()).querySelectorAll('a, button')].map((b) => b.textContent?.trim())).toEqual(['Compare', 'Export …', '']);
    await fireEvent.click(screen.getByText('Merge into mine'));
    await screen.findByText('2 runs added, 1 was here already.');
    expect(await screen.findAllByText('private-prompts')).toHaveLength(2);
    await fireEvent.click(screen.getByText('Close colleague.alignpro'));
    await waitFor(() => expect(screen.queryByText(/From colleague.alignpro/)).toBeNull());
    expect(screen.getAllByText('private-prompts')).toHaveLength(1);
  });
  it('that was dropped on the window is shown, or why it is not', async () => {
    await open('#/machine');
    await waitFor(async () => {
      await tellOpened({ file: null, error: { code: 'database', message: 'notes.txt is no run database.', detail: null } });
      expect(screen.getByText('notes.txt is no run database.')).toBeTruthy();
    });
    await tellOpened({ file: { path: COLLEAGUE, name: 'colleague.alignpro', is_example: false, runs: [-1, -2, -3] }, error: null });
    await screen.findByText('Opened colleague.alignpro: 3 runs, read-only.');
    expect(location.hash).toBe('#/experiments');
  });
  it('is refused by a notice of its own, each of which closes alone', async () => {
    await open('#/machine');
    const refuse = (name: string) =>
      tellOpened({ file: null, error: { code: 'database', message: `/tmp/${name} is damaged and was not opened`, detail: null } });
    await waitFor(async () => {
      for (const name of ['a.txt', 'b.txt', 'c.txt']) await refuse(name);
      expect(screen.getAllByText(/is damaged and was not opened\.$/)).toHaveLength(3);
    });
    expect(screen.getByText('/tmp/a.txt is damaged and was not opened.').closest('[aria-live]')?.getAttribute('aria-atomic')).toBe('false');
    expect(await violations()).toEqual([]);
    await fireEvent.click(within(screen.getByText(/b\.txt/).closest('p')!).getByText('Close'));
    expect(screen.getAllByText(/is damaged and was not opened\.$/).map((one) => one.textContent?.slice(5, 6))).toEqual(['a', 'c']);
  });
  it('is counted where there is no run of one’s own', async () => {
    await open('#/experiments', { first: true, file: true });
    await screen.findByText('none of your own, 3 runs in 1 opened file');
  });
  it('is asked for by Ctrl O', async () => {
    await open('#/experiments');
    await screen.findByText('patient');
    await fireEvent.keyDown(window, { key: 'o', ctrlKey: true });
    await screen.findByText(/From colleague.alignpro/);
  });
  it('of a finished experiment is there at the first start', async () => {
    await open('#/experiments', { first: true });
    await fireEvent.click(await screen.findByText('Look at a finished experiment'));
    await waitFor(() => expect(location.hash).toBe('#/runs/-4/results'));
    await screen.findByText('In example.alignpro, read-only');
    expect(screen.queryByLabelText('Notes')).toBeNull();
    expect(await violations()).toEqual([]);
  });
});

describe('exporting', () => {
  it('asks what goes along and says where the file is', async () => {
    await open('#/experiments');
    await fireEvent.click(await box('Select quickstart, 3 seeds'));
    await fireEvent.click(within(await bar()).getByText('Export …'));
    const dialog = await screen.findByRole('dialog', { name: 'Export 3 runs' });
    expect(within(dialog).getByText('seeds 1, 2, 3')).toBeTruthy();
    const [texts, prompters] = within(dialog).getAllByRole<HTMLInputElement>('checkbox');
    expect([texts?.checked, prompters?.checked]).toEqual([true, false]);
    expect(document.activeElement?.textContent).toBe('Export');
    expect(await violations()).toEqual([]);
    await fireEvent.click(within(dialog).getByText('Export'));
    await screen.findByText('Exported 3 runs: /home/ada/Downloads/runs.alignpro');
    expect(screen.queryByRole('dialog')).toBeNull();
  });
  it('offers only what there is', async () => {
    await open('#/runs/-2/results', { file: true });
    await fireEvent.click(await screen.findByRole('button', { name: 'More actions' }));
    await fireEvent.click(await screen.findByRole('menuitem', { name: 'Export …' }));
    const dialog = await screen.findByRole('dialog');
    expect(
      within(dialog)
        .getAllByRole<HTMLInputElement>('checkbox')
        .map((c) => [c.checked, c.disabled]),
    ).toEqual([
      [false, true],
      [false, true],
    ]);
    await fireEvent.click(within(dialog).getByText('Cancel'));
    expect(screen.queryByRole('dialog')).toBeNull();
  });
});

describe('a run of one’s own', () => {
  it('is renamed, tagged and annotated on its page', async () => {
    await open('#/runs/1/results');
    await fireEvent.click(await screen.findByRole('button', { name: 'Rename' }));
    const name = await screen.findByLabelText('Name of the run');
    await fireEvent.input(name, { target: { value: 'figure three' } });
    await fireEvent.keyDown(name, { key: 'Enter' });
    await screen.findByRole('heading', { name: 'figure three' });
    const notes = screen.getByLabelText<HTMLTextAreaElement>('Notes');
    expect(notes.value).toContain('The one of the draft.');
    await fireEvent.focus(notes);
    await fireEvent.input(notes, { target: { value: 'for the defence <b>' } });
    await fireEvent.blur(notes);
    await screen.findByText('Kept');
    await fireEvent.click(screen.getByLabelText('Remove the tag figure 3'));
    await waitFor(() => expect(screen.queryByLabelText('Remove the tag figure 3')).toBeNull());
    expect(notes.value).toBe('for the defence <b>');
  });
  it('is deleted from its page, and leaves it', async () => {
    await open('#/runs/6/live');
    await fireEvent.click(await screen.findByRole('button', { name: 'More actions' }));
    await fireEvent.click(await screen.findByRole('menuitem', { name: 'Delete' }));
    await waitFor(() => expect(location.hash).toBe('#/experiments'));
    await screen.findByText('Undo');
  });
  it('gives its prompter as an adapter', async () => {
    await open('#/runs/1/results');
    await fireEvent.click(await screen.findByRole('button', { name: 'More actions' }));
    await fireEvent.click(await screen.findByRole('menuitem', { name: 'Export prompter' }));
    await screen.findByText('Saved as /home/ada/Downloads/run-1-adapter');
  });
  it('that waits can be taken out of the queue', async () => {
    await open('#/runs/8/live');
    await fireEvent.click(await screen.findByText('Stop'));
    await screen.findByText('Resume', {}, { timeout: 3000 });
  });
});

describe('a run of a file', () => {
  it('cannot be changed, only merged', async () => {
    await open('#/runs/-1/results', { file: true });
    await screen.findByText('In colleague.alignpro, read-only');
    for (const name of ['Rename', 'Stop', 'Resume']) expect(screen.queryByRole('button', { name })).toBeNull();
    await fireEvent.click(screen.getByText('Merge into mine'));
    await waitFor(() => expect(location.hash).toBe('#/experiments'));
  });
});

vi.setConfig({ testTimeout: 15_000 });
