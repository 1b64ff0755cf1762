// The hub in the window: nothing is asked of it or brought before a click, and what is stopped is gone on with.
import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import { failure, inWindow } from '$lib/ipc/failure';
import { answerWith } from '$lib/ipc/mock';
import { downloads } from '$lib/state/downloads.svelte';
import { draft } from '$lib/state/draft.svelte';
import { isName } from '$lib/state/machine';
import { left, marked, pace, type Mark } from '$lib/state/pace';
import { open, violations } from './app';

const LATE = { timeout: 8000 };
const GGUF = { downloads: 9, likes: 1, licence: 'mit', gated: false, weights: ['gguf'], parameters: null, bytes: null };

async function search(text: string) {
  await open('#/machine');
  await fireEvent.input(await screen.findByLabelText('Name of a model', undefined, LATE), { target: { value: text } });
  await fireEvent.click(screen.getByRole('button', { name: 'Search' }));
}
async function card(id: string) {
  await fireEvent.click(await screen.findByRole('button', { name: id }, LATE));
  const about = within(await screen.findByRole('group', { name: `About ${id}` }));
  await about.findByText('Licence', undefined, LATE);
  return about;
}

describe('models of the hub', { timeout: 30_000 }, () => {
  it('are shown with what they are before anything is brought', async () => {
    await search('qwen');
    const row = within((await screen.findByRole('button', { name: 'Qwen/Qwen2.5-0.5B-Instruct' }, LATE)).closest('tr')!);
    row.getByText('494 M');
    row.getByText('988 MB');
    const about = await card('Qwen/Qwen2.5-0.5B-Instruct');
    for (const fact of ['apache-2.0', 'It can be trained, and it can be frozen.', /995 MB in 4 files, 4 others left there/])
      about.getByText(fact);
    expect(downloads.all).toEqual([]);
    expect(await violations()).toEqual([]);
  });
  it('are not brought where nothing here could use them', async () => {
    await open('#/machine');
    await fireEvent.input(await screen.findByLabelText('Name of a model', undefined, LATE), { target: { value: 'mamba' } });
    const shown = {
      ...{ kind: 'model', id: 'org/mamba', name: 'mamba', revision: 'abc', licence: 'mit', gated: false, downloads: 9, likes: 1 },
      ...{
        architecture: 'MambaForCausalLM',
        fitness: 'The architecture "MambaForCausalLM" is neither trained nor run here.',
        is_fit: false,
      },
      ...{ files: [{ path: 'model.safetensors', bytes: 9 }], bytes: 9, left_out: 0, choices: [], problem: null },
    };
    answerWith({ hub_search: () => [{ ...GGUF, id: 'org/mamba' }], hub_show: () => shown });
    await fireEvent.click(screen.getByRole('button', { name: 'Search' }));
    const about = await card('org/mamba');
    about.getByText(/neither trained nor run here/);
    expect(about.getByRole<HTMLButtonElement>('button', { name: 'Download' }).disabled).toBe(true);
    about.getByText('Nothing here could use it.');
  });
  it('can be asked for with one kind of weights, and more of them', async () => {
    const asked = vi.fn((..._: unknown[]) => Array.from({ length: 20 }, (_, i) => ({ ...GGUF, id: `org/m${i}` })));
    await open('#/machine');
    await fireEvent.input(await screen.findByLabelText('Name of a model', undefined, LATE), { target: { value: 'qwen' } });
    answerWith({ hub_search: asked });
    await fireEvent.change(screen.getByLabelText('Weights'), { target: { value: 'gguf' } });
    await fireEvent.click(screen.getByRole('button', { name: 'Search' }));
    await fireEvent.click(await screen.findByRole('button', { name: 'Show up to 100' }, LATE));
    await waitFor(() => expect(asked).toHaveBeenCalledTimes(2), LATE);
    const sought = { kind: 'model', text: 'qwen', tags: ['gguf'], limit: 20 };
    expect(asked.mock.calls.map(([call]) => call)).toEqual([{ sought }, { sought: { ...sought, limit: 100 } }]);
    expect(screen.queryByRole('button', { name: 'Show up to 100' })).toBeNull();
  });
  it('arrive after a click, can be stopped, and are gone on with', async () => {
    await search('qwen');
    const about = await card('Qwen/Qwen2.5-0.5B-Instruct');
    await fireEvent.click(about.getByRole('button', { name: 'Download 995 MB' }));
    await waitFor(() => expect(downloads.all[0]?.done).toBeGreaterThan(0), LATE);
    // The commit that was shown, whatever main is at by then.
    expect(downloads.all[0]?.wanted.revision).toBe('7ae557604adf67be50417f59c2c2f167def9a775');
    await fireEvent.click(about.getByRole('button', { name: 'Stop' }));
    await waitFor(() => expect(downloads.all[0]?.isUnderWay).toBe(false), LATE);
    const stoppedAt = downloads.all[0]!.done;
    // It is named when the window is opened again.
    expect(JSON.parse(localStorage.getItem('downloads')!)).toMatchObject([{ done: stoppedAt, brought: null }]);
    const list = within(screen.getByRole('region', { name: 'Downloads' }));
    list.getByText(/^Stopped at \d+ MB of 995 MB$/);
    await fireEvent.click(list.getByRole('button', { name: 'Resume' }));
    await waitFor(() => expect(downloads.all[0]?.brought?.name).toBe('Qwen2.5-0.5B-Instruct'), LATE);
    expect(downloads.ended).toBeGreaterThan(0);
  });
  it('that are gated say so, and take a token', async () => {
    await search('llama');
    const about = await card('meta-llama/Llama-3.2-1B-Instruct');
    about.getByText(/Gated: given only to those/);
    await fireEvent.click(about.getByRole('button', { name: /^Download/ }));
    await about.findByText(/Agree to them on .* and enter it below\.$/, undefined, LATE);
    const token = about.getByLabelText<HTMLInputElement>('Token');
    expect(token.type).toBe('password');
    await fireEvent.input(token, { target: { value: 'hf_secret' } });
    await fireEvent.click(about.getByRole('button', { name: 'Keep and ask again' }));
    await waitFor(() => expect(downloads.all[0]?.brought).not.toBeNull(), LATE);
    expect(Object.values(localStorage).join()).not.toContain('hf_secret');
  });
  it('of several GGUF files want a choice', async () => {
    await search('gguf');
    const about = await card('bartowski/Qwen2.5-0.5B-Instruct-GGUF');
    expect(about.getByRole<HTMLButtonElement>('button', { name: 'Download' }).disabled).toBe(true);
    await fireEvent.change(about.getByLabelText('File'), { target: { value: 'Qwen2.5-0.5B-Instruct-Q8_0.gguf' } });
    await about.findByRole('button', { name: 'Download 618 MB' }, LATE);
  });
  it('are refused as pickles, and a hub that is out of reach is said', async () => {
    await search('pickled');
    const about = await card('old/pickled-qwen');
    about.getByText(/is a pickle.*: write refs\/pr\/1 as the revision/);
    await fireEvent.input(screen.getByLabelText('Name of a model'), { target: { value: 'offline' } });
    await fireEvent.click(screen.getByRole('button', { name: 'Search' }));
    await screen.findByText(/cannot be reached/, undefined, LATE);
    await fireEvent.input(screen.getByLabelText('Name of a model'), { target: { value: 'nothing-like-it' } });
    await fireEvent.click(screen.getByRole('button', { name: 'Search' }));
    await screen.findByText(/The hub has no models of the name/, undefined, LATE);
  });
  it('that fail are kept with the reason', async () => {
    answerWith({ hub_get: () => Promise.reject({ code: 'io', message: 'The disk of /home is full.', detail: null }) });
    await downloads.begin({ kind: 'model', id: 'a/b', revision: null, files: [], name: 'b' }, 10);
    expect(downloads.all[0]?.error?.message).toBe('The disk of /home is full.');
  });
});

