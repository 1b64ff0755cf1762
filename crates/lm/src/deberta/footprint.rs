//! How much memory a DeBERTa model takes, told from its `config.json`. Held against what it takes in `tests/encoder_footprint.rs`.
use super::{DebertaConfig, DebertaFolder, TOKENS_PER_PASS};

/// Bytes of an f32 number, and of an index.
const F32: u64 = 4;

/// A model's shape, and what is held of it.
#[derive(Debug, Clone)]
pub struct EncoderFootprint {
    config: DebertaConfig,
    /// Bytes of its weights (f32), and of the embeddings of distances as each layer projects them.
    pub weights: u64,
}

impl DebertaFolder {
    /// What the model takes where its scores are computed.
    pub fn footprint(&self) -> EncoderFootprint {
        let c = &self.config;
        let ways = u64::from(c.content_to_position) + u64::from(c.position_to_content);
        let distances = ways * (c.num_hidden_layers * c.hidden_size * 2 * c.span()) as u64;
        EncoderFootprint { config: c.clone(), weights: F32 * (c.parameters() + distances) }
    }
}

impl EncoderFootprint {
    /// Bytes beside the weights while `texts` questions with their answers are scored, each of at most `longest` tokens.
    pub fn scoring(&self, texts: u64, longest: u64) -> u64 {
        let c = &self.config;
        let [hidden, inner, heads, span] = [c.hidden_size, c.intermediate_size, c.num_attention_heads, c.span()].map(|n| n as u64);
        let tokens = longest.clamp(1, c.max_position_embeddings as u64);
        let texts = texts.min((TOKENS_PER_PASS as u64 / tokens).max(1));
        let scores = texts * heads * tokens * tokens;
        // Which distance counts for two tokens stands there for both ways; the scores, those of the distances, what is chosen of them, and the sum.
        // The embeddings of distances are copied for each text.
        let attention = 5 * scores + texts * heads * tokens * 2 * span + texts * hidden * 2 * span;
        let feed_forward = 2 * scores + 2 * texts * tokens * inner;
        F32 * (attention.max(feed_forward) + 5 * texts * tokens * hidden)
    }
}
