//! Checksums noted when a model was installed, so that a damaged file is found.
use crate::home::write_error;
use contract::{Error, Result};
use lm::ModelFolder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The file in the model's folder.
const FILE: &str = "alignpro.json";

/// What is noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    /// Name of the file that the model was made from.
    source: String,
    /// Hex SHA-256 by file name ([`ModelFolder::checksums`]).
    sha256: BTreeMap<String, String>,
}

/// Whether a model's files are what they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Whole,
    /// Nothing was noted: the folder was put here by hand.
    Unsealed,
    /// Names of files that changed or are gone.
    Changed(Vec<String>),
}

/// Notes the checksums of a model that was just installed from `source`.
pub fn seal(model: &ModelFolder, source: &str) -> Result<()> {
    let seal = Seal { source: source.into(), sha256: model.checksums()? };
    let text = serde_json::to_string_pretty(&seal).map_err(|e| Error::internal("Checksums cannot be written as JSON.").with_detail(e))?;
    let path = model.path.join(FILE);
    std::fs::write(&path, text).map_err(|e| write_error(&path, &e))
}

/// Compares the files with what was noted; reads all of them.
pub fn verify(model: &ModelFolder) -> Result<State> {
    let Ok(text) = std::fs::read_to_string(model.path.join(FILE)) else { return Ok(State::Unsealed) };
    let Ok(seal) = serde_json::from_str::<Seal>(&text) else { return Ok(State::Changed(vec![FILE.into()])) };
    let now = model.checksums()?;
    let names: std::collections::BTreeSet<&String> = now.keys().chain(seal.sha256.keys()).collect();
    let changed: Vec<String> = names.into_iter().filter(|&name| now.get(name) != seal.sha256.get(name)).cloned().collect();
    Ok(if changed.is_empty() { State::Whole } else { State::Changed(changed) })
}
