//! From a GGUF file of the Llama family to a Hugging Face folder.
mod header;
mod vocabulary;
mod weights;

use crate::seal::{self, Seal};
use crate::{Error, LlamaConfig, ModelFolder, Result};
use header::Gguf;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use vocabulary::Vocabulary;
use weights::Failure;

/// Writes `folder` (safetensors in bf16, config.json, generation_config.json, tokenizer.json, tokenizer_config.json with the
/// chat template, special_tokens_map.json, and alignpro.json with their checksums) from a GGUF file of the `llama` architecture.
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
    let config = config(&gguf, &vocabulary)?;
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
    Ok(named_architecture(&gguf)?.to_owned())
}

fn named_architecture(gguf: &Gguf) -> Result<&str> {
    gguf.text("general.architecture")?.ok_or_else(|| gguf.wrong("metadata `general.architecture` is missing, so the model cannot be built"))
}

/// The shape of the model, from the metadata.
fn config(gguf: &Gguf, vocabulary: &Vocabulary) -> Result<LlamaConfig> {
    let architecture = named_architecture(gguf)?;
    if architecture != "llama" {
        return Err(gguf.wrong(&format!("its architecture is \"{architecture}\"; only \"llama\" can be imported")));
    }
    if gguf.size_if_any("split.count")?.is_some_and(|parts| parts > 1) {
        return Err(gguf.wrong("it is one part of a model in several files; join them first with `llama-gguf-split --merge`"));
    }
    if gguf.size_if_any("llama.expert_count")?.is_some_and(|experts| experts > 0) {
        return Err(gguf.wrong("it is a mixture of experts, which is not supported"));
    }
    let scaling = gguf.text("llama.rope.scaling.type")?.filter(|kind| *kind != "none");
    if scaling.is_some() || gguf.has("rope_freqs.weight") {
        return Err(gguf.wrong("its rotary embeddings are scaled, which is not supported yet; choose a model without"));
    }
    let hidden_size = gguf.size("llama.embedding_length")?;
    let heads = gguf.size("llama.attention.head_count")?;
    let head_dim = match gguf.size_if_any("llama.attention.key_length")? {
        Some(width) => width,
        None => hidden_size.checked_div(heads).unwrap_or(0),
    };
    let config = LlamaConfig {
        hidden_size,
        intermediate_size: gguf.size("llama.feed_forward_length")?,
        num_hidden_layers: gguf.size("llama.block_count")?,
        num_attention_heads: heads,
        num_key_value_heads: gguf.size_if_any("llama.attention.head_count_kv")?.unwrap_or(heads),
        head_dim,
        vocab_size: gguf.shape("token_embd.weight").and_then(|shape| shape.first().copied()).unwrap_or(vocabulary.len()),
        max_position_embeddings: gguf.size("llama.context_length")?,
        rms_norm_eps: gguf.number("llama.attention.layer_norm_rms_epsilon")?.unwrap_or(1e-5),
        rope_theta: gguf.number("llama.rope.freq_base")?.unwrap_or(10_000.0),
        tie_word_embeddings: !gguf.has("output.weight"),
    };
    if vocabulary.len() > config.vocab_size {
        let (tokens, rows) = (vocabulary.len(), config.vocab_size);
        return Err(gguf.wrong(&format!("there are {tokens} tokens, but the embedding has only {rows} rows; fetch the file again")));
    }
    config.check().map_err(|reason| gguf.wrong(&format!("the metadata do not fit together: {reason}")))?;
    if gguf.size_if_any("llama.rope.dimension_count")?.is_some_and(|turned| turned != head_dim) {
        return Err(gguf.wrong("its rotary embeddings turn only a part of each head, which is not supported"));
    }
    Ok(config)
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
    rope_scaling: Option<()>,
    torch_dtype: &'static str,
    use_cache: bool,
    #[serde(flatten)]
    tokens: GenerationFile,
}

impl<'a> ConfigFile<'a> {
    fn new(shape: &'a LlamaConfig, vocabulary: &Vocabulary) -> Self {
        Self {
            architectures: ["LlamaForCausalLM"],
            model_type: "llama",
            shape,
            attention_bias: false,
            attention_dropout: 0.0,
            mlp_bias: false,
            hidden_act: "silu",
            initializer_range: 0.02,
            rope_scaling: None,
            torch_dtype: "bfloat16",
            use_cache: true,
            tokens: GenerationFile::new(vocabulary),
        }
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
