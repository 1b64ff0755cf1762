import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export const alias = {
  $ipc: fileURLToPath(new URL('./src/lib/ipc/index.ts', import.meta.url)),
  $lib: fileURLToPath(new URL('./src/lib', import.meta.url)),
};

export default defineConfig({
  plugins: [svelte()],
  // The window loads files, not a server's root.
  base: './',
  // Tests read the shipped experiment, which lies outside.
  server: { port: 5173, strictPort: true, fs: { allow: ['..'] } },
  build: {
    target: ['safari18', 'chrome125'],
    // Small assets as data: URIs would be refused by the content security policy (fonts).
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  resolve: { alias },
  test: {
    // A worker a core, not one less: of two cores that is half of the time.
    maxWorkers: '100%',
    projects: [
      {
        extends: true,
        resolve: { conditions: ['browser'] },
        test: {
          name: 'pages',
          environment: 'jsdom',
          include: ['test/*.test.ts'],
          setupFiles: ['test/setup.ts'],
          // On a busy machine a page and its accessibility take longer than the usual five seconds.
          testTimeout: 30_000,
          // Else a style sheet is read as an empty text.
          css: { include: [/app\.css/] },
        },
      },
      // Drawn without a page, as the worker does it.
      { extends: './vite.report.config.ts', test: { name: 'report', environment: 'node', include: ['test/report/*.test.ts'] } },
    ],
  },
});
