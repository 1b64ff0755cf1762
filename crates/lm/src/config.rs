//! What `config.json` says about a Llama.
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// Shape of a model of the Llama family, with the names of Hugging Face's `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LlamaConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the feed-forward layers.
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    /// Query heads of each layer.
    pub num_attention_heads: usize,
    /// Key and value heads of each layer; a divisor of `num_attention_heads`.
    pub num_key_value_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// Rows of the embedding. The tokenizer may know fewer tokens.
    pub vocab_size: usize,
    /// How many positions the model was made for.
    pub max_position_embeddings: usize,
    /// Added to the mean square in RMSNorm.
    pub rms_norm_eps: f64,
    /// Base of the rotary embedding's wavelengths.
    pub rope_theta: f64,
    /// Whether the output layer is the embedding.
    pub tie_word_embeddings: bool,
}

impl LlamaConfig {
    /// Reads the text of a `config.json`; `path` is for messages. Absent keys take the defaults of transformers' `LlamaConfig`,
    /// except the sizes, which must be there. `rope_theta` may stand at the top level or, as transformers 5 writes it, in
    /// `rope_parameters`.
    ///
    /// # Errors
    /// [`Error::Model`] when the text is not JSON, the architecture is not `LlamaForCausalLM`, a size is missing or impossible, or
    /// the model needs what [`crate::Llama`] does not compute (biases, scaled rotary embeddings, quantised weights).
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let json = Json::parse(text, path)?;
        json.check_architecture()?;
        json.check_supported()?;
        let hidden_size = json.size("hidden_size")?;
        let num_attention_heads = json.size("num_attention_heads")?;
        let config = Self {
            hidden_size,
            intermediate_size: json.size("intermediate_size")?,
            num_hidden_layers: json.size("num_hidden_layers")?,
            num_attention_heads,
            num_key_value_heads: json.size_or("num_key_value_heads", num_attention_heads)?,
            head_dim: json.size_or("head_dim", hidden_size / num_attention_heads)?,
            vocab_size: json.size("vocab_size")?,
            max_position_embeddings: json.size_or("max_position_embeddings", 2048)?,
            rms_norm_eps: json.number("rms_norm_eps")?.unwrap_or(1e-6),
            rope_theta: json.rope_theta()?,
            tie_word_embeddings: json.flag("tie_word_embeddings")?,
        };
        config.check().map_err(|reason| Error::Model(format!("{}: {reason}", path.display())))?;
        Ok(config)
    }

    /// Whether the sizes fit together; a reason otherwise.
    pub(crate) fn check(&self) -> Result<(), String> {
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        if let Some((key, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(format!("`{key}` is 0, but must be a positive whole number"));
        }
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            let (heads, shared) = (self.num_attention_heads, self.num_key_value_heads);
            return Err(format!("`num_attention_heads` ({heads}) must be a multiple of `num_key_value_heads` ({shared})"));
        }
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) {
            return Err(format!("`head_dim` is {}, but rotary embeddings need an even width", self.head_dim));
        }
        for (key, value) in [("rms_norm_eps", self.rms_norm_eps), ("rope_theta", self.rope_theta)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(format!("`{key}` is {value}, but must be a positive number"));
            }
        }
        Ok(())
    }

    /// Names and shapes (rows × columns) of the tensors that a folder of this model must hold, with Hugging Face's names.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (hidden, wide) = (self.hidden_size, self.intermediate_size);
        let (queries, keys) = (self.num_attention_heads * self.head_dim, self.num_key_value_heads * self.head_dim);
        let mut tensors = vec![("model.embed_tokens.weight".to_owned(), vec![self.vocab_size, hidden])];
        for layer in 0..self.num_hidden_layers {
            for (name, shape) in [
                ("input_layernorm", vec![hidden]),
                ("self_attn.q_proj", vec![queries, hidden]),
                ("self_attn.k_proj", vec![keys, hidden]),
                ("self_attn.v_proj", vec![keys, hidden]),
                ("self_attn.o_proj", vec![hidden, queries]),
                ("post_attention_layernorm", vec![hidden]),
                ("mlp.gate_proj", vec![wide, hidden]),
                ("mlp.up_proj", vec![wide, hidden]),
                ("mlp.down_proj", vec![hidden, wide]),
            ] {
                tensors.push((format!("model.layers.{layer}.{name}.weight"), shape));
            }
        }
        tensors.push(("model.norm.weight".to_owned(), vec![hidden]));
        if !self.tie_word_embeddings {
            tensors.push(("lm_head.weight".to_owned(), vec![self.vocab_size, hidden]));
        }
        tensors
    }
}

/// A JSON object and the file it came from, for messages that name both.
pub(crate) struct Json<'a> {
    object: serde_json::Map<String, Value>,
    path: &'a Path,
}

