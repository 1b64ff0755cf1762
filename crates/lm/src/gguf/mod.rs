//! From a GGUF file of the Llama family to a Hugging Face folder.
mod header;
mod shape;
mod vocabulary;
mod weights;

use crate::seal::{self, Seal};
use crate::{Architecture, Error, LlamaConfig, ModelFolder, Result, Rope};
use header::Gguf;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use vocabulary::Vocabulary;
use weights::Failure;

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
    draft.json("special_tokens_map.json", &SpecialTokens::new(&vocabulary))?;
    draft.file("model.safetensors", |out| weights::write(&mut gguf, &config, out))?;
    let written = ModelFolder::open(&draft.path)
        .map_err(|error| Error::Model(format!("{} cannot be turned into a model folder: {error}", file.display())))?;
    draft.json(seal::FILE, &Seal::of(&written, file)?)?;
    draft.publish(&written)
}

/// The architecture that a GGUF file names, such as `llama` or `qwen2`.
pub fn architecture(file: &Path) -> Result<String> {
    let gguf = Gguf::open(file)?;
    Ok(shape::named_architecture(&gguf)?.to_owned())
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
    torch_dtype: &'static str,
    use_cache: bool,
    #[serde(flatten)]
    tokens: GenerationFile,
}

impl<'a> ConfigFile<'a> {
    fn new(shape: &'a LlamaConfig, vocabulary: &Vocabulary) -> Self {
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
        let mut ends: Vec<u32> = Vec::new();
        for token in vocabulary.eos.iter().chain(&vocabulary.ends) {
            if !ends.contains(token) {
                ends.push(*token);
            }
        }
        let eos_token_id = match ends.as_slice() {
            [] => None,
            [one] => Some(Tokens::One(*one)),
            _ => Some(Tokens::Several(ends)),
        };
        Self { bos_token_id: vocabulary.bos, eos_token_id, pad_token_id: vocabulary.padding }
    }
}

/// `special_tokens_map.json`.
#[derive(Serialize)]
struct SpecialTokens<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    bos_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eos_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pad_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unk_token: Option<&'a str>,
}

impl<'a> SpecialTokens<'a> {
    fn new(vocabulary: &'a Vocabulary) -> Self {
        let text = |token| vocabulary.text(token);
        Self {
            bos_token: text(vocabulary.bos),
            eos_token: text(vocabulary.eos),
            pad_token: text(vocabulary.padding),
            unk_token: text(vocabulary.unknown),
        }
    }
}

/// `tokenizer_config.json`.
#[derive(Serialize)]
struct TokenizerFile<'a> {
    add_bos_token: bool,
    add_eos_token: bool,
    added_tokens_decoder: BTreeMap<u32, tokenizers::AddedToken>,
    #[serde(flatten)]
    special: SpecialTokens<'a>,
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
            special: SpecialTokens::new(vocabulary),
            chat_template: &vocabulary.chat_template,
            clean_up_tokenization_spaces: false,
            model_max_length: config.max_position_embeddings,
            // The class that takes tokenizer.json as it is.
            tokenizer_class: "PreTrainedTokenizerFast",
        }
    }
}

/// A folder that is being written beside its target. Dropped before it is published, it is removed.
struct Draft {
    path: PathBuf,
    target: PathBuf,
    /// Held locked until the folder has its name, so that two imports cannot mix, and what a killed import left can be told
    /// from what another one is writing.
    lock: Option<File>,
    is_published: bool,
}

/// Name of the lock inside a draft.
const LOCK: &str = ".lock";

impl Draft {
    fn new(target: &Path) -> Result<Self> {
        let invalid = || Error::Io(format!("{} cannot be the folder of a model; give a folder with a name", target.display()));
        let name = target.file_name().ok_or_else(invalid)?;
        let parent = parent(target);
        fs::create_dir_all(&parent).map_err(|error| not_written(&parent, &error))?;
        let path = parent.join(format!(".{}.importing", name.to_string_lossy()));
        match fs::create_dir(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(not_written(&path, &error)),
            _ => {}
        }
        let lock = File::create(path.join(LOCK)).map_err(|error| not_written(&path, &error))?;
        // The second: the draft was published, and its lock removed, between our opening and our locking it.
        if lock.try_lock().is_err() || !path.join(LOCK).exists() {
            return Err(Error::Io(format!("another import into {} is running; wait for it to end", target.display())));
        }
        let draft = Self { path, target: target.to_owned(), lock: Some(lock), is_published: false };
        draft.clear()?;
        Ok(draft)
    }

    /// Removes what a killed import left.
    fn clear(&self) -> Result<()> {
        let entries = fs::read_dir(&self.path).map_err(|error| not_written(&self.path, &error))?;
        for entry in entries.flatten().filter(|entry| entry.file_name() != LOCK) {
            fs::remove_file(entry.path()).map_err(|error| not_written(&entry.path(), &error))?;
        }
        Ok(())
    }

    /// Writes one file and waits until it is on the disk.
    fn file(&self, name: &str, write: impl FnOnce(&mut BufWriter<File>) -> Result<(), Failure>) -> Result<()> {
        let path = self.path.join(name);
        let written = || -> Result<(), Failure> {
            let mut out = BufWriter::new(File::create(&path)?);
            write(&mut out)?;
            out.flush()?;
            Ok(out.get_ref().sync_all()?)
        };
        written().map_err(|failure| match failure {
            Failure::Read(error) => error,
            Failure::Write(error) => not_written(&self.target, &error),
        })
    }

    fn json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(value).map_err(|error| Error::Model(format!("{name} cannot be written: {error}")))?;
        text.push(b'\n');
        self.file(name, |out| Ok(out.write_all(&text)?))
    }

    /// Gives the folder its name.
    fn publish(mut self, written: &ModelFolder) -> Result<()> {
        if fs::read_dir(&self.target).is_ok_and(|mut entries| entries.next().is_some()) {
            return match ModelFolder::open(&self.target).and_then(|there| Ok(there.checksums()? == written.checksums()?)) {
                Ok(true) => Ok(()),
                _ => {
                    Err(Error::Io(format!("{} already holds something else; remove that folder or choose another", self.target.display())))
                }
            };
        }
        // An open file would stop the renaming on Windows; elsewhere the lock is kept until the draft is gone.
        if cfg!(windows) {
            drop(self.lock.take());
        }
        sync(&self.path).and_then(|()| fs::rename(&self.path, &self.target)).map_err(|error| not_written(&self.target, &error))?;
        self.is_published = true;
        let lock = self.target.join(LOCK);
        fs::remove_file(&lock).map_err(|error| not_written(&lock, &error))?;
        let parent = parent(&self.target);
        sync(&parent).map_err(|error| not_written(&parent, &error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once published, the draft's name may be another import's. A failure leaves a hidden folder that the next import clears.
        if !self.is_published {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Waits until a folder's entries are on the disk. Only Unix can open a folder for this.
fn sync(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn not_written(path: &Path, error: &std::io::Error) -> Error {
    let path = path.display();
    Error::Io(match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            format!("there is no room to write {path} ({error}); free some space and try again; nothing was kept")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            format!("{path} cannot be written: the place is read-only ({error}); choose another folder or change its permissions")
        }
        _ => format!("{path} cannot be written: {error}"),
    })
}
