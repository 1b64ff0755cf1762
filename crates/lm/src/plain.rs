//! The model in candle's own operations: runs on every device, and is what the fused model is held against.
use crate::adapter::{DOWN, GATE_UP, OUT, PROJECTIONS, QKV};
use crate::kernels::attention::Heads;
use crate::kernels::matrix::Matrix;
use crate::kernels::plain;
use crate::kernels::projection::{Dropout, LoraShape};
use crate::packed::Packed;
use crate::training::Training;
use crate::{Adapter, Error, Result};
use candle_core::{DType, Device, Tensor};
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

/// Keys and values of every block, with room for those to come.
pub(crate) struct Cache {
    /// [keys and values, texts, key/value heads, room, width].
    blocks: Vec<Tensor>,
    /// Positions that are there.
    seen: usize,
    /// Where each text begins: what stands before is padding.
    starts: Vec<u32>,
    /// The same on the device, [texts].
    #[cfg(feature = "cuda")]
    on_device: Tensor,
}

impl Cache {
    /// Room for `room` positions of each of some texts, of which the first are padding.
    pub fn new(model: &Model, starts: Vec<u32>, room: usize) -> Result<Self> {
        let shape = (2, starts.len(), model.heads.key_value, room, model.heads.width);
        let of_block = |_| Tensor::zeros(shape, DType::F32, model.device());
        Ok(Self {
            blocks: model.layers.iter().map(of_block).collect::<candle_core::Result<_>>()?,
            seen: 0,
            #[cfg(feature = "cuda")]
            on_device: Tensor::new(starts.as_slice(), model.device())?,
            starts,
        })
    }

    /// Keys and values of a block with those before them, which are kept.
    fn remember(&self, block: usize, new: [&Tensor; 2]) -> candle_core::Result<[Tensor; 2]> {
        let with = |part: usize| {
            let kept = self.blocks[block].get(part)?;
            kept.slice_set(new[part], 2, self.seen)?;
            let all = kept.narrow(2, 0, self.seen + new[part].dim(2)?)?;
            // A product takes what stands in a larger room on a processor and with CUDA; on Metal nobody has looked.
            if all.device().is_metal() { all.contiguous() } else { Ok(all) }
        };
        Ok([with(0)?, with(1)?])
    }

    /// Where new tokens of each text stand in it, [texts × new]; padding as its first.
    fn positions(&self, new: usize) -> Vec<u32> {
        let seen = self.seen as u32;
        self.starts.iter().flat_map(|&start| (seen..seen + new as u32).map(move |at| at.saturating_sub(start))).collect()
    }

    /// What new positions of each text see; `mask` is where the mask is kept, if there is one.
    fn seen_by<'a>(&'a self, new: usize, mask: &'a mut Option<Tensor>) -> Result<Seen<'a>> {
        let Some(block) = self.blocks.first() else { return Err(Error::Model("a model without blocks continues no text".into())) };
        #[cfg(feature = "cuda")]
        if new == 1 && block.device().is_cuda() && block.dim(4)? <= crate::kernels::device::WIDEST_HEAD {
            return Ok(Seen::Cached(self));
        }
        Ok(Seen::Masked(self, mask.insert(self.mask(new, block.device())?)))
    }

