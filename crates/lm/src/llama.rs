//! The model.
use crate::{Adapter, Group, LlamaConfig, ModelFolder, Result};
use candle_core::{Device, Tensor};

/// A Llama with frozen weights (f32). Cheap to clone: clones share the weights.
#[derive(Clone)]
pub struct Llama {
    pub config: LlamaConfig,
}

impl Llama {
    pub fn load(folder: &ModelFolder, device: &Device) -> Result<Self> {
        todo!("{folder:?} {device:?}")
    }

    /// Log-probability of every completion token given what stands before it, under softmax(logits / temperature):
    /// one tensor [tokens] (f32) in the order group, completion, token. Differentiable with respect to the adapter.
    /// `dropout_seed` switches the adapter's dropout on (training).
    pub fn log_probs(
        &self,
        adapter: Option<&Adapter>,
        groups: &[Group<'_>],
        temperature: f64,
        dropout_seed: Option<u64>,
    ) -> Result<Tensor> {
        todo!("{} {} {temperature} {dropout_seed:?}", adapter.is_some(), groups.len())
    }
}
