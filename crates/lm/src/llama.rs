//! The model.
use crate::adapter::{DOWN, GATE_UP, OUT, QKV, layers_of, module};
use crate::fused::Snapshot;
use crate::kernels::attention::Heads;
use crate::kernels::head::Head;
use crate::kernels::matrix::Matrix;
use crate::kernels::plain::{self as operations, Linear, Norms};
use crate::kernels::projection::{Before, Projection};
use crate::kernels::rows::Rotary;
use crate::kernels::turn::{HeadNorms, Turn};
use crate::kernels::weight::Weight;
use crate::packed::Packed;
use crate::training::Training;
use crate::weight_files::WeightFiles;
use crate::{Adapter, Error, Group, LlamaConfig, ModelFolder, Precision, Result, fused, plain};
use candle_core::{DType, Device, Tensor};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A model of the Llama family ([`crate::Architecture`]) with frozen weights. Cheap to clone: clones share the weights.
#[derive(Clone)]
pub struct Llama {
    pub config: LlamaConfig,
    device: Device,
    precision: Precision,
    checkpointing: bool,
    pub(crate) backend: Backend,
}

/// What computes.
#[derive(Clone)]
pub(crate) enum Backend {
    /// Fused kernels on the CPU.
    Fused(Arc<fused::Model>),
    /// candle's operations on any device.
    Plain(Arc<plain::Model>),
}

/// Weights by name, taken out as they are used so that two copies of the model never stand in memory.
enum Weights {
    Held(BTreeMap<String, Tensor>),
    /// Read from disk when they are taken.
    Stored(WeightFiles),
}

impl Weights {
    /// In f32.
    fn take(&mut self, name: &str) -> Result<Tensor> {
        Ok(self.take_stored(name)?.to_dtype(DType::F32)?)
    }

    /// As stored.
    fn take_stored(&mut self, name: &str) -> Result<Tensor> {
        match self {
            Self::Held(weights) => weights.remove(name).ok_or_else(|| Error::Model(format!("the model has no tensor {name}"))),
            Self::Stored(files) => files.load(name, &Device::Cpu),
        }
    }

    /// The layers of one projection of one block as stored, each [out, in].
    fn layers(&mut self, config: &LlamaConfig, layer: usize, projection: usize) -> Result<Vec<Tensor>> {
        let (_, layers) = layers_of(config, projection);
        layers.into_iter().map(|(name, _)| self.take_stored(&format!("model.layers.{layer}.{}.weight", module(name)))).collect()
    }

    /// Their biases side by side, [out], where they have some.
    fn bias(&mut self, config: &LlamaConfig, layer: usize, projection: usize) -> Result<Option<Tensor>> {
        if projection != QKV || !config.architecture.has_bias() {
            return Ok(None);
        }
        let (_, layers) = layers_of(config, projection);
        let biases = layers.into_iter().map(|(name, _)| self.take(&format!("model.layers.{layer}.{}.bias", module(name))));
        Ok(Some(Tensor::cat(&biases.collect::<Result<Vec<_>>>()?, 0)?))
    }

    /// Weights of the norms of query and key heads, where there are some.
    fn head_norms(&mut self, config: &LlamaConfig, layer: usize) -> Result<Option<[Tensor; 2]>> {
        let there = config.architecture.has_head_norms();
        there.then(|| Ok([self.norm(layer, "self_attn.q_norm")?, self.norm(layer, "self_attn.k_norm")?])).transpose()
    }

