//! How much memory a model takes, told from its files alone: what is held, and what each way of computing needs beside it.
//!
//! Bytes are counted tensor by tensor where they grow with the batch; what does not (a few buffers of each thread) is left out. Held against what is
//! measured on the embedded model in `tests/footprint.rs`.
use crate::folder::numbers;
use crate::kernels::head::CHUNK;
use crate::kernels::matrix::WIDENED;
use crate::kernels::plain::LOGIT_ROWS;
use crate::{LlamaConfig, LoraConfig, ModelFolder, Output, Precision};
use safetensors::tensor::Dtype;

/// Bytes of an f32 number.
const F32: u64 = 4;

/// A model's shape, and how it is computed.
#[derive(Debug, Clone)]
pub struct Footprint {
    config: LlamaConfig,
    /// Bytes of its frozen weights as they are held.
    pub weights: u64,
    /// Bytes of the largest layer as it is stored and, for a moment, in f32.
    largest: u64,
    /// The fused kernels of a processor; otherwise candle's operations, on a GPU.
    is_fused: bool,
    /// Whether products are in f32 and matrices are in bf16.
    is_split: bool,
}

/// Texts of a batch that is sampled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sampled {
    /// Rows in the batch at a time.
    pub rows: u64,
    /// Different prompts among them.
    pub prompts: u64,
    /// Tokens of a prompt.
    pub prompt: u64,
    /// Of them, those that all prompts begin with.
    pub shared: u64,
    /// Tokens that are drawn at most.
    pub new: u64,
}

/// Texts of one pass in which probabilities are computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scored {
    /// Rows of the pass: tokens of all texts, what they begin with in common once.
    pub tokens: u64,
    /// Tokens that are predicted.
    pub predicted: u64,
}

impl ModelFolder {
    /// What the model takes where it is computed on a processor or, with `on_gpu`, on a GPU. Reads headers of files only. Numbers that are stored in
    /// f32 are counted so, although on a processor they are held in bf16 where that loses nothing.
    pub fn footprint(&self, precision: Precision, on_gpu: bool) -> Footprint {
        let (mut weights, mut largest, mut is_half) = (0, 0, false);
        for tensor in self.config.tensors() {
            let is_matrix = tensor.1.len() == 2;
            let dtype = self.types.get(&tensor.0).copied().unwrap_or(Dtype::F32);
            let count = numbers(&[tensor]);
            // A processor's copy in f32 is made of one that is there for a moment, where it is not stored so.
            let passing = if dtype == Dtype::F32 { F32 } else { 2 + if on_gpu { 0 } else { F32 } };
            largest = largest.max(count * (F32 + passing));
            let half = is_matrix && (precision == Precision::Bf16 || dtype == Dtype::BF16);
            is_half |= half;
            weights += count * if half { 2 } else { F32 };
        }
        Footprint { config: self.config.clone(), weights, largest, is_fused: !on_gpu, is_split: is_half && precision == Precision::F32 }
    }
}

/// Widths that everything is a multiple of.
struct Widths {
    hidden: u64,
    inner: u64,
    /// Queries, keys and values of a token.
    qkv: u64,
    /// Its attended values.
    attended: u64,
    /// Its keys and values in all blocks.
    cached: u64,
    heads: u64,
    layers: u64,
    vocabulary: u64,
}

impl Footprint {
    fn widths(&self) -> Widths {
        let c = &self.config;
        let [hidden, inner, head, heads, shared, layers] =
            [c.hidden_size, c.intermediate_size, c.head_dim, c.num_attention_heads, c.num_key_value_heads, c.num_hidden_layers]
                .map(|n| n as u64);
        // A reward model's one number stands for the vocabulary.
        let vocabulary = if c.output == Output::Score { 1 } else { c.vocab_size as u64 };
        let cached = 2 * shared * head * layers;
        Widths { hidden, inner, qkv: (heads + 2 * shared) * head, attended: heads * head, cached, heads, layers, vocabulary }
    }

    /// Bytes beside the weights while the model is loaded, a layer at a time; the map of the files, which the system takes back where it needs memory,
    /// is not counted.
    pub fn reading(&self) -> u64 {
        self.largest
    }

    /// Bytes of an adapter, which stay, and of AdamW's two moments of it, which are in the machine's memory on a GPU too.
    pub fn adapter(&self, lora: &LoraConfig) -> u64 {
        let moments = if self.is_fused { 2 } else { 0 };
        (1 + moments) * F32 * lora.parameters(&self.config)
    }

