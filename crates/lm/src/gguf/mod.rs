//! From a GGUF file of the Llama family to a Hugging Face folder. Of a model in several files the first is named, and means all of them.
mod header;
mod shape;
mod vocabulary;
mod weights;

pub use header::parts;

use crate::chat_template::{ChatTemplate, NamedTokens};
use crate::draft::Draft;
use crate::seal::{self, Seal};
use crate::stored::Stored;
use crate::{Architecture, Error, LlamaConfig, ModelFolder, Result, Rope, Tokenizer};
use header::Gguf;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use vocabulary::{Method, Vocabulary};

/// Writes `folder` (safetensors in bf16, config.json, generation_config.json, tokenizer.json, tokenizer_config.json with the
/// chat template, special_tokens_map.json, and alignpro.json with their checksums) from a GGUF file of the architectures `llama` (Mistral
/// too), `qwen2`, `qwen3` and `phi3`.
///
/// All weights are de-quantised to f32 and rounded to the nearest bf16, the norms too (relative error at most 2⁻⁸). The folder is the model from
/// then on: whatever engine reads it computes with the same numbers, which are not exactly those of the GGUF file.
///
/// All or nothing: written beside `folder` under a temporary name, flushed to the disk, then renamed. A `folder` that already holds the
/// same model is left alone.
///
/// # Errors
/// [`Error::Model`] when the file is no GGUF, cut off, damaged, of another architecture or without a chat template, or when `folder`
/// holds something else; [`Error::Io`] when it cannot be written (read-only, full disk). In each case nothing is left behind.
pub fn import(file: &Path, folder: &Path) -> Result<()> {
    let mut gguf = Gguf::open(file)?;
    let vocabulary = Vocabulary::read(&gguf)?;
    let config = shape::read(&mut gguf, vocabulary.len())?;
    weights::check(&gguf, &config)?;
    let tokenizer = vocabulary.tokenizer(&gguf)?;
    let draft = Draft::new(folder)?;
    draft.json("config.json", &ConfigFile::new(&config, &vocabulary))?;
    draft.json("generation_config.json", &GenerationFile::new(&vocabulary))?;
    draft.json("tokenizer.json", &tokenizer)?;
    draft.json("tokenizer_config.json", &TokenizerFile::new(&config, &vocabulary, &tokenizer))?;
    draft.json("special_tokens_map.json", &vocabulary.named())?;
    draft.file("model.safetensors", |out| weights::write(&mut gguf, &config, out))?;
    let written = ModelFolder::open(&draft.path)
        .map_err(|error| Error::Model(format!("{} cannot be turned into a model folder: {error}", file.display())))?;
    draft.json(seal::FILE, &Seal::of(&written, file)?)?;
    draft.publish(&written)
}

/// What reads and writes the texts of a GGUF file's model, whatever its architecture: its tokenizer with the chat template, the same that [`import`] writes; and
/// the tokens that end an answer.
///
/// # Errors
/// [`Error::Model`] when the file is no GGUF, cut off or damaged, has no chat template, or its tokenizer is of a kind that is not known here.
pub fn tokenizer(file: &Path) -> Result<(Tokenizer, Vec<u32>)> {
    let gguf = Gguf::open(file)?;
    let vocabulary = Vocabulary::read(&gguf)?;
    let named = vocabulary.named();
    let template = ChatTemplate::of(&vocabulary.chat_template, named.clone(), file.to_owned())?;
    let tokenizer = Tokenizer::of(vocabulary.tokenizer(&gguf)?, Some(template), named, file.display().to_string());
    Ok((tokenizer, vocabulary.ends))
}

/// The architecture that a GGUF file names, such as `llama` or `qwen2`, and what there is against its tokenizer where that is of a kind that is not known
/// here.
pub fn architecture(file: &Path) -> Result<(String, Option<Error>)> {
    let gguf = Gguf::open(file)?;
    Ok((shape::named_architecture(&gguf)?.to_owned(), Method::of(&gguf).err()))
}

/// How a file of any architecture turns queries and keys: the base of the wavelengths where it says one; and how they are scaled, in words, where they are.
pub fn rotary(file: &Path) -> Result<(Option<f64>, Option<String>)> {
    shape::rotary(&mut Gguf::open(file)?)
}

/// Whether a file of an architecture that is known here holds every tensor that its metadata ask for. Of others, and of mixtures of experts, nothing is known.
///
/// # Errors
/// [`Error::Model`] where one is missing or of another shape, or the metadata do not fit together.
pub fn check(file: &Path) -> Result<()> {
    let mut gguf = Gguf::open(file)?;
    let name = shape::named_architecture(&gguf)?.to_owned();
    if shape::known(&name).is_none() || shape::has_experts(&gguf, &name)? {
        return Ok(());
    }
    let tokens = Vocabulary::read(&gguf)?.len();
    let config = shape::read(&mut gguf, tokens)?;
    weights::check(&gguf, &config)
}

/// Of a file of any architecture: its tensors; the numbers that the keys and values of a token are in all blocks together, and the widths of its
/// residual stream and feed-forward layers.
pub fn stored(file: &Path) -> Result<(Vec<Stored>, [u64; 3])> {
    let gguf = Gguf::open(file)?;
    Ok((gguf.stored(), shape::widths(&gguf)?))
}

