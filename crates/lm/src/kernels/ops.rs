//! The fused kernels as differentiable candle operations (CPU, f32).
use super::attention::{Heads, attention, attention_backward};
use super::head::Head;
use super::matmul::Write;
use super::projection::{Dropout, Lora, LoraShape, Projection};
use super::rows::{rms_norm, rms_norm_backward};
use super::turn::Turn;
use crate::packed::Packed;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Storage, Tensor, bail};
use std::ops::Deref;
use std::sync::{Arc, Mutex, RwLockReadGuard};

/// The values of a dense f32 tensor in memory of this machine, read in place.
pub(crate) struct Values<'a> {
    guard: RwLockReadGuard<'a, Storage>,
    range: (usize, usize),
}

impl<'a> Values<'a> {
    pub(crate) fn of(tensor: &'a Tensor) -> Result<Self> {
        let (guard, layout) = tensor.storage_and_layout();
        let Some(range) = layout.contiguous_offsets() else { bail!("a kernel needs dense tensors, not {layout:?}") };
        match &*guard {
            Storage::Cpu(CpuStorage::F32(_)) => Ok(Self { guard, range }),
            _ => bail!("a CPU kernel needs f32 tensors in the machine's memory"),
        }
    }
}

impl Deref for Values<'_> {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        match &*self.guard {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.0..self.range.1],
            // `of` lets nothing else in.
            _ => &[],
        }
    }
}

fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => bail!("a CPU kernel needs dense f32 tensors, not {layout:?}"),
    }
}

fn tensor(values: Vec<f32>, like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(values, like.shape(), like.device())
}

/// [`Projection`] on (x, LoRA) or on (x, LoRA, residual).
pub(crate) struct Project {
    pub projection: Arc<Projection>,
    pub shape: Arc<LoraShape>,
    pub dropout: Option<Dropout>,
}

impl Project {
    fn forward(&self, x: &[f32], flat: &[f32], residual: Option<&[f32]>) -> (CpuStorage, Shape) {
        let rows = x.len() / self.projection.row();
        let (mut out, write) = match residual {
            Some(residual) => (residual.to_vec(), Write::Add),
            None => (vec![0.0; rows * self.projection.outputs()], Write::Replace),
        };
        let lora = Lora { shape: &self.shape, flat };
        self.projection.forward(&mut out, write, x, Some(lora), self.dropout, &mut Vec::new());
        (CpuStorage::F32(out), Shape::from((rows, self.projection.outputs())))
    }

    fn backward(&self, x: &Tensor, flat: &Tensor, gradient: &Tensor) -> Result<(Tensor, Tensor)> {
        let dense = gradient.contiguous()?;
        let (d_out, values, flat_values) = (Values::of(&dense)?, Values::of(x)?, Values::of(flat)?);
        let lora = Lora { shape: &self.shape, flat: &flat_values };
        let (d_x, d_flat) = self.projection.backward(&d_out, &values, lora, self.dropout);
        Ok((tensor(d_x, x)?, tensor(d_flat, flat)?))
    }
}

impl CustomOp2 for Project {
    fn name(&self) -> &'static str {
        "project"
    }
    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok(self.forward(slice(s1, l1)?, slice(s2, l2)?, None))
    }
    fn bwd(&self, x: &Tensor, flat: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (d_x, d_flat) = self.backward(x, flat, gradient)?;
        Ok((Some(d_x), Some(d_flat)))
    }
}

impl CustomOp3 for Project {
    fn name(&self) -> &'static str {
        "project-and-add"
    }
    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok(self.forward(slice(s1, l1)?, slice(s2, l2)?, Some(slice(s3, l3)?)))
    }
    fn bwd(
        &self,
        x: &Tensor,
        flat: &Tensor,
        _residual: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (d_x, d_flat) = self.backward(x, flat, gradient)?;
        Ok((Some(d_x), Some(d_flat), Some(gradient.clone())))
    }
}

/// [`attention`] over a packed batch.
pub(crate) struct Attend {
    pub packed: Arc<Packed>,
    pub heads: Heads,
    pub turn: Arc<Turn>,
}

