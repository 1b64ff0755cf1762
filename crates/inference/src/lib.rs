//! Answers from models that stay frozen, behind one trait.
//!
//! [`choose`] says which engine fits, [`admit`] lets an engine prove itself before its answers count, and [`Cached`] answers
//! repeats. [`BuiltIn`] is the engine over [`lm`]; mistral.rs has a crate of its own because it takes minutes to build.
mod builtin;
mod cache;
mod choose;
mod context;
#[cfg(test)]
mod fake;
mod footprint;
mod proof;
mod spelling;

pub use builtin::{BuiltIn, Weights};
pub use cache::Cached;
pub use choose::{EngineChoice, EngineKind, Form, choose};
pub use context::encoded;
pub use footprint::EngineFootprint;
pub use proof::{
    ALL_BF16_LOG_PROB_TOLERANCE, BF16_LOG_PROB_TOLERANCE, LOG_PROB_TOLERANCE, OneByOne, PROOF_PROMPTS, Proof, admit, parts_by_rounding,
    prove,
};
pub use spelling::{Spellings, spellings_of};

use contract::{Error, Result};
use std::ops::ControlFlow;
use std::sync::Arc;

/// How answers are drawn; the same for a whole batch.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerDecoding {
    pub max_tokens: usize,
    /// 0 decodes greedily.
    pub temperature: f64,
    pub top_p: f64,
    pub top_k: usize,
}

impl AnswerDecoding {
    /// The same for the sampler, with the model's own stop tokens.
    pub fn with_stop(&self, stop: Vec<u32>) -> lm::Decoding {
        lm::Decoding { max_tokens: self.max_tokens, temperature: self.temperature, top_p: self.top_p, top_k: self.top_k, stop }
    }
}

/// One prompt to answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnswerRequest {
    /// The user's message; the engine applies the model's chat template.
    pub prompt: String,
    /// The system message before it.
    pub system: Option<Arc<str>>,
    /// Seed of this request's own random stream.
    pub seed: u64,
}

impl AnswerRequest {
    /// Without a system message.
    pub fn new(prompt: impl Into<String>, seed: u64) -> Self {
        Self { prompt: prompt.into(), system: None, seed }
    }
}

/// A token of which only is known that it was drawn: the engine does not tell its number in the vocabulary.
pub const UNKNOWN_TOKEN: u32 = u32::MAX;

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub text: String,
    /// Drawn tokens, the stop token included if one was drawn; [`UNKNOWN_TOKEN`] for each where the engine tells only how many.
    pub tokens: Vec<u32>,
    /// Log-probability of each token ([`lm::Drawn::log_prob`]); empty from an endpoint that does not give them.
    pub log_probs: Vec<f32>,
    /// Cut at `max_tokens`.
    pub truncated: bool,
}

/// A frozen language model: a batch in, answers out, in the same order. Equal requests get equal answers.
pub trait FrozenModel: Send {
    /// Engine and model in a few words, for people.
    fn describe(&self) -> String;
    /// Identity of the model: a checksum of its files and of what was done to them (quantisation).
    fn identity(&self) -> &str;
    /// Tokens that the model can hold, prompt and answer together.
    fn context(&self) -> usize;
    /// How much a token's log-probability may change by rounding alone where other texts are answered beside it, in nats.
    fn rounding(&self) -> f64 {
        LOG_PROB_TOLERANCE
    }
    /// Tokens of `prompt` as a user message, after a system message where there is one, in the model's chat template.
    fn prompt_tokens(&self, system: Option<&str>, prompt: &str) -> Result<usize>;
    /// Answers every request. `on_progress` hears how many are done, and can break ([`contract::Code::Stopped`]).
    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        decoding: &AnswerDecoding,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>>;
    /// How likely an answer to each prompt begins with each of `words`, as its whole first token, white space around it aside (also where that is a
    /// token of its own): probabilities at temperature 1, in the order of prompts and words. Nothing is drawn. Words are such that any vocabulary has them as one token: digits.
    ///
    /// # Errors
    /// [`contract::Code::Engine`] from an engine that does not tell.
    fn first_words(&mut self, prompts: &[String], words: &[String]) -> Result<Vec<Vec<f64>>> {
        let _ = (prompts, words);
        Err(Error::engine(format!(
            "{} does not tell how likely an answer begins with a word, from which a judge's score is computed; use a model that the built-in engine reads, \
             or an endpoint that gives log-probabilities of several tokens.",
            self.describe()
        )))
    }
    /// Gives back what it holds until it is asked again, where it was loaded so. It says the same then.
    fn rest(&mut self) {}
    /// What was noticed of its answers so far that whoever reads them should know, a sentence each.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
    /// Answers one request as [`Self::answer`] does. `on_text` hears the text as it grows, of engines that can tell it.
    fn stream(&mut self, request: &AnswerRequest, decoding: &AnswerDecoding, on_text: &mut dyn FnMut(&str)) -> Result<Answer> {
        let _ = on_text;
        let answer = self.answer(std::slice::from_ref(request), decoding, &mut |_| ControlFlow::Continue(()))?.pop();
        answer.ok_or_else(|| Error::engine(format!("{} gave no answer; this is a fault in the engine.", self.describe())))
    }
}
