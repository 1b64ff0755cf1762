//! The model on the CPU, with fused kernels: one pass over plain slices for sampling and scoring, and one that candle
//! differentiates with respect to the adapter.
use crate::adapter::{DOWN, GATE_UP, OUT, QKV};
use crate::kernels::attention::{Heads, attention};
use crate::kernels::head::Head;
use crate::kernels::matmul::Write;
use crate::kernels::ops::{Attend, Predict, Project, Score, Values, predicting};
use crate::kernels::projection::{Dropout, Lora, LoraShape, Projection};
use crate::kernels::rows::rms_norm;
use crate::kernels::turn::Turn;
use crate::kernels::weight::Weight;
use crate::packed::Packed;
use crate::training::Training;
use crate::{Adapter, Result};
use candle_core::{Device, Tensor};
use std::sync::Arc;

pub(crate) struct Model {
    pub layers: Vec<[Arc<Projection>; 4]>,
    pub head: Arc<Head>,
    /// [width, vocabulary] where it is not the head's weight.
    pub embedding: Option<Weight>,
    pub heads: Heads,
    /// Of each block.
    pub turns: Vec<Arc<Turn>>,
}

/// An adapter's values, copied once so that no lock is held while a pass runs.
pub(crate) struct Snapshot {
    shapes: [Arc<LoraShape>; 4],
    layers: Vec<[Vec<f32>; 4]>,
}

impl Snapshot {
    pub fn new(adapter: &Adapter) -> Result<Self> {
        let mut layers = Vec::with_capacity(adapter.layers.len());
        for vars in &adapter.layers {
            let mut flats: [Vec<f32>; 4] = Default::default();
            for (flat, var) in flats.iter_mut().zip(vars) {
                *flat = Values::of(var.as_tensor())?.to_vec();
            }
            layers.push(flats);
        }
        Ok(Self { shapes: adapter.shapes.clone(), layers })
    }

    fn lora(&self, layer: usize, projection: usize) -> Lora<'_> {
        Lora { shape: &self.shapes[projection], flat: &self.layers[layer][projection] }
    }
}

/// Buffers of [`Model::pass`], reused from step to step.
#[derive(Default)]
pub(crate) struct Buffers {
    qkv: Vec<f32>,
    attended: Vec<f32>,
    gate_up: Vec<f32>,
    prepared: Vec<f32>,
}

/// Attention of one block: its number, `qkv` and the output.
type Attention<'a> = &'a mut dyn FnMut(usize, &mut [f32], &mut [f32]);

impl Model {
    /// Values in a row of the residual stream.
    pub fn width(&self) -> usize {
        self.head.width()
    }

    /// Embeddings [tokens, width].
    pub fn embed(&self, tokens: &[u32]) -> Vec<f32> {
        let width = self.width();
        let mut out = vec![0.0; tokens.len() * width];
        let embedding = self.embedding.as_ref().unwrap_or(&self.head.weight);
        for (row, &token) in out.chunks_exact_mut(width).zip(tokens) {
            row.iter_mut().zip(embedding.column(token as usize)).for_each(|(value, w)| *value = w);
        }
        out
    }

    /// Takes `x` [rows, width] through every block, in place. `attend(block, qkv, out)` is the attention.
    pub fn pass(&self, x: &mut [f32], adapter: Option<&Snapshot>, buffers: &mut Buffers, attend: Attention<'_>) {
        let rows = x.len() / self.width();
        for (layer, projections) in self.layers.iter().enumerate() {
            let lora = |projection: usize| adapter.map(|a| a.lora(layer, projection));
            let Buffers { qkv, attended, gate_up, prepared } = buffers;
            qkv.resize(rows * self.heads.row(), 0.0);
            attended.resize(rows * self.heads.out(), 0.0);
            gate_up.resize(rows * projections[GATE_UP].outputs(), 0.0);
            projections[QKV].forward(qkv, Write::Replace, x, lora(QKV), None, prepared);
            attend(layer, qkv, attended);
            projections[OUT].forward(x, Write::Add, attended, lora(OUT), None, prepared);
            projections[GATE_UP].forward(gate_up, Write::Replace, x, lora(GATE_UP), None, prepared);
            projections[DOWN].forward(x, Write::Add, gate_up, lora(DOWN), None, prepared);
        }
    }

