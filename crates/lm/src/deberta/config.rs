//! What `config.json` says about a DeBERTa model with a score.
use crate::config::Json;
use crate::folder::numbers;
use crate::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// Its `architectures`, and its `model_type`.
pub const CLASS: &str = "DebertaV2ForSequenceClassification";
pub const MODEL_TYPE: &str = "deberta-v2";

/// Shape of a DeBERTa model, version 2 or 3, with the names of Hugging Face's `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct DebertaConfig {
    pub hidden_size: usize,
    /// Width of the feed-forward layers.
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    /// A divisor of `hidden_size`.
    pub num_attention_heads: usize,
    /// Rows of the embedding. The tokenizer may know fewer tokens.
    pub vocab_size: usize,
    /// Kinds of text that have an embedding: 0, or at least 2, the question's and the answer's.
    pub type_vocab_size: usize,
    /// How many tokens a pair may have.
    pub max_position_embeddings: usize,
    /// Whether a token's own position is added to its embedding.
    pub position_biased_input: bool,
    /// Distances up to which attention tells them apart.
    pub max_relative_positions: usize,
    /// How many of them have an embedding each way, wide ones in common, where it is not all.
    pub position_buckets: Option<usize>,
    /// Whether attention looks from content to position, and from position to content.
    pub content_to_position: bool,
    pub position_to_content: bool,
    /// Whether distances are projected as tokens are.
    pub share_att_key: bool,
    /// Whether the embeddings of distances are normalised.
    pub norm_rel_ebd: bool,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
}

impl DebertaConfig {
    /// Reads the text of a `config.json`; `path` is for messages. Absent keys take the defaults of transformers' `DebertaV2Config`, except the sizes, which
    /// must be there.
    ///
    /// # Errors
    /// [`Error::Model`] when the text is not JSON, the model has not one label, a size is missing or impossible, or it needs what is not computed here
    /// (a convolution, attention without relative positions, an embedding of another width).
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let json = Json::parse(text, path)?;
        check_supported(&json)?;
        let hidden_size = json.size("hidden_size")?;
        let positions = json.size_or("max_position_embeddings", 512)?;
        let kinds = words(&json, "pos_att_type")?;
        if let Some(other) = kinds.iter().find(|kind| !["c2p", "p2c"].contains(&kind.as_str())) {
            return Err(json.wrong("pos_att_type", &format!("holds \"{other}\", but only \"c2p\" and \"p2c\" are supported")));
        }
        let config = Self {
            hidden_size,
            intermediate_size: json.size("intermediate_size")?,
            num_hidden_layers: json.size("num_hidden_layers")?,
            num_attention_heads: json.size("num_attention_heads")?,
            vocab_size: json.size("vocab_size")?,
            type_vocab_size: if json.get("type_vocab_size").is_none_or(|size| *size == 0) { 0 } else { json.size("type_vocab_size")? },
            max_position_embeddings: positions,
            position_biased_input: json.get("position_biased_input").is_none() || json.flag("position_biased_input")?,
            max_relative_positions: positive(&json, "max_relative_positions")?.unwrap_or(positions),
            position_buckets: positive(&json, "position_buckets")?,
            content_to_position: kinds.iter().any(|kind| kind == "c2p"),
            position_to_content: kinds.iter().any(|kind| kind == "p2c"),
            share_att_key: json.flag("share_att_key")?,
            norm_rel_ebd: words(&json, "norm_rel_ebd")?.iter().any(|word| word == "layer_norm"),
            layer_norm_eps: json.number("layer_norm_eps")?.unwrap_or(1e-7),
        };
        config.check().map_err(|reason| Error::Model(format!("{}: {reason}", path.display())))?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let (width, heads) = (self.hidden_size, self.num_attention_heads);
        if !width.is_multiple_of(heads) {
            return Err(format!("`hidden_size` ({width}) must be a multiple of `num_attention_heads` ({heads})"));
        }
        if self.type_vocab_size == 1 {
            return Err("`type_vocab_size` is 1, but a question and its answer are two kinds of text".into());
        }
        if let Some(buckets) = self.position_buckets
            && (buckets < 4 || self.max_relative_positions <= buckets / 2 + 1)
        {
            let distances = self.max_relative_positions;
            return Err(format!("`position_buckets` is {buckets}, which does not fit {distances} relative positions"));
        }
        if !(self.layer_norm_eps.is_finite() && self.layer_norm_eps > 0.0) {
            return Err(format!("`layer_norm_eps` is {}, but must be a positive number", self.layer_norm_eps));
        }
        Ok(())
    }

    /// Embeddings of distances each way.
    pub fn span(&self) -> usize {
        self.position_buckets.unwrap_or(self.max_relative_positions)
    }

    /// Names and shapes (rows × columns) of the tensors that a folder of this model must hold, with Hugging Face's names.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (width, inner) = (self.hidden_size, self.intermediate_size);
        let mut tensors = Vec::new();
        let mut table = |name: &str, rows: usize| tensors.push((format!("deberta.{name}.weight"), vec![rows, width]));
        table("embeddings.word_embeddings", self.vocab_size);
        if self.position_biased_input {
            table("embeddings.position_embeddings", self.max_position_embeddings);
        }
        if self.type_vocab_size > 0 {
            table("embeddings.token_type_embeddings", self.type_vocab_size);
        }
        table("encoder.rel_embeddings", 2 * self.span());
        let mut norms = vec!["deberta.embeddings.LayerNorm".to_owned()];
        if self.norm_rel_ebd {
            norms.push("deberta.encoder.LayerNorm".into());
        }
        let mut linears = vec![("pooler.dense".to_owned(), width, width), ("classifier".to_owned(), 1, width)];
        for layer in (0..self.num_hidden_layers).map(|i| format!("deberta.encoder.layer.{i}")) {
            linears.extend(["query_proj", "key_proj", "value_proj"].map(|name| (format!("{layer}.attention.self.{name}"), width, width)));
            if !self.share_att_key {
                let named = [("pos_key_proj", self.content_to_position), ("pos_query_proj", self.position_to_content)];
                linears
                    .extend(named.iter().filter(|(_, is)| *is).map(|(name, _)| (format!("{layer}.attention.self.{name}"), width, width)));
            }
            linears.push((format!("{layer}.attention.output.dense"), width, width));
            linears.push((format!("{layer}.intermediate.dense"), inner, width));
            linears.push((format!("{layer}.output.dense"), width, inner));
            norms.extend([format!("{layer}.attention.output.LayerNorm"), format!("{layer}.output.LayerNorm")]);
        }
        for (name, rows, columns) in linears {
            tensors.push((format!("{name}.weight"), vec![rows, columns]));
            tensors.push((format!("{name}.bias"), vec![rows]));
        }
        tensors.extend(norms.iter().flat_map(|name| ["weight", "bias"].map(|part| (format!("{name}.{part}"), vec![width]))));
        tensors
    }

    /// How many numbers the weights are.
    pub fn parameters(&self) -> u64 {
        numbers(&self.tensors())
    }
}

