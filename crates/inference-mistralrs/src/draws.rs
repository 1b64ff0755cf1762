//! Seeds per request and exact log-probabilities, which mistral.rs has not.
//!
//! Its sampler has one random generator for all requests, and reports log-probabilities after top-k and top-p. But a request
//! may bring logits processors, which see every step's logits (f32) before its sampler. [`Draws`] draws the token itself, notes
//! it, and leaves the sampler that one token to choose.
use lm::sampler::draw;
use lm::{Decoding, Drawn, Stream};
use mistralrs::{CustomLogitsProcessor, Tensor};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Draws one request's tokens from its own stream.
pub struct Draws {
    decoding: Decoding,
    /// Set when nobody waits for the answer any more: the next token is a stop token, or, where none is known, an error.
    cancelled: Arc<AtomicBool>,
    /// Tokens of which it is noted how likely the first drawn one might have been each of them.
    watched: Vec<u32>,
    state: Mutex<State>,
}

struct State {
    stream: Stream,
    drawn: Vec<Drawn>,
    /// Of the watched tokens, in their order, at temperature 1.
    likely: Vec<f64>,
}

impl Draws {
    pub fn new(decoding: Decoding, seed: u64, cancelled: Arc<AtomicBool>) -> Self {
        Self::watching(decoding, seed, cancelled, Vec::new())
    }

    /// The same, and notes how likely the first token is each of `watched`.
    pub fn watching(decoding: Decoding, seed: u64, cancelled: Arc<AtomicBool>, watched: Vec<u32>) -> Self {
        let state = State { stream: Stream::new(seed), drawn: Vec::new(), likely: Vec::new() };
        Self { decoding, cancelled, watched, state: Mutex::new(state) }
    }

    /// How likely the first token was each of the watched ones.
    pub fn likely(&self) -> Vec<f64> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).likely.clone()
    }

    /// The tokens drawn so far.
    pub fn tokens(&self) -> Vec<u32> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).drawn.iter().map(|drawn| drawn.token).collect()
    }

    /// Takes the tokens drawn so far, with their log-probabilities.
    pub fn take(&self) -> (Vec<u32>, Vec<f32>) {
        // A poisoned lock still holds whole entries: a draw is pushed in one piece.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.drawn).into_iter().map(|drawn| (drawn.token, drawn.log_prob)).unzip()
    }

    /// None ends the request: nobody waits for it any more.
    fn next(&self, logits: &[f32]) -> Option<u32> {
        if self.cancelled.load(Ordering::Relaxed) {
            return self.decoding.stop.first().copied();
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Once: mistral.rs computes a step more after the last token, when those drawn may have been taken.
        if state.likely.is_empty() && !self.watched.is_empty() {
            state.likely = probabilities(logits, &self.watched);
        }
        let drawn = draw(logits, &self.decoding, &mut state.stream);
        state.drawn.push(drawn);
        Some(drawn.token)
    }
}

/// Of each of `tokens`, at temperature 1; of one that the vocabulary does not have, 0.
fn probabilities(logits: &[f32], tokens: &[u32]) -> Vec<f64> {
    let highest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let weight = |logit: f32| (f64::from(logit) - highest).exp();
    let all: f64 = logits.iter().map(|logit| weight(*logit)).sum();
    tokens.iter().map(|token| logits.get(*token as usize).map_or(0.0, |logit| weight(*logit) / all)).collect()
}

impl CustomLogitsProcessor for Draws {
    /// `logits`: [vocabulary], f32, on the CPU. Returns −∞ everywhere but at the drawn token.
    fn apply(&self, logits: &Tensor, _context: &[u32]) -> mistralrs::Result<Tensor> {
        let values: Vec<f32> = logits.to_vec1()?;
        let Some(token) = self.next(&values) else { return Err(std::io::Error::other("nobody waits for the answer any more").into()) };
        let token = token as usize;
        let mut only = vec![f32::NEG_INFINITY; values.len()];
        if let Some(value) = only.get_mut(token) {
            *value = 0.0;
        }
        Tensor::from_vec(only, values.len(), logits.device())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mistralrs::Device;

    fn decoding(temperature: f64, top_k: usize) -> Decoding {
        Decoding { max_tokens: 8, temperature, top_p: 1.0, top_k, stop: vec![3] }
    }

    fn argmax(tensor: &Tensor) -> u32 {
        let values: Vec<f32> = tensor.to_vec1().unwrap();
        assert_eq!(values.iter().filter(|value| value.is_finite()).count(), 1);
        values.iter().position(|value| value.is_finite()).unwrap() as u32
    }

    #[test]
    fn the_tokens_are_those_of_the_samplers_own_draws() {
        let logits = [0.3f32, 1.5, -0.4, 0.9, 2.2];
        let tensor = Tensor::new(&logits, &Device::Cpu).unwrap();
        for (temperature, top_k) in [(0.0, 0), (0.7, 0), (1.3, 3)] {
            let draws = Draws::new(decoding(temperature, top_k), 42, Arc::default());
            let mut stream = Stream::new(42);
            let wanted: Vec<Drawn> = (0..20).map(|_| draw(&logits, &decoding(temperature, top_k), &mut stream)).collect();
            let got: Vec<u32> = (0..20).map(|_| argmax(&draws.apply(&tensor, &[]).unwrap())).collect();
            assert_eq!(got, wanted.iter().map(|drawn| drawn.token).collect::<Vec<_>>());
            let (tokens, log_probs) = draws.take();
            assert_eq!(tokens, got);
            assert_eq!(log_probs, wanted.iter().map(|drawn| drawn.log_prob).collect::<Vec<_>>());
        }
    }

    #[test]
    fn how_likely_the_first_token_is_others_is_noted() {
        let draws = Draws::watching(decoding(0.0, 0), 1, Arc::default(), vec![1, 0, 9]);
        let tensor = |logits: &[f32]| Tensor::new(logits, &Device::Cpu).unwrap();
        draws.apply(&tensor(&[0.0, 3f32.ln(), 0.0]), &[]).unwrap();
        draws.apply(&tensor(&[5.0, 0.0, 0.0]), &[]).unwrap();
        let likely = draws.likely();
        assert!((likely[0] - 0.6).abs() < 1e-6 && (likely[1] - 0.2).abs() < 1e-6 && likely[2] == 0.0, "{likely:?}");
    }

    #[test]
    fn a_cancelled_request_ends_with_a_stop_token() {
        let cancelled = Arc::new(AtomicBool::new(true));
        let draws = Draws::new(decoding(0.7, 0), 1, cancelled);
        let tensor = Tensor::new(&[0f32, 9.0, 0.0, -9.0], &Device::Cpu).unwrap();
        assert_eq!(argmax(&draws.apply(&tensor, &[]).unwrap()), 3);
        assert!(draws.take().0.is_empty());
    }
}