    /// Bytes beside the weights while texts are sampled.
    pub fn sampling(&self, texts: Sampled) -> u64 {
        let (w, Sampled { rows, prompts, prompt, shared, new }) = (self.widths(), texts);
        if self.is_fused {
            let read = shared + prompts * prompt.saturating_sub(shared);
            let kept = rows * new * w.cached + prompts * prompt * w.cached + prompts * w.vocabulary;
            let logits = rows.max(prompts) * w.vocabulary;
            return F32 * (kept + logits + read.max(rows) * self.passing());
        }
        let read = rows * prompt;
        let cache = rows * (prompt + new) * w.cached;
        let step = 2 * rows * w.vocabulary + rows * (self.passing() + w.heads * 3 * (prompt + new));
        let prefill = read * self.passing() + 3 * rows * w.heads * prompt * prompt;
        F32 * (cache + step.max(prefill)) + self.product(read)
    }

    /// Bytes beside the weights while log-probabilities, or features, are computed of which no gradient is asked.
    pub fn scoring(&self, texts: Scored) -> u64 {
        let (w, Scored { tokens, predicted }) = (self.widths(), texts);
        let attention = if self.is_fused { 0 } else { (1 + 3 * w.heads) * tokens * tokens };
        let blocks = tokens * self.passing() + attention;
        F32 * blocks.max(tokens * w.hidden + self.head(predicted)) + self.product(tokens)
    }

    /// Bytes beside the weights and [`Self::adapter`] in a forward and backward pass, with the gradients of an adapter; `checkpointing` as in
    /// [`crate::Llama::with_checkpointing`].
    pub fn training(&self, lora: &LoraConfig, texts: Scored, checkpointing: bool) -> u64 {
        let (w, Scored { tokens, predicted }) = (self.widths(), texts);
        // The residual stream stands twice in a block; on a GPU what is added to it is kept too.
        let residual = if self.is_fused { 2 } else { 4 } * w.hidden;
        let block = tokens * (w.qkv + w.attended + 2 * w.inner + residual);
        // One block stands whole again while backward is in it, with its input, its output and both gradients.
        let (blocks, again) =
            if checkpointing { (w.layers * tokens * w.hidden, block + 4 * tokens * w.hidden) } else { (w.layers * block, 0) };
        let kept = blocks + tokens * w.hidden + predicted * w.hidden;
        // Of the widest layer, SwiGLU and down: its gradient, a place for it, and the sum of both.
        let back = tokens * (6 * w.inner + 3 * w.hidden);
        let (mask, attention) = if self.is_fused { (0, 0) } else { (tokens * tokens, 6 * w.heads * tokens * tokens) };
        // A checkpoint has the adapter's values too.
        let gradients = if checkpointing { 3 } else { 2 } * F32 * lora.parameters(&self.config);
        F32 * (kept + mask + self.head(predicted).max(again + back.max(attention))) + gradients + self.product(tokens)
    }

    /// Numbers for each token of a pass of which nothing is kept.
    fn passing(&self) -> u64 {
        let w = self.widths();
        if self.is_fused {
            return w.hidden + w.qkv + w.attended + 2 * w.inner + w.hidden.max(w.inner);
        }
        // Before attention its parts are made dense, turned and scaled; in the feed-forward layer SiLU and its product stand beside both halves.
        (2 * w.hidden + 4 * w.inner).max(w.hidden + 3 * w.qkv + 2 * w.attended)
    }

    /// Numbers that log-probabilities of so many tokens take.
    fn head(&self, predicted: u64) -> u64 {
        let w = self.widths();
        let rows = 3 * predicted * w.hidden;
        if self.is_fused {
            rows + predicted * w.vocabulary.min(CHUNK as u64)
        } else {
            rows + 4 * predicted.min(LOGIT_ROWS as u64) * w.vocabulary
        }
    }

    /// Bytes that a product of so many rows in f32 with a matrix in bf16 takes beside both.
    fn product(&self, rows: u64) -> u64 {
        let w = self.widths();
        if self.is_fused || !self.is_split {
            return 0;
        }
        // The widest stretch of a matrix in f32; on an NVIDIA GPU instead three parts in bf16 of the widest rows.
        if cfg!(feature = "cuda") { 3 * 2 * rows * w.inner } else { F32 * (WIDENED as u64).min(w.hidden * w.vocabulary.max(2 * w.inner)) }
    }
}
