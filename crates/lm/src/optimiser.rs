//! AdamW (Loshchilov and Hutter 2019), gradient accumulation and clipping.
use crate::adapter::to_safetensors;
use crate::{Error, Result};
use candle_core::{Tensor, Var, backprop::GradStore};
use rayon::prelude::*;
use safetensors::tensor::SafeTensors;

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

/// Running means of a var's gradient and of its square.
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

/// The optimiser and its moments. Adapters are small, so moments are kept and updated in the machine's memory on every device.
pub struct AdamW {
    vars: Vec<Var>,
    config: AdamWConfig,
    moments: Vec<Moments>,
    steps: u32,
}

impl AdamW {
    pub fn new(vars: Vec<Var>, config: AdamWConfig) -> Result<Self> {
        let moments = vars.iter().map(|v| Moments { first: vec![0.0; v.elem_count()], second: vec![0.0; v.elem_count()] }).collect();
        Ok(Self { vars, config, moments, steps: 0 })
    }

    /// One step. `learning_rate` of this step; the schedule is the caller's. A var without gradient is left as it is.
    pub fn step(&mut self, gradients: &Gradients, learning_rate: f64) -> Result<()> {
        self.steps += 1;
        let (beta1, beta2) = (self.config.beta1 as f32, self.config.beta2 as f32);
        let correction1 = 1.0 - self.config.beta1.powf(f64::from(self.steps));
        let correction2 = 1.0 - self.config.beta2.powf(f64::from(self.steps));
        let rate = (learning_rate / correction1) as f32;
        let root = correction2.sqrt() as f32;
        let (epsilon, decay) = (self.config.epsilon as f32, 1.0 - (learning_rate * self.config.weight_decay) as f32);
        for ((var, moments), gradient) in self.vars.iter().zip(&mut self.moments).zip(&gradients.sums) {
            let Some(gradient) = gradient else { continue };
            let gradient: Vec<f32> = gradient.flatten_all()?.to_vec1()?;
            let mut values: Vec<f32> = var.flatten_all()?.to_vec1()?;
            let moments = moments.first.par_iter_mut().zip(&mut moments.second);
            values.par_iter_mut().zip(&gradient).zip(moments).with_min_len(4096).for_each(|((value, &g), (m, v))| {
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                *value = *value * decay - rate * *m / (v.sqrt() / root + epsilon);
            });
            var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?;
        }
        Ok(())
    }

    /// Moments and step count as one safetensors file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        // A step count below 2²⁴ is exact in f32.
        let steps = [self.steps as f32];
        let mut tensors = vec![("steps".to_string(), steps.as_slice(), vec![1])];
        for (i, moments) in self.moments.iter().enumerate() {
            tensors.push((format!("{i}.first"), &moments.first, vec![moments.first.len()]));
            tensors.push((format!("{i}.second"), &moments.second, vec![moments.second.len()]));
        }
        to_safetensors(tensors.into_iter())
    }

    /// Puts the bytes of [`Self::to_bytes`] back, exactly.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| Error::Model(format!("the optimiser's state is damaged: {e}")))?;
        let read = |name: String, len: usize| -> Result<Vec<f32>> {
            let view = file.tensor(&name).map_err(|_| Error::Model(format!("the optimiser's state has no {name}")))?;
            if view.data().len() != len * 4 {
                return Err(Error::Model(format!("the optimiser's {name} belongs to another adapter")));
            }
            Ok(view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
        };
        self.steps = read("steps".into(), 1)?[0] as u32;
        for (i, moments) in self.moments.iter_mut().enumerate() {
            let len = moments.first.len();
            *moments = Moments { first: read(format!("{i}.first"), len)?, second: read(format!("{i}.second"), len)? };
        }
        Ok(())
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

    /// Adds what one backward pass found for `vars` (the same ones, in the same order, each time).
    pub fn add(&mut self, vars: &[Var], grads: &GradStore) -> Result<()> {
        for (sum, var) in self.sums.iter_mut().zip(vars) {
            let Some(gradient) = grads.get(var) else { continue };
            *sum = Some(match sum.take() {
                Some(sum) => (sum + gradient)?,
                None => gradient.clone(),
            });
        }
        Ok(())
    }

    /// Those of the first `at` vars, and those of the others.
    pub fn split(mut self, at: usize) -> [Self; 2] {
        let others = self.sums.split_off(at);
        [self, Self { sums: others }]
    }

    /// The summed gradient of each var.
    pub fn sums(&self) -> &[Option<Tensor>] {
        &self.sums
    }

    /// Scales all sums so that their joint L2 norm is at most `max_norm`; returns the norm before. A norm that is not finite is
    /// returned as it is and nothing is scaled.
    pub fn clip(&mut self, max_norm: f64) -> Result<f64> {
        let mut square = 0f64;
        for sum in self.sums.iter().flatten() {
            let values: Vec<f32> = sum.flatten_all()?.to_vec1()?;
            square += values.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>();
        }
        let norm = square.sqrt();
        if norm.is_finite() && norm > max_norm {
            for sum in self.sums.iter_mut().flatten() {
                // PyTorch's clip_grad_norm_ divides by norm + 1e-6; so do we, to be held against it.
                *sum = (&*sum * (max_norm / (norm + 1e-6)))?;
            }
        }
        Ok(norm)
    }
}
