// Languages that a text may be in, to choose from.
const LANGUAGES = 'en de fr es it pt nl pl ru uk tr ar he fa hi zh ja ko vi id'.split(' ');

/** Any, those, and the one that is named if it is another. */
export function languageOptions(named: string | null | undefined): { value: string | null; word: string }[] {
  const names = new Intl.DisplayNames('en', { type: 'language' });
  const codes = named == null || LANGUAGES.includes(named) ? LANGUAGES : [...LANGUAGES, named];
  const word = (code: string) => (/^[a-z]{2,3}$/.test(code) ? (names.of(code) ?? code) : code);
  return [{ value: null, word: 'Any' }, ...codes.map((code) => ({ value: code, word: word(code) }))];
}
