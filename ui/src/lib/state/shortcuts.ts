export const SHORTCUTS = [
  { keys: '1', place: 'experiments', word: 'Experiments' },
  { keys: '2', place: 'new', word: 'New experiment' },
  { keys: '3', place: 'compare', word: 'Compare' },
  { keys: '4', place: 'machine', word: 'Machine and models' },
  { keys: '5', place: 'theory', word: 'Theory' },
  { keys: '6', place: 'rewards', word: 'Rewards' },
  { keys: ',', place: 'settings', word: 'Settings' },
] as const;

const ACTIONS = ['larger', 'smaller', 'usual', 'palette', 'open', ...SHORTCUTS.map((s) => s.place)] as const;
export type Action = (typeof ACTIONS)[number];
/** The menu calls them by the same names (src-tauri/src/menu.rs). */
export const isAction = (name: string): name is Action => (ACTIONS as readonly string[]).includes(name);

/** What a key press with Ctrl (or Cmd) asks for, if anything. */
export function shortcut(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>): Action | null {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return null;
  // Where it is written with Shift and where it is not.
  if (event.key === '+' || (event.key === '=' && !event.shiftKey)) return 'larger';
  if (event.shiftKey) return null;
  const key = event.key.toLowerCase();
  if (key === '-') return 'smaller';
  if (key === '0') return 'usual';
  if (key === 'k') return 'palette';
  if (key === 'n') return 'new';
  if (key === 'o') return 'open';
  return SHORTCUTS.find((s) => s.keys === key)?.place ?? null;
}
