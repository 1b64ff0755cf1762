//! A model on disk: a Hugging Face folder.
use crate::config::Json;
use crate::weight_files::WeightFiles;
use crate::{Error, LlamaConfig, Output, Result, Tokenizer};
use candle_core::{Device, Tensor};
use safetensors::tensor::{Dtype, Metadata};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A checked Hugging Face folder of a supported architecture: `config.json`, `*.safetensors`, `tokenizer.json`, a chat template.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    pub path: PathBuf,
    pub config: LlamaConfig,
    /// Tokens that end an answer, none of a reward model; from `generation_config.json`, `config.json` and the tokenizer.
    pub stop_tokens: Vec<u32>,
    tokenizer: Tokenizer,
    /// Fills up shorter texts of a batch, elsewhere.
    pub(crate) padding: Option<u32>,
    /// Names of the files with the weights.
    weight_files: Vec<String>,
    /// What each tensor is stored in.
    pub(crate) types: Types,
    identity: Identity,
}

/// SHA-256 over the checksums of a folder's files, once it is known; shared by clones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity(Arc<OnceLock<String>>);

impl Identity {
    /// Of the folder, in hex.
    pub fn of(&self, folder: &impl Checked) -> Result<String> {
        if let Some(known) = self.0.get() {
            return Ok(known.clone());
        }
        let mut hash = Sha256::new();
        for (name, checksum) in folder.checksums()? {
            hash.update(format!("{name} {checksum}\n"));
        }
        Ok(self.0.get_or_init(|| hex(&hash.finalize())).clone())
    }
}

/// Files besides the weights that determine the model's answers.
const SMALL_FILES: [&str; 6] =
    ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", INDEX];
const WEIGHTS: &str = "model.safetensors";
/// Says which file holds which tensor when the weights are in several.
const INDEX: &str = "model.safetensors.index.json";
/// More than any real header needs; keeps a damaged length from being allocated.
const LONGEST_HEADER: u64 = 100_000_000;

impl ModelFolder {
    /// Reads and checks the folder's small files and that every weight file is there and whole; loads no weights.
    ///
    /// # Errors
    /// [`Error::Model`] when a file is missing, cut off or damaged, the architecture is not supported, a tensor is missing or of the
    /// wrong shape or type, the tokenizer belongs to another model or has no chat template, or the weights are a pickle.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self::read(path)?;
        match folder.config.output {
            Output::Tokens => Ok(folder),
            Output::Score => Err(Error::Model(format!(
                "{} is a reward model ({}): it scores answers and writes none; name it under [[reward.parts]]",
                path.display(),
                folder.config.architecture.reward_class()
            ))),
        }
    }

    /// The same of a reward model, which has one number in the place of the vocabulary.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_reward_model(path: &Path) -> Result<Self> {
        let folder = Self::read(path)?;
        match folder.config.output {
            Output::Score => Ok(folder),
            Output::Tokens => Err(Error::Model(format!(
                "{} is no reward model: it writes text ({}), and a reward model is of a class such as {}",
                path.display(),
                folder.config.architecture.class(),
                folder.config.architecture.reward_class()
            ))),
        }
    }

    /// Whatever it gives.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            let what = if path.exists() { "is not a folder" } else { "does not exist" };
            return Err(Error::Model(format!(
                "the model folder {} {what}; give a folder with config.json, tokenizer.json and model.safetensors",
                path.display()
            )));
        }
        let config_path = path.join("config.json");
        let text = read_text(&config_path)?.ok_or_else(|| Error::Model(without_config(path, &config_path)))?;
        let config = LlamaConfig::parse(&text, &config_path)?;
        let weight_files = weight_files(path)?;
        let types = check_weights(path, &weight_files, config.tensors())?;
        let tokenizer = Tokenizer::open(path)?;
        check_vocabulary(path, &tokenizer, config.vocab_size)?;
        let stop_tokens = if config.output == Output::Score { Vec::new() } else { own_stop_tokens(path, &config, &tokenizer)? };
        let padding = Json::parse(&text, &config_path)?.tokens("pad_token_id")?.first().copied();
        Ok(Self { path: path.to_owned(), config, stop_tokens, tokenizer, padding, weight_files, types, identity: Identity::default() })
    }

    pub fn tokenizer(&self) -> Result<Tokenizer> {
        Ok(self.tokenizer.clone())
    }

    /// The files with the weights.
    pub(crate) fn weight_files(&self) -> Result<WeightFiles> {
        WeightFiles::open(&self.path, &self.weight_files)
    }

    /// All weights by their Hugging Face names, as stored (bf16, f16 or f32). Those that [`LlamaConfig::tensors`] names, and no other.
    pub fn weights(&self, device: &Device) -> Result<BTreeMap<String, Tensor>> {
        let (files, tensors) = (self.weight_files()?, self.config.tensors().into_iter());
        tensors.map(|(name, _)| files.load(&name, device).map(|tensor| (name, tensor))).collect()
    }

    /// SHA-256 of each file that determines the model's answers, by file name.
    pub fn checksums(&self) -> Result<BTreeMap<String, String>> {
        checksums(&self.path, &self.weight_files)
    }

    /// SHA-256 over [`Self::checksums`], in hex: the identity of the model. Read once: of what is loaded, a change on disk changes nothing.
    pub fn checksum(&self) -> Result<String> {
        self.identity.of(self)
    }
}

