//! A frozen linear layer with LoRA: `y = f(x)·W (+ bias) + scale·(drop(f(x))·Aᵀ)·Bᵀ (+ residual)`, where f is nothing, the RMS norm
//! before the layer, or SwiGLU. The layer has no weight gradient; f's result is computed again in the backward pass.
use super::matmul::{Mat, Write, matmul};
use super::rows::{rms_norm, rms_norm_backward, swiglu, swiglu_backward};
use super::weight::Weight;
use rayon::prelude::*;
use std::sync::Arc;

/// What is applied to a row before the layer.
#[derive(Debug, Clone)]
pub enum Before {
    Nothing,
    /// RMS norm with this weight and ε.
    Norm(Arc<[f32]>, f32),
    /// SwiGLU: the row holds gate and up, twice the layer's width.
    SwiGlu,
}

/// One or more frozen linear layers on the same input, side by side.
#[derive(Debug)]
pub struct Projection {
    pub before: Before,
    pub weight: Weight,
    /// [outputs].
    pub bias: Option<Vec<f32>>,
}

/// Where one adapted layer lies in its [`Projection`]'s output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Hugging Face name (`q_proj`).
    pub name: &'static str,
    pub start: usize,
    pub len: usize,
}

/// How the LoRA values of one projection lie in one flat buffer: A of every segment ([rank, inputs] each), then B of every segment
/// ([len, rank] each).
#[derive(Debug, Clone, PartialEq)]
pub struct LoraShape {
    pub inputs: usize,
    pub rank: usize,
    /// alpha / rank.
    pub scale: f32,
    pub segments: Vec<Segment>,
}

impl LoraShape {
    /// Rows of all A together.
    pub fn hidden(&self) -> usize {
        self.rank * self.segments.len()
    }
    /// Values in the flat buffer.
    pub fn len(&self) -> usize {
        self.hidden() * self.inputs + self.segments.iter().map(|s| s.len * self.rank).sum::<usize>()
    }
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
    /// Where A of a segment lies.
    pub fn a(&self, segment: usize) -> std::ops::Range<usize> {
        let size = self.rank * self.inputs;
        segment * size..(segment + 1) * size
    }
    /// Where B of a segment lies.
    pub fn b(&self, segment: usize) -> std::ops::Range<usize> {
        let start = self.hidden() * self.inputs + self.segments[..segment].iter().map(|s| s.len * self.rank).sum::<usize>();
        start..start + self.segments[segment].len * self.rank
    }
    fn all_a<'a>(&self, flat: &'a [f32]) -> Mat<'a> {
        Mat::new(&flat[..self.hidden() * self.inputs], self.hidden(), self.inputs)
    }
}

/// LoRA values of one projection.
#[derive(Clone, Copy)]
pub struct Lora<'a> {
    pub shape: &'a LoraShape,
    pub flat: &'a [f32],
}

/// Dropout before A: each element of each row is dropped with probability `rate`, decided by a hash of `seed` and its index, so that
/// the backward pass finds the same mask. Segments of one projection share it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    pub rate: f64,
    pub seed: u64,
}

impl Dropout {
    /// Drops elements of rows one below the other, and scales the others up.
    pub fn apply(self, values: &mut [f32]) {
        let threshold = (self.rate * 2f64.powi(32)) as u64;
        let keep = (1.0 / (1.0 - self.rate)) as f32;
        values.par_chunks_mut(4096).enumerate().for_each(|(chunk, values)| {
            for (i, value) in values.iter_mut().enumerate() {
                let dropped = mix(self.seed ^ mix((chunk * 4096 + i) as u64)) >> 32 < threshold;
                *value = if dropped { 0.0 } else { *value * keep };
            }
        });
    }
}

