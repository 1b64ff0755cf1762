//! What `config.json` says about a model of the Llama family.
use crate::adapter::{DOWN, GATE_UP, OUT, QKV, layers_of, module};
use crate::deberta::config::MODEL_TYPE;
use crate::folder::numbers;
use crate::reward_model::SCORE;
use crate::{Architecture, Error, Output, Result, Rope};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// Shape of a model of the Llama family, with the names of Hugging Face's `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LlamaConfig {
    #[serde(skip)]
    pub architecture: Architecture,
    #[serde(skip)]
    pub output: Output,
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
    /// How many positions a token sees, where that is bounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sliding_window: Option<usize>,
    /// Added to the mean square in RMSNorm.
    pub rms_norm_eps: f64,
    /// Base of the rotary embedding's wavelengths.
    pub rope_theta: f64,
    /// How many values of a head are turned; even.
    #[serde(skip)]
    pub rotary_dim: usize,
    #[serde(skip)]
    pub rope: Rope,
    /// Whether the output layer is the embedding.
    pub tie_word_embeddings: bool,
}

impl LlamaConfig {
    /// Reads the text of a `config.json`; `path` is for messages. Absent keys take the defaults of transformers' `LlamaConfig`,
    /// except the sizes, which must be there. `rope_theta` may stand at the top level or, as transformers 5 writes it, in
    /// `rope_parameters`.
    ///
    /// # Errors
    /// [`Error::Model`] when the text is not JSON, the architecture is not an [`Architecture`], a size is missing or impossible, or
    /// the model needs what [`crate::Llama`] does not compute (other biases, dynamic scaling, quantised weights).
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let json = Json::parse(text, path)?;
        let (architecture, output) = json.architecture()?;
        json.check_supported(architecture)?;
        let hidden_size = json.size("hidden_size")?;
        let num_attention_heads = json.size("num_attention_heads")?;
        let head_dim = json.size_or("head_dim", architecture.usual_head_dim().unwrap_or(hidden_size / num_attention_heads))?;
        let positions = json.size_or("max_position_embeddings", 2048)?;
        let (rope, rotary_dim) = (json.rope(positions)?, json.rotary_dim(head_dim)?);
        let config = Self {
            architecture,
            output,
            hidden_size,
            intermediate_size: json.size("intermediate_size")?,
            num_hidden_layers: json.size("num_hidden_layers")?,
            num_attention_heads,
            num_key_value_heads: json.size_or("num_key_value_heads", num_attention_heads)?,
            head_dim,
            vocab_size: json.size("vocab_size")?,
            max_position_embeddings: positions,
            sliding_window: json.sliding_window(architecture)?,
            rms_norm_eps: json.number("rms_norm_eps")?.unwrap_or(1e-6),
            rope_theta: json.rope_theta()?,
            rotary_dim,
            rope,
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
        if self.rotary_dim == 0 || !self.rotary_dim.is_multiple_of(2) || self.rotary_dim > self.head_dim {
            let (turned, width) = (self.rotary_dim, self.head_dim);
            return Err(format!("`head_dim` is {width}, of which {turned} values are turned, but rotary embeddings need an even width"));
        }
        if let Rope::Long { factors, .. } = &self.rope
            && factors.len() != self.rotary_dim / 2
        {
            let (got, pairs) = (factors.len(), self.rotary_dim / 2);
            return Err(format!("`short_factor` holds {got} numbers, but {pairs} pairs of each head are turned"));
        }
        for (key, value) in [("rms_norm_eps", self.rms_norm_eps), ("rope_theta", self.rope_theta)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(format!("`{key}` is {value}, but must be a positive number"));
            }
        }
        Ok(())
    }

    /// How many positions a text may have here: what the model was made for, which YaRN stretches, but no more than its sliding window, beyond which
    /// tokens would have to be forgotten, nor than LongRoPE's short texts, beyond which other frequencies count.
    pub fn context(&self) -> usize {
        let made_for = match &self.rope {
            Rope::Long { original, .. } => self.max_position_embeddings.min(*original),
            // Published files keep the length of training beside the factor.
            Rope::Yarn { factor, original, .. } => self.max_position_embeddings.max((factor * *original as f64) as usize),
            Rope::Plain | Rope::Linear { .. } | Rope::Llama3 { .. } => self.max_position_embeddings,
        };
        made_for.min(self.sliding_window.unwrap_or(usize::MAX))
    }

    /// Whether no output layer stands beside the embedding: it is the embedding, or a reward model's, which [`crate::RewardModel`] holds.
    pub(crate) fn shares_embedding(&self) -> bool {
        self.tie_word_embeddings || self.output == Output::Score
    }

    /// Names and shapes (rows × columns) of the tensors that a folder of this model must hold, with Hugging Face's names.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let hidden = self.hidden_size;
        let mut tensors = vec![("model.embed_tokens.weight".to_owned(), vec![self.vocab_size, hidden])];
        for layer in 0..self.num_hidden_layers {
            let mut put = |name: String, shape: Vec<usize>| tensors.push((format!("model.layers.{layer}.{name}"), shape));
            for norm in ["input_layernorm", "post_attention_layernorm"] {
                put(format!("{norm}.weight"), vec![hidden]);
            }
            if self.architecture.has_head_norms() {
                for norm in ["q_norm", "k_norm"] {
                    put(format!("self_attn.{norm}.weight"), vec![self.head_dim]);
                }
            }
            for projection in [QKV, OUT, GATE_UP, DOWN] {
                let (inputs, layers) = layers_of(self, projection);
                for (name, outputs) in layers {
                    put(format!("{}.weight", module(name)), vec![outputs, inputs]);
                    if projection == QKV && self.architecture.has_bias() {
                        put(format!("{}.bias", module(name)), vec![outputs]);
                    }
                }
            }
        }
        tensors.push(("model.norm.weight".to_owned(), vec![hidden]));
        if self.output == Output::Score {
            tensors.push((SCORE.to_owned(), vec![1, hidden]));
        } else if !self.tie_word_embeddings {
            tensors.push(("lm_head.weight".to_owned(), vec![self.vocab_size, hidden]));
        }
        tensors
    }

    /// How many numbers the weights are, tied ones counted once.
    pub fn parameters(&self) -> u64 {
        numbers(&self.tensors())
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

    pub(crate) fn size(&self, key: &str) -> Result<usize> {
        let value = self.get(key).ok_or_else(|| self.wrong(key, "is missing"))?;
        match value.as_u64() {
            // No model has a size near this; without a bound, products of sizes could overflow.
            Some(size @ 1..=0x7fff_ffff) => Ok(size as usize),
            _ => Err(self.wrong(key, &format!("is {value}, but must be a positive whole number"))),
        }
    }

    pub(crate) fn size_or(&self, key: &str, default: usize) -> Result<usize> {
        if self.get(key).is_some() { self.size(key) } else { Ok(default) }
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>> {
        let number = |value: &Value| value.as_f64().ok_or_else(|| self.wrong(key, &format!("is {value}, but must be a number")));
        self.get(key).map(number).transpose()
    }

    pub(crate) fn flag(&self, key: &str) -> Result<bool> {
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

    fn architecture(&self) -> Result<(Architecture, Output)> {
        let supported = || {
            let names: Vec<String> =
                Architecture::ALL.iter().map(|a| format!("{} (`model_type` \"{}\")", a.class(), a.model_type())).collect();
            format!("supported are {}, and the same for SequenceClassification as reward models", names.join(", "))
        };
        let kind = match self.get("model_type") {
            Some(Value::String(name)) => Architecture::ALL.into_iter().find(|a| a.model_type() == name),
            Some(_) => None,
            None => return Err(self.wrong("model_type", &format!("is missing; {}", supported()))),
        };
        if self.get("model_type").is_some_and(|name| name == MODEL_TYPE) {
            let reason = "which reads and does not write: with one label it is a reward model, to be named under [[reward.parts]]";
            return Err(self.wrong("model_type", &format!("is \"{MODEL_TYPE}\", {reason}")));
        }
        let Some(architecture) = kind else {
            let name = self.get("model_type").map(ToString::to_string).unwrap_or_default();
            return Err(self.wrong("model_type", &format!("is {name}, which is not supported yet; {}", supported())));
        };
        let Some(Value::Array(names)) = self.get("architectures") else { return Ok((architecture, Output::Tokens)) };
        if names.iter().any(|name| *name == architecture.reward_class()) {
            return match self.get("id2label").and_then(Value::as_object).map_or(1, serde_json::Map::len) {
                1 => Ok((architecture, Output::Score)),
                labels => Err(self.wrong("id2label", &format!("names {labels} labels, but a reward model has one"))),
            };
        }
        if !names.iter().any(|name| name == architecture.class()) {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            let is_known = |name: &&str| Architecture::ALL.iter().any(|other| [other.class(), &other.reward_class()[..]].contains(name));
            if names.iter().any(is_known) {
                let reason =
                    format!("is {}, and `model_type` is \"{}\": they are of two models", names.join(", "), architecture.model_type());
                return Err(self.wrong("architectures", &format!("{reason}; fetch the file again")));
            }
            return Err(self.wrong("architectures", &format!("is {}, which is not supported yet; {}", names.join(", "), supported())));
        }
        Ok((architecture, Output::Tokens))
    }

    fn check_supported(&self, architecture: Architecture) -> Result<()> {
        // Qwen2 always has biases of queries, keys and values, whatever an old file says of them.
        let flags: &[&str] = if architecture.has_bias() { &["mlp_bias"] } else { &["attention_bias", "mlp_bias"] };
        for key in flags {
            if self.flag(key)? {
                return Err(self.wrong(key, "is true, but such linear layers with a bias are not supported yet"));
            }
        }
        if let Some(name) = self.get("hidden_act").filter(|name| *name != "silu") {
            return Err(self.wrong("hidden_act", &format!("is {name}, but only \"silu\" is supported")));
        }
        if self.get("quantization_config").is_some() {
            return Err(self.wrong("quantization_config", "is set, but only unquantised weights (bf16, f16, f32) are supported"));
        }
        Ok(())
    }

    /// The key under which the rotary embedding is described, with the description.
    fn rope_keys(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        ["rope_scaling", "rope_parameters"].into_iter().filter_map(|key| Some((key, self.get(key)?)))
    }

    /// A number of the description of the rotary embedding, or of the file, where older versions of transformers have it.
    fn rope_number(&self, key: &str) -> Result<Option<f64>> {
        for (place, rope) in self.rope_keys() {
            if let Some(value) = rope.get(key).filter(|value| !value.is_null()) {
                return value
                    .as_f64()
                    .map(Some)
                    .ok_or_else(|| self.wrong(&format!("{place}.{key}"), &format!("is {value}, but must be a number")));
            }
        }
        self.number(key)
    }

    fn rope_theta(&self) -> Result<f64> {
        Ok(self.rope_number("rope_theta")?.unwrap_or(10_000.0))
    }

    /// How many values of a head are turned.
    fn rotary_dim(&self, head_dim: usize) -> Result<usize> {
        let share = self.rope_number("partial_rotary_factor")?.unwrap_or(1.0);
        if !(share > 0.0 && share <= 1.0) {
            return Err(self.wrong("partial_rotary_factor", &format!("is {share}, but must be above 0 and at most 1")));
        }
        Ok((head_dim as f64 * share) as usize)
    }

    /// How frequencies are scaled; `positions` is what the model is made for.
    fn rope(&self, positions: usize) -> Result<Rope> {
        for (key, rope) in self.rope_keys() {
            // "type" is the name that older versions of transformers gave it.
            let kind = rope.get("rope_type").or_else(|| rope.get("type")).and_then(Value::as_str);
            let needed = |name: &str| {
                let value = self.rope_number(name)?.filter(|value| value.is_finite() && *value > 0.0);
                value.ok_or_else(|| self.wrong(key, &format!("needs `{name}`, a positive number")))
            };
            return Ok(match kind {
                Some("default") => continue,
                None if rope.get("factor").is_none_or(Value::is_null) => continue,
                Some("linear") => Rope::Linear { factor: needed("factor")? },
                Some("llama3") => Rope::Llama3 {
                    factor: needed("factor")?,
                    low_freq_factor: needed("low_freq_factor")?,
                    high_freq_factor: needed("high_freq_factor")?,
                    original: needed("original_max_position_embeddings")? as usize,
                },
                // "su" is Phi-3's first name of it.
                Some("longrope" | "su") => self.long_rope(key, rope, positions, needed("original_max_position_embeddings")?)?,
                Some("yarn") => self.yarn(key, positions)?,
                _ => {
                    let reason = "is not supported yet; plain rotary embeddings, \"linear\", \"llama3\", \"yarn\" and \"longrope\" are";
                    return Err(self.wrong(key, &format!("is {rope}, which {reason}")));
                }
            });
        }
        Ok(Rope::Plain)
    }

    fn yarn(&self, key: &str, positions: usize) -> Result<Rope> {
        let number = |name: &str| match self.rope_number(name)? {
            Some(value) if !(value.is_finite() && value > 0.0) => Err(self.wrong(key, &format!("needs a positive number under `{name}`"))),
            value => Ok(value),
        };
        let said = number("original_max_position_embeddings")?;
        let original = said.unwrap_or(positions as f64);
        let factor = number("factor")?.or_else(|| said.map(|original| positions as f64 / original));
        let factor = factor.ok_or_else(|| self.wrong(key, "needs `factor`, a positive number"))?;
        let (beta_fast, beta_slow) = (number("beta_fast")?.unwrap_or(32.0), number("beta_slow")?.unwrap_or(1.0));
        if beta_fast < beta_slow || factor < 1.0 || original < 1.0 || original * factor > 1e8 {
            let given = format!("{beta_fast}, {beta_slow}, {factor} and {original}");
            return Err(
                self.wrong(key, &format!("has {given} for `beta_fast`, `beta_slow`, `factor` and the original length, which do not fit"))
            );
        }
        let weights = number("mscale")?.zip(number("mscale_all_dim")?).map(|(of_scores, of_all)| [of_scores, of_all]);
        let attention_factor = number("attention_factor")?.unwrap_or_else(|| Rope::yarn_attention_factor(factor, weights));
        let truncate = self.rope_keys().find_map(|(_, rope)| rope.get("truncate")?.as_bool()).unwrap_or(true);
        Ok(Rope::Yarn { factor, beta_fast, beta_slow, original: original as usize, truncate, attention_factor })
    }

    /// Of texts of up to `original` positions.
    fn long_rope(&self, key: &str, rope: &Value, positions: usize, original: f64) -> Result<Rope> {
        let list = |name: &str| -> Result<Vec<f64>> {
            let values = rope.get(name).and_then(Value::as_array);
            let values = values.and_then(|all| all.iter().map(|value| value.as_f64().filter(|v| *v > 0.0)).collect());
            values.ok_or_else(|| self.wrong(key, &format!("needs `{name}`, a list of positive numbers")))
        };
        let (factors, long_factors) = (list("short_factor")?, list("long_factor")?);
        let grown = positions as f64 / original;
        let grown =
            if self.get("original_max_position_embeddings").is_some() { grown } else { self.rope_number("factor")?.unwrap_or(grown) };
        let attention_factor = self.rope_number("attention_factor")?.unwrap_or_else(|| Rope::usual_attention_factor(grown, original));
        Ok(Rope::Long { factors, long_factors, original: original as usize, attention_factor })
    }

    /// How many positions a token sees, where that is bounded.
    fn sliding_window(&self, architecture: Architecture) -> Result<Option<usize>> {
        let has_window = match architecture {
            Architecture::Llama => false,
            // Mistral's first version has one that its file need not name.
            Architecture::Mistral => self.get("sliding_window").is_some() || !self.object.contains_key("sliding_window"),
            Architecture::Phi3 => self.get("sliding_window").is_some(),
            Architecture::Qwen2 | Architecture::Qwen3 => self.flag("use_sliding_window")?,
        };
        has_window.then(|| self.size_or("sliding_window", 4096)).transpose()
    }
}