    /// Log-probabilities of a packed batch, not differentiable: nothing is kept from block to block.
    pub fn score(&self, adapter: Option<&Snapshot>, packed: &Packed, temperature: f64) -> Vec<f32> {
        let (rows, tokens) = self.predicting(adapter, packed);
        self.head.scores(&rows, &tokens, temperature as f32, false).log_probs
    }

    /// The rows that predict, before the final norm, and the tokens that they predict.
    fn predicting(&self, adapter: Option<&Snapshot>, packed: &Packed) -> (Vec<f32>, Vec<u32>) {
        let mut x = self.embed(&packed.tokens);
        self.pass(&mut x, adapter, &mut Buffers::default(), &mut |block, qkv, out| {
            attention(out, qkv, packed, self.heads, &self.turns[block]);
        });
        predicting(&x, packed, self.width())
    }

    /// The rows that predict, after the final norm: [predictions, width].
    pub fn features(&self, adapter: Option<&Snapshot>, packed: &Packed) -> Vec<f32> {
        let (rows, _) = self.predicting(adapter, packed);
        let mut normed = vec![0.0; rows.len()];
        rms_norm(&mut normed, &rows, &self.head.norm, self.head.epsilon);
        normed
    }

    /// Log-probabilities of a packed batch as a tensor that depends on the adapter's vars.
    pub fn differentiable(&self, adapter: &Adapter, packed: Arc<Packed>, temperature: f64, training: Training) -> Result<Tensor> {
        let x = self.residual(adapter, &packed, training)?;
        Ok(x.apply_op1(Score::new(self.head.clone(), packed, temperature as f32))?)
    }

    /// The rows that predict, after the final norm, as a tensor that depends on the adapter's vars: [predictions, width].
    pub fn hidden(&self, adapter: &Adapter, packed: Arc<Packed>, training: Training) -> Result<Tensor> {
        let x = self.residual(adapter, &packed, training)?;
        Ok(x.apply_op1(Predict { head: self.head.clone(), packed })?)
    }

    /// What the last block gives for every row.
    fn residual(&self, adapter: &Adapter, packed: &Arc<Packed>, training: Training) -> Result<Tensor> {
        let rows = packed.tokens.len();
        let mut x = Tensor::from_vec(self.embed(&packed.tokens), (rows, self.width()), &Device::Cpu)?;
        for (layer, (projections, vars)) in self.layers.iter().zip(&adapter.layers).enumerate() {
            let block = Block {
                projections: projections.clone(),
                shapes: adapter.shapes.clone(),
                dropout: adapter.dropout(training.dropout_seed, layer),
                packed: packed.clone(),
                heads: self.heads,
                turn: self.turns[layer].clone(),
            };
            x = training.through(&x, vars, move |x, flats| block.forward(x, flats))?;
        }
        Ok(x)
    }
}

/// One block in training.
struct Block {
    projections: [Arc<Projection>; 4],
    shapes: [Arc<LoraShape>; 4],
    dropout: [Option<Dropout>; 4],
    packed: Arc<Packed>,
    heads: Heads,
    turn: Arc<Turn>,
}

impl Block {
    /// What the block makes of `x`, differentiable with respect to it and to the adapter's flat buffers, one for each projection.
    fn forward(&self, x: &Tensor, flats: &[Tensor]) -> candle_core::Result<Tensor> {
        let project = |projection: usize| Project {
            projection: self.projections[projection].clone(),
            shape: self.shapes[projection].clone(),
            dropout: self.dropout[projection],
        };
        let attend = Attend { packed: self.packed.clone(), heads: self.heads, turn: self.turn.clone() };
        let attended = x.apply_op2(&flats[QKV], project(QKV))?.apply_op1(attend)?;
        let x = attended.apply_op3(&flats[OUT], x, project(OUT))?;
        x.apply_op2(&flats[GATE_UP], project(GATE_UP))?.apply_op3(&flats[DOWN], &x, project(DOWN))
    }
}
