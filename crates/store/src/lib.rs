//! The run database: SQLite through sqlx. A fact is committed here before anyone is told.
//!
//! Every query is checked at compile time against the migrations (`scripts/prepare_queries.sh` refreshes the metadata in `.sqlx`).
//! Every write is one `BEGIN IMMEDIATE` transaction, so that it is there whole or not at all and never fails half-way for want
//! of a lock. docs/adr/0002-store.md has the reasons for what is stored how.
//!
//! A run may train several arms, whose iterations, episodes and checkpoints are kept apart. An `arm` that a function takes is one of these:
//! [`contract::arm::TUNED`], the prompter; [`contract::arm::ORACLE`], the frozen model itself; [`contract::arm::INSTRUCTION`], the search
//! for an instruction, whose iterations are its rounds and whose checkpoints are a [`Checkpoint::state`] alone. Rows of any other are
//! [`contract::Code::Internal`].
//!
//! All functions that take a run give [`contract::Code::Run`], with the ids that exist, when there is no such run; all can
//! give [`contract::Code::Database`] (locked by another program, damaged) and [`contract::Code::Io`] (disk full, read-only).
mod changes;
mod evaluation;
mod events;
mod faults;
mod foreign;
mod judgements;
mod lock;
mod numbers;
mod open;
pub mod records;
mod runs;
mod schema;
mod share;
mod training;

#[cfg(test)]
mod tests;

pub use lock::RunLock;
pub use records::*;
pub use share::export;

use contract::Result;
use sqlx::{Sqlite, SqlitePool, Transaction};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// An open run database. Clones share the connection pool.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
    file: Arc<File>,
}

/// The database's path, twice.
struct File {
    /// As the user named it: for sentences.
    named: PathBuf,
    /// Absolute and without links, so that all processes agree on where the lock files lie. Of a foreign database: its copy.
    real: PathBuf,
    /// Nobody writes to it while it is open: SQLite needs no locks, and no file beside it.
    is_still: bool,
    /// Of a foreign database: the folder of its copy, which goes with it.
    _copy: Option<TempDir>,
}

impl Store {
    /// Opens the database, creating it if it is not there, and brings it to the newest schema. When a database that was there has to be
    /// migrated, a copy is kept beside it as `<file>.before-v<newest schema>.bak`.
    ///
    /// A file that is not ours is neither created nor altered: not SQLite, another program's database, or one of a newer version
    /// is [`contract::Code::Database`]; a missing folder or no permission to write is [`contract::Code::Io`].
    pub async fn open(path: &Path) -> Result<Self> {
        open::open(path, open::Missing::Create, &open::Settings::default(), &schema::MIGRATIONS).await
    }

    /// As [`Store::open`], but a database that is not there is [`contract::Code::Database`] (for commands that only look).
    pub async fn open_existing(path: &Path) -> Result<Self> {
        open::open(path, open::Missing::Refuse, &open::Settings::default(), &schema::MIGRATIONS).await
    }

    /// Opens a database that came from elsewhere, only to read it. It is looked over first, and nothing in it is run: a file that is not ours,
    /// damaged, of a newer version, with a schema that is not exactly ours (a trigger, a view, a column more), with rows that belong to no run or
    /// with a text too long for any page is [`contract::Code::Database`]. It is read from a copy in the folder of temporary files; neither the file nor
    /// its folder is written to.
    pub async fn open_foreign(path: &Path) -> Result<Self> {
        foreign::open(path).await
    }

    /// Copies the database as it stands, with what its log holds, into a new file `copy`, while others may go on writing. Alters nothing, nor
    /// brings it to the newest schema.
    pub async fn snapshot(path: &Path, copy: &Path) -> Result<()> {
        open::snapshot(path, copy).await
    }

    /// Whether both are the same file on the disk.
    pub fn is_same(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|path| path == self.file.real)
    }

    /// The database's path as it was given to [`Store::open`].
    pub fn path(&self) -> &Path {
        &self.file.named
    }

    /// Waits until all connections are closed; the last one to close moves the write-ahead log into the database file.
    /// Without it nothing is lost, but the `-wal` file may stay until the next opening.
    pub async fn close(self) {
        self.pool.close().await;
    }

    /// Starts a transaction that holds the write lock from its beginning: it waits for other writers here and cannot fail for
    /// them later.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|e| self.explain(e))
    }

    async fn commit(&self, transaction: Transaction<'static, Sqlite>) -> Result<()> {
        transaction.commit().await.map_err(|e| self.explain(e))
    }

    fn explain(&self, error: sqlx::Error) -> contract::Error {
        faults::explain(&self.file.named, error)
    }
}
