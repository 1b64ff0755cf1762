import '@fontsource-variable/inter';
import '@fontsource-variable/jetbrains-mono';
import './app.css';
import { mount } from 'svelte';

if (import.meta.env.DEV && !('__TAURI_INTERNALS__' in window)) {
  const { install } = await import('./dev');
  const flags = new URLSearchParams(location.search);
  install({ first: flags.has('first'), broken: flags.has('broken'), file: flags.has('file'), bare: flags.has('bare') });
}

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');
const { default: App } = await import('./App.svelte');
mount(App, { target });
