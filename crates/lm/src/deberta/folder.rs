//! A DeBERTa reward model on disk.
use super::config::DebertaConfig;
use crate::folder::{self, Checked, Identity, Types};
use crate::weight_files::WeightFiles;
use crate::{Error, Result, Tokenizer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A checked Hugging Face folder of a DeBERTa model with one label: `config.json`, `*.safetensors`, `tokenizer.json`.
#[derive(Debug, Clone)]
pub struct DebertaFolder {
    pub path: PathBuf,
    pub config: DebertaConfig,
    pub(super) tokenizer: Tokenizer,
    weight_files: Vec<String>,
    pub(super) types: Types,
    identity: Identity,
}

impl DebertaFolder {
    /// Reads and checks the folder's small files and that every weight file is there and whole; loads no weights.
    ///
    /// # Errors
    /// As [`crate::ModelFolder::open`], but for the chat template, which there is none of.
    pub fn open(path: &Path) -> Result<Self> {
        let config_path = path.join("config.json");
        let text = folder::read_text(&config_path)?
            .ok_or_else(|| Error::Model(format!("{} is missing, so this is not a Hugging Face model folder", config_path.display())))?;
        let config = DebertaConfig::parse(&text, &config_path)?;
        let weight_files = folder::weight_files(path)?;
        let types = folder::check_weights(path, &weight_files, config.tensors())?;
        let tokenizer = Tokenizer::open_for_texts(path)?;
        folder::check_vocabulary(path, &tokenizer, config.vocab_size)?;
        if tokenizer.around_texts().is_none() {
            let file = path.join("tokenizer.json");
            return Err(Error::Model(format!("{} does not know [CLS] and [SEP], which stand around a pair of texts", file.display())));
        }
        Ok(Self { path: path.to_owned(), config, tokenizer, weight_files, types, identity: Identity::default() })
    }

    /// All weights by their Hugging Face names, as stored.
    pub(super) fn weight_files(&self) -> Result<WeightFiles> {
        WeightFiles::open(&self.path, &self.weight_files)
    }

    /// SHA-256 over [`Checked::checksums`], in hex: the identity of the model. Read once.
    pub fn checksum(&self) -> Result<String> {
        self.identity.of(self)
    }
}

impl Checked for DebertaFolder {
    fn path(&self) -> &Path {
        &self.path
    }

    fn checksums(&self) -> Result<BTreeMap<String, String>> {
        folder::checksums(&self.path, &self.weight_files)
    }
}
