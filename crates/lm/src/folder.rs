//! A model on disk: a Hugging Face folder.
use crate::{LlamaConfig, Result, Tokenizer};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A checked Hugging Face folder of a supported architecture: `config.json`, `*.safetensors`, `tokenizer.json`, a chat template.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    pub path: PathBuf,
    pub config: LlamaConfig,
    /// Tokens that end an answer, from `generation_config.json`, `config.json` and the tokenizer.
    pub stop_tokens: Vec<u32>,
}

impl ModelFolder {
    /// Reads and checks the folder's small files and that every weight file is there and whole; loads no weights.
    pub fn open(path: &Path) -> Result<Self> {
        todo!("{}", path.display())
    }
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        todo!()
    }
    /// All weights by their Hugging Face names, as stored (bf16, f16 or f32), read through a memory map.
    pub fn weights(&self, device: &Device) -> Result<BTreeMap<String, Tensor>> {
        todo!("{device:?}")
    }
    /// SHA-256 of each file that determines the model's answers, by file name.
    pub fn checksums(&self) -> Result<BTreeMap<String, String>> {
        todo!()
    }
    /// SHA-256 over [`Self::checksums`], in hex: the identity of the model.
    pub fn checksum(&self) -> Result<String> {
        todo!()
    }
}
