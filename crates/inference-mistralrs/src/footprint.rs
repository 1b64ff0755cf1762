//! How much memory mistral.rs takes, told from a model's files. Held against what it takes in `tests/footprint.rs`.
use crate::has_gpu;
use crate::load::TOGETHER;
use crate::published::is_quantised;
use crate::quantisation::bytes;
use contract::{Error, Result};
use inference::EngineFootprint;
use lm::{Stored, gguf, stored};
use serde_json::Value;
use std::path::Path;

/// Tokens that it makes room for at a time (`CACHE_GROW_SIZE`).
const BLOCK: u64 = 512;
/// Bytes of the machine's memory that a token of the vocabulary takes in its tokenizer and in ours: measured on the embedded model.
const OF_TOKEN: u64 = 1750;
/// Names of embeddings, which stay as they are when a model is quantised, and of heads, in folders and GGUF files.
const EMBEDDINGS: [&str; 2] = ["embed_tokens.weight", "token_embd.weight"];
const HEADS: [&str; 2] = ["lm_head.weight", "output.weight"];

/// How large the parts of a model are.
#[derive(Debug, Clone)]
pub struct Sizes {
    tensors: Vec<Stored>,
    is_gguf: bool,
    /// Of a folder.
    is_quantised: bool,
    /// Numbers that the keys and values of a token are, in all blocks together.
    cached: u64,
    /// Numbers that a block computes for a token beside them.
    passing: u64,
}

impl Sizes {
    /// Reads the heads of a folder's files, or of a GGUF file.
    ///
    /// # Errors
    /// [`contract::Code::Model`] where one of them is missing, cut off or damaged.
    pub fn read(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            let (tensors, [cached, hidden, inner]) = gguf::stored(path)?;
            return Ok(Self { tensors, is_gguf: true, is_quantised: false, cached, passing: 2 * hidden + 4 * inner });
        }
        let file = path.join("config.json");
        let wrong = |why: String| Error::model(format!("{} {why}; fetch the file again", file.display()));
        let text = std::fs::read_to_string(&file).map_err(|e| wrong(format!("cannot be read ({e})")))?;
        let config: Value = serde_json::from_str(&text).map_err(|e| wrong(format!("is not JSON ({e})")))?;
        // What a config does not say is not counted: an architecture may have other words for it.
        let size = |key: &str| config[key].as_u64();
        let [heads, hidden, inner, layers] =
            ["num_attention_heads", "hidden_size", "intermediate_size", "num_hidden_layers"].map(|key| size(key).unwrap_or(0));
        let head_dim = size("head_dim").unwrap_or_else(|| hidden.checked_div(heads).unwrap_or(0));
        let shared = size("num_key_value_heads").unwrap_or(heads);
        Ok(Self {
            tensors: stored::stored(path)?,
            is_gguf: false,
            is_quantised: is_quantised(&config),
            cached: 2 * layers * shared * head_dim,
            passing: 2 * hidden + 4 * inner,
        })
    }

    /// How many numbers the model is.
    pub fn parameters(&self) -> u64 {
        self.tensors.iter().map(Stored::numbers).sum()
    }

    /// What mistral.rs holds of it here, quantised while loading where that is asked for, and with pages for so many tokens.
    pub fn footprint(&self, quantisation: Option<&str>, paged: Option<usize>) -> EngineFootprint {
        // What is quantised already is not quantised once more.
        let quantisation = quantisation.filter(|_| !self.is_quantised);
        let on_gpu = has_gpu();
        // As [`crate::load`] asks for it.
        let width = if on_gpu { 2 } else { 4 };
        let named = |tensor: &Stored, names: [&str; 2]| names.iter().any(|name| tensor.name.ends_with(name));
        let is_tied = !self.tensors.iter().any(|tensor| named(tensor, HEADS));
        let (mut weights, mut rows) = (0, 0);
        for tensor in &self.tensors {
            let is_embedding = named(tensor, EMBEDDINGS);
            if is_embedding {
                rows = tensor.shape.first().map_or(0, |&rows| rows as u64);
            }
            let plain = tensor.numbers() * width;
            let quantised = quantisation.and_then(|name| bytes(name, tensor)).unwrap_or(plain);
            weights += match (self.is_gguf, is_embedding) {
                // Embeddings are looked up in f32; the head that is the same matrix stays as it is stored.
                (true, true) => 4 * tensor.numbers() + if is_tied { tensor.bytes } else { 0 },
                (true, false) => tensor.bytes,
                (false, true) => plain + if is_tied && quantisation.is_some() { quantised } else { 0 },
                // Packed matrices and their scales stay as they are stored.
                (false, false) if self.is_quantised && !named(tensor, HEADS) => tensor.bytes,
                (false, false) => quantised,
            };
        }
        let cached = self.cached * if self.is_gguf { 2 } else { width };
        let vocabulary = if on_gpu { 0 } else { rows * OF_TOKEN };
        // A tensor stands beside its copy for a moment.
        let reading = self.tensors.iter().map(|tensor| tensor.bytes).max().unwrap_or(0);
        let together = if on_gpu { TOGETHER as u64 } else { 1 };
        let (pages, cached) = paged.map_or((0, cached), |tokens| (tokens as u64 * cached, 0));
        EngineFootprint { weights: weights + vocabulary + pages, reading, cached, block: BLOCK, passing: self.passing * width, together }
    }
}
