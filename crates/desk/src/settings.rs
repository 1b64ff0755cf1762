//! What a person has set, what workers have said, which connections were made: small files of the home folder.
use crate::Desk;
use contract::desk::{Connection, Settings};
use contract::{Error, Result};
use home::Home;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// Most threads that can be set.
const MOST_THREADS: usize = 1024;
/// Of a log, this much of its end is shown.
const LOG_BYTES: u64 = 64 << 10;

/// What is set in a home; the defaults where nothing was set.
pub fn settings_of(home: &Home) -> Result<Settings> {
    let file = home.settings();
    match std::fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text).map_err(|e| {
            Error::io(format!("{} cannot be read as settings; remove it to go on with the defaults.", file.display())).with_detail(e)
        }),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Settings::default()),
        Err(e) => Err(home::read_error(&file, &e)),
    }
}

/// Keeps settings for all runs to come, whole or not at all.
pub fn keep_settings_in(home: &Home, settings: &Settings) -> Result<()> {
    if settings.threads.is_some_and(|threads| !(1..=MOST_THREADS).contains(&threads)) {
        return Err(Error::io(format!("A worker computes with 1 to {MOST_THREADS} threads.")));
    }
    let file = home.settings();
    home::create_folder(home.path())?;
    let text = serde_json::to_string_pretty(settings).map_err(|e| Error::internal("The settings cannot be written.").with_detail(e))?;
    let failed = |e: std::io::Error| home::write_error(&file, &e);
    let draft = tempfile::NamedTempFile::new_in(home.path()).map_err(failed)?;
    std::fs::write(draft.path(), text).map_err(failed)?;
    draft.persist(&file).map(drop).map_err(|e| failed(e.error))
}

impl Desk {
    /// As [`settings_of`].
    pub fn settings(&self) -> Result<Settings> {
        settings_of(&self.home)
    }

    /// As [`keep_settings_in`].
    pub fn keep_settings(&self, settings: &Settings) -> Result<()> {
        keep_settings_in(&self.home, settings)
    }

    /// The end of what the worker that the window started for a run has said; empty where it started none.
    pub fn log(&self, run: i64) -> Result<String> {
        let file = self.home.logs().join(format!("run-{run}.log"));
        match end_of(&file) {
            Ok(text) => Ok(text),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(String::new()),
            Err(e) => Err(home::read_error(&file, &e)),
        }
    }

    /// Newest first.
    pub(crate) fn connections(&self) -> Result<Vec<Connection>> {
        let file = self.home.connections();
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => String::new(),
            Err(e) => return Err(home::read_error(&file, &e)),
        };
        // A line that a killed process left half stays uncounted.
        Ok(text.lines().rev().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }
}

fn end_of(file: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(file)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
