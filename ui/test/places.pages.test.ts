// Where models are looked for, and the keys that are kept.
import { fireEvent, screen, waitFor } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import { answerWith } from '$lib/ipc/mock';
import { open, violations } from './app';

const LATE = { timeout: 5000 };
const button = (name: string) => screen.findByRole<HTMLButtonElement>('button', { name }, LATE);

describe('folders of models', { timeout: 30_000 }, () => {
  it('are named and forgotten, and what is there is read again', async () => {
    await open('#/machine');
    await button('Look no longer in /data/models');
    screen.getByText('not there now');
    expect(await violations()).toEqual([]);
    await fireEvent.click(await button('Look in a folder …'));
    await fireEvent.click(await button('Look no longer in /srv/models'));
    await waitFor(() => expect(screen.queryByText('/srv/models')).toBeNull(), LATE);
    await fireEvent.click(await button('Look no longer in /mnt/usb/models'));
    await waitFor(() => expect(screen.queryByText('not there now')).toBeNull(), LATE);
  });
  it('stay as they are where none is chosen, or it cannot be', async () => {
    await open('#/machine');
    const name = await button('Look in a folder …');
    answerWith({ choose_model_folder: () => null });
    await fireEvent.click(name);
    await waitFor(() => expect(name.disabled).toBe(false));
    const message = 'There is no folder /srv/models to look into.';
    answerWith({ choose_model_folder: () => Promise.reject({ code: 'io', message, detail: null }) });
    await fireEvent.click(name);
    await screen.findByText(message);
    await button('Look no longer in /data/models');
  });
  it('are none where no other program has any', async () => {
    await open('#/machine', { bare: true });
    await screen.findByText(/^No other program has models here/, {}, LATE);
  });
});

describe('keys', { timeout: 30_000 }, () => {
  it('are shown by their names, and removed', async () => {
    await open('#/settings');
    await fireEvent.click(await button('Remove the key hosted'));
    await waitFor(() => expect(screen.queryByText('hosted')).toBeNull(), LATE);
    screen.getByText('huggingface');
    expect(screen.getByText('gateway').nextElementSibling?.textContent).toContain('in the environment');
    expect(await violations()).toEqual([]);
  });
  it('are told to stand in the environment where there is no keychain', async () => {
    await open('#/machine');
    const message = "The system's keychain does not answer: there is no desktop session with a keyring service.";
    answerWith({ keys: () => Promise.reject({ code: 'network', message, detail: null }) });
    location.hash = '#/settings';
    const said = await screen.findByText(/^The system's keychain does not answer/, {}, LATE);
    expect(said.textContent).toContain('ALIGNPRO_KEY_NAME');
    await button('Look again');
  });
});
