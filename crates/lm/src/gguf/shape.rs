//! The shape of the model, from a GGUF file's metadata.
use super::header::Gguf;
use crate::{Architecture, LlamaConfig, Output, Result, Rope};
use candle_core::Tensor;

/// Frequencies by which the scaled ones are stored divided: Llama 3's.
const FREQUENCIES: &str = "rope_freqs.weight";
const SHORT: &str = "rope_factors_short.weight";
const LONG: &str = "rope_factors_long.weight";

/// What llama.cpp calls an architecture that can be imported; it takes a Mistral for a Llama.
pub(super) fn known(name: &str) -> Option<Architecture> {
    Architecture::ALL.into_iter().find(|known| *known != Architecture::Mistral && known.model_type() == name)
}

pub(super) fn named_architecture(gguf: &Gguf) -> Result<&str> {
    gguf.text("general.architecture")?.ok_or_else(|| gguf.wrong("metadata `general.architecture` is missing, so the model cannot be built"))
}

/// As [`super::stored`] says.
pub(super) fn widths(gguf: &Gguf) -> Result<[u64; 3]> {
    let name = named_architecture(gguf)?;
    let key = |key: &str| format!("{name}.{key}");
    let heads = gguf.size(&key("attention.head_count"))?;
    let shared = gguf.size_if_any(&key("attention.head_count_kv"))?.unwrap_or(heads);
    let cached = [2, gguf.size(&key("block_count"))?, shared, head_dim(gguf, &key, heads)?].map(|n| n as u64).iter().product();
    let inner = gguf.size_if_any(&key("feed_forward_length"))?.unwrap_or(0);
    Ok([cached, gguf.size(&key("embedding_length"))? as u64, inner as u64])
}

/// Whether it is a mixture of experts.
pub(super) fn has_experts(gguf: &Gguf, architecture: &str) -> Result<bool> {
    Ok(gguf.size_if_any(&format!("{architecture}.expert_count"))?.is_some_and(|experts| experts > 0))
}

/// As [`super::rotary`] says.
pub(super) fn rotary(gguf: &mut Gguf) -> Result<(Option<f64>, Option<String>)> {
    let name = named_architecture(gguf)?.to_owned();
    let key = |key: &str| format!("{name}.{key}");
    let theta = gguf.number(&key("rope.freq_base"))?;
    if let Some(kind) = kind_of_scaling(gguf, &key)? {
        return Ok((theta, Some(format!("as \"{kind}\""))));
    }
    // Factors of 1 change nothing.
    for tensor in [SHORT, LONG, FREQUENCIES] {
        if gguf.has(tensor) && values(&gguf.tensor(tensor)?)?.iter().any(|factor| *factor != 1.0) {
            return Ok((theta, Some(format!("by its tensor `{tensor}`"))));
        }
    }
    let multiplied = gguf.number(&key("rope.scaling.attn_factor"))?.filter(|factor| *factor != 1.0);
    Ok((theta, multiplied.map(|factor| format!("by the factor {factor}"))))
}

/// How its metadata say that the embeddings are scaled.
fn kind_of_scaling(gguf: &Gguf, key: &dyn Fn(&str) -> String) -> Result<Option<String>> {
    Ok(gguf.text(&key("rope.scaling.type"))?.filter(|kind| *kind != "none").map(str::to_owned))
}

/// Width of a head.
fn head_dim(gguf: &Gguf, key: &dyn Fn(&str) -> String, heads: usize) -> Result<usize> {
    match gguf.size_if_any(&key("attention.key_length"))? {
        Some(width) => Ok(width),
        None => Ok(gguf.size(&key("embedding_length"))?.checked_div(heads).unwrap_or(0)),
    }
}

/// Reads the shape; `tokens`: how many there are.
pub(super) fn read(gguf: &mut Gguf, tokens: usize) -> Result<LlamaConfig> {
    let name = named_architecture(gguf)?;
    let Some(architecture) = known(name) else {
        return Err(gguf.wrong(&format!("its architecture is \"{name}\"; \"llama\", \"qwen2\", \"qwen3\" and \"phi3\" can be imported")));
    };
    let key = |key: &str| format!("{}.{key}", architecture.model_type());
    if has_experts(gguf, architecture.model_type())? {
        return Err(gguf.wrong("it is a mixture of experts, which is not supported"));
    }
    let hidden_size = gguf.size(&key("embedding_length"))?;
    let heads = gguf.size(&key("attention.head_count"))?;
    let head_dim = head_dim(gguf, &key, heads)?;
    let mut config = LlamaConfig {
        architecture,
        output: Output::Tokens,
        hidden_size,
        intermediate_size: gguf.size(&key("feed_forward_length"))?,
        num_hidden_layers: gguf.size(&key("block_count"))?,
        num_attention_heads: heads,
        num_key_value_heads: gguf.size_if_any(&key("attention.head_count_kv"))?.unwrap_or(heads),
        head_dim,
        vocab_size: gguf.shape("token_embd.weight").and_then(|shape| shape.first().copied()).unwrap_or(tokens),
        max_position_embeddings: gguf.size(&key("context_length"))?,
        sliding_window: gguf.size_if_any(&key("attention.sliding_window"))?.filter(|window| *window > 0),
        rms_norm_eps: gguf.number(&key("attention.layer_norm_rms_epsilon"))?.unwrap_or(1e-5),
        rope_theta: gguf.number(&key("rope.freq_base"))?.unwrap_or(10_000.0),
        rotary_dim: gguf.size_if_any(&key("rope.dimension_count"))?.unwrap_or(head_dim),
        rope: Rope::Plain,
        tie_word_embeddings: !gguf.has("output.weight"),
    };
    if tokens > config.vocab_size {
        let rows = config.vocab_size;
        return Err(gguf.wrong(&format!("there are {tokens} tokens, but the embedding has only {rows} rows; fetch the file again")));
    }
    config.check().map_err(|reason| gguf.wrong(&format!("the metadata do not fit together: {reason}")))?;
    if config.rotary_dim != head_dim && architecture != Architecture::Phi3 {
        return Err(gguf.wrong("its rotary embeddings turn only a part of each head, which is not supported for this architecture"));
    }
    config.rope = rope(gguf, &config, &key)?;
    config.check().map_err(|reason| gguf.wrong(&format!("the metadata do not fit together: {reason}")))?;
    Ok(config)
}

