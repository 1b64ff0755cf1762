/** What was said as a sentence, with its full stop. */
export function fullStop(text: string): string {
  const said = text.trimEnd();
  return said === '' || /[.!?…]["”’')\]]*$/.test(said) ? said : `${said}.`;
}

export const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Words as they are listed in a sentence. */
export const listed = (words: readonly string[]) =>
  words.length > 1 ? `${words.slice(0, -1).join(', ')} and ${words.at(-1)}` : (words[0] ?? '');

/** A finding or a fix as a sentence: a capital and a full stop. */
export const sentence = (text: string) => fullStop(capital(text));

const BOUND = '\u00a0';
/** Figures in prose as they are set: a true minus sign, and no line break within "p = 0.500", an interval or "95 %". */
export function typeset(text: string): string {
  return (
    text
      // Not the hyphen of a name, a path or an option.
      .replace(/(?<![\w./-])-(?=\.?\d)/g, '−')
      .replace(/(\de)-(?=\d)/g, '$1−')
      .replace(/\b([pn]) ([=<>≤≥]) (?=[−+]?[\d.])/g, `$1${BOUND}$2${BOUND}`)
      .replace(/\[([^\s[\],]+), ([^\s[\],]+)\]/g, `[$1,${BOUND}$2]`)
      .replace(/([−+]?\d+\.\d+) to (?=[−+]?\d+\.\d+)/g, `$1${BOUND}to${BOUND}`)
      .replace(/(\d) %/g, `$1${BOUND}%`)
  );
}
