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

/// Has models looked for in a folder, from now on.
///
/// # Errors
/// [`contract::Code::Io`] where it is none.
pub fn name_model_folder_in(home: &Home, folder: &Path) -> Result<Settings> {
    if !folder.is_dir() {
        return Err(Error::io(format!("There is no folder {} to look into.", folder.display())));
    }
    let mut settings = settings_of(home)?;
    settings.model_folders.push(whole(folder));
    settings.model_folders.sort();
    settings.model_folders.dedup();
    keep_settings_in(home, &settings)?;
    Ok(settings)
}

/// Has models no longer looked for in a folder, be it there or not. Nothing in it is touched.
///
/// # Errors
/// [`contract::Code::Io`] where it was not named.
pub fn forget_model_folder_in(home: &Home, folder: &Path) -> Result<Settings> {
    let (mut settings, folder) = (settings_of(home)?, whole(folder));
    let before = settings.model_folders.len();
    settings.model_folders.retain(|named| *named != folder);
    if settings.model_folders.len() == before {
        return Err(Error::io(format!("{folder} is none of the folders that were named; `alignpro models folders` lists them.")));
    }
    keep_settings_in(home, &settings)?;
    Ok(settings)
}

fn whole(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

impl Desk {
    /// As [`name_model_folder_in`].
    pub fn name_model_folder(&self, folder: &Path) -> Result<Settings> {
        name_model_folder_in(&self.home, folder)
    }

    /// As [`forget_model_folder_in`].
    pub fn forget_model_folder(&self, folder: &Path) -> Result<Settings> {
        forget_model_folder_in(&self.home, folder)
    }

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