impl CustomOp1 for Attend {
    fn name(&self) -> &'static str {
        "attend"
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let rows = self.packed.tokens.len();
        let mut out = vec![0.0; rows * self.heads.out()];
        attention(&mut out, slice(storage, layout)?, &self.packed, self.heads, &self.turn);
        Ok((CpuStorage::F32(out), Shape::from((rows, self.heads.out()))))
    }
    fn bwd(&self, qkv: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let dense = gradient.contiguous()?;
        let mut d_qkv = vec![0.0; qkv.elem_count()];
        attention_backward(&mut d_qkv, &Values::of(&dense)?, &Values::of(qkv)?, &self.packed, self.heads, &self.turn);
        Ok(Some(tensor(d_qkv, qkv)?))
    }
}

/// [`Head::scores`] of the rows that `packed.predictions` names: [rows, width] to [predictions].
pub(crate) struct Score {
    pub head: Arc<Head>,
    pub packed: Arc<Packed>,
    pub temperature: f32,
    /// ∂ log_prob / ∂(normed row), from the forward pass.
    gradients: Mutex<Vec<f32>>,
}

impl Score {
    pub(crate) fn new(head: Arc<Head>, packed: Arc<Packed>, temperature: f32) -> Self {
        Self { head, packed, temperature, gradients: Mutex::default() }
    }
}

/// The rows that predict, one for each prediction, and the predicted tokens.
pub(crate) fn predicting(x: &[f32], packed: &Packed, width: usize) -> (Vec<f32>, Vec<u32>) {
    let mut rows = Vec::with_capacity(packed.predictions.len() * width);
    for (row, _) in &packed.predictions {
        rows.extend_from_slice(&x[row * width..(row + 1) * width]);
    }
    (rows, packed.predictions.iter().map(|p| p.1).collect())
}

impl CustomOp1 for Score {
    fn name(&self) -> &'static str {
        "score"
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, tokens) = predicting(slice(storage, layout)?, &self.packed, self.head.width());
        let scores = self.head.scores(&rows, &tokens, self.temperature, true);
        *self.gradients.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = scores.gradients;
        Ok((CpuStorage::F32(scores.log_probs), Shape::from(tokens.len())))
    }
    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let dense = gradient.contiguous()?;
        let values = Values::of(x)?;
        let width = self.head.width();
        let (rows, _) = predicting(&values, &self.packed, width);
        let gradients = self.gradients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let d_rows = self.head.backward(&Values::of(&dense)?, &gradients, &rows);
        Ok(Some(tensor(scattered(&d_rows, &self.packed, width, values.len()), x)?))
    }
}

/// The gradient of all rows, `len` values, from that of those that predict.
fn scattered(d_rows: &[f32], packed: &Packed, width: usize, len: usize) -> Vec<f32> {
    let mut d_x = vec![0.0; len];
    for ((row, _), d) in packed.predictions.iter().zip(d_rows.chunks_exact(width)) {
        d_x[row * width..(row + 1) * width].iter_mut().zip(d).for_each(|(sum, v)| *sum += v);
    }
    d_x
}

/// The final norm of the rows that `packed.predictions` names: [rows, width] to [predictions, width].
pub(crate) struct Predict {
    pub head: Arc<Head>,
    pub packed: Arc<Packed>,
}

impl CustomOp1 for Predict {
    fn name(&self) -> &'static str {
        "predict"
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = self.head.width();
        let (rows, tokens) = predicting(slice(storage, layout)?, &self.packed, width);
        let mut out = vec![0.0; rows.len()];
        rms_norm(&mut out, &rows, &self.head.norm, self.head.epsilon);
        Ok((CpuStorage::F32(out), Shape::from((tokens.len(), width))))
    }
    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let dense = gradient.contiguous()?;
        let (values, width) = (Values::of(x)?, self.head.width());
        let (rows, _) = predicting(&values, &self.packed, width);
        let mut d_rows = Values::of(&dense)?.to_vec();
        rms_norm_backward(&mut d_rows, &rows, &self.head.norm, self.head.epsilon);
        Ok(Some(tensor(scattered(&d_rows, &self.packed, width, values.len()), x)?))
    }
}
