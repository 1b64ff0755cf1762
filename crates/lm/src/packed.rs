//! A training or scoring batch without padding, in which a group's common prompt stands once.
use crate::{Error, Result};
use std::ops::Range;

/// A prompt and the completions whose tokens are scored. Completions hold all their tokens, the stop token included.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// Must not be empty.
    pub prompt: &'a [u32],
    pub completions: &'a [Vec<u32>],
}

/// Rows of one group: the prompt's, then each completion's. A completion's rows see the whole prompt and what stands before
/// them in their own completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rows {
    pub prompt: Range<usize>,
    pub completions: Vec<Range<usize>>,
}

impl Rows {
    pub(crate) fn all(&self) -> Range<usize> {
        self.prompt.start..self.completions.last().map_or(self.prompt.end, |last| last.end)
    }
}

/// Groups laid out one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    /// Input token of each row.
    pub tokens: Vec<u32>,
    /// Position of each row in its own text.
    pub positions: Vec<usize>,
    pub groups: Vec<Rows>,
    /// For each scored token, in order group, completion, token: the row that predicts it, and the token.
    pub predictions: Vec<(usize, u32)>,
}

impl Packed {
    /// `context`: how many positions the model knows; `vocabulary`: how many tokens.
    pub(crate) fn new(groups: &[Group<'_>], context: usize, vocabulary: usize) -> Result<Self> {
        let mut packed = Self { tokens: Vec::new(), positions: Vec::new(), groups: Vec::new(), predictions: Vec::new() };
        for group in groups {
            packed.push(group, context)?;
        }
        let known = |token: u32| (token as usize) < vocabulary;
        if let Some(token) = packed.tokens.iter().chain(packed.predictions.iter().map(|p| &p.1)).find(|t| !known(**t)) {
            return Err(Error::Model(format!(
                "token {token} is not in the model's vocabulary of {vocabulary}: the tokenizer belongs to another model"
            )));
        }
        Ok(packed)
    }

    fn push(&mut self, group: &Group<'_>, context: usize) -> Result<()> {
        if group.prompt.is_empty() {
            return Err(Error::Model("a prompt without tokens cannot be continued".into()));
        }
        let longest = group.completions.iter().map(|c| c.len().saturating_sub(1)).max().unwrap_or(0);
        if group.prompt.len() + longest > context {
            return Err(Error::TooLong(format!(
                "a prompt of {} tokens with a text of {} does not fit into the model's context of {context} tokens",
                group.prompt.len(),
                longest + 1
            )));
        }
        let prompt = self.append(group.prompt, 0);
        let mut completions = Vec::with_capacity(group.completions.len());
        for completion in group.completions {
            let inputs = &completion[..completion.len().saturating_sub(1)];
            let rows = self.append(inputs, group.prompt.len());
            let predicting = std::iter::once(prompt.end - 1).chain(rows.clone());
            self.predictions.extend(predicting.zip(completion.iter().copied()));
            completions.push(rows);
        }
        self.groups.push(Rows { prompt, completions });
        Ok(())
    }

    fn append(&mut self, tokens: &[u32], first_position: usize) -> Range<usize> {
        let start = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.positions.extend(first_position..first_position + tokens.len());
        start..self.tokens.len()
    }
}
