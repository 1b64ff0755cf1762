//! LoRA (Hu et al. 2021) on frozen linear layers.
use crate::kernels::projection::{Dropout, LoraShape, Segment};
use crate::stream::{self, Stream};
use crate::{Error, Llama, LlamaConfig, Result};
use candle_core::{DType, Device, Tensor, Var};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Shape of an adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraConfig {
    pub rank: usize,
    pub alpha: f64,
    /// In [0, 1).
    pub dropout: f64,
    /// Hugging Face names of the linear layers that get one (`q_proj` …). Where a model holds several layers as one (Phi-3's `qkv_proj`), it gets one if any of them is named.
    pub targets: Vec<String>,
}

impl LoraConfig {
    /// How many numbers an adapter of a model of this shape is.
    pub fn parameters(&self, model: &LlamaConfig) -> u64 {
        let block: usize = (0..PROJECTIONS).map(|projection| shape(model, projection, self).len()).sum();
        (block * model.num_hidden_layers) as u64
    }
}

/// The four projections of a block, in the order in which an adapter holds them.
pub(crate) const QKV: usize = 0;
pub(crate) const OUT: usize = 1;
pub(crate) const GATE_UP: usize = 2;
pub(crate) const DOWN: usize = 3;
pub(crate) const PROJECTIONS: usize = 4;