/// A checked folder whose files have checksums.
pub trait Checked {
    fn path(&self) -> &Path;

    /// SHA-256 of each file that determines what the model says, by file name.
    fn checksums(&self) -> Result<BTreeMap<String, String>>;
}

impl Checked for ModelFolder {
    fn path(&self) -> &Path {
        &self.path
    }

    fn checksums(&self) -> Result<BTreeMap<String, String>> {
        Self::checksums(self)
    }
}

/// SHA-256 of each file of a folder that determines what the model says, by file name.
pub(crate) fn checksums(folder: &Path, weight_files: &[String]) -> Result<BTreeMap<String, String>> {
    let names = SMALL_FILES.into_iter().chain(weight_files.iter().map(String::as_str));
    let there = names.filter(|name| folder.join(name).is_file());
    there.map(|name| Ok((name.to_owned(), checksum(&folder.join(name))?))).collect()
}

/// Whether the model has a row for each token.
pub(crate) fn check_vocabulary(folder: &Path, tokenizer: &Tokenizer, rows: usize) -> Result<()> {
    let tokens = tokenizer.vocabulary_size();
    if tokens <= rows {
        return Ok(());
    }
    Err(Error::Model(format!(
        "{} knows {tokens} tokens, but the model has {rows} (`vocab_size`): the tokenizer belongs to another model",
        folder.join("tokenizer.json").display()
    )))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn checksum(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let read = File::open(path).and_then(|mut file| std::io::copy(&mut file, &mut hash));
    read.map_err(|error| unreadable(path, &error))?;
    Ok(hex(&hash.finalize()))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::Model(format!("{} cannot be read: {error}", path.display()))
}

/// The text of a file that may be absent.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Whether every tensor is there, in files that are whole: those that a model of a family that is known here needs, and those that an index names.
/// The folder may be of any family.
///
/// # Errors
/// [`Error::Model`] with the tensor that is missing or of another shape.
pub fn check_tensors(folder: &Path) -> Result<()> {
    let path = folder.join("config.json");
    let config = LlamaConfig::parse(&read_text(&path)?.unwrap_or_default(), &path);
    let files = weight_files(folder)?;
    check_weights(folder, &files, config.map(|config| config.tensors()).unwrap_or_default())?;
    let Some(map) = weight_map(folder)? else { return Ok(()) };
    let found: HashSet<String> = crate::stored::stored(folder)?.into_iter().map(|tensor| tensor.name).collect();
    match map.iter().find(|(tensor, _)| !found.contains(*tensor)) {
        Some((tensor, file)) => {
            let path = folder.join(file);
            Err(Error::Model(format!(
                "tensor `{tensor}` is not in {}, where {INDEX} says that it is; fetch the file again",
                path.display()
            )))
        }
        None => Ok(()),
    }
}

/// Names of the files with the weights: one, or those that the index names.
pub(crate) fn weight_files(folder: &Path) -> Result<Vec<String>> {
    match weight_map(folder)? {
        None => Ok(vec![WEIGHTS.into()]),
        Some(map) => Ok(map.into_values().collect::<BTreeSet<_>>().into_iter().collect()),
    }
}

/// By the names of tensors the files that hold them; None where one file holds all.
fn weight_map(folder: &Path) -> Result<Option<BTreeMap<String, String>>> {
    if folder.join(WEIGHTS).is_file() {
        return Ok(None);
    }
    let path = folder.join(INDEX);
    let Some(text) = read_text(&path)? else {
        let pickle = ["pytorch_model.bin", "pytorch_model.bin.index.json"].into_iter().find(|name| folder.join(name).exists());
        return Err(Error::Model(match pickle {
            Some(name) => format!(
                "{} holds its weights as a pickle, which can run any program when it is read, so it is refused; save the model with \
                 `save_pretrained(…, safe_serialization=True)` to get {WEIGHTS}",
                folder.join(name).display()
            ),
            None if has_parts(folder) => format!(
                "{} is missing: the weights lie in several files, and it says which of them holds which tensor; bring it too",
                path.display()
            ),
            None => format!("{} is missing; the weights must be safetensors", folder.join(WEIGHTS).display()),
        }));
    };
    let index = Json::parse(&text, &path)?;
    let Some(map) = index.get("weight_map").and_then(|map| map.as_object()) else {
        return Err(index.wrong("weight_map", "is missing; it must say which file holds which tensor; fetch the file again"));
    };
    let mut files = BTreeMap::new();
    for (tensor, name) in map {
        // A name with a folder in it could lead out of the model's folder.
        match name.as_str().filter(|name| name.ends_with(".safetensors") && !name.contains(['/', '\\'])) {
            Some(name) => files.insert(tensor.clone(), name.to_owned()),
            None => {
                return Err(
                    index.wrong("weight_map", &format!("gives {name} for {tensor}, which is not a safetensors file of this folder"))
                );
            }
        };
    }
    Ok(Some(files))
}

/// What is wrong with a folder that has no `config.json`.
fn without_config(folder: &Path, config: &Path) -> String {
    match folder.join("adapter_config.json").is_file() {
        true => format!("{} is an adapter (PEFT) and no model: name the model that it was made for", folder.display()),
        false => format!("{} is missing, so this is not a Hugging Face model folder", config.display()),
    }
}

/// Whether a folder has parts of weights, as published models name them.
fn has_parts(folder: &Path) -> bool {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.into_iter().any(|name| name.starts_with("model-") && name.ends_with(".safetensors"))
}

/// What each tensor is stored in, by name.
pub(crate) type Types = BTreeMap<String, Dtype>;

/// How many numbers tensors are.
pub(crate) fn numbers(tensors: &[(String, Vec<usize>)]) -> u64 {
    tensors.iter().map(|(_, shape)| shape.iter().map(|&size| size as u64).product::<u64>()).sum()
}

/// What the tensors are stored in, after a look whether all are there, with their shapes, in files that are whole.
pub(crate) fn check_weights(folder: &Path, files: &[String], tensors: Vec<(String, Vec<usize>)>) -> Result<Types> {
    let mut found = BTreeMap::new();
    for name in files {
        let path = folder.join(name);
        for (tensor, info) in read_header(&path)?.tensors() {
            found.insert(tensor, (path.clone(), info.dtype, info.shape.clone()));
        }
    }
    let mut types = Types::new();
    for (name, shape) in tensors {
        let Some((path, dtype, stored)) = found.get(&name) else {
            return Err(Error::Model(format!(
                "tensor `{name}` is in none of the weight files of {} ({})",
                folder.display(),
                files.join(", ")
            )));
        };
        if *stored != shape {
            let path = path.display();
            return Err(Error::Model(format!("{path}: tensor `{name}` has the shape {stored:?}, but config.json asks for {shape:?}")));
        }
        if !matches!(dtype, Dtype::BF16 | Dtype::F16 | Dtype::F32) {
            let path = path.display();
            return Err(Error::Model(format!("{path}: tensor `{name}` is of type {dtype:?}; BF16, F16 and F32 are supported")));
        }
        types.insert(name, *dtype);
    }
    Ok(types)
}

/// The header of a safetensors file that is as long as its header says.
pub(crate) fn read_header(path: &Path) -> Result<Metadata> {
    let wrong = |reason: String| Error::Model(format!("{} {reason}; fetch the file again", path.display()));
    let mut file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => wrong("is missing".into()),
        _ => unreadable(path, &error),
    })?;
    let length = file.metadata().map_err(|error| unreadable(path, &error))?.len();
    let mut prefix = [0; 8];
    if length < 8 {
        return Err(wrong(format!("is cut off: it has {length} bytes")));
    }
    file.read_exact(&mut prefix).map_err(|error| unreadable(path, &error))?;
    if &prefix == b"version " {
        let path = path.display();
        return Err(Error::Model(format!("{path} is a pointer of Git LFS and not the file; `git lfs pull` in its folder brings that")));
    }
    let header = u64::from_le_bytes(prefix);
    if header > LONGEST_HEADER {
        return Err(wrong("is not a safetensors file, or is damaged".into()));
    }
    if length < 8 + header {
        return Err(wrong(format!("is cut off: its header alone takes {} bytes, but the file has {length}", 8 + header)));
    }
    let mut json = vec![0; header as usize];
    file.read_exact(&mut json).map_err(|error| unreadable(path, &error))?;
    let metadata: Metadata =
        serde_json::from_slice(&json).map_err(|error| wrong(format!("is not a safetensors file, or is damaged ({error})")))?;
    let expected = 8 + header + metadata.data_len() as u64;
    match length.cmp(&expected) {
        std::cmp::Ordering::Less => Err(wrong(format!("is cut off: it should have {expected} bytes, but has {length}"))),
        std::cmp::Ordering::Greater => Err(wrong(format!("is damaged: it should have {expected} bytes, but has {length}"))),
        std::cmp::Ordering::Equal => Ok(metadata),
    }
}