describe('data sets of the hub', { timeout: 30_000 }, () => {
  it('that are known are brought by a click, and the draft takes them', async () => {
    await open('#/new/data');
    await fireEvent.click(await screen.findByRole('radio', { name: 'The hub' }, LATE));
    await fireEvent.click(await screen.findByRole('button', { name: /orca-pairs/ }, LATE));
    expect(await violations()).toEqual([]);
    await fireEvent.click(await screen.findByRole('button', { name: /^Download/ }, LATE));
    await waitFor(
      () =>
        expect(draft.spec?.data).toMatchObject({
          source: '/home/ada/.local/share/alignpro/data/orca-pairs/orca_rlhf.jsonl',
          column: 'question',
          system_column: 'system',
        }),
      LATE,
    );
    // They are still named the next time.
    await fireEvent.click(screen.getByRole('radio', { name: 'The hub' }));
    await screen.findByRole('button', { name: 'Use it' });
  });
  it('of any name are found, and only the files that are ticked are brought', async () => {
    await open('#/new/data');
    await fireEvent.click(await screen.findByRole('radio', { name: 'The hub' }, LATE));
    await fireEvent.input(screen.getByLabelText('Name of a data set'), { target: { value: 'Anthropic/hh-rlhf' } });
    await fireEvent.click(screen.getByRole('button', { name: 'Look at Anthropic/hh-rlhf' }));
    await fireEvent.click(await screen.findByRole('checkbox', { name: /test\.jsonl\.gz/ }, LATE));
    await fireEvent.click(screen.getByRole('button', { name: 'Download 226 MB' }));
    expect(downloads.all[0]?.wanted).toMatchObject({ id: 'Anthropic/hh-rlhf', files: ['train.jsonl.gz'], name: 'hh-rlhf' });
  });
});

it('how fast it goes is told from the last seconds', () => {
  let marks: Mark[] = [];
  for (let second = 0; second <= 60; second++)
    marks = marked(marks, { at_ms: 1000 * second, done: second < 40 ? 100 * second : 4000 + 10 * (second - 40) });
  expect(marks[0]?.at_ms).toBe(45_000);
  expect(pace(marks)).toBe(10);
  expect(left(marks, 4300)).toBe(10);
  expect(pace([])).toBeNull();
  expect(left([{ at_ms: 0, done: 5 }], 10)).toBeNull();
});

it('names are those that a spec can write', () => {
  for (const name of ['smollm2-135m-instruct', 'My_Model.Q4', '7b']) expect(isName(name)).toBe(true);
  for (const name of ['', '../up', 'a/b', '.hidden', '-x', 'a b', 'x.gguf', 'ü']) expect(isName(name)).toBe(false);
});

it('what a command line would do is not asked of a window', () => {
  const said = (message: string) => failure({ code: 'network', message, detail: null }).message;
  expect(said('It asks to wait 300 s; run the same command again then.')).toBe('It asks to wait 300 s; try again then.');
  expect(said('It was deleted. Run the same command again; if it stays so, ask.')).toBe('It was deleted. Try again; if it stays so, ask.');
  expect(said('What has arrived is kept: the same command goes on with it.')).toBe(
    'What has arrived is kept: resumed, it goes on with it.',
  );
  expect(said('/m/x is there already, and comes from a/b: give another name with --name, or remove that folder.')).toBe(
    '/m/x is there already, and comes from a/b: give another name, or remove that folder.',
  );
  expect(inWindow('The hub makes such files: try --revision refs/convert/parquet. It has x')).toBe(
    'The hub makes such files: try the revision refs/convert/parquet. It has x',
  );
});
