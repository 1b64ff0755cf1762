// For development without the shell and for tests; never part of the shipped program.
import type { Channel } from '@tauri-apps/api/core';
import { emit } from '@tauri-apps/api/event';
import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import type { Opened } from './types';

type Handler = (args: Record<string, unknown>) => unknown;

export function answerWith(handlers: Record<string, Handler>) {
  mockIPC(
    (command, args) => {
      const handler = handlers[command];
      if (!handler) throw { code: 'internal', message: `no answer for ${command}`, detail: null };
      return handler((args ?? {}) as Record<string, unknown>);
    },
    { shouldMockEvents: true },
  );
}

/** As the shell sends something on its way, before a command has ended. */
export const send = <T>(channel: unknown, message: T) => (channel as Channel<T>).onmessage(message);

/** As the shell tells of a file that was dropped on the window. */
export const tellOpened = (opened: Opened) => emit('opened', opened);

/** As the shell tells of an item of the menu. */
export const chooseInMenu = (action: string) => emit('menu', action);

export const answerNothing = clearMocks;
