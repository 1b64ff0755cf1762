// For development without the shell and for tests; never part of the shipped program.
import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';

type Handler = (args: Record<string, unknown>) => unknown;

export function answerWith(handlers: Record<string, Handler>) {
  mockIPC((command, args) => {
    const handler = handlers[command];
    if (!handler) throw { code: 'internal', message: `no answer for ${command}`, detail: null };
    return handler((args ?? {}) as Record<string, unknown>);
  });
}

export const answerNothing = clearMocks;