/// Layers of each projection with their output widths, and the projection's input width.
pub(crate) fn layers_of(config: &LlamaConfig, projection: usize) -> (usize, Vec<(&'static str, usize)>) {
    let (query, cached) = (config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim);
    match projection {
        QKV if config.architecture.is_packed() => (config.hidden_size, vec![("qkv_proj", query + 2 * cached)]),
        QKV => (config.hidden_size, vec![("q_proj", query), ("k_proj", cached), ("v_proj", cached)]),
        OUT => (query, vec![("o_proj", config.hidden_size)]),
        GATE_UP if config.architecture.is_packed() => (config.hidden_size, vec![("gate_up_proj", 2 * config.intermediate_size)]),
        GATE_UP => (config.hidden_size, vec![("gate_proj", config.intermediate_size), ("up_proj", config.intermediate_size)]),
        _ => (config.intermediate_size, vec![("down_proj", config.hidden_size)]),
    }
}

/// Hugging Face's name of a block's layer, without the block.
pub(crate) fn module(name: &str) -> String {
    let parent = if matches!(name, "gate_proj" | "up_proj" | "gate_up_proj" | "down_proj") { "mlp" } else { "self_attn" };
    format!("{parent}.{name}")
}

/// A LoRA adapter: A (rank × in) random, B (out × rank) zero at the start, so that it changes nothing.
pub struct Adapter {
    pub config: LoraConfig,
    pub(crate) shapes: [Arc<LoraShape>; PROJECTIONS],
    /// For each block, one flat buffer ([`LoraShape`]) for each projection.
    pub(crate) layers: Vec<[Var; PROJECTIONS]>,
}

/// `adapter_config.json`, as PEFT reads it.
#[derive(Serialize, Deserialize)]
struct PeftConfig {
    peft_type: String,
    task_type: Option<String>,
    base_model_name_or_path: Option<String>,
    r: usize,
    lora_alpha: f64,
    lora_dropout: f64,
    target_modules: Vec<String>,
    bias: String,
    fan_in_fan_out: bool,
    inference_mode: bool,
}

/// A tensor's values and shape.
type Named = (Vec<f32>, [usize; 2]);

impl Adapter {
    /// A as PEFT draws it (uniform in ±1/√in), B zero.
    pub fn new(model: &Llama, config: LoraConfig, seed: u64) -> Result<Self> {
        Self::build(model, config, |layer, shape, segment| {
            let bound = 1.0 / (shape.inputs as f64).sqrt();
            let mut stream = Stream::new(stream::seed(seed, shape.segments[segment].name, &[layer as u64]));
            let a = (0..shape.a(segment).len()).map(|_| ((stream.uniform() * 2.0 - 1.0) * bound) as f32).collect();
            Ok((a, vec![0.0; shape.b(segment).len()]))
        })
    }

    /// `values(block, shape, segment)` gives A and B.
    fn build(
        model: &Llama,
        config: LoraConfig,
        mut values: impl FnMut(usize, &LoraShape, usize) -> Result<(Vec<f32>, Vec<f32>)>,
    ) -> Result<Self> {
        let shapes = std::array::from_fn(|p| Arc::new(shape(&model.config, p, &config)));
        let mut layers = Vec::with_capacity(model.config.num_hidden_layers);
        for layer in 0..model.config.num_hidden_layers {
            let mut vars = Vec::with_capacity(PROJECTIONS);
            for shape in &shapes {
                let shape: &LoraShape = shape;
                let mut flat = vec![0.0; shape.len()];
                for segment in 0..shape.segments.len() {
                    let (a, b) = values(layer, shape, segment)?;
                    flat[shape.a(segment)].copy_from_slice(&a);
                    flat[shape.b(segment)].copy_from_slice(&b);
                }
                let len = flat.len();
                vars.push(Var::from_vec(flat, len, model.device())?);
            }
            // Exactly PROJECTIONS were pushed.
            layers.push(vars.try_into().map_err(|_| Error::Model("an adapter has four projections a block".into()))?);
        }
        Ok(Self { config, shapes, layers })
    }

    /// The trainable tensors, in a fixed order.
    pub fn vars(&self) -> Vec<Var> {
        self.layers.iter().flatten().filter(|var| var.elem_count() > 0).cloned().collect()
    }

    /// The masks of a block's projections, if the pass has a `seed` for them and the adapter drops anything.
    pub(crate) fn dropout(&self, seed: Option<u64>, block: usize) -> [Option<Dropout>; PROJECTIONS] {
        let (rate, seed) = (self.config.dropout, seed.filter(|_| self.config.dropout > 0.0));
        let of = |projection: usize| seed.map(|seed| stream::seed(seed, "dropout", &[block as u64, projection as u64]));
        std::array::from_fn(|projection| of(projection).map(|seed| Dropout { rate, seed }))
    }

    /// Every A and B by its PEFT name, with its shape.
    fn named(&self) -> Result<BTreeMap<String, Named>> {
        let mut named = BTreeMap::new();
        for (layer, vars) in self.layers.iter().enumerate() {
            for (shape, var) in self.shapes.iter().zip(vars) {
                let flat: Vec<f32> = var.as_tensor().to_vec1()?;
                for (i, segment) in shape.segments.iter().enumerate() {
                    let (a, b) = peft_names(layer, segment.name);
                    named.insert(a, (flat[shape.a(i)].to_vec(), [shape.rank, shape.inputs]));
                    named.insert(b, (flat[shape.b(i)].to_vec(), [segment.len, shape.rank]));
                }
            }
        }
        Ok(named)
    }

    /// What it adds to each weight that it adapts, [out, in] (f32), by the weight's name in a model folder.
    pub(crate) fn deltas(&self) -> Result<Vec<(String, Tensor)>> {
        let mut deltas = Vec::new();
        for (layer, vars) in self.layers.iter().enumerate() {
            for (shape, var) in self.shapes.iter().zip(vars) {
                let flat: Vec<f32> = var.as_tensor().to_vec1()?;
                for (i, segment) in shape.segments.iter().enumerate() {
                    let a = Tensor::from_slice(&flat[shape.a(i)], (shape.rank, shape.inputs), &Device::Cpu)?;
                    let b = Tensor::from_slice(&flat[shape.b(i)], (segment.len, shape.rank), &Device::Cpu)?;
                    let delta = (b.matmul(&a)? * f64::from(shape.scale))?;
                    deltas.push((format!("model.layers.{layer}.{}.weight", module(segment.name)), delta));
                }
            }
        }
        Ok(deltas)
    }

    /// As one safetensors file in the PEFT layout (`adapter_model.safetensors`).
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let named = self.named()?;
        to_safetensors(named.iter().map(|(name, (values, shape))| (name.clone(), values.as_slice(), shape.to_vec())))
    }

    /// From the bytes of [`Self::to_bytes`], exactly.
    pub fn from_bytes(model: &Llama, config: LoraConfig, bytes: &[u8]) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| Error::Model(format!("the adapter is damaged: {e}")))?;
        let expected: usize = (0..PROJECTIONS).map(|p| shape(&model.config, p, &config).segments.len()).sum::<usize>() * 2;
        if file.len() != expected * model.config.num_hidden_layers {
            return Err(Error::Model(format!(
                "the adapter holds {} tensors, but this model with these targets has {}: it was made for another model or other targets",
                file.len(),
                expected * model.config.num_hidden_layers
            )));
        }
        Self::build(model, config, |layer, shape, segment| {
            let (a, b) = peft_names(layer, shape.segments[segment].name);
            let a = read(&file, &a, [shape.rank, shape.inputs])?;
            Ok((a, read(&file, &b, [shape.segments[segment].len, shape.rank])?))
        })
    }

    /// Writes a PEFT folder ([`write_peft`]). `base` names the base model.
    pub fn save_peft(&self, folder: &Path, base: &str) -> Result<()> {
        write_peft(folder, &self.config, &self.to_bytes()?, base)
    }

    /// Reads a PEFT folder.
    pub fn load_peft(model: &Llama, folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|e| Error::Io(format!("cannot read {}: {e}", path.display())))
        };
        let config: PeftConfig = serde_json::from_slice(&read("adapter_config.json")?)
            .map_err(|e| Error::Model(format!("{}: {e}", folder.join("adapter_config.json").display())))?;
        if config.peft_type != "LORA" || config.bias != "none" || config.fan_in_fan_out {
            return Err(Error::Model(format!("{}: only plain LoRA adapters without biases can be read", folder.display())));
        }
        let config = LoraConfig { rank: config.r, alpha: config.lora_alpha, dropout: config.lora_dropout, targets: config.target_modules };
        Self::from_bytes(model, config, &read("adapter_model.safetensors")?)
    }
}

