//! Bringing a file to the newest schema, with a copy of it first.
use crate::File;
use crate::faults;
use crate::open::{APPLICATION_ID, Settings};
use contract::{Error, Result};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Every migration, oldest first, from the top-level `migrations/`.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Makes an empty file ours, switches to the write-ahead log, and runs what migrations are missing, all of them in one
/// transaction, so that a failure leaves the file as it was.
pub(crate) async fn prepare(file: &File, is_new: bool, settings: &Settings, migrations: &Migrator) -> Result<()> {
    let explain = |e| faults::explain(&file.named, e);
    // Foreign keys are off while tables are rebuilt (SQLite's advice for migrations) and checked before the commit.
    let options = settings.connect_options(&file.real).foreign_keys(false);
    let mut connection = options.connect().await.map_err(explain)?;
    if is_new {
        claim(&mut connection, file).await?;
    }
    let outcome = bring_up(&mut connection, file, &options, settings, migrations).await;
    // Also after a failure, so that no -wal and -shm file stays beside a file that was refused.
    outcome.and(connection.close().await.map_err(explain))
}

async fn bring_up(
    connection: &mut SqliteConnection,
    file: &File,
    options: &SqliteConnectOptions,
    settings: &Settings,
    migrations: &Migrator,
) -> Result<()> {
    // Before anything is written: a file of a newer version stays as it is.
    let is_pending = pending(connection, file, migrations).await?.is_some();
    use_write_ahead_log(connection, settings.busy_timeout).await.map_err(|e| faults::explain(&file.named, e))?;
    if is_pending { migrate(connection, file, options, settings, migrations).await } else { Ok(()) }
}

/// Writes our application id into an empty file. A process that was faster has done it already.
async fn claim(connection: &mut SqliteConnection, file: &File) -> Result<()> {
    let explain = |e| faults::explain(&file.named, e);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(explain)?;
    let id: i32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *transaction).await.map_err(explain)?;
    let tables = sqlx::query_scalar!("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *transaction).await.map_err(explain)?;
    if id == 0 && tables == 0 {
        let statement = AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION_ID}"));
        transaction.execute(statement).await.map_err(explain)?;
    } else if id != APPLICATION_ID {
        return Err(faults::not_ours(&file.named));
    }
    transaction.commit().await.map_err(explain)
}

/// Turns the write-ahead log on; the file remembers it. SQLite's busy timeout does not cover this switch, so we wait ourselves.
async fn use_write_ahead_log(connection: &mut SqliteConnection, patience: Duration) -> sqlx::Result<()> {
    let start = Instant::now();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection).await?;
    if mode == "wal" {
        return Ok(());
    }
    loop {
        match connection.execute("PRAGMA journal_mode = WAL").await {
            Err(e) if faults::is_busy(&e) && start.elapsed() < patience => tokio::time::sleep(Duration::from_millis(10)).await,
            other => return other.map(drop),
        }
    }
}

/// What has to be migrated.
pub(crate) struct Pending {
    /// Newest migration in the file; none in a new one.
    pub(crate) from: Option<i64>,
    /// Newest migration we know.
    to: i64,
}

