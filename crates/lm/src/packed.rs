//! A training or scoring batch without padding, in which a group's common prompt stands once.
use crate::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

const EMPTY: &str = "a prompt without tokens cannot be continued";

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
        packed.check(vocabulary)?;
        Ok(packed)
    }

    /// Different texts of which nothing is scored, and the rows of each: what all begin with stands once, as chat templates begin every
    /// prompt with the same words. Every text keeps at least one row of its own.
    pub(crate) fn texts(texts: &[Arc<[u32]>], context: usize, vocabulary: usize) -> Result<(Self, Vec<[Range<usize>; 2]>)> {
        let mut packed = Self { tokens: Vec::new(), positions: Vec::new(), groups: Vec::new(), predictions: Vec::new() };
        if texts.iter().any(|text| text.is_empty()) {
            return Err(Error::Model(EMPTY.into()));
        }
        if let Some(bad) = texts.iter().find(|text| text.len() > context) {
            return Err(Error::TooLong(format!("a prompt of {} tokens does not fit into the model's context of {context}", bad.len())));
        }
        let common = common_beginning(texts);
        let mut rows = Vec::with_capacity(texts.len());
        if common == 0 {
            for text in texts {
                let own = packed.append(text, 0);
                rows.push([own.start..own.start, own.clone()]);
                packed.groups.push(Rows { prompt: own, completions: Vec::new() });
            }
        } else {
            let prompt = packed.append(&texts[0][..common], 0);
            for text in texts {
                rows.push([prompt.clone(), packed.append(&text[common..], common)]);
            }
            let completions = rows.iter().map(|[_, own]| own.clone()).collect();
            packed.groups.push(Rows { prompt, completions });
        }
        packed.check(vocabulary)?;
        Ok((packed, rows))
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

    fn push(&mut self, group: &Group<'_>, context: usize) -> Result<()> {
        if group.prompt.is_empty() {
            return Err(Error::Model(EMPTY.into()));
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

/// How many tokens all of several texts begin with, less than any has. 0 for a single text: it shares nothing.
fn common_beginning(texts: &[Arc<[u32]>]) -> usize {
    let (Some((first, others)), Some(shortest)) = (texts.split_first(), texts.iter().map(|text| text.len()).min()) else { return 0 };
    if others.is_empty() {
        return 0;
    }
    let shared = |other: &Arc<[u32]>| first.iter().zip(other.iter()).take_while(|(a, b)| a == b).count();
    others.iter().map(shared).min().unwrap_or(0).min(shortest.saturating_sub(1))
}
