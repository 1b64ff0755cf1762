// Pages that choose how memory is spared, what validates and what is watched, and those that show it.
import { fireEvent, screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import { draft } from '$lib/state/draft.svelte';
import { open, violations } from './app';

describe('setting up', () => {
  it('lets validation choose the prompter, once there are validations', async () => {
    await open('#/new/training');
    const kept = await screen.findByLabelText<HTMLSelectElement>('Prompter that is tested');
    expect(kept.selectedOptions[0]?.text).toBe('The last one');
    screen.getByText('Without validation the last prompter is tested, however its training went.');
    await fireEvent.change(kept, { target: { value: 'best' } });
    await fireEvent.input(screen.getByLabelText('Patience'), { target: { value: '3' } });
    await waitFor(() => expect(screen.getAllByText(/^This looks at validations, of which there are none/)).toHaveLength(2));
    expect([kept, screen.getByLabelText('Patience')].map((field) => field.getAttribute('aria-invalid'))).toEqual(['true', 'true']);
    await fireEvent.input(screen.getByLabelText('Validate every … iterations'), { target: { value: '5' } });
    await waitFor(() => expect(kept.getAttribute('aria-invalid')).toBeNull());
    expect(screen.getByText(/^7 validations × 48 prompts × 2 answers = 672 reward calls/).textContent).toContain(
      'if it does not end early',
    );
    expect(draft.spec?.training).toMatchObject({ keep: 'best', patience: 3, validate_every_iterations: 5 });
    expect(await violations()).toEqual([]);
    await fireEvent.input(screen.getByLabelText('Patience'), { target: { value: '' } });
    expect(draft.spec?.training.patience).toBeNull();
  });
  it('switches gradient checkpointing on, which is off', async () => {
    await open('#/new/training');
    const field = await screen.findByLabelText<HTMLSelectElement>('Gradient checkpointing');
    expect(field.selectedOptions[0]?.text).toBe('Off');
    await fireEvent.change(field, { target: { value: field.options[1]!.value } });
    expect(draft.spec?.training.checkpointing).toBe(true);
  });
  it('adds a part to watch, and says what it is', async () => {
    await open('#/new/reward');
    await fireEvent.click(await screen.findByText('Add a part to watch'));
    expect(draft.spec?.reward.parts.at(-1)).toEqual({ kind: 'readability', weight: 0 });
    const badge = screen.getByText('Watched, not trained on');
    const weight = within(badge.closest('fieldset')!).getByLabelText('Weight');
    await screen.findByTitle('readability: watched, not trained on');
    expect(await violations()).toEqual([]);
    await fireEvent.input(weight, { target: { value: '0.5' } });
    expect(screen.queryByText('Watched, not trained on')).toBeNull();
    // Topicality that is only watched does not keep a prompter to the subject.
    const weights = screen.getAllByLabelText('Weight');
    await fireEvent.input(weights[1]!, { target: { value: '0' } });
    await screen.findByText(/^No part that is trained on looks at the prompt/);
    for (const one of weights) await fireEvent.input(one, { target: { value: '0' } });
    await screen.findByText(/^The list of parts has weights of 0 only/);
  });
  it('takes a reward model, of those that are installed', async () => {
    await open('#/new/reward');
    await fireEvent.click(await screen.findByRole('button', { name: 'Reward model' }));
    expect(draft.spec?.reward.parts.at(-1)).toEqual({ kind: 'reward_model', weight: 1, model: '' });
    const model = await screen.findByLabelText<HTMLSelectElement>('Model');
    await waitFor(() => expect([...model.options].map((one) => one.value)).toContain('skywork-reward-v2-qwen3-0.6b'));
    // What writes cannot score.
    expect([...model.options].map((one) => one.value)).not.toContain('smollm2-135m-instruct');
    await fireEvent.change(model, { target: { value: 'skywork-reward-v2-qwen3-0.6b' } });
    expect(draft.spec?.reward.parts.at(-1)).toMatchObject({ model: 'skywork-reward-v2-qwen3-0.6b' });
    await screen.findByText('Without models, commands and services, which are there for a run only');
    expect(await violations()).toEqual([]);
  });
});

describe('a run that was validated and watched', () => {
  it('says in its results which prompter was tested, and holds the reward against the divergence', async () => {
    await open('#/runs/15/results');
    await screen.findByText(/^Tested: the prompter of iteration 16, the best of 8 validations/, {}, { timeout: 3000 });
    screen.getByText(/The watched readability fell from .* What is trained on may be exploited/);
    screen.getByText('Part: readability (watched)');
    screen.getByLabelText('Save “Reward against divergence” as CSV');
    expect(screen.getByRole('navigation', { name: 'Parts of this page' }).textContent).toContain('Over-optimisation');
  });
  it('marks the watched part of every answer', async () => {
    await open('#/runs/15/samples');
    const marks = await screen.findAllByTitle('readability: watched, not trained on', {}, { timeout: 3000 });
    expect(marks[0]?.textContent).toBe('readability, watched');
    expect(screen.queryByTitle('sentiment: watched, not trained on')).toBeNull();
  });
  it('is done in the list, though it has not all its iterations', async () => {
    await open('#/experiments');
    const row = (await screen.findByText('ended early')).closest('td')!;
    expect(row.textContent).toMatch(/39\/68/);
  });
});

vi.setConfig({ testTimeout: 10_000 });
