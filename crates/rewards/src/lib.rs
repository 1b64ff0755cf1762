//! What an answer is worth: programs that score (x, y), the *original* prompt and the answer.
use contract::Result;
use std::collections::BTreeMap;

/// A prompt as the user wrote it and an answer to it.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    pub prompt: &'a str,
    pub answer: &'a str,
}

/// What one answer is worth: the weighted sum, and each part unweighted by its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    pub total: f64,
    pub parts: BTreeMap<String, f64>,
}

/// A reward made from a spec.
pub struct Reward {}

impl Reward {
    /// Fails with the part's path if a pattern cannot be compiled.
    pub fn new(spec: &contract::spec::Reward) -> Result<Self> {
        todo!("{spec:?}")
    }
    /// Scores a batch; a part that returns NaN is an error that names the part and the pair.
    pub fn score(&self, pairs: &[Pair<'_>]) -> Result<Vec<Score>> {
        todo!("{}", pairs.len())
    }
}

/// How close a rewrite stays to its prompt, in [0, 1]: 1 when all content words of the prompt are in the rewrite.
pub fn closeness(prompt: &str, rewrite: &str) -> f64 {
    todo!("{prompt} {rewrite}")
}
