//! The model in candle's own operations: runs on every device, and is what the fused model is held against.
use crate::adapter::{DOWN, GATE_UP, OUT, PROJECTIONS, QKV};
use crate::kernels::attention::Heads;
use crate::kernels::matrix::Matrix;
use crate::kernels::plain;
use crate::kernels::projection::{Dropout, LoraShape};
use crate::packed::Packed;
use crate::training::Training;
use crate::{Adapter, Error, Result};
use candle_core::{Device, Tensor};
use std::sync::Arc;

pub(crate) struct Model {
    pub layers: Vec<Arc<Layer>>,
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

/// An adapter's factors for every projection of a block.
type Loras = [Option<plain::Lora>; PROJECTIONS];

/// The same of every block.
pub(crate) type Factors = Vec<Loras>;

/// Added to scores that must not count. Finite, so that a row of nothing but padding stays a number.
pub(crate) const HIDDEN: f32 = -1e30;

impl Model {
    pub fn device(&self) -> &Device {
        self.norm.device()
    }

    /// An adapter, if there is one, as [`Self::pass`] takes it.
    pub fn factors(&self, adapter: Option<&Adapter>) -> Result<Option<Factors>> {
        let Some(adapter) = adapter else { return Ok(None) };
        let places = self.places(adapter)?;
        let factors = adapter.layers.iter().map(|vars| {
            let flats = vars.each_ref().map(|var| var.as_detached_tensor());
            Ok(loras(&adapter.shapes, &places, &flats)?)
        });
        factors.collect::<Result<_>>().map(Some)
    }

    /// [`plain::places`] of an adapter's projections, the same in every block.
    fn places(&self, adapter: &Adapter) -> Result<[Tensor; PROJECTIONS]> {
        let Some(first) = self.layers.first() else { return Err(Error::Model("a model without blocks has no adapter".into())) };
        let places = |p: usize| plain::places(&adapter.shapes[p], first.projections[p].weight.columns()?, &self.norm);
        Ok([places(QKV)?, places(OUT)?, places(GATE_UP)?, places(DOWN)?])
    }

    /// `tokens` and `positions` [batch × new]; `mask` [batch, 1, new, seen]. With a cache, keys and values are
    /// appended to it. Returns the residual stream [batch × new, width].
    pub fn pass(
        &self,
        tokens: &[u32],
        positions: &[u32],
        mask: Tensor,
        adapter: Option<&Factors>,
        mut cache: Option<&mut Cache>,
    ) -> Result<Tensor> {
        let pass = self.pass_of(positions, mask)?;
        let mut x = self.embedding.select(&Tensor::new(tokens, self.device())?)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let cache = cache.as_deref_mut().map(|cache| (cache, index));
            x = layer.forward(&x, &pass, adapter.map(|factors| &factors[index]), [None; PROJECTIONS], cache)?;
        }
        Ok(x)
    }

