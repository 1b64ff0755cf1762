//! Batched sampling with a key/value cache.
use crate::{Adapter, Decoding, Llama, Result};
use std::ops::ControlFlow;
use std::sync::Arc;

/// One text to continue.
#[derive(Debug, Clone)]
pub struct Request {
    /// Requests with equal prompts share the prompt's computation.
    pub prompt: Arc<[u32]>,
    /// Seed of this row's own [`crate::Stream`].
    pub seed: u64,
}

/// A continuation.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// Drawn tokens; the last one is a stop token if `stopped`.
    pub tokens: Vec<u32>,
    /// Log-probability of each token ([`crate::Drawn::log_prob`]).
    pub log_probs: Vec<f32>,
    /// Entropy of the distribution that each token was drawn from, in nats.
    pub entropies: Vec<f32>,
    /// Whether a stop token ended it; otherwise it was cut at `max_tokens`.
    pub stopped: bool,
}

impl Llama {
    /// Continues every request. At most `max_rows` rows are in the batch at a time; a row leaves when it ends and the next
    /// enters. The result depends on the requests, their order and `max_rows` only. `on_step` hears of every decoding step
    /// how many requests are done, and can break the loop ([`crate::Error::Stopped`]).
    pub fn generate(
        &self,
        adapter: Option<&Adapter>,
        requests: &[Request],
        decoding: &Decoding,
        max_rows: usize,
        on_step: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Generation>> {
        todo!("{} {} {:?} {max_rows}", adapter.is_some(), requests.len(), decoding.stop.len() + on_step(0).is_break() as usize)
    }
}
