//! The same operations in candle's own: the path on CUDA and Metal, and what the fused kernels are held against.
//!
//! Forward is what candle computes fastest where nothing is differentiated; where something is, the gradient is added by hand
//! ([`super::gradient`], [`project`]), so that candle keeps neither intermediate results nor the gradients of frozen weights: of a block the same
//! five tensors are kept as on the fused path, and norms, SwiGLU and attention are computed again.
use super::attention::Heads;
use super::gradient::{Computed, recomputed, with_gradient};
use super::matrix::Matrix;
use super::projection::{Dropout, LoraShape};
use candle_core::{CpuStorage, CudaStorage, CustomOp3, D, DType, Layout, MetalStorage, Result, Shape, Tensor};
use candle_nn::ops::{silu, softmax_last_dim};
use candle_nn::rotary_emb::rope;
use std::sync::Arc;

/// Rows of logits that are held at a time.
pub const LOGIT_ROWS: usize = 256;

/// `weight · x / √(mean x² + ε)` over the last dimension.
pub fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
    let input = x.detach().contiguous()?;
    let y = candle_nn::ops::rms_norm(&input, weight, epsilon as f32)?;
    let weight = weight.clone();
    with_gradient(x, y, move |gradient| rms_norm_backward(gradient, &input, &weight, epsilon))
}

fn rms_norm_backward(gradient: &Tensor, x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
    let inverse = (x.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?.recip()?;
    let normed = x.broadcast_mul(&inverse)?;
    let weighted = gradient.broadcast_mul(weight)?;
    let along = (&normed * &weighted)?.mean_keepdim(D::Minus1)?;
    (weighted - normed.broadcast_mul(&along)?)?.broadcast_mul(&inverse)
}

/// `silu(gate)·up` of the two halves of the last dimension.
pub fn swiglu(gate_up: &Tensor) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if gate_up.device().is_cuda() && !gate_up.track_op() && gate_up.rank() == 2 {
        return super::device::swiglu(gate_up);
    }
    let halves = gate_up.chunk(2, D::Minus1)?;
    silu(&halves[0])? * &halves[1]
}

fn swiglu_backward(gradient: &Tensor, gate_up: &Tensor) -> Result<Tensor> {
    let halves = gate_up.chunk(2, D::Minus1)?;
    let (gate, up) = (halves[0].contiguous()?, &halves[1]);
    let share = ((gate.neg()?.exp()? + 1.0)?).recip()?;
    let active = (&gate * &share)?;
    // silu′ = σ·(1 + gate·(1 − σ)) = σ + silu·(1 − σ).
    let slope = (&share + (&active - (&active * &share)?)?)?;
    Tensor::cat(&[((gradient * up)? * slope)?, (gradient * active)?], D::Minus1)
}

/// Rotary embedding of `x` [batch, heads, positions, width] with tables [batch, positions, half]: of the first 2 · half values of each head.
pub fn rotary(x: &Tensor, cosines: &Tensor, sines: &Tensor) -> Result<Tensor> {
    let (turned, width) = (2 * cosines.dim(D::Minus1)?, x.dim(D::Minus1)?);
    if turned < width {
        let first = rotary(&x.narrow(D::Minus1, 0, turned)?, cosines, sines)?;
        // Along the last dimension `cat` leaves strides behind that products on a GPU do not take.
        return Tensor::cat(&[first, x.narrow(D::Minus1, turned, width - turned)?], D::Minus1)?.contiguous();
    }
    let y = rope(&x.detach().contiguous()?, cosines, sines)?;
    let (cosines, sines) = (cosines.clone(), sines.clone());
    with_gradient(x, y, move |gradient| rope(&gradient.contiguous()?, &cosines, &sines.neg()?))
}

/// Softmax of `x` + `mask` over the last dimension; the mask broadcasts.
fn masked_softmax(x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let y = softmax_last_dim(&x.detach().broadcast_add(mask)?)?;
    let kept = y.clone();
    with_gradient(x, y, move |gradient| {
        let mean = (&kept * gradient)?.sum_keepdim(D::Minus1)?;
        &kept * gradient.broadcast_sub(&mean)?
    })
}

/// LoRA of one projection as two matrices: `x·A·B` is what it adds.
pub struct Lora {
    /// [in, hidden]: A of every segment side by side.
    a: Tensor,
    /// [hidden, out]: B of every segment, scaled, each in its own rows and columns.
    b: Tensor,
}