    fn norm(&mut self, layer: usize, name: &str) -> Result<Tensor> {
        self.take(&format!("model.layers.{layer}.{name}.weight"))
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// Values of a frozen matrix, rounded to bf16 where that is asked for.
fn frozen_values(tensor: &Tensor, precision: Precision) -> Result<Vec<f32>> {
    if precision == Precision::Bf16 { values(&tensor.to_dtype(DType::BF16)?) } else { values(tensor) }
}

fn rotary(config: &LlamaConfig) -> Rotary {
    let frequencies = config.rope.frequencies(config.rope_theta, config.rotary_dim);
    Rotary::new(&frequencies, config.rope.attention_factor(), config.context())
}

fn heads(config: &LlamaConfig) -> Heads {
    Heads { query: config.num_attention_heads, key_value: config.num_key_value_heads, width: config.head_dim }
}

impl Llama {
    /// Loads a model folder: fused kernels on the CPU, candle's operations on every other device.
    pub fn load(folder: &ModelFolder, device: &Device, precision: Precision) -> Result<Self> {
        Self::build(folder.config.clone(), Weights::Stored(folder.weight_files()?), device, device.is_cpu(), precision)
    }

    /// From weights by their Hugging Face names. `fused = false` computes with candle's operations, also on the CPU.
    pub fn from_weights(
        config: LlamaConfig,
        weights: BTreeMap<String, Tensor>,
        device: &Device,
        fused: bool,
        precision: Precision,
    ) -> Result<Self> {
        Self::build(config, Weights::Held(weights), device, fused, precision)
    }

    fn build(config: LlamaConfig, weights: Weights, device: &Device, fused: bool, precision: Precision) -> Result<Self> {
        let backend = if fused && device.is_cpu() {
            Backend::Fused(Arc::new(fused_model(&config, weights, precision)?))
        } else {
            Backend::Plain(Arc::new(plain_model(&config, weights, device, precision)?))
        };
        crate::memory::give_back();
        #[cfg(feature = "cuda")]
        if device.is_cuda() {
            device.synchronize()?;
            crate::kernels::device::trim();
        }
        Ok(Self { config, device: device.clone(), precision, checkpointing: false, backend })
    }

    /// The same weights, trained so that of each block the forward pass keeps its input alone, and the backward pass computes the block again: less
    /// memory for about one more forward pass. Gradients are the same, on a processor to the bit.
    #[must_use]
    pub fn with_checkpointing(self, checkpointing: bool) -> Self {
        Self { checkpointing, ..self }
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether products are rounded to bf16, so that what a text is computed with changes its log-probabilities in their second or third digit.
    pub fn rounds(&self) -> bool {
        self.precision == Precision::Bf16 && matches!(self.backend, Backend::Plain(_))
    }

    /// Log-probability of every completion token given what stands before it, under softmax(logits / temperature):
    /// one tensor [tokens] (f32) in the order group, completion, token. Differentiable with respect to the adapter.
    /// `dropout_seed` switches the adapter's dropout on (training).
    pub fn log_probs(
        &self,
        adapter: Option<&Adapter>,
        groups: &[Group<'_>],
        temperature: f64,
        dropout_seed: Option<u64>,
    ) -> Result<Tensor> {
        let packed = Packed::new(groups, self.config.context(), self.config.vocab_size)?;
        if packed.predictions.is_empty() {
            return Ok(Tensor::zeros(0, DType::F32, &self.device)?);
        }
        let training = Training { dropout_seed, checkpointing: self.checkpointing };
        match (&self.backend, adapter) {
            (Backend::Fused(model), Some(adapter)) => model.differentiable(adapter, Arc::new(packed), temperature, training),
            (Backend::Fused(model), None) => {
                let log_probs = model.score(None, &packed, temperature);
                let n = log_probs.len();
                Ok(Tensor::from_vec(log_probs, n, &self.device)?)
            }
            (Backend::Plain(model), Some(adapter)) => model.differentiable(adapter, &packed, temperature, training),
            (Backend::Plain(model), None) => model.score(None, &packed, temperature),
        }
    }

    /// What the model knows where it predicts each completion token: its last hidden state after the final norm, [tokens, hidden size] (f32),
    /// in the order of [`Self::log_probs`]. Not differentiable.
    pub fn features(&self, adapter: Option<&Adapter>, groups: &[Group<'_>]) -> Result<Tensor> {
        let packed = Packed::new(groups, self.config.context(), self.config.vocab_size)?;
        let shape = (packed.predictions.len(), self.config.hidden_size);
        if shape.0 == 0 {
            return Ok(Tensor::zeros(shape, DType::F32, &self.device)?);
        }
        match &self.backend {
            Backend::Fused(model) => {
                let snapshot = adapter.map(Snapshot::new).transpose()?;
                Ok(Tensor::from_vec(model.features(snapshot.as_ref(), &packed), shape, &self.device)?)
            }
            Backend::Plain(model) => {
                let factors = model.factors(adapter)?;
                model.features(factors.as_ref(), &packed)
            }
        }
    }

    /// The same, differentiable with respect to the adapter. `dropout_seed` switches the adapter's dropout on.
    pub fn hidden(&self, adapter: &Adapter, groups: &[Group<'_>], dropout_seed: Option<u64>) -> Result<Tensor> {
        let packed = Packed::new(groups, self.config.context(), self.config.vocab_size)?;
        if packed.predictions.is_empty() {
            return Ok(Tensor::zeros((0, self.config.hidden_size), DType::F32, &self.device)?);
        }
        let training = Training { dropout_seed, checkpointing: self.checkpointing };
        match &self.backend {
            Backend::Fused(model) => model.hidden(adapter, Arc::new(packed), training),
            Backend::Plain(model) => model.hidden(adapter, &packed, training),
        }
    }

    /// The values of [`Self::log_probs`] without dropout, where no gradient is needed: less memory, nothing is kept.
    pub fn score(&self, adapter: Option<&Adapter>, groups: &[Group<'_>], temperature: f64) -> Result<Vec<f32>> {
        let packed = Packed::new(groups, self.config.context(), self.config.vocab_size)?;
        if packed.predictions.is_empty() {
            return Ok(Vec::new());
        }
        match &self.backend {
            Backend::Fused(model) => {
                let snapshot = adapter.map(Snapshot::new).transpose()?;
                Ok(model.score(snapshot.as_ref(), &packed, temperature))
            }
            Backend::Plain(model) => {
                let factors = model.factors(adapter)?;
                Ok(model.score(factors.as_ref(), &packed, temperature)?.to_vec1()?)
            }
        }
    }
}

fn fused_model(config: &LlamaConfig, mut weights: Weights, precision: Precision) -> Result<fused::Model> {
    let epsilon = config.rms_norm_eps as f32;
    let rotary = Arc::new(rotary(config));
    let mut turns = Vec::with_capacity(config.num_hidden_layers);
    let mut layers = Vec::with_capacity(config.num_hidden_layers);
    for layer in 0..config.num_hidden_layers {
        let attention_norm = Before::Norm(values(&weights.norm(layer, "input_layernorm")?)?.into(), epsilon);
        let mlp_norm = Before::Norm(values(&weights.norm(layer, "post_attention_layernorm")?)?.into(), epsilon);
        let mut project = |projection: usize, before: Before| -> Result<Arc<Projection>> {
            let layers = weights.layers(config, layer, projection)?;
            let layers = layers.iter().map(|layer| frozen_values(layer, precision)).collect::<Result<Vec<_>>>()?;
            let bias = weights.bias(config, layer, projection)?.as_ref().map(values).transpose()?;
            let (inputs, _) = layers_of(config, projection);
            Ok(Arc::new(Projection { before, weight: Weight::new(inputs, &layers), bias }))
        };
        let (qkv, out) = (project(QKV, attention_norm)?, project(OUT, Before::Nothing)?);
        let (gate_up, down) = (project(GATE_UP, mlp_norm)?, project(DOWN, Before::SwiGlu)?);
        layers.push([qkv, out, gate_up, down]);
        let norms = weights.head_norms(config, layer)?;
        let norms =
            norms.map(|[query, key]| Ok::<_, Error>(HeadNorms { query: values(&query)?.into(), key: values(&key)?.into(), epsilon }));
        turns.push(Arc::new(Turn::new(rotary.clone(), norms.transpose()?)));
    }
    let mut of_tokens =
        |name: &str| Ok::<_, Error>(Weight::new(config.hidden_size, &[frozen_values(&weights.take_stored(name)?, precision)?]));
    let embedding = of_tokens("model.embed_tokens.weight")?;
    let (weight, embedding) = if config.shares_embedding() { (embedding, None) } else { (of_tokens("lm_head.weight")?, Some(embedding)) };
    let norm = values(&weights.take("model.norm.weight")?)?.into();
    let head = Head { norm, epsilon, weight };
    Ok(fused::Model { layers, head: Arc::new(head), embedding, heads: heads(config), turns })
}

fn plain_model(config: &LlamaConfig, mut weights: Weights, device: &Device, precision: Precision) -> Result<plain::Model> {
    let mut layers = Vec::with_capacity(config.num_hidden_layers);
    for layer in 0..config.num_hidden_layers {
        let mut norm = |name: &str| {
            let weight = weights.norm(layer, name)?.to_device(device)?;
            Ok::<_, Error>(operations::Before::Norm(weight, config.rms_norm_eps))
        };
        let (attention_norm, mlp_norm) = (norm("input_layernorm")?, norm("post_attention_layernorm")?);
        let mut projection = |p: usize, before: operations::Before| -> Result<Arc<Linear>> {
            // Turned on the device, where that takes no time.
            let rows = Tensor::cat(&weights.layers(config, layer, p)?, 0)?.to_device(device)?;
            let weight = Matrix::new(&rows.t()?.contiguous()?, precision)?;
            let bias = weights.bias(config, layer, p)?.map(|bias| bias.to_device(device)).transpose()?;
            Ok(Arc::new(Linear { before, weight, bias }))
        };
        let projections = [
            projection(QKV, attention_norm)?,
            projection(OUT, operations::Before::Nothing)?,
            projection(GATE_UP, mlp_norm)?,
            projection(DOWN, operations::Before::SwiGlu)?,
        ];
        let norms = weights.head_norms(config, layer)?;
        let norms = norms.map(|[query, key]| {
            Ok::<_, Error>(Norms { query: query.to_device(device)?, key: key.to_device(device)?, epsilon: config.rms_norm_eps })
        });
        layers.push(Arc::new(plain::Layer { projections, head_norms: norms.transpose()? }));
    }
    let mut of_tokens = |name: &str| Ok::<_, Error>(Matrix::new(&weights.take_stored(name)?.to_device(device)?, precision)?.exact());
    let embedding = of_tokens("model.embed_tokens.weight")?;
    let head = if config.shares_embedding() { embedding.clone() } else { of_tokens("lm_head.weight")? };
    let rotary = rotary(config);
    let table = |values: &[f32]| Tensor::from_slice(values, (config.context(), config.rotary_dim / 2), device);
    let (cosines, sines) = rotary.tables();
    Ok(plain::Model {
        layers,
        norm: weights.take("model.norm.weight")?.to_device(device)?,
        epsilon: config.rms_norm_eps,
        embedding,
        head,
        heads: heads(config),
        cosines: table(cosines)?,
        sines: table(sines)?,
    })
}
