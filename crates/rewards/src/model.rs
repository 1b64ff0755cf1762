//! Rewards that something other than a program of this crate computes: a model, a command, a service.
use crate::Pair;
use contract::Result;
use contract::bench::ScoreMass;
use lm::{Deberta, Message, Offloaded, RewardModel};

/// How long conversations are to what scores them, in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lengths {
    pub each: Vec<usize>,
    /// How long one may be.
    pub context: usize,
}

/// Scores the last messages of conversations, in order. Those that begin alike should stand together.
pub trait Scorer: Send + Sync {
    /// # Errors
    /// Where one cannot be scored: it is longer than the model's context, say.
    fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>>;

    /// How long conversations are here with all that goes around them, and how long one may be; None where that is not known before they are scored.
    ///
    /// # Errors
    /// Where one cannot be written in the model's template.
    fn lengths(&self, conversations: &[Vec<Message>]) -> Result<Option<Lengths>> {
        let _ = conversations;
        Ok(None)
    }

    /// Of a judge: how much of its probability has fallen on scores so far.
    fn score_mass(&self) -> Option<ScoreMass> {
        None
    }

    /// What whoever reads the scores so far should know, as a clause that ends a sentence.
    fn remark(&self) -> Option<String> {
        None
    }
}

/// The prompt as the user's message, after the system's where there is one, the answer as the assistant's.
pub fn conversation(pair: Pair<'_>) -> Vec<Message> {
    let mut conversation = Message::asked(pair.system, pair.prompt);
    conversation.push(Message { role: "assistant".into(), content: pair.answer.into() });
    conversation
}

impl Scorer for RewardModel {
    fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
        Ok(RewardModel::score(self, conversations)?.into_iter().map(f64::from).collect())
    }

    fn lengths(&self, conversations: &[Vec<Message>]) -> Result<Option<Lengths>> {
        let each = conversations.iter().map(|conversation| Ok(self.tokens(conversation)?.len())).collect::<Result<_>>()?;
        Ok(Some(Lengths { each, context: self.context() }))
    }
}

impl Scorer for Deberta {
    fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
        Ok(Deberta::score(self, conversations)?.into_iter().map(f64::from).collect())
    }

    fn lengths(&self, conversations: &[Vec<Message>]) -> Result<Option<Lengths>> {
        let each = conversations.iter().map(|conversation| Ok(self.length(conversation)?)).collect::<Result<_>>()?;
        Ok(Some(Lengths { each, context: self.context() }))
    }
}

impl<M: Scorer> Scorer for Offloaded<M> {
    fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
        self.load()?.score(conversations)
    }

    fn lengths(&self, conversations: &[Vec<Message>]) -> Result<Option<Lengths>> {
        self.load()?.lengths(conversations)
    }
}
