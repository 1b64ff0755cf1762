export const SHORTCUTS = [
  { keys: '1', place: 'experiments', word: 'Experiments' },
  { keys: '2', place: 'new', word: 'New experiment' },
  { keys: '3', place: 'compare', word: 'Compare' },
  { keys: '4', place: 'machine', word: 'Machine and models' },
  { keys: ',', place: 'settings', word: 'Settings' },
] as const;

/** What a key press with Ctrl (or Cmd) asks for, if anything. */
export function shortcut(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return null;
  // Where it is written with Shift and where it is not.
  if (event.key === '+' || (event.key === '=' && !event.shiftKey)) return 'larger' as const;
  if (event.shiftKey) return null;
  const key = event.key.toLowerCase();
  if (key === '-') return 'smaller' as const;
  if (key === '0') return 'usual' as const;
  if (key === 'k') return 'palette' as const;
  if (key === 'n') return 'new' as const;
  if (key === 'o') return 'open' as const;
  return SHORTCUTS.find((s) => s.keys === key)?.place ?? null;
}
