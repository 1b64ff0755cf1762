//! Where the training of a reward model is kept until the model has its folder, so that a stop or a crash costs half a minute at most.
use contract::{Code, Error, Result};
use experiment::reward_checkpoint::RewardCheckpoint;
use experiment::reward_training::RewardTrainer;
use home::{create_folder, read_error, write_error};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

/// Between two checkpoints.
const EVERY: Duration = Duration::from_secs(30);
/// What the system may take to end a process that was killed.
const GOING: Duration = Duration::from_secs(2);
const CHECKPOINT: &str = "checkpoint.safetensors";
const LOCK: &str = ".lock";

/// A folder beside the one that the model will have, held by one process at a time.
pub struct KeptTraining {
    folder: PathBuf,
    /// What the training is: its base, pairs and settings.
    of: String,
    _held: File,
    kept_at: Instant,
}

impl KeptTraining {
    /// # Errors
    /// [`Code::Busy`] where another process is at it; [`Code::Io`].
    pub fn open(models: &Path, name: &str, of: String) -> Result<Self> {
        let folder = models.join(format!(".{name}.training"));
        create_folder(&folder)?;
        let lock = folder.join(LOCK);
        let held = File::create(&lock).map_err(|e| write_error(&lock, &e))?;
        let begun = Instant::now();
        let is_held = loop {
            match held.try_lock() {
                Ok(()) => break true,
                // One that was killed a moment ago may not be gone yet.
                Err(_) if begun.elapsed() < GOING => std::thread::sleep(GOING / 50),
                Err(_) => break false,
            }
        };
        // The second: the other has ended, and removed the folder, between our opening and our locking it.
        if !is_held || !lock.exists() {
            return Err(Error::busy(format!("Another alignpro is training {name}; wait for it to end, or choose another name.")));
        }
        Ok(Self { folder, of, _held: held, kept_at: Instant::now() })
    }

    /// What an earlier process left of the same training.
    ///
    /// # Errors
    /// [`Code::Model`] where it is of another one; [`Code::Io`] where it cannot be read.
    pub fn found(&self) -> Result<Option<RewardCheckpoint>> {
        let file = self.folder.join(CHECKPOINT);
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(read_error(&file, &e)),
        };
        let folder = self.folder.display();
        let found = RewardCheckpoint::from_bytes(&bytes, &self.of)
            .map_err(|e| Error { message: format!("{}: {}; remove the folder to begin anew.", file.display(), e.message), ..e })?;
        let another = || {
            Error::new(
                Code::Model,
                format!(
                    "{folder} holds a training of this name that was stopped, of another base, file or settings, or of an earlier version of this program. Give the same again to go on with \
                     it, choose another name, or remove the folder to begin anew."
                ),
            )
        };
        found.map(Some).ok_or_else(another)
    }

    /// Whether it is time for the next checkpoint.
    pub fn is_due(&self) -> bool {
        self.kept_at.elapsed() >= EVERY
    }

    /// Keeps where the training stands, whole or not at all.
    pub fn keep(&mut self, trainer: &RewardTrainer) -> Result<()> {
        let bytes = trainer.checkpoint()?.to_bytes(&self.of)?;
        let file = self.folder.join(CHECKPOINT);
        let failed = |e: std::io::Error| write_error(&file, &e);
        let mut draft = NamedTempFile::new_in(&self.folder).map_err(failed)?;
        draft.write_all(&bytes).and_then(|()| draft.as_file().sync_all()).map_err(failed)?;
        draft.persist(&file).map_err(|e| failed(e.error))?;
        self.kept_at = Instant::now();
        Ok(())
    }

    /// The model has its folder: nothing is to be gone on with.
    pub fn end(self) -> Result<()> {
        let file = self.folder.join(CHECKPOINT);
        match fs::remove_file(&file) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(write_error(&file, &e)),
            _ => Ok(()),
        }
    }
}

impl Drop for KeptTraining {
    fn drop(&mut self) {
        if !self.folder.join(CHECKPOINT).exists() {
            // A lock alone is of no use to anybody, and of no harm where it stays.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