fn check_supported(json: &Json<'_>) -> Result<()> {
    if json.get("model_type").is_none_or(|name| name != MODEL_TYPE) {
        return Err(json.wrong("model_type", &format!("is not \"{MODEL_TYPE}\"")));
    }
    let classes = json.get("architectures").and_then(Value::as_array);
    if !classes.is_some_and(|names| names.iter().any(|name| name == CLASS)) {
        let named = classes.map(|names| names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")).unwrap_or_default();
        let reason = format!("is \"{named}\", but of this family only a reward model can be used here, {CLASS} with one label");
        return Err(json.wrong("architectures", &reason));
    }
    if let Some(labels) = json.get("id2label").and_then(Value::as_object).filter(|labels| labels.len() != 1) {
        return Err(json.wrong("id2label", &format!("names {} labels, but a reward model has one", labels.len())));
    }
    if !json.flag("relative_attention")? {
        return Err(json.wrong("relative_attention", "is not true, but only attention with relative positions is supported"));
    }
    if positive(json, "conv_kernel_size")?.is_some() {
        return Err(json.wrong("conv_kernel_size", "asks for a convolution, which is not supported; DeBERTa-v3 has none"));
    }
    for key in ["hidden_act", "pooler_hidden_act"] {
        if let Some(name) = json.get(key).filter(|name| *name != "gelu") {
            return Err(json.wrong(key, &format!("is {name}, but only \"gelu\" is supported")));
        }
    }
    let width = json.size("hidden_size")?;
    for key in ["embedding_size", "pooler_hidden_size"] {
        if json.size_or(key, width)? != width {
            return Err(json.wrong(key, &format!("is not `hidden_size` ({width}), which is not supported")));
        }
    }
    if json.get("attention_head_size").is_some() {
        return Err(
            json.wrong("attention_head_size", "is set, but heads of another width than the model's over their number are not supported")
        );
    }
    Ok(())
}

/// A size that is absent where it is below 1.
fn positive(json: &Json<'_>, key: &str) -> Result<Option<usize>> {
    match json.get(key).and_then(Value::as_i64) {
        Some(size) if size < 1 => Ok(None),
        _ => json.get(key).map(|_| json.size(key)).transpose(),
    }
}

/// Words in a list, or in one text with bars between them.
fn words(json: &Json<'_>, key: &str) -> Result<Vec<String>> {
    let wrong = || json.wrong(key, "must be a list of words, or one text of them with bars between");
    match json.get(key) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.to_lowercase().split('|').map(|word| word.trim().to_owned()).collect()),
        Some(Value::Array(all)) => all.iter().map(|word| word.as_str().map(str::to_owned).ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}
