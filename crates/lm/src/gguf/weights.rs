//! The weights of a GGUF file as one safetensors file in bf16.
use super::header::Gguf;
use crate::draft::Failure;
use crate::{Architecture, Error, LlamaConfig, Result};
use candle_core::{DType, Tensor};
use half::bf16;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use std::collections::HashMap;
use std::io::Write;

/// Bytes of a bf16 number.
const WIDTH: usize = 2;

/// The name that llama.cpp gives to the tensor with a Hugging Face name.
fn stored_name(name: &str) -> String {
    let (name, kind) = name.rsplit_once('.').unwrap_or((name, "weight"));
    let stored = match name.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.')) {
        Some((layer, part)) => {
            let part = match part {
                "input_layernorm" => "attn_norm",
                "self_attn.q_norm" => "attn_q_norm",
                "self_attn.k_norm" => "attn_k_norm",
                "self_attn.qkv_proj" => "attn_qkv",
                "self_attn.q_proj" => "attn_q",
                "self_attn.k_proj" => "attn_k",
                "self_attn.v_proj" => "attn_v",
                "self_attn.o_proj" => "attn_output",
                "post_attention_layernorm" => "ffn_norm",
                "mlp.gate_proj" => "ffn_gate",
                "mlp.up_proj" | "mlp.gate_up_proj" => "ffn_up",
                "mlp.down_proj" => "ffn_down",
                other => other,
            };
            format!("blk.{layer}.{part}")
        }
        None => match name {
            "model.embed_tokens" => "token_embd",
            "model.norm" => "output_norm",
            "lm_head" => "output",
            other => other,
        }
        .to_owned(),
    };
    format!("{stored}.{kind}")
}

/// Whether every tensor that `config` needs is in the file, with its shape.
pub(super) fn check(gguf: &Gguf, config: &LlamaConfig) -> Result<()> {
    for (name, shape) in config.tensors() {
        let stored = stored_name(&name);
        match gguf.shape(&stored) {
            Some(found) if found == shape => {}
            Some(found) => {
                return Err(gguf.wrong(&format!("tensor `{stored}` has the shape {found:?}, but the metadata ask for {shape:?}")));
            }
            None => return Err(gguf.wrong(&format!("tensor `{stored}` is missing, so the model cannot be built"))),
        }
    }
    Ok(())
}

/// Puts the rows of a Llama's query or key projection back into the order of Hugging Face. llama.cpp stores the pairs that the rotary
/// embedding turns side by side; Hugging Face stores the first halves of all pairs, then the second halves.
fn unpermuted(weight: &Tensor, heads: usize) -> Result<Tensor> {
    let (rows, columns) = weight.dims2()?;
    Ok(weight.reshape((heads, rows / heads / 2, 2, columns))?.transpose(1, 2)?.contiguous()?.reshape((rows, columns))?)
}

/// Writes all tensors, each de-quantised to f32 and rounded to the nearest bf16 (ties to even), one at a time, so that a large model
/// needs no more memory than its largest tensor.
pub(super) fn write(gguf: &mut Gguf, config: &LlamaConfig, out: &mut impl Write) -> Result<(), Failure> {
    let mut tensors = config.tensors();
    // By name, as safetensors writes tensors of one type.
    tensors.sort();
    out.write_all(&header(&tensors)?)?;
    for (name, _) in &tensors {
        let mut weight = gguf.tensor(&stored_name(name))?;
        if config.architecture != Architecture::Llama {
            // Stored as it is.
        } else if name.ends_with("q_proj.weight") {
            weight = unpermuted(&weight, config.num_attention_heads)?;
        } else if name.ends_with("k_proj.weight") {
            weight = unpermuted(&weight, config.num_key_value_heads)?;
        }
        let values: Vec<bf16> = weight.flatten_all().and_then(|flat| flat.to_dtype(DType::BF16)?.to_vec1()).map_err(Error::from)?;
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(gguf.wrong(&format!("tensor `{}` holds {value}; the file is damaged, fetch it again", stored_name(name))).into());
        }
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// Length and JSON header of a safetensors file with these tensors in bf16, padded to a multiple of eight bytes.
fn header(tensors: &[(String, Vec<usize>)]) -> Result<Vec<u8>> {
    let mut end = 0;
    let infos = tensors.iter().map(|(name, shape)| {
        let start = end;
        end += shape.iter().product::<usize>() * WIDTH;
        (name.clone(), TensorInfo { dtype: Dtype::BF16, shape: shape.clone(), data_offsets: (start, end) })
    });
    // transformers asks for this entry.
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let metadata = Metadata::new(Some(format), infos.collect()).map_err(|error| Error::Model(error.to_string()))?;
    let mut json = serde_json::to_vec(&metadata).map_err(|error| Error::Model(error.to_string()))?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok([&(json.len() as u64).to_le_bytes(), json.as_slice()].concat())
}
