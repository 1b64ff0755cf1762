//! The model in candle's own operations: runs on every device, and is what the fused model is held against.
use crate::adapter::{DOWN, GATE_UP, OUT, QKV};
use crate::kernels::attention::Heads;
use crate::kernels::matrix::Matrix;
use crate::kernels::plain;
use crate::packed::Packed;
use crate::{Adapter, Result};
use candle_core::{Device, Tensor};
use std::sync::Arc;

pub(crate) struct Model {
    pub layers: Vec<Layer>,
    pub norm: Tensor,
    pub epsilon: f64,
    /// Both [vocabulary, width]. Products with the head are in f32: in bf16 a logit of 20 is off by up to 0.06, and so would be every ratio of
    /// probabilities.
    pub embedding: Matrix,
    pub head: Matrix,
    pub heads: Heads,
    /// [positions, pairs that are turned].
    pub cosines: Tensor,
    pub sines: Tensor,
}

pub(crate) struct Layer {
    /// In the adapter's order, with the norms and SwiGLU before them.
    pub projections: [Arc<plain::Linear>; 4],
    pub head_norms: Option<plain::Norms>,
}

/// Keys and values of every block: [batch, key/value heads, positions, width].
pub(crate) type Cache = Vec<(Tensor, Tensor)>;

/// An adapter's factors for every projection of every block.
pub(crate) type Factors = Vec<[Option<plain::Lora>; 4]>;

/// Added to scores that must not count. Finite, so that a row of nothing but padding stays a number.
pub(crate) const HIDDEN: f32 = -1e30;

impl Model {
    pub fn device(&self) -> &Device {
        self.norm.device()
    }

    /// An adapter, if there is one, as the pass takes it, differentiable with respect to its vars where asked for.
    pub fn factors(&self, adapter: Option<&Adapter>, differentiable: bool) -> Result<Option<Factors>> {
        let Some((adapter, first)) = adapter.zip(self.layers.first()) else { return Ok(None) };
        let places = |p: usize| plain::places(&adapter.shapes[p], first.projections[p].weight.columns()?, &self.norm);
        let places = [places(QKV)?, places(OUT)?, places(GATE_UP)?, places(DOWN)?];
        let factors = adapter.layers.iter().map(|vars| {
            let lora = |p: usize| {
                let flat = if differentiable { vars[p].as_tensor().clone() } else { vars[p].as_detached_tensor() };
                plain::Lora::new(&adapter.shapes[p], &flat, &places[p])
            };
            Ok([lora(QKV)?, lora(OUT)?, lora(GATE_UP)?, lora(DOWN)?])
        });
        factors.collect::<Result<_>>().map(Some)
    }

    /// `tokens` and `positions` [batch × new]; `mask` [batch, 1, new, seen]. With a cache, keys and values are
    /// appended to it. Returns the residual stream [batch × new, width].
    pub fn pass(
        &self,
        tokens: &[u32],
        positions: &[u32],
        mask: &Tensor,
        adapter: Option<&Factors>,
        dropout: Option<f64>,
        mut cache: Option<&mut Cache>,
    ) -> Result<Tensor> {
        let batch = mask.dim(0)?;
        let new = tokens.len() / batch;
        let positions = Tensor::new(positions, self.device())?;
        let table = |table: &Tensor| table.index_select(&positions, 0)?.reshape((batch, new, ()));
        let (cosines, sines) = (table(&self.cosines)?, table(&self.sines)?);
        let mut x = self.embedding.select(&Tensor::new(tokens, self.device())?)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let project = |x: &Tensor, projection: usize| {
                let lora = adapter.and_then(|factors| factors[index][projection].as_ref());
                plain::project(x, &layer.projections[projection], lora, dropout)
            };
            let qkv = project(&x, QKV)?;
            let turn = plain::Turn { cosines: cosines.clone(), sines: sines.clone(), norms: layer.head_norms.clone() };
            let attended = match cache.as_deref_mut() {
                None => plain::attend(&qkv, batch, self.heads, &turn, mask)?,
                Some(cache) => {
                    let [queries, keys, values] = plain::split_heads(&qkv, batch, self.heads, &turn)?;
                    let (keys, values) = remember(cache, index, keys, values)?;
                    plain::attention(&queries, &keys, &values, mask)?
                }
            };
            x = (project(&attended, OUT)? + x)?;
            x = (project(&project(&x, GATE_UP)?, DOWN)? + x)?;
        }
        Ok(x)
    }

    /// Logits [rows, vocabulary].
    pub fn logits(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.head.times_transposed(&plain::rms_norm(x, &self.norm, self.epsilon)?)?)
    }

    /// Log-probabilities of a packed batch [predictions].
    pub fn log_probs(&self, adapter: Option<&Factors>, packed: &Packed, temperature: f64, dropout: Option<f64>) -> Result<Tensor> {
        let normed = self.predicting(adapter, packed, dropout)?;
        let tokens: Vec<u32> = packed.predictions.iter().map(|p| p.1).collect();
        Ok(plain::log_probs(&normed, &self.head, &Tensor::new(tokens, self.device())?, temperature)?)
    }

    /// The rows that predict, after the final norm: [predictions, width].
    pub fn predicting(&self, adapter: Option<&Factors>, packed: &Packed, dropout: Option<f64>) -> Result<Tensor> {
        let positions: Vec<u32> = packed.positions.iter().map(|&p| p as u32).collect();
        let mask = packed_mask(packed, self.device())?;
        let x = self.pass(&packed.tokens, &positions, &mask, adapter, dropout, None)?;
        let rows: Vec<u32> = packed.predictions.iter().map(|p| p.0 as u32).collect();
        let x = x.index_select(&Tensor::new(rows, self.device())?, 0)?;
        Ok(plain::rms_norm(&x, &self.norm, self.epsilon)?)
    }
}

/// Keys and values of a block with those before them, which the cache then holds.
fn remember(cache: &mut Cache, block: usize, keys: Tensor, values: Tensor) -> candle_core::Result<(Tensor, Tensor)> {
    let Some((old_keys, old_values)) = cache.get(block) else {
        cache.push((keys.clone(), values.clone()));
        return Ok((keys, values));
    };
    let all = (Tensor::cat(&[old_keys, &keys], 2)?, Tensor::cat(&[old_values, &values], 2)?);
    cache[block] = all.clone();
    Ok(all)
}

/// [1, 1, rows, rows]: who sees whom in a packed batch.
pub(crate) fn packed_mask(packed: &Packed, device: &Device) -> candle_core::Result<Tensor> {
    let n = packed.tokens.len();
    let mut mask = vec![HIDDEN; n * n];
    for piece in &packed.pieces {
        for row in piece.rows.clone() {
            mask[row * n + piece.rows.start..=row * n + row].fill(0.0);
            for seen in &piece.context {
                mask[row * n + seen.start..row * n + seen.end].fill(0.0);
            }
        }
    }
    Tensor::from_vec(mask, (1, 1, n, n), device)
}
