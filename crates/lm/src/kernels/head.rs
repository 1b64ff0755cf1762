//! The log-probability head: final norm, product with the output embedding, log-softmax and the chosen token's value, over chunks of the
//! vocabulary, without ever holding the logits.
//!
//! With p = softmax(x̂·W / T), ∂ log p_t / ∂x̂ = (W_t − Σ_v p_v·W_v) / T. The sum is carried along in the forward pass with the same
//! rescaling as the running softmax (as FlashAttention does), so that the backward pass needs no product at all.
use super::matmul::Write;
use super::rows::{exp, largest, rms_norm, rms_norm_backward, sum};
use super::weight::Weight;
use rayon::prelude::*;
use std::sync::Arc;

/// Tokens of the vocabulary that are computed together: with 512 rows 8 MB, which stays in the cache.
pub const CHUNK: usize = 4096;

/// Final norm and output embedding.
#[derive(Debug)]
pub struct Head {
    pub norm: Arc<[f32]>,
    pub epsilon: f32,
    /// [width, vocabulary].
    pub weight: Weight,
}

/// What the forward pass found.
pub struct Scores {
    /// log softmax(logits / temperature) at each row's token.
    pub log_probs: Vec<f32>,
    /// ∂ log_prob / ∂(normed row), [rows, width]; empty unless asked for.
    pub gradients: Vec<f32>,
}

/// The running softmax of one row.
#[derive(Clone, Copy)]
struct Running {
    highest: f32,
    sum: f32,
    chosen: f32,
}

impl Head {
    pub fn width(&self) -> usize {
        self.weight.inputs
    }

    pub fn vocabulary(&self) -> usize {
        self.weight.outputs
    }

    /// Logits [rows, vocabulary] of `x` [rows, width], for decoding.
    pub fn logits(&self, out: &mut [f32], x: &[f32], buffer: &mut Vec<f32>) {
        buffer.resize(x.len(), 0.0);
        rms_norm(buffer, x, &self.norm, self.epsilon);
        self.weight.multiply(out, Write::Replace, 1.0, buffer, 0..self.vocabulary());
    }

    /// Log-probabilities of `tokens`, one for each row of `x` [rows, width] (before the final norm).
    pub fn scores(&self, x: &[f32], tokens: &[u32], temperature: f32, with_gradients: bool) -> Scores {
        let rows = tokens.len();
        let mut normed = vec![0.0; x.len()];
        rms_norm(&mut normed, x, &self.norm, self.epsilon);
        let mut running = vec![Running { highest: f32::NEG_INFINITY, sum: 0.0, chosen: 0.0 }; rows];
        let mut expected = vec![0.0; if with_gradients { rows * self.width() } else { 0 }];
        let mut logits = vec![0.0; rows * CHUNK.min(self.vocabulary())];
        for start in (0..self.vocabulary()).step_by(CHUNK) {
            let columns = CHUNK.min(self.vocabulary() - start);
            let logits = &mut logits[..rows * columns];
            self.weight.multiply(logits, Write::Replace, 1.0 / temperature, &normed, start..start + columns);
            let scales = advance(&mut running, logits, columns, tokens, start);
            if with_gradients {
                expected.par_chunks_mut(self.width()).zip(&scales).for_each(|(row, scale)| row.iter_mut().for_each(|v| *v *= scale));
                self.weight.multiply_transposed(&mut expected, Write::Add, logits, start..start + columns);
            }
        }
        if with_gradients {
            self.finish_gradients(&mut expected, &running, tokens, temperature);
        }
        Scores { log_probs: running.iter().map(|r| r.chosen - r.highest - r.sum.ln()).collect(), gradients: expected }
    }

    /// Σ_v e_v·W_v becomes (W_t − Σ_v p_v·W_v) / T.
    fn finish_gradients(&self, expected: &mut [f32], running: &[Running], tokens: &[u32], temperature: f32) {
        expected.par_chunks_mut(self.width()).zip(running).zip(tokens).for_each(|((row, running), &token)| {
            let inverse = 1.0 / running.sum;
            for (value, weight) in row.iter_mut().zip(self.weight.column(token as usize)) {
                *value = (weight - *value * inverse) / temperature;
            }
        });
    }

    /// Gradient with respect to `x` from that with respect to the log-probabilities. `gradients` are those of [`Self::scores`].
    pub fn backward(&self, d_log_probs: &[f32], gradients: &[f32], x: &[f32]) -> Vec<f32> {
        let mut d_x = gradients.to_vec();
        for (row, d) in d_x.chunks_exact_mut(self.width()).zip(d_log_probs) {
            row.iter_mut().for_each(|v| *v *= d);
        }
        rms_norm_backward(&mut d_x, x, &self.norm, self.epsilon);
        d_x
    }
}

/// Takes a chunk into the running softmax: `logits` become exp(logit − highest so far); returns by what earlier sums were scaled.
fn advance(running: &mut [Running], logits: &mut [f32], columns: usize, tokens: &[u32], start: usize) -> Vec<f32> {
    let rows = logits.par_chunks_exact_mut(columns).zip(running.par_iter_mut()).zip(tokens);
    rows.map(|((row, running), &token)| {
        if let Some(&chosen) = (token as usize).checked_sub(start).and_then(|i| row.get(i)) {
            running.chosen = chosen;
        }
        let highest = running.highest.max(largest(row));
        let scale = exp(running.highest - highest);
        row.iter_mut().for_each(|v| *v = exp(*v - highest));
        running.sum = running.sum * scale + sum(row);
        running.highest = highest;
        scale
    })
    .collect()
}
