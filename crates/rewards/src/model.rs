//! Rewards that a model computes.
use crate::Pair;
use contract::Result;
use lm::{Message, RewardModel};

/// Scores the last messages of conversations, in order. Those that begin alike should stand together.
pub trait Scorer: Send + Sync {
    /// # Errors
    /// Where one cannot be scored: it is longer than the model's context, say.
    fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>>;
}

/// The prompt as the user's message, the answer as the assistant's.
pub(crate) fn conversation(pair: Pair<'_>) -> Vec<Message> {
    vec![Message::user(pair.prompt), Message { role: "assistant".into(), content: pair.answer.into() }]
}

impl Scorer for RewardModel {
    fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
        Ok(RewardModel::score(self, conversations)?.into_iter().map(f64::from).collect())
    }
}
