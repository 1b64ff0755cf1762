// The whole window over the fixtures.
import axe from 'axe-core';
import { render, waitFor } from '@testing-library/svelte';
import { beforeEach, expect } from 'vitest';
import { dialogs } from '$lib/state/dialogs.svelte';
import { downloads } from '$lib/state/downloads.svelte';
import { draft } from '$lib/state/draft.svelte';
import { estimating } from '$lib/state/estimating.svelte';
import { fetching } from '$lib/state/fetching.svelte';
import { files } from '$lib/state/files.svelte';
import { judging } from '$lib/state/judging.svelte';
import { notices } from '$lib/state/notices.svelte';
import { benching, feedbackFile, rewardTraining } from '$lib/state/preferences.svelte';
import { router } from '$lib/state/router.svelte';
import { runs } from '$lib/state/runs.svelte';
import App from '../src/App.svelte';
import { install } from '../src/dev';

export async function open(at: string, options: Parameters<typeof install>[0] = {}) {
  install(options);
  location.hash = at;
  await waitFor(() => expect(location.hash).toBe(at));
  dispatchEvent(new HashChangeEvent('hashchange'));
  return render(App);
}

beforeEach(() => {
  for (const resource of [runs, files]) resource.value = resource.error = null;
  draft.clear();
  dialogs.close();
  notices.clear();
  estimating.forget();
  fetching.forget();
  judging.forget();
  benching.forget();
  rewardTraining.forget();
  feedbackFile.set('');
  downloads.clear();
  router.place = { parts: [], query: {} };
});

export async function violations() {
  // Contrast needs a layout, which is not here.
  const { violations: found } = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } });
  return found
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(' | ')}`);
}
