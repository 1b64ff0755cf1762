//! A batch without padding, in which what texts have in common at their beginning stands once.
use crate::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

const EMPTY: &str = "a prompt without tokens cannot be continued";
/// Tokens of a pass over texts of which nothing is drawn; what begins alike counts once.
pub const TOKENS_PER_PASS: usize = 4096;
/// Common tokens from which on a piece of their own is worth its bookkeeping.
const WORTH: usize = 4;

/// A prompt and the completions whose tokens are scored. Completions hold all their tokens, the stop token included.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// Must not be empty.
    pub prompt: &'a [u32],
    pub completions: &'a [Vec<u32>],
}

/// A stretch of one or more texts. Its rows see all rows of the pieces that it continues, and of their own those up to themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// At least one.
    pub rows: Range<usize>,
    /// Rows of the pieces that it continues, from the text's beginning on.
    pub context: Vec<Range<usize>>,
}

impl Piece {
    /// How many rows stand before its own.
    pub fn seen(&self) -> usize {
        self.context.iter().map(Range::len).sum()
    }

    /// All rows of the text up to its end, each range with the number of rows before it.
    pub fn parts(&self) -> impl Iterator<Item = (&Range<usize>, usize)> {
        let parts = self.context.iter().chain([&self.rows]);
        parts.scan(0, |before, rows| Some((rows, std::mem::replace(before, *before + rows.len()))))
    }
}

/// Texts as trees of pieces, one tree after the other, each from its root on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed {
    /// Input token of each row.
    pub tokens: Vec<u32>,
    /// Position of each row in its own text.
    pub positions: Vec<usize>,
    pub pieces: Vec<Piece>,
    /// For each scored token, in order group, completion, token: the row that predicts it, and the token.
    pub predictions: Vec<(usize, u32)>,
}

