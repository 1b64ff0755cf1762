// A report as one HTML file that needs nothing else: no script, no address, and every text in it is escaped. Drawn from the window's own
// figures and words, by the worker, in an interpreter that has no page: what is reached from here asks for none.
import { render } from 'svelte/server';
import type { ReportSource } from '$ipc';
import style from '../app.css?inline';
import Page from './Page.svelte';
import own from './report.css?inline';

const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** `source` is a {@link ReportSource} as JSON. */
export function report(source: string): string {
  const { head, body } = render(Page, { props: { source: JSON.parse(source) as ReportSource } });
  return `<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" content="${POLICY}">
<style>${style}${own}</style>${head}</head><body>${body}</body></html>
`;
}
