//! Checksums noted when a model was installed, so that a damaged file is found.
use crate::folder::Checked;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The file in the model's folder.
pub(crate) const FILE: &str = "alignpro.json";

/// What is noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    /// The file that the model was made from, or where its files come from.
    source: String,
    /// Hex SHA-256 by file name ([`Checked::checksums`]).
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

impl Seal {
    /// The checksums of a model that is made from `source`.
    pub(crate) fn of(model: &impl Checked, source: &Path) -> Result<Self> {
        Ok(Self { source: source.file_name().unwrap_or_default().to_string_lossy().into_owned(), sha256: model.checksums()? })
    }
}

/// Notes the checksums of a model's files in its folder; `source` says where they come from. Reads all of them.
///
/// # Errors
/// [`Error::Io`] when it cannot be written.
pub fn note(model: &impl Checked, source: &str) -> Result<()> {
    let failed = |e: std::io::Error| Error::Io(format!("{} cannot be written: {e}", model.path().join(FILE).display()));
    let text = serde_json::to_vec_pretty(&Seal { source: source.to_owned(), sha256: model.checksums()? }).map_err(|e| failed(e.into()))?;
    std::fs::write(model.path().join(FILE), text).map_err(failed)
}

/// Compares the files with what was noted; reads all of them.
pub fn verify(model: &impl Checked) -> Result<State> {
    let Ok(text) = std::fs::read_to_string(model.path().join(FILE)) else { return Ok(State::Unsealed) };
    let Ok(seal) = serde_json::from_str::<Seal>(&text) else { return Ok(State::Changed(vec![FILE.into()])) };
    let now = model.checksums()?;
    let names: BTreeSet<&String> = now.keys().chain(seal.sha256.keys()).collect();
    let changed: Vec<String> = names.into_iter().filter(|&name| now.get(name) != seal.sha256.get(name)).cloned().collect();
    Ok(if changed.is_empty() { State::Whole } else { State::Changed(changed) })
}