    /// [texts, 1, new, seen]: new positions see what stands before them, and no padding.
    fn mask(&self, new: usize, device: &Device) -> candle_core::Result<Tensor> {
        let seen = self.seen + new;
        let mut mask = Vec::with_capacity(self.starts.len() * new * seen);
        for &start in &self.starts {
            for row in 0..new {
                let visible = |column: usize| column >= start as usize && column <= self.seen + row;
                mask.extend((0..seen).map(|column| if visible(column) { 0.0 } else { HIDDEN }));
            }
        }
        Tensor::from_vec(mask, (self.starts.len(), 1, new, seen), device)
    }
}

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

    /// Goes on with the texts of a cache by `tokens` [texts × new], and puts their keys and values into it. Returns the residual stream
    /// [texts × new, width].
    pub fn go_on(&self, tokens: &[u32], adapter: Option<&Factors>, cache: &mut Cache) -> Result<Tensor> {
        let texts = cache.starts.len();
        let new = tokens.len() / texts;
        let pass = self.pass_of(texts, &cache.positions(new))?;
        let mut mask = None;
        let x = self.blocks(tokens, &pass, adapter, cache.seen_by(new, &mut mask)?)?;
        cache.seen += new;
        Ok(x)
    }

    /// The residual stream [tokens, width] after all blocks.
    fn blocks(&self, tokens: &[u32], pass: &Pass, adapter: Option<&Factors>, seen: Seen<'_>) -> Result<Tensor> {
        let mut x = self.embedding.select(&Tensor::new(tokens, self.device())?)?;
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, index, pass, adapter.map(|factors| &factors[index]), [None; PROJECTIONS], seen)?;
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
        let mask = packed_mask(packed, self.device())?;
        let x = self.blocks(&packed.tokens, &self.pass_of(1, &positions(packed))?, adapter, Seen::Pass(&mask))?;
        self.predicting(&x, packed)
    }

    /// Log-probabilities of a packed batch as a tensor that depends on the adapter's vars.
    pub fn differentiable(&self, adapter: &Adapter, packed: &Packed, temperature: f64, training: Training) -> Result<Tensor> {
        self.log_probs(&self.hidden(adapter, packed, training)?, packed, temperature)
    }

    /// The rows that predict, after the final norm, as a tensor that depends on the adapter's vars: [predictions, width].
    pub fn hidden(&self, adapter: &Adapter, packed: &Packed, training: Training) -> Result<Tensor> {
        let (pass, mask) = (self.pass_of(1, &positions(packed))?, packed_mask(packed, self.device())?);
        let places = self.places(adapter)?;
        let mut x = self.embedding.select(&Tensor::new(packed.tokens.as_slice(), self.device())?)?;
        for (index, (layer, vars)) in self.layers.iter().zip(&adapter.layers).enumerate() {
            let (layer, pass, mask, shapes, places) = (layer.clone(), pass.clone(), mask.clone(), adapter.shapes.clone(), places.clone());
            let dropout = adapter.dropout(training.dropout_seed, index);
            x = training.through(&x, vars, move |x, flats| {
                layer.forward(x, index, &pass, Some(&loras(&shapes, &places, flats)?), dropout, Seen::Pass(&mask))
            })?;
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

    fn pass_of(&self, batch: usize, positions: &[u32]) -> Result<Pass> {
        let at = Tensor::new(positions, self.device())?;
        let table = |table: &Tensor| table.index_select(&at, 0)?.reshape((batch, positions.len() / batch, ()));
        Ok(Pass { batch, heads: self.heads, cosines: table(&self.cosines)?, sines: table(&self.sines)? })
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
}

/// What the tokens of a pass see.
#[derive(Clone, Copy)]
enum Seen<'a> {
    /// Each other, under a mask [batch, 1, new, new].
    Pass(&'a Tensor),
    /// What is cached and each other, under a mask [batch, 1, new, seen].
    Masked(&'a Cache, &'a Tensor),
    /// One token of each text: what is cached of the text, and itself.
    #[cfg(feature = "cuda")]
    Cached(&'a Cache),
}

impl Layer {
    /// What the block, which is number `index`, makes of `x`.
    fn forward(
        &self,
        x: &Tensor,
        index: usize,
        pass: &Pass,
        loras: Option<&Loras>,
        dropout: [Option<Dropout>; PROJECTIONS],
        seen: Seen<'_>,
    ) -> candle_core::Result<Tensor> {
        let project = |x: &Tensor, projection: usize| {
            let lora = loras.and_then(|loras| loras[projection].as_ref());
            plain::project(x, &self.projections[projection], lora, dropout[projection])
        };
        let qkv = project(x, QKV)?;
        let turn = plain::Turn { cosines: pass.cosines.clone(), sines: pass.sines.clone(), norms: self.head_norms.clone() };
        let attended = match seen {
            Seen::Pass(mask) => plain::attend(&qkv, pass.batch, pass.heads, &turn, mask)?,
            Seen::Masked(cache, mask) => {
                let [queries, keys, values] = plain::split_heads(&qkv, pass.batch, pass.heads, &turn)?;
                let [keys, values] = cache.remember(index, [&keys, &values])?;
                plain::attention(&queries, &keys, &values, mask)?
            }
            #[cfg(feature = "cuda")]
            Seen::Cached(cache) => {
                crate::kernels::device::attend(&qkv, pass.heads, &turn, &cache.blocks[index], &cache.on_device, cache.seen)?
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