fn rope(gguf: &mut Gguf, config: &LlamaConfig, key: &dyn Fn(&str) -> String) -> Result<Rope> {
    if gguf.has(SHORT) {
        return long(gguf, config, key);
    }
    match kind_of_scaling(gguf, key)?.as_deref() {
        Some("linear") => match gguf.number(&key("rope.scaling.factor"))? {
            Some(factor) if factor > 0.0 => Ok(Rope::Linear { factor }),
            _ => Err(gguf.wrong(&format!("metadata `{}` must be a positive number", key("rope.scaling.factor")))),
        },
        Some("yarn") => yarn(gguf, config, key),
        Some(kind) => {
            Err(gguf.wrong(&format!("its rotary embeddings are scaled as \"{kind}\", which is not supported; \"linear\" and \"yarn\" are")))
        }
        None if gguf.has(FREQUENCIES) => llama3(gguf, config),
        None => Ok(Rope::Plain),
    }
}

/// Of what is not said, llama.cpp's defaults, which are those of the paper and of transformers.
fn yarn(gguf: &Gguf, config: &LlamaConfig, key: &dyn Fn(&str) -> String) -> Result<Rope> {
    let positive = |name: &str| match gguf.number(&key(name))? {
        Some(value) if !(value.is_finite() && value > 0.0) => {
            Err(gguf.wrong(&format!("metadata `{}` must be a positive number", key(name))))
        }
        value => Ok(value),
    };
    let name = "rope.scaling.factor";
    let factor = positive(name)?.filter(|factor| *factor >= 1.0);
    let factor = factor.ok_or_else(|| gguf.wrong(&format!("metadata `{}` must be a number of 1 or more", key(name))))?;
    let original = gguf.size_if_any(&key("rope.scaling.original_context_length"))?.unwrap_or(config.max_position_embeddings);
    let beta_fast = positive("rope.scaling.yarn_beta_fast")?.unwrap_or(32.0);
    let beta_slow = positive("rope.scaling.yarn_beta_slow")?.unwrap_or(1.0);
    if beta_fast < beta_slow || original == 0 || original as f64 * factor > 1e8 {
        return Err(gguf.wrong("the metadata of its scaled rotary embeddings do not fit together"));
    }
    // What the file says multiplies the usual one.
    let attention_factor = Rope::yarn_attention_factor(factor, None) * positive("rope.scaling.attn_factor")?.unwrap_or(1.0);
    Ok(Rope::Yarn { factor, beta_fast, beta_slow, original, truncate: true, attention_factor })
}

fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    // By their shortest decimal form: 1.05 is 1.05 and not 1.0499999523162842.
    let values: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
    Ok(values.iter().map(|value| value.to_string().parse().unwrap_or(f64::from(*value))).collect())
}

/// The file has the divisors of the frequencies and not what they were computed from: the numbers of Llama 3.1 and 3.2, which are all that are known,
/// are held against them.
fn llama3(gguf: &mut Gguf, config: &LlamaConfig) -> Result<Rope> {
    let divisors = values(&gguf.tensor(FREQUENCIES)?)?;
    let factor = divisors.iter().copied().fold(1.0, f64::max);
    let rope = Rope::Llama3 { factor, low_freq_factor: 1.0, high_freq_factor: 4.0, original: 8192 };
    let frequencies = |rope: &Rope| rope.frequencies(config.rope_theta, config.rotary_dim);
    let expected = frequencies(&Rope::Plain).into_iter().zip(frequencies(&rope)).map(|(plain, scaled)| f64::from(plain / scaled));
    let is_it = divisors.len() == config.rotary_dim / 2 && expected.zip(&divisors).all(|(a, b)| (a / b - 1.0).abs() < 1e-4);
    if is_it {
        Ok(rope)
    } else {
        Err(gguf.wrong(&format!("tensor `{FREQUENCIES}` scales rotary embeddings in another way than Llama 3 does")))
    }
}

fn long(gguf: &mut Gguf, config: &LlamaConfig, key: &dyn Fn(&str) -> String) -> Result<Rope> {
    let original = gguf.size(&key("rope.scaling.original_context_length"))?;
    let grown = config.max_position_embeddings as f64 / original.max(1) as f64;
    let usual = Rope::usual_attention_factor(grown, original as f64);
    // The file has it in f32: the usual one is meant where it is as near as that.
    let attention_factor = gguf.number(&key("rope.scaling.attn_factor"))?.filter(|factor| (factor / usual - 1.0).abs() > 1e-6);
    let attention_factor = attention_factor.unwrap_or(usual);
    let factors = values(&gguf.tensor(SHORT)?)?;
    let long_factors = if gguf.has(LONG) { values(&gguf.tensor(LONG)?)? } else { factors.clone() };
    Ok(Rope::Long { factors, long_factors, original, attention_factor })
}
