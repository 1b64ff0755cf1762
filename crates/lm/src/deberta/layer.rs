//! A layer of DeBERTa: disentangled attention, then a feed-forward layer, each with a residual and a layer norm behind it.
use super::{DebertaConfig, Dense, Weights};
use crate::{Device, Result, Tensor};
use candle_core::{D, Module};
use candle_nn::LayerNorm;
use candle_nn::ops::softmax_last_dim;

pub(super) struct Layer {
    query: Dense,
    key: Dense,
    value: Dense,
    /// Distances as keys and as queries, [1, heads, width of a head, 2 · span]; the same for every text.
    distance_keys: Option<Tensor>,
    distance_queries: Option<Tensor>,
    out: Dense,
    norm: LayerNorm,
    up: Dense,
    down: Dense,
    last_norm: LayerNorm,
    heads: usize,
}

impl Layer {
    /// `distances` are the embeddings of distances, normalised where they are to be.
    pub fn load(config: &DebertaConfig, weights: &Weights<'_>, number: usize, distances: &Tensor) -> Result<Self> {
        let name = |part: &str| format!("deberta.encoder.layer.{number}.{part}");
        let heads = config.num_attention_heads;
        let query = weights.dense(&name("attention.self.query_proj"))?;
        let key = weights.dense(&name("attention.self.key_proj"))?;
        let of_distances = |wanted: bool, shared: &Dense, own: &str| -> Result<Option<Tensor>> {
            if !wanted {
                return Ok(None);
            }
            let own = if config.share_att_key { None } else { Some(weights.dense(&name(own))?) };
            let projected = own.as_ref().unwrap_or(shared).forward(distances)?.unsqueeze(0)?;
            Ok(Some(split(&projected, heads)?.t()?.contiguous()?))
        };
        let distance_keys = of_distances(config.content_to_position, &key, "attention.self.pos_key_proj")?;
        let distance_queries = of_distances(config.position_to_content, &query, "attention.self.pos_query_proj")?;
        Ok(Self {
            query,
            key,
            value: weights.dense(&name("attention.self.value_proj"))?,
            distance_keys,
            distance_queries,
            out: weights.dense(&name("attention.output.dense"))?,
            norm: weights.norm(&name("attention.output.LayerNorm"))?,
            up: weights.dense(&name("intermediate.dense"))?,
            down: weights.dense(&name("output.dense"))?,
            last_norm: weights.norm(&name("output.LayerNorm"))?,
            heads,
        })
    }

    /// Of `hidden`, [texts, tokens, width]. `unseen` is added to what looks at a token, [texts, 1, 1, tokens].
    pub fn forward(&self, hidden: &Tensor, unseen: &Tensor, distances: &Distances) -> Result<Tensor> {
        let attended = self.norm.forward(&(self.attention(hidden, unseen, distances)? + hidden)?)?;
        let inner = self.up.forward(&attended)?.gelu_erf()?;
        Ok(self.last_norm.forward(&(self.down.forward(&inner)? + attended)?)?)
    }

    /// What each token reads of the others, projected, [texts, tokens, width].
    fn attention(&self, hidden: &Tensor, unseen: &Tensor, distances: &Distances) -> Result<Tensor> {
        let heads = |layer: &Dense| split(&layer.forward(hidden)?, self.heads);
        let (query, key) = (heads(&self.query)?, heads(&self.key)?);
        let mut scores = query.matmul(&key.t()?)?;
        if let Some(keys) = &self.distance_keys {
            let chosen = query.broadcast_matmul(keys)?.gather(&distances.of_keys, D::Minus1)?;
            scores = (scores + chosen)?;
        }
        if let Some(queries) = &self.distance_queries {
            let chosen = key.broadcast_matmul(queries)?.gather(&distances.of_queries, D::Minus1)?;
            scores = (scores + chosen.t()?)?;
        }
        // Each of the sums adds to the variance.
        let sums = 1 + usize::from(self.distance_keys.is_some()) + usize::from(self.distance_queries.is_some());
        let scale = 1.0 / ((query.dim(D::Minus1)? * sums) as f64).sqrt();
        drop((query, key));
        // As many numbers as there are pairs of tokens: what was read is let go of before the next is computed.
        scores = (scores * scale)?;
        scores = scores.broadcast_add(unseen)?;
        let weights = softmax_last_dim(&scores)?;
        drop(scores);
        let read = weights.matmul(&heads(&self.value)?)?.transpose(1, 2)?.flatten_from(2)?;
        drop(weights);
        self.out.forward(&read)
    }
}

/// [texts, tokens, width] as [texts, heads, tokens, width of a head].
fn split(hidden: &Tensor, heads: usize) -> Result<Tensor> {
    let (texts, tokens, width) = hidden.dims3()?;
    Ok(hidden.reshape((texts, tokens, heads, width / heads))?.transpose(1, 2)?.contiguous()?)
}

/// Which embedding of a distance counts for two tokens, [texts, heads, tokens, tokens].
pub(super) struct Distances {
    /// By query, then key.
    of_keys: Tensor,
    /// By key, then query.
    of_queries: Tensor,
}

impl Distances {
    pub fn new(config: &DebertaConfig, texts: usize, tokens: usize, device: &Device) -> Result<Self> {
        let span = config.span() as i64;
        let bucket = |distance: i64| match config.position_buckets {
            Some(buckets) => log_bucket(distance, buckets, config.max_relative_positions),
            None => distance,
        };
        let place = |distance: i64| (distance + span).clamp(0, 2 * span - 1) as u32;
        let table = |sign: i64| -> Result<Tensor> {
            let rows = (0..tokens as i64).flat_map(|row| (0..tokens as i64).map(move |column| row - column));
            let places: Vec<u32> = rows.map(|distance| place(sign * bucket(distance))).collect();
            let table = Tensor::from_vec(places, (1, 1, tokens, tokens), device)?;
            Ok(table.broadcast_as((texts, config.num_attention_heads, tokens, tokens))?.contiguous()?)
        };
        Ok(Self { of_keys: table(1)?, of_queries: table(-1)? })
    }
}

/// The bucket of a distance: itself up to half of the buckets, then wider and wider ones, in f32 as transformers computes it.
pub fn log_bucket(distance: i64, buckets: usize, longest: usize) -> i64 {
    let middle = (buckets / 2) as f32;
    let far = distance.unsigned_abs() as f32;
    if far <= middle {
        return distance;
    }
    let widest = ((longest - 1) as f64 / f64::from(middle)) as f32;
    let place = ((far / middle).ln() / widest.ln() * (middle - 1.0)).ceil() + middle;
    distance.signum() * place as i64
}
