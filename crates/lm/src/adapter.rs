//! LoRA (Hu et al. 2021) on frozen linear layers.
use crate::{Llama, Result};
use candle_core::Var;
use std::path::Path;

/// Shape of an adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraConfig {
    pub rank: usize,
    pub alpha: f64,
    /// In [0, 1).
    pub dropout: f64,
    /// Hugging Face names of the linear layers that get one (`q_proj` …).
    pub targets: Vec<String>,
}

/// A LoRA adapter: A (rank × in) random, B (out × rank) zero at the start, so that it changes nothing.
pub struct Adapter {
    pub config: LoraConfig,
}

impl Adapter {
    pub fn new(model: &Llama, config: LoraConfig, seed: u64) -> Result<Self> {
        todo!("{:?} {config:?} {seed}", model.config)
    }
    /// The trainable tensors, in a fixed order.
    pub fn vars(&self) -> Vec<Var> {
        todo!()
    }
    /// As one safetensors file in the PEFT layout (`adapter_model.safetensors`).
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        todo!()
    }
    /// From the bytes of [`Self::to_bytes`], exactly.
    pub fn from_bytes(model: &Llama, config: LoraConfig, bytes: &[u8]) -> Result<Self> {
        todo!("{:?} {config:?} {}", model.config, bytes.len())
    }
    /// Writes a PEFT folder: `adapter_model.safetensors` and `adapter_config.json`. `base` names the base model.
    pub fn save_peft(&self, folder: &Path, base: &str) -> Result<()> {
        todo!("{} {base}", folder.display())
    }
    /// Reads a PEFT folder.
    pub fn load_peft(model: &Llama, folder: &Path) -> Result<Self> {
        todo!("{:?} {}", model.config, folder.display())
    }
}