impl Lora {
    /// From `flat` as in [`LoraShape`], differentiable with respect to it; `None` if no layer of the projection is adapted.
    /// `places` is [`places`] of the same shape.
    pub fn new(shape: &LoraShape, flat: &Tensor, places: &Tensor) -> Result<Option<Self>> {
        if shape.is_empty() {
            return Ok(None);
        }
        let a = flat.narrow(0, 0, shape.hidden() * shape.inputs)?.reshape((shape.hidden(), shape.inputs))?.t()?;
        // Below each other, with zeros where a layer has no adapter: [out, rank].
        let mut rows = Vec::new();
        let mut end = 0;
        let zeros = |count: usize| Tensor::zeros((count, shape.rank), DType::F32, flat.device());
        for (i, segment) in shape.segments.iter().enumerate() {
            if segment.start > end {
                rows.push(zeros(segment.start - end)?);
            }
            rows.push(flat.narrow(0, shape.b(i).start, shape.b(i).len())?.reshape((segment.len, shape.rank))?);
            end = segment.start + segment.len;
        }
        let outputs = places.dim(0)?;
        if end < outputs {
            rows.push(zeros(outputs - end)?);
        }
        let segments = shape.segments.len();
        let b = Tensor::cat(&rows, 0)?.unsqueeze(1)?.broadcast_as((outputs, segments, shape.rank))?;
        let b = (b.reshape((outputs, shape.hidden()))? * places)?;
        Ok(Some(Self { a, b: b.t()? }))
    }
}

/// [outputs, hidden]: the scale where a row of B meets its own segment, else 0.
pub fn places(shape: &LoraShape, outputs: usize, like: &Tensor) -> Result<Tensor> {
    let hidden = shape.hidden();
    let mut places = vec![0f32; outputs * hidden];
    for (i, segment) in shape.segments.iter().enumerate() {
        for row in segment.start..segment.start + segment.len {
            places[row * hidden + i * shape.rank..][..shape.rank].fill(shape.scale);
        }
    }
    Tensor::from_vec(places, (outputs, hidden), like.device())
}

/// What a projection does with its input first.
#[derive(Debug, Clone)]
pub enum Before {
    Nothing,
    /// RMS norm with this weight and ε.
    Norm(Tensor, f64),
    /// silu(gate)·up of the two halves of each row.
    SwiGlu,
}

impl Before {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Nothing => Ok(x.clone()),
            Self::Norm(weight, epsilon) => rms_norm(x, weight, *epsilon),
            Self::SwiGlu => swiglu(x),
        }
    }

    /// From the gradient with respect to what it gives.
    fn backward(&self, gradient: Tensor, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Nothing => Ok(gradient),
            Self::Norm(weight, epsilon) => rms_norm_backward(&gradient, x, weight, *epsilon),
            Self::SwiGlu => swiglu_backward(&gradient, x),
        }
    }
}

/// A frozen linear layer and what stands before it.
#[derive(Debug, Clone)]
pub struct Linear {
    pub before: Before,
    /// [in, out].
    pub weight: Matrix,
    /// [out].
    pub bias: Option<Tensor>,
}

/// `f(x)·W` (+ bias) plus LoRA. `x` [rows, width]. Of what is computed, `x` alone is kept for backward; the mask of dropout is drawn again.
pub fn project(x: &Tensor, layer: &Arc<Linear>, lora: Option<&Lora>, dropout: Option<Dropout>) -> Result<Tensor> {
    let input = layer.before.forward(&x.detach())?;
    let mut y = layer.weight.times(&input)?;
    if let Some(bias) = &layer.bias {
        y = y.broadcast_add(bias)?;
    }
    let Some(lora) = lora else {
        let (layer, kept) = (layer.clone(), x.detach());
        return with_gradient(x, y, move |gradient| layer.before.backward(layer.weight.times_transposed(&gradient.contiguous()?)?, &kept));
    };
    let y = (y + dropped(&input, mask(&input, dropout)?.as_ref())?.matmul(&lora.a.detach())?.matmul(&lora.b.detach())?)?;
    if !x.track_op() && !lora.a.track_op() {
        return Ok(y);
    }
    x.apply_op3(&lora.a, &lora.b, Project { computed: Computed::new(y), layer: layer.clone(), dropout })
}

/// What `x` is multiplied by, drawn on the processor: the fused kernels' mask, on every device.
fn mask(x: &Tensor, dropout: Option<Dropout>) -> Result<Option<Tensor>> {
    let mask = dropout.map(|dropout| {
        let mut mask = vec![1.0; x.elem_count()];
        dropout.apply(&mut mask);
        Tensor::from_vec(mask, x.shape(), x.device())
    });
    mask.transpose()
}

fn dropped(x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    mask.map_or_else(|| Ok(x.clone()), |mask| x * mask)
}

/// [`project`] as a function of x, A and B.
struct Project {
    computed: Computed,
    layer: Arc<Linear>,
    dropout: Option<Dropout>,
}

impl CustomOp3 for Project {
    fn name(&self) -> &'static str {
        "project"
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.computed.cpu()
    }
    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.computed.cuda()
    }
    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        self.computed.metal()
    }
    fn bwd(
        &self,
        x: &Tensor,
        a: &Tensor,
        b: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let (x, a, b) = (x.detach(), a.detach(), b.detach());
        let input = self.layer.before.forward(&x)?;
        let mask = mask(&input, self.dropout)?;
        let input = dropped(&input, mask.as_ref())?;
        let d_hidden = gradient.matmul(&b.t()?)?;
        let d_b = input.matmul(&a)?.t()?.matmul(&gradient)?;
        let d_a = input.t()?.matmul(&d_hidden)?;
        let d_lora = dropped(&d_hidden.matmul(&a.t()?)?, mask.as_ref())?;
        let d_input = (self.layer.weight.times_transposed(&gradient)? + d_lora)?;
        Ok((Some(self.layer.before.backward(d_input, &x)?), Some(d_a), Some(d_b)))
    }
}