impl<'a> Json<'a> {
    pub(crate) fn parse(text: &str, path: &'a Path) -> Result<Self> {
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Ok(Self { object, path }),
            Ok(_) => Err(Error::Model(format!("{} must hold a JSON object {{…}}; fetch the file again", path.display()))),
            Err(error) => Err(Error::Model(format!("{} is not valid JSON ({error}); fetch the file again", path.display()))),
        }
    }

    /// The value under `key`, unless it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// An error about `key` of this file.
    pub(crate) fn wrong(&self, key: &str, reason: &str) -> Error {
        Error::Model(format!("{}: `{key}` {reason}", self.path.display()))
    }

    fn size(&self, key: &str) -> Result<usize> {
        let value = self.get(key).ok_or_else(|| self.wrong(key, "is missing"))?;
        match value.as_u64() {
            // No model has a size near this; without a bound, products of sizes could overflow.
            Some(size @ 1..=0x7fff_ffff) => Ok(size as usize),
            _ => Err(self.wrong(key, &format!("is {value}, but must be a positive whole number"))),
        }
    }

    fn size_or(&self, key: &str, default: usize) -> Result<usize> {
        if self.get(key).is_some() { self.size(key) } else { Ok(default) }
    }

    fn number(&self, key: &str) -> Result<Option<f64>> {
        let number = |value: &Value| value.as_f64().ok_or_else(|| self.wrong(key, &format!("is {value}, but must be a number")));
        self.get(key).map(number).transpose()
    }

    fn flag(&self, key: &str) -> Result<bool> {
        let flag = |value: &Value| value.as_bool().ok_or_else(|| self.wrong(key, &format!("is {value}, but must be true or false")));
        self.get(key).map_or(Ok(false), flag)
    }

    /// A token or a list of tokens.
    pub(crate) fn tokens(&self, key: &str) -> Result<Vec<u32>> {
        let values = match self.get(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
        };
        let token = |value: &Value| value.as_u64().and_then(|v| u32::try_from(v).ok());
        values.iter().map(|v| token(v).ok_or_else(|| self.wrong(key, &format!("holds {v}, which is not a token number")))).collect()
    }

    fn check_architecture(&self) -> Result<()> {
        let supported = "only the Llama architecture (`LlamaForCausalLM`, `model_type` \"llama\") is supported";
        if let Some(Value::Array(names)) = self.get("architectures")
            && !names.iter().any(|name| name == "LlamaForCausalLM")
        {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            return Err(self.wrong("architectures", &format!("is {}, but {supported}", names.join(", "))));
        }
        match self.get("model_type") {
            Some(Value::String(name)) if name == "llama" => Ok(()),
            Some(other) => Err(self.wrong("model_type", &format!("is {other}, but {supported}"))),
            None => Err(self.wrong("model_type", &format!("is missing; {supported}"))),
        }
    }

    fn check_supported(&self) -> Result<()> {
        for key in ["attention_bias", "mlp_bias"] {
            if self.flag(key)? {
                return Err(self.wrong(key, "is true, but linear layers with a bias are not supported yet"));
            }
        }
        if let Some(name) = self.get("hidden_act").filter(|name| *name != "silu") {
            return Err(self.wrong("hidden_act", &format!("is {name}, but only \"silu\" is supported")));
        }
        if self.get("quantization_config").is_some() {
            return Err(self.wrong("quantization_config", "is set, but only unquantised weights (bf16, f16, f32) are supported"));
        }
        if self.number("partial_rotary_factor")?.is_some_and(|factor| factor != 1.0) {
            return Err(self.wrong("partial_rotary_factor", "is not 1, which is not supported yet"));
        }
        for key in ["rope_scaling", "rope_parameters"] {
            let Some(rope) = self.get(key) else { continue };
            // "type" is the name that older versions of transformers gave it.
            let kind = rope.get("rope_type").or_else(|| rope.get("type")).filter(|kind| !kind.is_null());
            if kind.is_some_and(|kind| kind != "default") || (kind.is_none() && rope.get("factor").is_some()) {
                let reason = format!("is {rope}, but scaled rotary embeddings are not supported yet; choose a model without them");
                return Err(self.wrong(key, &reason));
            }
        }
        Ok(())
    }

    fn rope_theta(&self) -> Result<f64> {
        if let Some(theta) = self.number("rope_theta")? {
            return Ok(theta);
        }
        match self.get("rope_parameters").and_then(|rope| rope.get("rope_theta")) {
            Some(theta) => theta.as_f64().ok_or_else(|| self.wrong("rope_parameters.rope_theta", "must be a number")),
            None => Ok(10_000.0),
        }
    }
}