/// Whether [`import`] knows an architecture that a GGUF file names.
pub fn is_known(architecture: &str) -> bool {
    shape::known(architecture).is_some()
}

/// `config.json`. `rope_theta` stands at the top level, where every reader looks for it (transformers 5 also has another place).
#[derive(Serialize)]
struct ConfigFile<'a> {
    architectures: [&'static str; 1],
    model_type: &'static str,
    #[serde(flatten)]
    shape: &'a LlamaConfig,
    attention_bias: bool,
    attention_dropout: f64,
    mlp_bias: bool,
    hidden_act: &'static str,
    initializer_range: f64,
    rope_scaling: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_max_position_embeddings: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial_rotary_factor: Option<f64>,
    /// That of Qwen, whose readers ask for it, is never used: files of llama.cpp say nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    use_sliding_window: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_window_layers: Option<usize>,
    torch_dtype: &'static str,
    use_cache: bool,
    #[serde(flatten)]
    tokens: GenerationFile,
}

impl<'a> ConfigFile<'a> {
    fn new(shape: &'a LlamaConfig, vocabulary: &Vocabulary) -> Self {
        let is_qwen = matches!(shape.architecture, Architecture::Qwen2 | Architecture::Qwen3);
        Self {
            architectures: [shape.architecture.class()],
            model_type: shape.architecture.model_type(),
            shape,
            attention_bias: false,
            attention_dropout: 0.0,
            mlp_bias: false,
            hidden_act: "silu",
            initializer_range: 0.02,
            rope_scaling: rope_scaling(&shape.rope),
            // Phi-3 has it whether its texts are long or not.
            original_max_position_embeddings: match (&shape.rope, shape.architecture) {
                (Rope::Long { original, .. }, _) => Some(*original),
                (_, Architecture::Phi3) => Some(shape.max_position_embeddings),
                _ => None,
            },
            use_sliding_window: is_qwen.then_some(false),
            max_window_layers: is_qwen.then_some(shape.num_hidden_layers),
            partial_rotary_factor: (shape.rotary_dim != shape.head_dim).then(|| shape.rotary_dim as f64 / shape.head_dim as f64),
            torch_dtype: "bfloat16",
            use_cache: true,
            tokens: GenerationFile::new(vocabulary),
        }
    }
}

/// As published models have it, and every reader reads it.
fn rope_scaling(rope: &Rope) -> Option<Value> {
    match rope {
        Rope::Plain => None,
        Rope::Linear { factor } => Some(json!({ "rope_type": "linear", "factor": factor })),
        Rope::Llama3 { factor, low_freq_factor, high_freq_factor, original } => Some(json!({
            "rope_type": "llama3", "factor": factor, "low_freq_factor": low_freq_factor, "high_freq_factor": high_freq_factor,
            "original_max_position_embeddings": original,
        })),
        Rope::Yarn { factor, beta_fast, beta_slow, original, truncate, attention_factor } => Some(json!({
            "rope_type": "yarn", "factor": factor, "beta_fast": beta_fast, "beta_slow": beta_slow, "truncate": truncate,
            "original_max_position_embeddings": original, "attention_factor": attention_factor,
        })),
        Rope::Long { factors, long_factors, attention_factor, .. } => Some(json!({
            "type": "longrope", "short_factor": factors, "long_factor": long_factors, "attention_factor": attention_factor,
        })),
    }
}

/// `generation_config.json`.
#[derive(Serialize)]
struct GenerationFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    bos_token_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eos_token_id: Option<Tokens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pad_token_id: Option<u32>,
}

/// One token or a list: some readers know only the former.
#[derive(Serialize)]
#[serde(untagged)]
enum Tokens {
    One(u32),
    Several(Vec<u32>),
}

impl GenerationFile {
    fn new(vocabulary: &Vocabulary) -> Self {
        let eos_token_id = match vocabulary.ends[..] {
            [] => None,
            [one] => Some(Tokens::One(one)),
            ref several => Some(Tokens::Several(several.to_vec())),
        };
        Self { bos_token_id: vocabulary.bos, eos_token_id, pad_token_id: vocabulary.padding }
    }
}

/// `tokenizer_config.json`.
#[derive(Serialize)]
struct TokenizerFile<'a> {
    add_bos_token: bool,
    add_eos_token: bool,
    added_tokens_decoder: BTreeMap<u32, tokenizers::AddedToken>,
    #[serde(flatten)]
    special: NamedTokens,
    chat_template: &'a str,
    clean_up_tokenization_spaces: bool,
    model_max_length: usize,
    tokenizer_class: &'static str,
}

impl<'a> TokenizerFile<'a> {
    fn new(config: &LlamaConfig, vocabulary: &'a Vocabulary, tokenizer: &tokenizers::Tokenizer) -> Self {
        Self {
            add_bos_token: vocabulary.add_bos,
            add_eos_token: false,
            added_tokens_decoder: tokenizer.get_added_tokens_decoder().into_iter().collect(),
            special: vocabulary.named(),
            chat_template: &vocabulary.chat_template,
            clean_up_tokenization_spaces: false,
            model_max_length: config.max_position_embeddings,
            // The class that takes tokenizer.json as it is.
            tokenizer_class: "PreTrainedTokenizerFast",
        }
    }
}
