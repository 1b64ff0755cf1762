//! Opening: is the file there, is it ours, can it be written; then the schema, then the pool.
use crate::{File, Store, faults, schema};
use contract::{Error, Result};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// `ALPR`: marks a SQLite file as ours (bytes 68 to 71 of the file, big-endian).
pub(crate) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"ALPR");

/// The first bytes of every SQLite file, <https://www.sqlite.org/fileformat.html>.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;

/// Of a new file, in bytes. Four times SQLite's default: checkpoints of tens of megabytes are written in half the time.
const PAGE_BYTES: u32 = 16_384;

/// Readers do not wait for one another; one connection writes at a time.
pub(crate) const CONNECTIONS: u32 = 4;

/// What to do when there is no file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Create,
    Refuse,
}

/// How connections behave.
#[derive(Clone)]
pub(crate) struct Settings {
    /// How long to wait for another process's transaction. A checkpoint of a large adapter on a slow disk takes seconds.
    pub busy_timeout: Duration,
    /// Upper bound of the file in pages: how tests fill the disk.
    pub max_pages: Option<u32>,
    /// Whether a copy is kept when the file has to be migrated.
    pub keeps_copy: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(30), max_pages: None, keeps_copy: true }
    }
}

impl Settings {
    /// Options of a connection to a file that exists.
    ///
    /// `synchronous = FULL`: with the write-ahead log, NORMAL already keeps every commit when the process is killed (the pages are
    /// with the operating system), but may forget the last ones when the power goes. An iteration takes seconds and one
    /// more fsync milliseconds, so the promise is kept there too.
    pub(crate) fn connect_options(&self, path: &Path) -> SqliteConnectOptions {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .page_size(PAGE_BYTES) // heeded by an empty file only
            .foreign_keys(true)
            .busy_timeout(self.busy_timeout)
            .synchronous(SqliteSynchronous::Full)
            // After a large checkpoint the log file is cut back to 16 MiB, not kept at its largest.
            .pragma("journal_size_limit", "16777216");
        match self.max_pages {
            Some(pages) => options.pragma("max_page_count", pages.to_string()),
            None => options,
        }
    }
}

pub(crate) async fn open(path: &Path, missing: Missing, settings: &Settings, migrations: &Migrator) -> Result<Store> {
    let is_new = inspect(path, missing)?;
    let real = real_path(path)?;
    let file = File { named: path.to_owned(), real, is_still: false, _copy: None };
    schema::prepare(&file, is_new, settings, migrations).await?;
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(settings.busy_timeout + Duration::from_secs(30))
        .connect_with(settings.connect_options(&file.real))
        .await
        .map_err(|e| faults::explain(path, e))?;
    Ok(Store { pool, file: Arc::new(file) })
}

/// An absolute path also keeps SQLite from reading a name such as `file:x` as an address.
pub(crate) fn real_path(path: &Path) -> Result<PathBuf> {
    let real = path.canonicalize().map_err(|e| faults::explain_io(path, &e))?;
    match real.to_str() {
        Some(_) => Ok(real),
        None => Err(Error::io(format!("{} has a name that is not UTF-8, which SQLite cannot open; rename it", path.display()))),
    }
}

pub(crate) async fn snapshot(path: &Path, copy: &Path) -> Result<()> {
    inspect(path, Missing::Refuse)?;
    let real = path.canonicalize().map_err(|e| faults::explain_io(path, &e))?;
    // Without a log nobody is writing, and SQLite need not make one to read.
    let is_still = !schema::beside(&real, "-wal").exists();
    let options = SqliteConnectOptions::new().filename(&real).read_only(true).immutable(is_still);
    schema::copy_into(&options, copy).await.map_err(|e| faults::explain(path, e))
}

/// Looks at the file without SQLite, which would alter it, and creates an empty one if need be. Returns whether it is empty.
fn inspect(path: &Path, missing: Missing) -> Result<bool> {
    let file = path.display();
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(Error::io(format!("{file} is a folder; name a file in it, such as {}", path.join("runs.db").display())));
        }
        // A pipe would block, a device would be written to.
        Ok(found) if !found.is_file() => return Err(Error::io(format!("{file} is not a regular file; name another one with --db"))),
        Ok(_) => {}
        Err(e) if e.kind() == ErrorKind::NotFound => return create(path, missing),
        Err(e) => return Err(faults::explain_io(path, &e)),
    }
    let opened = OpenOptions::new().read(true).write(true).open(path).map_err(|e| faults::explain_io(path, &e))?;
    match (has_our_header(path, opened)?, missing) {
        (true, _) => Ok(false),
        (false, Missing::Create) => Ok(true),
        (false, Missing::Refuse) => Err(Error::database(format!("{file} is empty: it holds no runs; name another file with --db"))),
    }
}

/// Refuses a file that is not ours by its first bytes; false for an empty one.
pub(crate) fn has_our_header(path: &Path, opened: std::fs::File) -> Result<bool> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    opened.take(HEADER_BYTES as u64).read_to_end(&mut header).map_err(|e| faults::explain_io(path, &e))?;
    if header.is_empty() {
        return Ok(false);
    }
    if header.len() < HEADER_BYTES || !header.starts_with(MAGIC) {
        return Err(faults::not_a_database(path));
    }
    if header[68..72] != APPLICATION_ID.to_be_bytes() {
        return Err(faults::not_ours(path));
    }
    Ok(true)
}

fn create(path: &Path, missing: Missing) -> Result<bool> {
    let file = path.display();
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty() && !p.is_dir()) {
        let folder = folder.display();
        return Err(Error::io(format!("The folder {folder} does not exist; create it, or name another file than {file} with --db")));
    }
    if missing == Missing::Refuse {
        return Err(Error::database(format!("There is no run database {file}; name one that exists with --db, or start a run to make it")));
    }
    // Not `create_new`: another process that opens the same new file is welcome, `schema::prepare` sorts them out.
    OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(|e| faults::explain_io(path, &e))?;
    Ok(true)
}
