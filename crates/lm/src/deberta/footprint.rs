//! How much memory a DeBERTa model takes, told from its `config.json`. Held against what it takes in `tests/encoder_footprint.rs`.
use super::{DebertaConfig, DebertaFolder, TOKENS_PER_PASS};
use crate::Precision;
use crate::folder::numbers;
use crate::kernels::matrix::WIDENED;
use safetensors::tensor::Dtype;

/// Bytes of an f32 number, and of an index.
const F32: u64 = 4;

/// A model's shape, and what is held of it.
#[derive(Debug, Clone)]
pub struct EncoderFootprint {
    config: DebertaConfig,
    /// Bytes of its weights, and of the embeddings of distances as each layer projects them (f32).
    pub weights: u64,
    /// Bytes of the largest tensor that is held in another type than it is stored in.
    largest: u64,
    /// Whether matrices are held in bf16.
    is_half: bool,
}

impl DebertaFolder {
    /// What the model takes where its scores are computed.
    pub fn footprint(&self, precision: Precision) -> EncoderFootprint {
        let c = &self.config;
        let ways = u64::from(c.content_to_position) + u64::from(c.position_to_content);
        let distances = ways * (c.num_hidden_layers * c.hidden_size * 2 * c.span()) as u64;
        let (mut weights, mut largest, mut is_half) = (F32 * distances, 0, false);
        for tensor in c.tensors() {
            let stored = self.types.get(&tensor.0).copied().unwrap_or(Dtype::F32);
            // The classifier's one row is held in f32.
            let half = tensor.1.len() == 2 && tensor.1[0] > 1 && (precision == Precision::Bf16 || stored == Dtype::BF16);
            let (held, count) = (if half { Dtype::BF16 } else { Dtype::F32 }, numbers(&[tensor]));
            let bytes = |dtype: Dtype| count * if dtype == Dtype::F32 { F32 } else { 2 };
            is_half |= half;
            largest = if held == stored { largest } else { largest.max(bytes(stored)) };
            weights += bytes(held);
        }
        EncoderFootprint { config: c.clone(), weights, largest, is_half }
    }
}

impl EncoderFootprint {
    /// Bytes beside the weights while the model is loaded, a tensor at a time.
    pub fn reading(&self) -> u64 {
        self.largest
    }

    /// Bytes beside the weights while `texts` questions with their answers are scored, each of at most `longest` tokens.
    pub fn scoring(&self, texts: u64, longest: u64) -> u64 {
        let c = &self.config;
        let [hidden, inner, heads, span] = [c.hidden_size, c.intermediate_size, c.num_attention_heads, c.span()].map(|n| n as u64);
        let tokens = longest.clamp(1, c.max_position_embeddings as u64);
        let texts = texts.min((TOKENS_PER_PASS as u64 / tokens).max(1));
        let [each, wide] = [hidden, inner].map(|width| texts * tokens * width);
        let scores = texts * heads * tokens * tokens;
        let by_distance = texts * heads * tokens * 2 * span;
        // The embeddings of distances are copied for each text.
        let copied = texts * hidden * 2 * span;
        // Beside which distance counts for two tokens, both ways: the scores, what is chosen of those by distance, and the sum.
        let attention = 3 * each + 2 * scores + (3 * scores).max(2 * scores + by_distance).max(scores + by_distance + copied);
        // The widest matrix in f32, for a moment, where it is held in bf16.
        let widened = if self.is_half { each + (hidden * inner).min(WIDENED as u64) } else { 0 };
        F32 * attention.max(2 * scores + 2 * each + 2 * wide + widened)
    }
}
