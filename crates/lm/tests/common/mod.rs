//! Small random models.
#![allow(dead_code, clippy::unwrap_used)]
use lm::{Adapter, Architecture, Device, Llama, LlamaConfig, LoraConfig, Output, Rope, Stream, Tensor};
use std::collections::BTreeMap;

pub const TARGETS: [&str; 7] = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

pub fn config(tied: bool) -> LlamaConfig {
    // Odd sizes on purpose: no dimension is a multiple of a vector register.
    LlamaConfig {
        architecture: Architecture::Llama,
        output: Output::Tokens,
        hidden_size: 27,
        intermediate_size: 45,
        num_hidden_layers: 2,
        num_attention_heads: 6,
        num_key_value_heads: 2,
        head_dim: 10,
        vocab_size: 71,
        max_position_embeddings: 96,
        sliding_window: None,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rotary_dim: 10,
        rope: Rope::Plain,
        tie_word_embeddings: tied,
    }
}

/// Normal weights with a spread that keeps logits between about −3 and 3.
pub fn weights(config: &LlamaConfig, seed: u64) -> BTreeMap<String, Tensor> {
    let mut stream = Stream::new(seed);
    let mut weights = BTreeMap::new();
    let (query, cached) = (config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim);
    let (width, inner) = (config.hidden_size, config.intermediate_size);
    let mut put = |name: String, shape: &[usize], mean: f64, spread: f64| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| (mean + spread * stream.normal()) as f32).collect();
        weights.insert(name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
    };
    for layer in 0..config.num_hidden_layers {
        let shapes = [
            ("self_attn.q_proj", query, width),
            ("self_attn.k_proj", cached, width),
            ("self_attn.v_proj", cached, width),
            ("self_attn.o_proj", width, query),
            ("mlp.gate_proj", inner, width),
            ("mlp.up_proj", inner, width),
            ("mlp.down_proj", width, inner),
        ];
        for (name, out, input) in shapes {
            put(format!("model.layers.{layer}.{name}.weight"), &[out, input], 0.0, 1.0 / (input as f64).sqrt());
        }
        put(format!("model.layers.{layer}.input_layernorm.weight"), &[width], 1.0, 0.2);
        put(format!("model.layers.{layer}.post_attention_layernorm.weight"), &[width], 1.0, 0.2);
    }
    put("model.embed_tokens.weight".into(), &[config.vocab_size, width], 0.0, 0.3);
    put("model.norm.weight".into(), &[width], 1.0, 0.2);
    if !config.tie_word_embeddings {
        put("lm_head.weight".into(), &[config.vocab_size, width], 0.0, 0.3);
    }
    weights
}

/// With fused kernels on the CPU, or with candle's operations on a GPU, where there is one.
pub fn model(config: &LlamaConfig, fused: bool) -> Llama {
    Llama::from_weights(config.clone(), weights(config, 7), &device(fused), fused, lm::Precision::F32).unwrap()
}

pub fn device(fused: bool) -> Device {
    if fused { Device::Cpu } else { lm::best_device() }
}

/// An adapter with a B that is not zero, so that every gradient matters.
pub fn adapter(model: &Llama, targets: &[&str], dropout: f64) -> Adapter {
    let config = LoraConfig { rank: 3, alpha: 6.0, dropout, targets: targets.iter().map(ToString::to_string).collect() };
    let adapter = Adapter::new(model, config, 11).unwrap();
    let mut stream = Stream::new(13);
    for var in adapter.vars() {
        let values: Vec<f32> = (0..var.elem_count()).map(|_| (0.2 * stream.normal()) as f32).collect();
        var.set(&Tensor::from_vec(values, var.shape(), var.device()).unwrap()).unwrap();
    }
    adapter
}

/// Random tokens.
pub fn tokens(stream: &mut Stream, n: usize, vocabulary: usize) -> Vec<u32> {
    (0..n).map(|_| stream.below(vocabulary as u64) as u32).collect()
}

pub fn close(a: &[f32], b: &[f32], tolerance: f32, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}: different lengths");
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        let error = (x - y).abs() / (1.0 + y.abs());
        assert!(error <= tolerance, "{what}[{i}]: {x} against {y}, off by {error}");
    }
}