    /// Logits [rows, vocabulary].
    pub fn logits(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.head.times_transposed(&plain::rms_norm(x, &self.norm, self.epsilon)?)?)
    }

    /// Log-probabilities of a packed batch [predictions], not differentiable.
    pub fn score(&self, adapter: Option<&Factors>, packed: &Packed, temperature: f64) -> Result<Tensor> {
        self.log_probs(&self.features(adapter, packed)?, packed, temperature)
    }

    /// The rows that predict, after the final norm: [predictions, width].
    pub fn features(&self, adapter: Option<&Factors>, packed: &Packed) -> Result<Tensor> {
        let x = self.pass(&packed.tokens, &positions(packed), packed_mask(packed, self.device())?, adapter, None)?;
        self.predicting(&x, packed)
    }

    /// Log-probabilities of a packed batch as a tensor that depends on the adapter's vars.
    pub fn differentiable(&self, adapter: &Adapter, packed: &Packed, temperature: f64, training: Training) -> Result<Tensor> {
        self.log_probs(&self.hidden(adapter, packed, training)?, packed, temperature)
    }

    /// The rows that predict, after the final norm, as a tensor that depends on the adapter's vars: [predictions, width].
    pub fn hidden(&self, adapter: &Adapter, packed: &Packed, training: Training) -> Result<Tensor> {
        let pass = self.pass_of(&positions(packed), packed_mask(packed, self.device())?)?;
        let places = self.places(adapter)?;
        let mut x = self.embedding.select(&Tensor::new(packed.tokens.as_slice(), self.device())?)?;
        for (index, (layer, vars)) in self.layers.iter().zip(&adapter.layers).enumerate() {
            let (layer, pass, shapes, places) = (layer.clone(), pass.clone(), adapter.shapes.clone(), places.clone());
            let dropout = adapter.dropout(training.dropout_seed, index);
            x = training
                .through(&x, vars, move |x, flats| layer.forward(x, &pass, Some(&loras(&shapes, &places, flats)?), dropout, None))?;
        }
        self.predicting(&x, packed)
    }

    fn log_probs(&self, normed: &Tensor, packed: &Packed, temperature: f64) -> Result<Tensor> {
        let tokens: Vec<u32> = packed.predictions.iter().map(|p| p.1).collect();
        Ok(plain::log_probs(normed, &self.head, &Tensor::new(tokens, self.device())?, temperature)?)
    }

    /// The rows of the residual stream `x` that predict, after the final norm.
    fn predicting(&self, x: &Tensor, packed: &Packed) -> Result<Tensor> {
        let rows: Vec<u32> = packed.predictions.iter().map(|p| p.0 as u32).collect();
        let x = x.index_select(&Tensor::new(rows, self.device())?, 0)?;
        Ok(plain::rms_norm(&x, &self.norm, self.epsilon)?)
    }

    fn pass_of(&self, positions: &[u32], mask: Tensor) -> Result<Pass> {
        let batch = mask.dim(0)?;
        let at = Tensor::new(positions, self.device())?;
        let table = |table: &Tensor| table.index_select(&at, 0)?.reshape((batch, positions.len() / batch, ()));
        Ok(Pass { batch, heads: self.heads, cosines: table(&self.cosines)?, sines: table(&self.sines)?, mask })
    }
}

/// What the blocks of a pass share.
#[derive(Clone)]
struct Pass {
    batch: usize,
    heads: Heads,
    /// [batch, new, pairs that are turned].
    cosines: Tensor,
    sines: Tensor,
    mask: Tensor,
}

impl Layer {
    /// What the block makes of `x`; with a cache, and the block's place in it, after what stands there.
    fn forward(
        &self,
        x: &Tensor,
        pass: &Pass,
        loras: Option<&Loras>,
        dropout: [Option<Dropout>; PROJECTIONS],
        cache: Option<(&mut Cache, usize)>,
    ) -> candle_core::Result<Tensor> {
        let project = |x: &Tensor, projection: usize| {
            let lora = loras.and_then(|loras| loras[projection].as_ref());
            plain::project(x, &self.projections[projection], lora, dropout[projection])
        };
        let qkv = project(x, QKV)?;
        let turn = plain::Turn { cosines: pass.cosines.clone(), sines: pass.sines.clone(), norms: self.head_norms.clone() };
        let attended = match cache {
            None => plain::attend(&qkv, pass.batch, pass.heads, &turn, &pass.mask)?,
            Some((cache, index)) => {
                let [queries, keys, values] = plain::split_heads(&qkv, pass.batch, pass.heads, &turn)?;
                let (keys, values) = remember(cache, index, keys, values)?;
                plain::attention(&queries, &keys, &values, &pass.mask)?
            }
        };
        let x = (project(&attended, OUT)? + x)?;
        project(&project(&x, GATE_UP)?, DOWN)? + x
    }
}

/// An adapter's factors in one block, from its flat buffers.
fn loras(shapes: &[Arc<LoraShape>; PROJECTIONS], places: &[Tensor; PROJECTIONS], flats: &[Tensor]) -> candle_core::Result<Loras> {
    let lora = |p: usize| plain::Lora::new(&shapes[p], &flats[p], &places[p]);
    Ok([lora(QKV)?, lora(OUT)?, lora(GATE_UP)?, lora(DOWN)?])
}

fn positions(packed: &Packed) -> Vec<u32> {
    packed.positions.iter().map(|&p| p as u32).collect()
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