/// Writes a PEFT folder, `adapter_model.safetensors` and `adapter_config.json`, from the bytes of [`Adapter::to_bytes`]: the base model, which
/// `base` names, need not be there.
pub fn write_peft(folder: &Path, config: &LoraConfig, bytes: &[u8], base: &str) -> Result<()> {
    let config = PeftConfig {
        peft_type: "LORA".into(),
        task_type: Some("CAUSAL_LM".into()),
        base_model_name_or_path: Some(base.into()),
        r: config.rank,
        lora_alpha: config.alpha,
        lora_dropout: config.dropout,
        target_modules: modules_in(bytes)?,
        bias: "none".into(),
        fan_in_fan_out: false,
        inference_mode: true,
    };
    let json = serde_json::to_vec_pretty(&config).map_err(|e| Error::Model(e.to_string()))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|e| Error::Io(format!("cannot write {}: {e}", path.display())))
    };
    std::fs::create_dir_all(folder).map_err(|e| Error::Io(format!("cannot create the folder {}: {e}", folder.display())))?;
    write("adapter_model.safetensors", bytes)?;
    write("adapter_config.json", &json)
}

fn shape(model: &LlamaConfig, projection: usize, config: &LoraConfig) -> LoraShape {
    let (inputs, layers) = layers_of(model, projection);
    let mut segments = Vec::new();
    let mut start = 0;
    for (name, len) in layers {
        if is_target(&config.targets, name) {
            segments.push(Segment { name, start, len });
        }
        start += len;
    }
    LoraShape { inputs, rank: config.rank, scale: (config.alpha / config.rank as f64) as f32, segments }
}

fn is_target(targets: &[String], name: &str) -> bool {
    let parts: &[&str] = match name {
        "qkv_proj" => &["q_proj", "k_proj", "v_proj"],
        "gate_up_proj" => &["gate_proj", "up_proj"],
        _ => &[],
    };
    targets.iter().any(|target| target == name || parts.contains(&target.as_str()))
}

/// Every linear layer that can have an adapter, of any family.
const MODULES: [&str; 9] = ["q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj", "gate_proj", "up_proj", "gate_up_proj", "down_proj"];

/// The layers that an adapter's tensors belong to.
fn modules_in(bytes: &[u8]) -> Result<Vec<String>> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| Error::Model(format!("the adapter is damaged: {e}")))?;
    let names = file.names();
    let has = |module: &&str| names.iter().any(|name| name.split('.').any(|part| part == *module));
    Ok(MODULES.into_iter().filter(has).map(String::from).collect())
}

/// PEFT's names of A and B.
fn peft_names(layer: usize, name: &str) -> (String, String) {
    let stem = format!("base_model.model.model.layers.{layer}.{}", module(name));
    (format!("{stem}.lora_A.weight"), format!("{stem}.lora_B.weight"))
}

fn read(file: &SafeTensors<'_>, name: &str, shape: [usize; 2]) -> Result<Vec<f32>> {
    let view = file.tensor(name).map_err(|_| Error::Model(format!("the adapter has no tensor {name}")))?;
    if view.shape() != shape {
        return Err(Error::Model(format!("the adapter's {name} has shape {:?}, expected {shape:?}", view.shape())));
    }
    let dtype = match view.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        other => return Err(Error::Model(format!("the adapter's {name} is {other:?}; F32, F16 and BF16 can be read"))),
    };
    let tensor = Tensor::from_raw_buffer(view.data(), dtype, &shape, &Device::Cpu)?;
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// One safetensors file of f32 tensors.
pub(crate) fn to_safetensors<'a>(tensors: impl Iterator<Item = (String, &'a [f32], Vec<usize>)>) -> Result<Vec<u8>> {
    let tensors: Vec<(String, Vec<u8>, Vec<usize>)> =
        tensors.map(|(name, values, shape)| (name, values.iter().flat_map(|v| v.to_le_bytes()).collect(), shape)).collect();
    let mut views = Vec::with_capacity(tensors.len());
    for (name, bytes, shape) in &tensors {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|e| Error::Model(format!("{name}: {e}")))?;
        views.push((name.clone(), view));
    }
    safetensors::serialize(views, None).map_err(|e| Error::Model(e.to_string()))
}
