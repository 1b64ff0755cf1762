//! Reward models on disk, of both kinds.
use crate::deberta::config::MODEL_TYPE;
use crate::folder::{Checked, read_text};
use crate::{DebertaFolder, ModelFolder, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A checked folder of a reward model.
#[derive(Debug, Clone)]
pub enum RewardFolder {
    /// A decoder, which reads a conversation by its chat template: [`crate::RewardModel`].
    Decoder(ModelFolder),
    /// An encoder, which reads a question and an answer: [`crate::Deberta`].
    Encoder(DebertaFolder),
}

impl RewardFolder {
    /// Reads and checks the folder's small files and that every weight file is there and whole; loads no weights.
    ///
    /// # Errors
    /// As [`ModelFolder::open_reward_model`].
    pub fn open(path: &Path) -> Result<Self> {
        // What cannot be read is said where it is needed.
        let text = read_text(&path.join("config.json")).ok().flatten().unwrap_or_default();
        let kind = serde_json::from_str::<Value>(&text).unwrap_or_default();
        if kind["model_type"] == MODEL_TYPE {
            DebertaFolder::open(path).map(Self::Encoder)
        } else {
            ModelFolder::open_reward_model(path).map(Self::Decoder)
        }
    }

    /// `model_type` in `config.json`.
    pub fn model_type(&self) -> &'static str {
        match self {
            Self::Decoder(folder) => folder.config.architecture.model_type(),
            Self::Encoder(_) => MODEL_TYPE,
        }
    }

    /// The identity of the model, in hex.
    pub fn checksum(&self) -> Result<String> {
        match self {
            Self::Decoder(folder) => folder.checksum(),
            Self::Encoder(folder) => folder.checksum(),
        }
    }

    /// How many numbers the weights are.
    pub fn parameters(&self) -> u64 {
        match self {
            Self::Decoder(folder) => folder.config.parameters(),
            Self::Encoder(folder) => folder.config.parameters(),
        }
    }
}

impl Checked for RewardFolder {
    fn path(&self) -> &Path {
        match self {
            Self::Decoder(folder) => folder.path(),
            Self::Encoder(folder) => folder.path(),
        }
    }

    fn checksums(&self) -> Result<BTreeMap<String, String>> {
        match self {
            Self::Decoder(folder) => folder.checksums(),
            Self::Encoder(folder) => folder.checksums(),
        }
    }
}
