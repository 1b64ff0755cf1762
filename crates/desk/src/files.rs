//! Run databases that come and go as files: opened beside one's own, merged into it, written to be shared.
use crate::places::{file_stem, free_names};
use crate::{Desk, blocking};
use contract::desk::{Merged, OpenFile, RunChange, Share};
use contract::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;
use store::{Store, export};

/// Files that are open, only to look at.
#[derive(Default)]
pub(crate) struct Files {
    open: Vec<File>,
    /// How many have ever been opened.
    count: i64,
}

#[derive(Clone)]
pub(crate) struct File {
    /// From 1; never given twice.
    number: i64,
    pub(crate) path: PathBuf,
    pub(crate) store: Store,
    is_example: bool,
}

/// Runs of a file have numbers below zero: the file's number above these bits, the run's own below. Both are far below what JavaScript's
/// numbers hold exactly.
const BITS: u32 = 32;

impl File {
    /// A run's number as the pages know it.
    pub(crate) fn outside(&self, run: i64) -> i64 {
        -(self.number << BITS | run)
    }

    async fn described(&self) -> Result<OpenFile> {
        let runs = self.store.runs().await?;
        Ok(OpenFile {
            path: self.path.display().to_string(),
            name: self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            is_example: self.is_example,
            runs: runs.iter().filter(|run| run.is_kept()).map(|run| self.outside(run.id)).collect(),
        })
    }
}

impl Desk {
    fn lock_files(&self) -> MutexGuard<'_, Files> {
        // What it guards is whole at any moment.
        self.files.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn open_files(&self) -> Vec<File> {
        self.lock_files().open.clone()
    }

    /// The database that a run is in, and its number there.
    pub(crate) async fn place(&self, run: i64) -> Result<(Store, i64)> {
        if run >= 0 {
            return Ok((self.store().await?.clone(), run));
        }
        let (number, inside) = (-run >> BITS, -run & ((1 << BITS) - 1));
        let found = self.lock_files().open.iter().find(|file| file.number == number).map(|file| file.store.clone());
        Ok((found.ok_or_else(|| Error::run("This run is in a file that is no longer open; open the file again."))?, inside))
    }

    /// A run that can be worked on, and not only looked at.
    pub(crate) fn own(&self, run: i64) -> Result<i64> {
        if run >= 0 {
            return Ok(run);
        }
        Err(Error::run("This run is in a file that is open only to look at; merge the file into your own database first."))
    }

    /// Opens a run database beside one's own, only to look at; one that is open already is opened anew. Fails as [`Store::open_foreign`].
    pub async fn open_file(&self, path: &Path) -> Result<OpenFile> {
        self.open_as(path, false).await
    }

    async fn open_as(&self, path: &Path, is_example: bool) -> Result<OpenFile> {
        // Where one's own database is refused, those of others can be looked at all the same.
        if self.store().await.is_ok_and(|own| own.is_same(path)) {
            return Err(Error::database(format!("{} is the database that you are working in.", path.display())));
        }
        let store = Store::open_foreign(path).await?;
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let file = {
            let mut files = self.lock_files();
            files.open.retain(|file| file.path != path);
            files.count += 1;
            let file = File { number: files.count, path, store, is_example };
            files.open.push(file.clone());
            file
        };
        file.described().await
    }

    pub async fn files(&self) -> Result<Vec<OpenFile>> {
        let mut files = Vec::new();
        for file in self.open_files() {
            files.push(file.described().await?);
        }
        Ok(files)
    }

    /// Closes a file; nothing of it stays.
    pub async fn close_file(&self, path: &Path) -> Result<()> {
        let closed = {
            let mut files = self.lock_files();
            let at = files.open.iter().position(|file| file.path == path);
            at.map(|at| files.open.remove(at))
        };
        if let Some(file) = closed {
            file.store.close().await;
        }
        Ok(())
    }

    /// Copies the runs of an open file into one's own database: nothing twice, nothing overwritten.
    pub async fn merge(&self, path: &Path) -> Result<Merged> {
        let file = self.open_files().into_iter().find(|file| file.path == path);
        let file = file.ok_or_else(|| Error::run(format!("{} is not open.", path.display())))?;
        self.store().await?.merge(&file.store).await
    }

    /// What a file of these runs is called, without its ending.
    pub(crate) async fn stem_of(&self, runs: &[i64], done: &str) -> Result<String> {
        let first = runs.first().ok_or_else(|| Error::run(format!("Nothing is chosen; choose the runs that are to be {done}.")))?;
        let (store, inside) = self.place(*first).await?;
        let record = store.run(inside).await?;
        Ok(match runs.len() {
            1 => format!("{}-seed-{}", file_stem(&record.name), record.spec.seed),
            n => format!("{}-{n}-runs", file_stem(&record.name)),
        })
    }

    /// Writes runs, also of open files, as one new file of a folder; its path.
    pub async fn export(&self, runs: &[i64], share: Share, folder: &Path) -> Result<PathBuf> {
        let name = self.stem_of(runs, "exported").await?;
        let mut sources: BTreeMap<i64, (Store, Vec<i64>)> = BTreeMap::new();
        for run in runs {
            let (store, inside) = self.place(*run).await?;
            sources.entry(run.min(&0) >> BITS).or_insert_with(|| (store, Vec::new())).1.push(inside);
        }
        home::create_folder(folder)?;
        let sources: Vec<(&Store, Vec<i64>)> = sources.values().map(|(store, runs)| (store, runs.clone())).collect();
        for file in free_names(folder, &format!("{name}.alignpro")) {
            match export(&sources, share, &file).await {
                Ok(()) => return Ok(file),
                Err(e) if e.detail.as_deref() == Some("exists") => {}
                Err(e) => return Err(e),
            }
        }
        Err(Error::internal("The names of files came to an end."))
    }

    /// Changes runs of one's own.
    pub async fn change(&self, runs: &[i64], change: &RunChange) -> Result<()> {
        let runs = runs.iter().map(|run| self.own(*run)).collect::<Result<Vec<_>>>()?;
        self.store().await?.change(&runs, change).await
    }

    /// Removes deleted runs for good.
    pub async fn remove(&self, runs: &[i64]) -> Result<()> {
        let runs = runs.iter().map(|run| self.own(*run)).collect::<Result<Vec<_>>>()?;
        let store = self.store().await?;
        store.remove(&runs).await?;
        crate::answers::sweep(store).await
    }

    /// Opens the finished experiment that comes with the program, out of the home folder.
    pub async fn open_example(&self) -> Result<OpenFile> {
        let path = self.home.path().join("example.alignpro");
        let written = path.clone();
        blocking(move || {
            home::create_folder(written.parent().unwrap_or(Path::new(".")))?;
            std::fs::write(&written, EXAMPLE).map_err(|e| home::write_error(&written, &e))
        })
        .await?;
        self.open_as(&path, true).await
    }
}

/// The quickstart's run with seed 1, with its texts and without its prompter.
const EXAMPLE: &[u8] = include_bytes!("../../../examples/finished.alignpro");
