//! Folders that files are brought into.
use crate::client::Hub;
use crate::download::{missing_bytes, names};
use crate::listing::{RemoteFile, Repository};
use crate::origin::Origin;
use contract::hub::{HubKind, HubProgress};
use contract::{Code, Error, Result};
use home::{create_folder, write_error};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Held locked while files arrive.
const LOCK: &str = ".lock";

/// Where files of a repository will be.
pub struct Target<'a> {
    repository: &'a Repository,
    files: Vec<&'a RemoteFile>,
    /// Of the model, or of the data set.
    folder: PathBuf,
    /// Where they arrive: a model's beside its folder, which is there only when it is whole; a data set's each in its place.
    draft: PathBuf,
}

/// What is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All of it.
    Whole,
    /// Nothing, or some files.
    Missing,
}

impl<'a> Target<'a> {
    /// `parent` holds folders of models, or of data sets.
    pub fn new(repository: &'a Repository, files: Vec<&'a RemoteFile>, parent: &Path, name: &str) -> Self {
        let folder = parent.join(name);
        let draft = if repository.kind == HubKind::Model { parent.join(format!(".{name}.fetching")) } else { folder.clone() };
        Self { repository, files, folder, draft }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the files are, or will be.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| self.folder.join(&file.path)).collect()
    }

    /// Bytes that have still to come.
    pub fn missing_bytes(&self) -> u64 {
        missing_bytes(&self.files, &self.draft)
    }

    /// Whether the folder's name is free for these files, or has them.
    ///
    /// # Errors
    /// [`Code::Model`] or [`Code::Data`] where something else is there, with the way out.
    pub fn standing(&self) -> Result<Standing> {
        if !self.folder.exists() {
            return Ok(Standing::Missing);
        }
        let (shown, is_model) = (self.folder.display(), self.repository.kind == HubKind::Model);
        let code = if is_model { Code::Model } else { Code::Data };
        let other = |what: String| {
            Err(Error::new(code, format!("{shown} is there already, and {what}: give another name with --name, or remove that folder.")))
        };
        match Origin::read(&self.folder) {
            Some(origin) if origin.id != self.repository.id.as_str() => other(format!("comes from {}", origin.id)),
            Some(origin) if origin.revision != self.repository.revision => {
                other(format!("is of another version ({}), which --revision {} names", origin.revision, origin.revision))
            }
            Some(origin) => {
                let has = |file: &&RemoteFile| origin.files.iter().any(|noted| noted.path == file.path);
                let is_there = |file: &&RemoteFile| fs::metadata(self.folder.join(&file.path)).is_ok_and(|found| found.len() == file.bytes);
                match self.files.iter().all(|file| has(file) && is_there(file)) {
                    true => Ok(Standing::Whole),
                    false if is_model => other("has other files of the same version".into()),
                    false => Ok(Standing::Missing),
                }
            }
            // A killed download of data has noted nothing yet.
            None if !is_model && self.folder.join(LOCK).exists() => Ok(Standing::Missing),
            None => other("does not come from the hub".into()),
        }
    }

    /// Brings the files. `finish` may add to a model's folder before it gets its name.
    ///
    /// # Errors
    /// As [`Hub::bring`]; [`Code::Busy`] where another process is at it.
    pub async fn fill(&self, hub: &Hub, on_progress: &mut dyn FnMut(&HubProgress), finish: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        create_folder(&self.draft)?;
        let lock = self.draft.join(LOCK);
        let held = File::create(&lock).map_err(|e| write_error(&lock, &e))?;
        if held.try_lock().is_err() || !lock.exists() {
            return Err(Error::busy(format!("Another alignpro is bringing files into {}; wait for it to end.", self.folder.display())));
        }
        if self.draft != self.folder {
            clear(&self.draft, &names(&self.files, &self.draft))?;
        }
        hub.bring(self.repository, &self.files, &self.draft, on_progress).await?;
        let mut origin = Origin::of(hub.address(), self.repository, &self.files);
        // Of a data set, other files may have come before.
        let before = Origin::read(&self.draft).map_or_else(Vec::new, |origin| origin.files);
        let is_new = |path: &str| origin.files.iter().all(|file| file.path != path);
        let kept: Vec<_> = before.into_iter().filter(|file| is_new(&file.path)).collect();
        origin.files.extend(kept);
        origin.files.sort_by(|a, b| a.path.cmp(&b.path));
        origin.write(&self.draft)?;
        finish(&self.draft)?;
        fs::remove_file(&lock).map_err(|e| write_error(&lock, &e))?;
        if self.draft != self.folder {
            fs::rename(&self.draft, &self.folder).map_err(|e| write_error(&self.folder, &e))?;
        }
        drop(held);
        Ok(())
    }
}

/// Removes what earlier attempts at other files left.
fn clear(folder: &Path, expected: &[PathBuf]) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|e| home::read_error(folder, &e))?;
    for entry in entries.flatten().map(|entry| entry.path()) {
        let is_expected = expected.iter().any(|path| path.starts_with(&entry)) || entry.ends_with(LOCK);
        if is_expected {
            continue;
        }
        let removed = if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
        removed.map_err(|e| write_error(&entry, &e))?;
    }
    Ok(())
}
