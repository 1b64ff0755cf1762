//! A model folder that is whole or not there.
use crate::{Error, ModelFolder, Result};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A folder that is being written beside its target. Dropped before it is published, it is removed.
pub(crate) struct Draft {
    pub path: PathBuf,
    target: PathBuf,
    /// Held locked until the folder has its name, so that two imports cannot mix, and what a killed import left can be told
    /// from what another one is writing.
    lock: Option<File>,
    is_published: bool,
}

/// Name of the lock inside a draft.
const LOCK: &str = ".lock";

impl Draft {
    /// # Errors
    /// [`Error::Io`] where it cannot be made, or another is being written.
    pub fn new(target: &Path) -> Result<Self> {
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
    pub fn file(&self, name: &str, write: impl FnOnce(&mut BufWriter<File>) -> Result<(), Failure>) -> Result<()> {
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

    pub fn json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(value).map_err(|error| Error::Model(format!("{name} cannot be written: {error}")))?;
        text.push(b'\n');
        self.file(name, |out| Ok(out.write_all(&text)?))
    }

    /// Gives the folder its name.
    pub fn publish(mut self, written: &ModelFolder) -> Result<()> {
        if fs::read_dir(&self.target).is_ok_and(|mut entries| entries.next().is_some()) {
            return match ModelFolder::read(&self.target).and_then(|there| Ok(there.checksums()? == written.checksums()?)) {
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

/// Reading the model or writing the file failed.
pub(crate) enum Failure {
    Read(Error),
    Write(std::io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Read(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Write(error)
    }
}
