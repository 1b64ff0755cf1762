//! AdamW (Loshchilov and Hutter 2019), gradient accumulation and clipping.
use crate::Result;
use candle_core::{Tensor, Var, backprop::GradStore};

#[derive(Debug, Clone, PartialEq)]
pub struct AdamWConfig {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

/// The optimiser and its moments.
pub struct AdamW {}

impl AdamW {
    pub fn new(vars: Vec<Var>, config: AdamWConfig) -> Result<Self> {
        todo!("{} {config:?}", vars.len())
    }
    /// One step. `learning_rate` of this step; the schedule is the caller's.
    pub fn step(&mut self, gradients: &Gradients, learning_rate: f64) -> Result<()> {
        todo!("{} {learning_rate}", gradients.sums.len())
    }
    /// Moments and step count as one safetensors file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        todo!()
    }
    /// Puts the bytes of [`Self::to_bytes`] back, exactly.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        todo!("{}", bytes.len())
    }
}

/// Sums of gradients over the passes of one step, in the order of the vars.
pub struct Gradients {
    sums: Vec<Option<Tensor>>,
}

impl Gradients {
    pub fn new(vars: &[Var]) -> Self {
        Self { sums: vec![None; vars.len()] }
    }
    pub fn add(&mut self, vars: &[Var], grads: &GradStore) -> Result<()> {
        todo!("{} {:?}", vars.len(), grads.get_ids().count())
    }
    /// Scales all sums so that their joint L2 norm is at most `max_norm`; returns the norm before. A norm that is not finite is
    /// returned as it is and nothing is scaled.
    pub fn clip(&mut self, max_norm: f64) -> Result<f64> {
        todo!("{max_norm}")
    }
}