impl Packed {
    /// Groups, with a piece for the beginning of all prompts, one for the rest of each prompt and one for each completion. `context`: how many
    /// positions the model knows; `vocabulary`: how many tokens.
    pub fn new(groups: &[Group<'_>], context: usize, vocabulary: usize) -> Result<Self> {
        if groups.iter().any(|group| group.prompt.is_empty()) {
            return Err(Error::Model(EMPTY.into()));
        }
        let prompts: Vec<&[u32]> = groups.iter().map(|group| group.prompt).collect();
        let common = common_beginning(&prompts);
        let mut packed = Self::default();
        let root = (common > 0).then(|| packed.append(&prompts[0][..common], 0, None));
        for group in groups {
            packed.push(group, common, root, context)?;
        }
        packed.check(vocabulary)?;
        Ok(packed)
    }

    /// Different texts of which nothing is scored, and the rows of each, in pieces from its beginning to its end: what several begin with
    /// stands once, as chat templates begin every prompt with the same words, and the rewrites of a prompt with the prompt.
    pub(crate) fn texts(texts: &[Arc<[u32]>], context: usize, vocabulary: usize) -> Result<(Self, Vec<Vec<Range<usize>>>)> {
        if texts.iter().any(|text| text.is_empty()) {
            return Err(Error::Model(EMPTY.into()));
        }
        if let Some(bad) = texts.iter().find(|text| text.len() > context) {
            return Err(Error::TooLong(format!("a prompt of {} tokens does not fit into the model's context of {context}", bad.len())));
        }
        let mut packed = Self::default();
        let mut last = vec![0; texts.len()];
        packed.grow(texts, &(0..texts.len()).collect::<Vec<_>>(), 0, None, &mut last);
        packed.check(vocabulary)?;
        let rows = last.into_iter().map(|piece| packed.pieces[piece].parts().map(|(rows, _)| rows.clone()).collect()).collect();
        Ok((packed, rows))
    }

    /// The pieces of the texts `members`, which agree in their first `from` tokens and continue `parent`; `last` gets the last piece of each.
    fn grow(&mut self, texts: &[Arc<[u32]>], members: &[usize], from: usize, parent: Option<usize>, last: &mut [usize]) {
        let rests: Vec<&[u32]> = members.iter().map(|&member| &texts[member][from..]).collect();
        let common = common_beginning(&rests);
        if common == 0 {
            for (&member, rest) in members.iter().zip(rests) {
                last[member] = self.append(rest, from, parent);
            }
            return;
        }
        let piece = self.append(&rests[0][..common], from, parent);
        let from = from + common;
        let mut parts: Vec<Vec<usize>> = Vec::new();
        for &member in members {
            match parts.iter_mut().find(|part| texts[part[0]][from] == texts[member][from]) {
                Some(part) => part.push(member),
                None => parts.push(vec![member]),
            }
        }
        for part in parts {
            self.grow(texts, &part, from, Some(piece), last);
        }
    }

    /// The pieces of each tree: a new one begins with every piece that continues nothing.
    pub fn trees(&self) -> impl Iterator<Item = &[Piece]> {
        self.pieces.chunk_by(|_, next| !next.context.is_empty())
    }

    fn check(&self, vocabulary: usize) -> Result<()> {
        let known = |token: u32| (token as usize) < vocabulary;
        match self.tokens.iter().chain(self.predictions.iter().map(|p| &p.1)).find(|t| !known(**t)) {
            None => Ok(()),
            Some(token) => Err(Error::Model(format!(
                "token {token} is not in the model's vocabulary of {vocabulary}: the tokenizer belongs to another model"
            ))),
        }
    }

    /// A group whose prompt's first `common` tokens are the piece `root`.
    fn push(&mut self, group: &Group<'_>, common: usize, root: Option<usize>, context: usize) -> Result<()> {
        let longest = group.completions.iter().map(|c| c.len().saturating_sub(1)).max().unwrap_or(0);
        if group.prompt.len() + longest > context {
            return Err(Error::TooLong(format!(
                "a prompt of {} tokens with a text of {} does not fit into the model's context of {context} tokens",
                group.prompt.len(),
                longest + 1
            )));
        }
        let prompt = self.append(&group.prompt[common..], common, root);
        let end = self.pieces[prompt].rows.end;
        for completion in group.completions {
            let inputs = &completion[..completion.len().saturating_sub(1)];
            let rows = self.tokens.len()..self.tokens.len() + inputs.len();
            if !inputs.is_empty() {
                self.append(inputs, group.prompt.len(), Some(prompt));
            }
            self.predictions.extend(std::iter::once(end - 1).chain(rows).zip(completion.iter().copied()));
        }
        Ok(())
    }

    /// A piece that begins at `position` of its text and continues `parent`.
    fn append(&mut self, tokens: &[u32], position: usize, parent: Option<usize>) -> usize {
        let start = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.positions.extend(position..position + tokens.len());
        let context = parent.map(|parent| self.pieces[parent].parts().map(|(rows, _)| rows.clone()).collect()).unwrap_or_default();
        self.pieces.push(Piece { rows: start..self.tokens.len(), context });
        self.pieces.len() - 1
    }
}

/// The rows of a tree, which stand together.
pub(crate) fn rows(tree: &[Piece]) -> Range<usize> {
    match (tree.first(), tree.last()) {
        (Some(first), Some(last)) => first.rows.start..last.rows.end,
        _ => 0..0,
    }
}

/// How many tokens all of several texts begin with, less than any has; 0 where that is not worth a piece.
fn common_beginning(texts: &[&[u32]]) -> usize {
    let (Some((first, others)), Some(shortest)) = (texts.split_first(), texts.iter().map(|text| text.len()).min()) else { return 0 };
    let shared = |other: &&[u32]| first.iter().zip(*other).take_while(|(a, b)| a == b).count();
    let common = others.iter().map(shared).min().unwrap_or(0).min(shortest.saturating_sub(1));
    if common < WORTH { 0 } else { common }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The piece that each continues.
    fn parents(packed: &Packed) -> Vec<Option<usize>> {
        let place = |rows: &Range<usize>| packed.pieces.iter().position(|piece| piece.rows == *rows);
        packed.pieces.iter().map(|piece| piece.context.last().and_then(place)).collect()
    }

    /// Pieces and rows of each tree.
    fn trees(packed: &Packed) -> Vec<(usize, Range<usize>)> {
        packed.trees().map(|tree| (tree.len(), rows(tree))).collect()
    }

    fn texts(texts: &[&[u32]]) -> (Packed, Vec<Vec<u32>>) {
        let texts: Vec<Arc<[u32]>> = texts.iter().map(|&text| text.into()).collect();
        let (packed, rows) = Packed::texts(&texts, 100, 100).unwrap();
        let of = |rows: &Vec<Range<usize>>| rows.iter().cloned().flatten().map(|row| (packed.positions[row], packed.tokens[row])).collect();
        let found: Vec<Vec<(usize, u32)>> = rows.iter().map(of).collect();
        for (found, text) in found.iter().zip(&texts) {
            assert!(found.iter().enumerate().all(|(i, &(position, token))| position == i && token == text[i]) && found.len() == text.len());
        }
        let sizes = packed.pieces.iter().map(|piece| piece.rows.len() as u32).collect();
        let parents = parents(&packed).into_iter().map(|parent| parent.map_or(99, |parent| parent as u32)).collect();
        (packed, vec![sizes, parents])
    }

    #[test]
    fn what_texts_begin_with_stands_once() {
        // Two prompts after a template's four tokens; of the first, three rewrites; the last text ends where another goes on.
        let (packed, shape) = texts(&[
            &[1, 2, 3, 4, 10, 11, 12, 13, 20],
            &[1, 2, 3, 4, 50],
            &[1, 2, 3, 4, 10, 11, 12, 13, 21, 22],
            &[1, 2, 3, 4, 10, 11, 12, 13, 14],
        ]);
        assert_eq!(shape, [[4, 4, 1, 2, 1, 1], [99, 0, 1, 1, 1, 0]]);
        assert_eq!(trees(&packed), [(6, 0..13)]);
    }

    #[test]
    fn every_text_keeps_a_row_of_its_own() {
        let (_, shape) = texts(&[&[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 5, 7]]);
        assert_eq!(shape, [[4, 1, 2, 2], [99, 0, 0, 0]], "the longer ones share one token more, which is not worth a piece");
        let (_, shape) = texts(&[&[1, 2, 3, 4]]);
        assert_eq!(shape, [[4], [99]]);
    }

    #[test]
    fn texts_without_a_common_beginning_are_trees_of_their_own() {
        let (packed, shape) = texts(&[&[1, 2, 3], &[1, 2, 4], &[5]]);
        assert_eq!(shape, [[3, 3, 1], [99, 99, 99]]);
        assert_eq!(trees(&packed), [(1, 0..3), (1, 3..6), (1, 6..7)]);
    }

    #[test]
    fn groups_share_the_beginning_of_their_prompts() {
        let completions = [vec![7, 8], vec![9]];
        let groups = [&[1, 2, 3, 4, 5][..], &[1, 2, 3, 4, 6, 6]].map(|prompt| Group { prompt, completions: &completions });
        let packed = Packed::new(&groups, 100, 100).unwrap();
        assert_eq!(packed.tokens, [1, 2, 3, 4, 5, 7, 6, 6, 7]);
        assert_eq!(packed.positions, [0, 1, 2, 3, 4, 5, 4, 5, 6]);
        assert_eq!(packed.predictions, [(4, 7), (5, 8), (4, 9), (7, 7), (8, 8), (7, 9)]);
        assert_eq!(parents(&packed), [None, Some(0), Some(1), Some(0), Some(3)]);
    }
}
