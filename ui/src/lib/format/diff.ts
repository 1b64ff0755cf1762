export type Piece = { kind: 'same' | 'added' | 'removed'; text: string };

// Longest texts that are compared word by word; beyond, the table of the comparison would be too large.
const LIMIT = 1500;
const split = (text: string) => text.match(/\s+|[^\s]+/g) ?? [];

/** What was kept, added and removed from one text to another, by words (longest common subsequence). */
export function words(from: string, to: string): Piece[] {
  const [a, b] = [split(from), split(to)];
  if (a.length > LIMIT || b.length > LIMIT)
    return [
      { kind: 'removed', text: from },
      { kind: 'added', text: to },
    ];
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number) => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pieces: Piece[] = [];
  const push = (kind: Piece['kind'], text = '') => {
    const last = pieces.at(-1);
    if (last?.kind === kind) last.text += text;
    else pieces.push({ kind, text });
  };
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      push('same', a[i]);
      i++;
      j++;
    } else if (i < a.length && (j >= b.length || at(i + 1, j) >= at(i, j + 1))) {
      push('removed', a[i++]);
    } else {
      push('added', b[j++]);
    }
  }
  return bridged(pieces);
}

/** A lone space kept between two changes would cut them into confetti: it joins both sides. */
function bridged(pieces: Piece[]): Piece[] {
  const result: Piece[] = [];
  let removed = '';
  let added = '';
  const flush = () => {
    if (removed) result.push({ kind: 'removed', text: removed });
    if (added) result.push({ kind: 'added', text: added });
    removed = added = '';
  };
  pieces.forEach((piece, i) => {
    const next = pieces[i + 1];
    const lone = piece.kind === 'same' && !piece.text.trim() && next && next.kind !== 'same' && (removed || added);
    if (piece.kind === 'removed' || lone) removed += piece.text;
    if (piece.kind === 'added' || lone) added += piece.text;
    if (piece.kind === 'same' && !lone) {
      flush();
      result.push(piece);
    }
  });
  flush();
  return result;
}
