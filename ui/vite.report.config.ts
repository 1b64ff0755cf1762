// The report's renderer: one script for an interpreter without a page, which the worker holds (crates/report).
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { alias } from './vite.config.ts';

export default defineConfig({
  plugins: [svelte({ compilerOptions: { css: 'injected' } })],
  resolve: { alias },
  // The example that the pages show in tests is read from outside.
  server: { fs: { allow: ['..'] } },
  ssr: { noExternal: true },
  build: {
    ssr: 'src/report/index.ts',
    outDir: 'dist-report',
    target: 'es2023',
    minify: true,
    rollupOptions: { output: { format: 'iife', name: 'alignpro', entryFileNames: 'report.js' } },
  },
});
