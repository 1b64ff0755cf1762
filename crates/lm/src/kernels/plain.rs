//! The same operations in candle's own: the reference that the fused kernels are held against, and the path on CUDA and Metal.
use super::attention::Heads;
use super::projection::{Dropout, LoraShape};
use candle_core::{D, DType, Result, Tensor};
use candle_nn::ops::{silu, softmax};

/// `weight · x / √(mean x² + ε)` over the last dimension.
pub fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean + epsilon)?.sqrt()?)?.broadcast_mul(weight)
}

/// `silu(gate)·up` of the two halves of the last dimension.
pub fn swiglu(gate_up: &Tensor) -> Result<Tensor> {
    let halves = gate_up.chunk(2, D::Minus1)?;
    silu(&halves[0])? * &halves[1]
}

/// Rotary embedding of `x` [.., positions, width] with tables [positions, width / 2].
pub fn rotary(x: &Tensor, cosines: &Tensor, sines: &Tensor) -> Result<Tensor> {
    let halves = x.chunk(2, D::Minus1)?;
    let first = (halves[0].broadcast_mul(cosines)? - halves[1].broadcast_mul(sines)?)?;
    let second = (halves[1].broadcast_mul(cosines)? + halves[0].broadcast_mul(sines)?)?;
    Tensor::cat(&[first, second], D::Minus1)
}

/// `x·W` plus LoRA. `x` [rows, in], `weight` [in, out], `flat` as in [`LoraShape`]. The dropout mask comes from the device's own
/// generator: on this path it is random, but not reproducible across devices.
pub fn project(x: &Tensor, weight: &Tensor, lora: Option<(&LoraShape, &Tensor)>, dropout: Option<Dropout>) -> Result<Tensor> {
    let out = x.matmul(weight)?;
    let Some((shape, flat)) = lora.filter(|(shape, _)| !shape.is_empty()) else { return Ok(out) };
    let x = match dropout {
        Some(dropout) => candle_nn::ops::dropout(x, dropout.rate as f32)?,
        None => x.clone(),
    };
    let rows = x.dim(0)?;
    let mut columns = Vec::new();
    let mut end = 0;
    let zeros = |width: usize| Tensor::zeros((rows, width), DType::F32, x.device());
    for (i, segment) in shape.segments.iter().enumerate() {
        if segment.start > end {
            columns.push(zeros(segment.start - end)?);
        }
        let a = flat.narrow(0, shape.a(i).start, shape.a(i).len())?.reshape((shape.rank, shape.inputs))?;
        let b = flat.narrow(0, shape.b(i).start, shape.b(i).len())?.reshape((segment.len, shape.rank))?;
        columns.push((x.matmul(&a.t()?)?.matmul(&b.t()?)? * f64::from(shape.scale))?);
        end = segment.start + segment.len;
    }
    if end < weight.dim(1)? {
        columns.push(zeros(weight.dim(1)? - end)?);
    }
    out + Tensor::cat(&columns, 1)?
}

/// Query, key and value heads [batch, heads, positions, width] of `qkv` [batch × positions, row], queries and keys turned.
/// Tables are [batch, 1, positions, width / 2].
pub fn split_heads(qkv: &Tensor, batch: usize, heads: Heads, cosines: &Tensor, sines: &Tensor) -> Result<[Tensor; 3]> {
    let positions = qkv.dim(0)? / batch;
    let part = |start: usize, count: usize| {
        let part = qkv.narrow(1, start * heads.width, count * heads.width)?;
        part.reshape((batch, positions, count, heads.width))?.transpose(1, 2)?.contiguous()
    };
    let queries = rotary(&part(0, heads.query)?, cosines, sines)?;
    let keys = rotary(&part(heads.query, heads.key_value)?, cosines, sines)?;
    Ok([queries, keys, part(heads.query + heads.key_value, heads.key_value)?])
}

/// Attention [batch × positions, query heads × width] of queries over keys and values, with an additive mask that broadcasts to
/// [batch, query heads, positions, seen].
pub fn attention(queries: &Tensor, keys: &Tensor, values: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let (batch, query_heads, positions, width) = queries.dims4()?;
    let (_, key_heads, seen, _) = keys.dims4()?;
    let repeat = |x: &Tensor| {
        let shape = (batch, key_heads, query_heads / key_heads, seen, width);
        x.unsqueeze(2)?.broadcast_as(shape)?.reshape((batch, query_heads, seen, width))
    };
    let scores = (queries.matmul(&repeat(keys)?.t()?)? / (width as f64).sqrt())?.broadcast_add(mask)?;
    let out = softmax(&scores, D::Minus1)?.matmul(&repeat(values)?)?;
    out.transpose(1, 2)?.reshape((batch * positions, query_heads * width))
}

/// log softmax(x·W / T) at each row's token: `x` [rows, width] normed, `weight` [width, vocabulary], `tokens` [rows] u32.
pub fn log_probs(x: &Tensor, weight: &Tensor, tokens: &Tensor, temperature: f64) -> Result<Tensor> {
    let logits = (x.matmul(weight)? / temperature)?;
    let chosen = logits.gather(&tokens.unsqueeze(1)?, 1)?.squeeze(1)?;
    chosen - logits.log_sum_exp(1)?
}