/// Tokens that end an answer, in their order: the tokenizer's own, and those that `config.json` and `generation_config.json` name.
///
/// # Errors
/// [`Error::Model`] where one of these is no JSON, or there is no such token.
pub fn stop_tokens(folder: &Path, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
    let mut tokens: BTreeSet<u32> = tokenizer.end().into_iter().collect();
    for name in ["config.json", "generation_config.json"] {
        let path = folder.join(name);
        if let Some(text) = read_text(&path)? {
            tokens.extend(Json::parse(&text, &path)?.tokens("eos_token_id")?);
        }
    }
    match tokens.is_empty() {
        true => Err(Error::Model(format!(
            "{}: no token ends an answer (`eos_token_id`), so answers would never end",
            folder.join("config.json").display()
        ))),
        false => Ok(tokens.into_iter().collect()),
    }
}

/// The same of a model that is known.
fn own_stop_tokens(folder: &Path, config: &LlamaConfig, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
    let tokens = stop_tokens(folder, tokenizer)?;
    match tokens.last() {
        Some(last) if *last as usize >= config.vocab_size => {
            Err(Error::Model(format!("{}: `eos_token_id` {last} is not below `vocab_size` ({})", folder.display(), config.vocab_size)))
        }
        _ => Ok(tokens),
    }
}
