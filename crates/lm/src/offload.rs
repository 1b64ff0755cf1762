//! Models that are in memory only while they compute ([ADR 21](../../../docs/adr/0021-offloading.md)).
use crate::folder::weight_files;
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

/// A model that is read again from its files for each piece of work. What one load computes, every other does: a file that has changed meanwhile is refused.
pub struct Offloaded<M> {
    load: Box<dyn Fn() -> Result<M> + Send + Sync>,
    files: Vec<(PathBuf, Stamp)>,
    spent: LoadTime,
}

/// Length and time of a file's last change.
type Stamp = Option<(u64, SystemTime)>;

impl<M> Offloaded<M> {
    /// The model in `folder`, which `load` reads; `spent` counts how long that takes.
    ///
    /// # Errors
    /// Where its files cannot be listed.
    pub fn new(folder: &Path, spent: &LoadTime, load: impl Fn() -> Result<M> + Send + Sync + 'static) -> Result<Self> {
        let files = weight_files(folder)?.into_iter().map(|name| folder.join(name)).map(|path| (path.clone(), stamp(&path))).collect();
        Ok(Self { load: Box::new(load), files, spent: spent.clone() })
    }

    /// With its weights. Whoever lets go of it gives their memory back.
    ///
    /// # Errors
    /// Where a file has changed since [`Self::new`], and as the load itself.
    pub fn load(&self) -> Result<M> {
        let begun = Instant::now();
        if let Some((changed, _)) = self.files.iter().find(|(path, known)| stamp(path) != *known) {
            return Err(Error::Model(format!(
                "{} has changed since the model was first loaded; bring back the file as it was",
                changed.display()
            )));
        }
        let model = (self.load)();
        self.spent.add(begun);
        model
    }
}

fn stamp(path: &Path) -> Stamp {
    let found = std::fs::metadata(path).ok()?;
    Some((found.len(), found.modified().ok()?))
}

/// How long models that are offloaded have taken to be read again, all of them together. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct LoadTime(Arc<AtomicU64>);

impl LoadTime {
    fn add(&self, begun: Instant) {
        self.0.fetch_add(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub fn seconds(&self) -> f64 {
        self.0.load(Ordering::Relaxed) as f64 / 1e9
    }
}