/// What turns queries and keys: tables as for [`rotary`], and the RMS norms before it, where there are some.
#[derive(Clone)]
pub struct Turn {
    pub cosines: Tensor,
    pub sines: Tensor,
    pub norms: Option<Norms>,
}

/// Weights of the norms of query and key heads, each [width], and their ε.
#[derive(Debug, Clone)]
pub struct Norms {
    pub query: Tensor,
    pub key: Tensor,
    pub epsilon: f64,
}

/// Query, key and value heads [batch, heads, positions, width] of `qkv` [batch × positions, row], queries and keys turned.
pub fn split_heads(qkv: &Tensor, batch: usize, heads: Heads, turn: &Turn) -> Result<[Tensor; 3]> {
    let positions = qkv.dim(0)? / batch;
    let part = |start: usize, count: usize| {
        let part = qkv.narrow(1, start * heads.width, count * heads.width)?;
        part.reshape((batch, positions, count, heads.width))?.transpose(1, 2)?.contiguous()
    };
    let turned = |x: Tensor, norm: Option<&Tensor>| {
        let x = match (norm, &turn.norms) {
            (Some(weight), Some(norms)) => rms_norm(&x, weight, norms.epsilon)?,
            _ => x,
        };
        rotary(&x, &turn.cosines, &turn.sines)
    };
    let queries = turned(part(0, heads.query)?, turn.norms.as_ref().map(|norms| &norms.query))?;
    let keys = turned(part(heads.query, heads.key_value)?, turn.norms.as_ref().map(|norms| &norms.key))?;
    Ok([queries, keys, part(heads.query + heads.key_value, heads.key_value)?])
}

/// Attention [batch × positions, query heads × width] of queries over keys and values, with an additive mask that broadcasts to
/// [batch, query heads, positions, seen].
pub fn attention(queries: &Tensor, keys: &Tensor, values: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let (batch, query_heads, positions, width) = queries.dims4()?;
    let (_, key_heads, seen, _) = keys.dims4()?;
    // Query heads that share a key head are further rows of one product: keys and values are not repeated.
    let rows = query_heads / key_heads * positions;
    let queries = (queries.reshape((batch, key_heads, rows, width))? / (width as f64).sqrt())?;
    let scores = queries.matmul(&keys.t()?)?.reshape((batch, query_heads, positions, seen))?;
    let out = masked_softmax(&scores, mask)?.reshape((batch, key_heads, rows, seen))?.matmul(values)?;
    out.reshape((batch, query_heads, positions, width))?.transpose(1, 2)?.reshape((batch * positions, query_heads * width))
}

/// [`attention`] of a batch over itself, differentiable with respect to `qkv` [batch × positions, row]; nothing else is kept.
pub fn attend(qkv: &Tensor, batch: usize, heads: Heads, turn: &Turn, mask: &Tensor) -> Result<Tensor> {
    let (turn, mask) = (turn.clone(), mask.clone());
    recomputed(qkv, move |qkv| {
        let [queries, keys, values] = split_heads(qkv, batch, heads, &turn)?;
        attention(&queries, &keys, &values, &mask)
    })
}

/// log softmax(x·Wᵀ / T) at each row's token: `x` [rows, width] normed, `weight` [vocabulary, width], `tokens` [rows] u32.
/// Logits of a few rows are held at a time; what backward needs of them is computed beside them.
pub fn log_probs(x: &Tensor, weight: &Matrix, tokens: &Tensor, temperature: f64) -> Result<Tensor> {
    let input = x.detach();
    let (mut log_probs, mut gradients) = (Vec::new(), Vec::new());
    for start in (0..input.dim(0)?).step_by(LOGIT_ROWS) {
        let count = LOGIT_ROWS.min(input.dim(0)? - start);
        let tokens = tokens.narrow(0, start, count)?;
        let logits = (weight.times_transposed(&input.narrow(0, start, count)?)? / temperature)?;
        let sum = logits.log_sum_exp(1)?;
        log_probs.push((logits.gather(&tokens.unsqueeze(1)?, 1)?.squeeze(1)? - &sum)?);
        if x.track_op() {
            // ∂ log p(token) / ∂x = (W at the token − Σ p·W) / T.
            let expected = weight.times(&logits.broadcast_sub(&sum.unsqueeze(1)?)?.exp()?)?;
            gradients.push(((weight.select(&tokens)? - expected)? / temperature)?);
        }
    }
    let y = Tensor::cat(&log_probs, 0)?;
    if gradients.is_empty() {
        return Ok(y);
    }
    let gradients = Tensor::cat(&gradients, 0)?;
    with_gradient(x, y, move |gradient| gradients.broadcast_mul(&gradient.unsqueeze(1)?))
}
