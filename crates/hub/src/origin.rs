//! Where a folder's files come from, noted beside them.
use crate::listing::{RemoteFile, Repository};
use contract::hub::HubKind;
use contract::{Error, Result};
use home::note_in;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file in the folder. Not JSON: checksums of model folders are taken over all files of JSON, and where a model comes from does not change its answers.
const FILE: &str = "origin.toml";

/// A repository of the hub at a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Address of the hub.
    pub hub: String,
    pub kind: HubKind,
    pub id: String,
    /// Commit, in hex.
    pub revision: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// What of it is here, in order.
    pub files: Vec<OriginFile>,
}

/// A file as it was when it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginFile {
    pub path: String,
    pub bytes: u64,
    #[serde(flatten)]
    pub digest: Option<crate::digest::Digest>,
}

impl Origin {
    pub(crate) fn of(hub: &str, repository: &Repository, files: &[&RemoteFile]) -> Self {
        let file = |file: &&RemoteFile| OriginFile { path: file.path.clone(), bytes: file.bytes, digest: file.digest.clone() };
        Self {
            hub: hub.to_owned(),
            kind: repository.kind,
            id: repository.id.as_str().to_owned(),
            revision: repository.revision.clone(),
            licence: repository.licence.clone(),
            files: files.iter().map(file).collect(),
        }
    }

    /// What is noted in a folder; None where nothing is, or nothing that can be read.
    pub fn read(folder: &Path) -> Option<Self> {
        toml::from_str(&std::fs::read_to_string(folder.join(FILE)).ok()?).ok()
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let text = toml::to_string(self).map_err(|e| Error::internal("Where files come from cannot be noted.").with_detail(e))?;
        note_in(folder, FILE, &text)
    }

    /// In one line, as a run keeps it.
    pub fn in_words(&self) -> String {
        let licence = self.licence.as_ref().map_or_else(String::new, |licence| format!(", licence {licence}"));
        format!("{} at {}{licence}", self.id, self.revision)
    }
}

/// Where a model, a folder or a file, comes from, if that is known: noted beside it, or by its place in Hugging Face's cache.
pub fn origin_of(model: &Path) -> Option<String> {
    let folder = if model.is_dir() { model } else { model.parent()? };
    // A GGUF file may lie in a folder of its own within what was brought.
    let near = || folder.ancestors().take(if model.is_dir() { 1 } else { 2 });
    near().find_map(Origin::read).map(|origin| origin.in_words()).or_else(|| near().find_map(crate::found::revision_in_cache))
}

/// Where data comes from, if it was brought from the hub: its files lie in the folder of the data set, or in one within it, and are noted there. A folder or
/// a pattern is taken for files of it.
pub fn origin_of_data(source: &Path) -> Option<String> {
    const DEEP: usize = 4;
    let source = Path::new(".").join(source);
    let path = source.canonicalize().ok().or_else(|| Some(source.parent()?.canonicalize().ok()?.join(source.file_name()?)))?;
    path.ancestors().take(DEEP).find_map(|folder| {
        let origin = Origin::read(folder)?;
        let within = path.strip_prefix(folder).ok()?;
        let is_of_it = !path.is_file() || origin.files.iter().any(|file| Path::new(&file.path) == within);
        is_of_it.then(|| origin.in_words())
    })
}
