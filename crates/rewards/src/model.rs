//! Rewards that a model computes.
use crate::Pair;
use contract::Result;
use lm::{Message, RewardModel};

/// Scores a batch of answers, in order. Pairs of one prompt should stand together.
pub trait Scorer: Send + Sync {
    /// # Errors
    /// Where a pair cannot be scored: it is longer than the model's context, say.
    fn score(&self, pairs: &[Pair<'_>]) -> Result<Vec<f64>>;
}

/// The prompt as the user's message, the answer as the assistant's.
pub fn conversation(pair: Pair<'_>) -> Vec<Message> {
    vec![Message::user(pair.prompt), Message { role: "assistant".into(), content: pair.answer.into() }]
}

impl Scorer for RewardModel {
    fn score(&self, pairs: &[Pair<'_>]) -> Result<Vec<f64>> {
        let conversations: Vec<Vec<Message>> = pairs.iter().map(|pair| conversation(*pair)).collect();
        Ok(RewardModel::score(self, &conversations)?.into_iter().map(f64::from).collect())
    }
}
