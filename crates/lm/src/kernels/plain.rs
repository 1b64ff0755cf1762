//! The same operations in candle's own: the path on CUDA and Metal, and what the fused kernels are held against.
//!
//! Forward is what candle computes fastest where nothing is differentiated; where something is, the gradient is added by hand
//! ([`with_gradient`]), so that candle keeps neither intermediate results nor the gradients of frozen weights.
use super::attention::Heads;
use super::projection::LoraShape;
use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp2, D, DType, Layout, MetalStorage, Result, Shape, Tensor};
use candle_nn::ops::{silu, softmax_last_dim};
use candle_nn::rotary_emb::rope;

/// Rows of logits that are held at a time.
const LOGIT_ROWS: usize = 256;

/// From ∂y to ∂x.
type Backward = Box<dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync>;

/// Hands its second argument on, as a function of the first.
struct WithGradient(Backward);

/// `y`, computed from `x`, with its gradient; dense.
fn with_gradient(x: &Tensor, y: Tensor, backward: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static) -> Result<Tensor> {
    if x.track_op() { x.apply_op2(&y, WithGradient(Box::new(backward))) } else { Ok(y) }
}

impl CustomOp2 for WithGradient {
    fn name(&self) -> &'static str {
        "with-gradient"
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, y: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((y.try_clone(layout)?, layout.shape().clone()))
    }
    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout, y: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        Ok((y.try_clone(layout)?, layout.shape().clone()))
    }
    fn metal_fwd(&self, _: &MetalStorage, _: &Layout, y: &MetalStorage, layout: &Layout) -> Result<(MetalStorage, Shape)> {
        Ok((y.try_clone(layout)?, layout.shape().clone()))
    }
    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some((self.0)(gradient)?), None))
    }
}

/// `x·W` with a frozen W: no gradient of it is computed. `x` [rows, in], `weight` [in, out].
pub fn product(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let transposed = weight.t()?;
    with_gradient(x, x.detach().matmul(weight)?, move |gradient| gradient.contiguous()?.matmul(&transposed))
}

/// `weight · x / √(mean x² + ε)` over the last dimension.
pub fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
    let input = x.detach().contiguous()?;
    let y = candle_nn::ops::rms_norm(&input, weight, epsilon as f32)?;
    let weight = weight.clone();
    with_gradient(x, y, move |gradient| {
        let inverse = (input.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?.recip()?;
        let normed = input.broadcast_mul(&inverse)?;
        let weighted = gradient.broadcast_mul(&weight)?;
        let along = (&normed * &weighted)?.mean_keepdim(D::Minus1)?;
        (weighted - normed.broadcast_mul(&along)?)?.broadcast_mul(&inverse)
    })
}

/// `silu(gate)·up` of the two halves of the last dimension.
pub fn swiglu(gate_up: &Tensor) -> Result<Tensor> {
    let halves = gate_up.chunk(2, D::Minus1)?;
    silu(&halves[0])? * &halves[1]
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

/// A frozen linear layer.
pub struct Linear {
    /// [in, out].
    pub weight: Tensor,
    /// [out].
    pub bias: Option<Tensor>,
}

/// `x·W` (+ bias) plus LoRA with this rate of dropout. `x` [rows, in]. The dropout mask comes from the device's own generator: on this path it is
/// random, but not reproducible across devices.
pub fn project(x: &Tensor, layer: &Linear, lora: Option<&Lora>, dropout: Option<f64>) -> Result<Tensor> {
    let mut out = product(x, &layer.weight)?;
    if let Some(bias) = &layer.bias {
        out = out.broadcast_add(bias)?;
    }
    let Some(lora) = lora else { return Ok(out) };
    let x = match dropout {
        Some(rate) => candle_nn::ops::dropout(x, rate as f32)?,
        None => x.clone(),
    };
    out + x.matmul(&lora.a)?.matmul(&lora.b)?
}

/// What turns queries and keys: tables as for [`rotary`], and the RMS norms before it, where there are some.
pub struct Turn<'a> {
    pub cosines: Tensor,
    pub sines: Tensor,
    pub norms: Option<&'a Norms>,
}

/// Weights of the norms of query and key heads, each [width], and their ε.
pub struct Norms {
    pub query: Tensor,
    pub key: Tensor,
    pub epsilon: f64,
}

/// Query, key and value heads [batch, heads, positions, width] of `qkv` [batch × positions, row], queries and keys turned.
pub fn split_heads(qkv: &Tensor, batch: usize, heads: Heads, turn: &Turn<'_>) -> Result<[Tensor; 3]> {
    let positions = qkv.dim(0)? / batch;
    let part = |start: usize, count: usize| {
        let part = qkv.narrow(1, start * heads.width, count * heads.width)?;
        part.reshape((batch, positions, count, heads.width))?.transpose(1, 2)?.contiguous()
    };
    let turned = |x: Tensor, norm: Option<&Tensor>| {
        let x = match (norm, turn.norms) {
            (Some(weight), Some(norms)) => rms_norm(&x, weight, norms.epsilon)?,
            _ => x,
        };
        rotary(&x, &turn.cosines, &turn.sines)
    };
    let queries = turned(part(0, heads.query)?, turn.norms.map(|norms| &norms.query))?;
    let keys = turned(part(heads.query, heads.key_value)?, turn.norms.map(|norms| &norms.key))?;
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

/// log softmax(x·Wᵀ / T) at each row's token: `x` [rows, width] normed, `weight` [vocabulary, width] frozen, `tokens` [rows] u32.
/// Logits of a few rows are held at a time; what backward needs of them is computed beside them.
pub fn log_probs(x: &Tensor, weight: &Tensor, tokens: &Tensor, temperature: f64) -> Result<Tensor> {
    let input = x.detach();
    let (mut log_probs, mut gradients) = (Vec::new(), Vec::new());
    for start in (0..input.dim(0)?).step_by(LOGIT_ROWS) {
        let count = LOGIT_ROWS.min(input.dim(0)? - start);
        let tokens = tokens.narrow(0, start, count)?;
        let logits = (input.narrow(0, start, count)?.matmul(&weight.t()?)? / temperature)?;
        let sum = logits.log_sum_exp(1)?;
        log_probs.push((logits.gather(&tokens.unsqueeze(1)?, 1)?.squeeze(1)? - &sum)?);
        if x.track_op() {
            // ∂ log p(token) / ∂x = (W at the token − Σ p·W) / T.
            let expected = logits.broadcast_sub(&sum.unsqueeze(1)?)?.exp()?.matmul(weight)?;
            let chosen = weight.index_select(&tokens, 0)?;
            gradients.push(((chosen - expected)? / temperature)?);
        }
    }
    let y = Tensor::cat(&log_probs, 0)?;
    if gradients.is_empty() {
        return Ok(y);
    }
    let gradients = Tensor::cat(&gradients, 0)?;
    with_gradient(x, y, move |gradient| gradients.broadcast_mul(&gradient.unsqueeze(1)?))
}