/// The finaliser of SplitMix64 (Steele et al. 2014).
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Projection {
    /// Values in a row of x.
    pub fn row(&self) -> usize {
        if matches!(self.before, Before::SwiGlu) { 2 * self.inputs() } else { self.inputs() }
    }

    pub fn inputs(&self) -> usize {
        self.weight.inputs
    }

    pub fn outputs(&self) -> usize {
        self.weight.outputs
    }

    /// f(x); `x` itself where there is nothing to do.
    fn prepared<'a>(&self, x: &'a [f32], buffer: &'a mut Vec<f32>) -> &'a [f32] {
        buffer.resize(x.len() / self.row() * self.inputs(), 0.0);
        match &self.before {
            Before::Nothing => return x,
            Before::Norm(weight, epsilon) => rms_norm(buffer, x, weight, *epsilon),
            Before::SwiGlu => swiglu(buffer, x, self.inputs()),
        }
        buffer
    }

    /// `out` [rows, outputs]; with `Write::Add` it holds the residual already.
    pub fn forward(
        &self,
        out: &mut [f32],
        write: Write,
        x: &[f32],
        lora: Option<Lora<'_>>,
        dropout: Option<Dropout>,
        buffer: &mut Vec<f32>,
    ) {
        let rows = x.len() / self.row();
        if rows == 0 {
            return;
        }
        let x = self.prepared(x, buffer);
        self.weight.multiply(out, write, 1.0, x, 0..self.outputs());
        if let Some(bias) = &self.bias {
            out.par_chunks_exact_mut(bias.len()).for_each(|row| row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias));
        }
        let Some(lora) = lora.filter(|l| !l.shape.is_empty()) else { return };
        let hidden = lora_hidden(x, lora, dropout, rows);
        for (i, segment) in lora.shape.segments.iter().enumerate() {
            let hidden = Mat::strided(&hidden[i * lora.shape.rank..], rows, lora.shape.rank, lora.shape.hidden());
            let b = Mat::new(&lora.flat[lora.shape.b(i)], segment.len, lora.shape.rank);
            matmul(&mut out[segment.start..], self.outputs(), Write::Add, lora.shape.scale, hidden, b.t(), 0);
        }
    }

    /// Gradients with respect to x [rows, row] and to the flat LoRA buffer, from `d_out` [rows, outputs].
    pub fn backward(&self, d_out: &[f32], x: &[f32], lora: Lora<'_>, dropout: Option<Dropout>) -> (Vec<f32>, Vec<f32>) {
        let rows = x.len() / self.row();
        if rows == 0 {
            return (Vec::new(), vec![0.0; lora.shape.len()]);
        }
        let mut buffer = Vec::new();
        let input = self.prepared(x, &mut buffer);
        let mut d_input = vec![0.0; rows * self.inputs()];
        self.weight.multiply_transposed(&mut d_input, Write::Replace, d_out, 0..self.outputs());
        let d_flat = lora_backward(&mut d_input, d_out, self.outputs(), input, lora, dropout);
        let d_x = match &self.before {
            Before::Nothing => d_input,
            Before::Norm(weight, epsilon) => {
                rms_norm_backward(&mut d_input, x, weight, *epsilon);
                d_input
            }
            Before::SwiGlu => {
                let mut d_x = vec![0.0; x.len()];
                swiglu_backward(&mut d_x, &d_input, x, self.inputs());
                d_x
            }
        };
        (d_x, d_flat)
    }
}

/// drop(x)·Aᵀ of all segments side by side: [rows, rank × segments].
fn lora_hidden(x: &[f32], lora: Lora<'_>, dropout: Option<Dropout>, rows: usize) -> Vec<f32> {
    let width = lora.shape.hidden();
    let mut hidden = vec![0.0; rows * width];
    let dropped = dropout.map(|d| {
        let mut copy = x.to_vec();
        d.apply(&mut copy);
        copy
    });
    let x = Mat::new(dropped.as_deref().unwrap_or(x), rows, lora.shape.inputs);
    matmul(&mut hidden, width, Write::Replace, 1.0, x, lora.shape.all_a(lora.flat).t(), 0);
    hidden
}

/// Adds LoRA's part to `d_input` and returns the gradient of the flat buffer.
fn lora_backward(d_input: &mut [f32], d_out: &[f32], outputs: usize, input: &[f32], lora: Lora<'_>, dropout: Option<Dropout>) -> Vec<f32> {
    let shape = lora.shape;
    let mut d_flat = vec![0.0; shape.len()];
    if shape.is_empty() {
        return d_flat;
    }
    let rows = input.len() / shape.inputs;
    let hidden = lora_hidden(input, lora, dropout, rows);
    let width = shape.hidden();
    let mut d_hidden = vec![0.0; rows * width];
    for (i, segment) in shape.segments.iter().enumerate() {
        let d = Mat::strided(&d_out[segment.start..], rows, segment.len, outputs);
        let b = Mat::new(&lora.flat[shape.b(i)], segment.len, shape.rank);
        matmul(&mut d_hidden[i * shape.rank..], width, Write::Replace, shape.scale, d, b, 0);
        let hidden = Mat::strided(&hidden[i * shape.rank..], rows, shape.rank, width);
        matmul(&mut d_flat[shape.b(i)], shape.rank, Write::Replace, shape.scale, d.t(), hidden, 0);
    }
    let d_hidden = Mat::new(&d_hidden, rows, width);
    let a = shape.all_a(lora.flat);
    let Some(dropout) = dropout else {
        matmul(&mut d_flat, shape.inputs, Write::Replace, 1.0, d_hidden.t(), Mat::new(input, rows, shape.inputs), 0);
        matmul(d_input, shape.inputs, Write::Add, 1.0, d_hidden, a, 0);
        return d_flat;
    };
    let mut dropped = input.to_vec();
    dropout.apply(&mut dropped);
    matmul(&mut d_flat, shape.inputs, Write::Replace, 1.0, d_hidden.t(), Mat::new(&dropped, rows, shape.inputs), 0);
    matmul(&mut dropped, shape.inputs, Write::Replace, 1.0, d_hidden, a, 0);
    dropout.apply(&mut dropped);
    d_input.iter_mut().zip(&dropped).for_each(|(d, v)| *d += v);
    d_flat
}