/// Compares the file's migrations with ours. A file from a newer version, or with migrations that we do not know, is refused.
pub(crate) async fn pending(connection: &mut SqliteConnection, file: &File, migrations: &Migrator) -> Result<Option<Pending>> {
    let explain = |e| faults::explain(&file.named, e);
    let named = file.named.display();
    let to = migrations.iter().map(|m| m.version).max().unwrap_or(0);
    let has_table = sqlx::query_scalar!("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'");
    if has_table.fetch_one(&mut *connection).await.map_err(explain)? == 0 {
        return Ok(Some(Pending { from: None, to }));
    }
    let applied =
        sqlx::query!(r#"SELECT version AS "version!: i64", checksum AS "checksum!: Vec<u8>" FROM _sqlx_migrations ORDER BY version"#)
            .fetch_all(connection)
            .await
            .map_err(explain)?;
    let from = applied.last().map(|m| m.version);
    if let Some(from) = from.filter(|v| *v > to) {
        return Err(Error::database(format!(
            "{named} comes from a newer version of this program (its schema is {from}, this version knows up to {to}) and was left as it \
             is; install the newer version, or name another file with --db"
        )));
    }
    for found in &applied {
        let known = migrations.iter().any(|m| m.version == found.version && *m.checksum == *found.checksum);
        if !known {
            return Err(Error::database(format!(
                "{named} was made by a development version of this program: its migration {} is not the released one; name another file \
                 with --db",
                found.version
            )));
        }
    }
    let is_complete = migrations.iter().all(|m| applied.iter().any(|a| a.version == m.version));
    Ok((!is_complete).then_some(Pending { from, to }))
}

/// Runs the missing migrations. The write lock is taken first, so of two processes the second finds the work done.
async fn migrate(
    connection: &mut SqliteConnection,
    file: &File,
    options: &SqliteConnectOptions,
    settings: &Settings,
    migrations: &Migrator,
) -> Result<()> {
    let explain = |e| faults::explain(&file.named, e);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(explain)?;
    let Some(Pending { from, to }) = pending(&mut transaction, file, migrations).await? else {
        return Ok(());
    };
    let backup = match from {
        Some(_) if settings.keeps_copy => Some(back_up(file, options, to).await?),
        _ => None,
    };
    // Not `run`, whose future the compiler cannot prove to be Send (rust-lang/rust#110338).
    let outcome = match migrations.run_direct(None, &mut *transaction, false).await {
        Ok(()) => check_foreign_keys(&mut transaction, file).await,
        Err(e) => Err(explain_migration(&file.named, e)),
    };
    let outcome = match outcome {
        Ok(()) => transaction.commit().await.map_err(explain),
        Err(e) => transaction.rollback().await.map_err(explain).and(Err(e)),
    };
    if let (Err(_), Some(backup)) = (&outcome, backup) {
        // The file is as it was; a copy at every attempt would fill the disk. Nothing to add if this fails too.
        let _ = std::fs::remove_file(backup);
    }
    outcome
}

async fn check_foreign_keys(connection: &mut SqliteConnection, file: &File) -> Result<()> {
    let broken = sqlx::query("PRAGMA foreign_key_check").fetch_optional(connection).await.map_err(|e| faults::explain(&file.named, e))?;
    match broken {
        None => Ok(()),
        Some(_) => Err(Error::internal(format!(
            "Bringing {} to the newest schema would leave rows without their run; it was left as it is. Please report this",
            file.named.display()
        ))),
    }
}

/// Copies the database as it is, while the caller holds the write lock (readers are not kept out by it). The copy gets
/// its name when it is whole and on the disk; one that is there already is never replaced.
async fn back_up(file: &File, options: &SqliteConnectOptions, to: i64) -> Result<PathBuf> {
    let explain = |e| faults::explain(&file.named, e);
    let backup = (1..)
        .map(|n| beside(&file.real, &if n == 1 { format!(".before-v{to}.bak") } else { format!(".before-v{to}-{n}.bak") }))
        .find(|path| !path.exists())
        // The range does not end before the file system does.
        .ok_or_else(|| Error::internal("No name is left for a backup"))?;
    let partial = beside(&file.real, &format!(".before-v{to}.partial"));
    let explain_io = |e: std::io::Error| faults::explain_io(&backup, &e);
    if partial.exists() {
        // Left by a process that was killed: we hold the lock, so nobody is writing it.
        std::fs::remove_file(&partial).map_err(explain_io)?;
    }
    copy_into(options, &partial).await.map_err(explain)?;
    std::fs::File::open(&partial).and_then(|f| f.sync_all()).map_err(explain_io)?;
    std::fs::rename(&partial, &backup).map_err(explain_io)?;
    Ok(backup)
}

/// Copies a database, with what its log holds, into a file that is not there yet.
pub(crate) async fn copy_into(options: &SqliteConnectOptions, target: &Path) -> sqlx::Result<()> {
    let mut connection = options.connect().await?;
    let copied = sqlx::query("VACUUM INTO ?1").bind(target.to_string_lossy().as_ref()).execute(&mut connection).await;
    connection.close().await?;
    if copied.is_err() {
        let _ = std::fs::remove_file(target); // Half a copy is of no use; the first fault is the one to tell.
    }
    copied.map(drop)
}

/// `path` with more text at the end of its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn explain_migration(path: &Path, error: MigrateError) -> Error {
    match error {
        MigrateError::Execute(e) => faults::explain(path, e),
        // Disk full and the like have sentences of their own; a fault in the SQL itself does not.
        MigrateError::ExecuteMigration(e, version) => {
            let explained = faults::explain(path, e);
            if explained.code == contract::Code::Internal {
                let message = format!(
                    "Migration {version} cannot be applied to {}, which was left as it is; please report this, and go on with the version \
                     of this program that made the file",
                    path.display()
                );
                Error { message, ..explained }
            } else {
                explained
            }
        }
        other => Error::database(format!("{} cannot be brought to the newest schema", path.display())).with_detail(other),
    }
}
