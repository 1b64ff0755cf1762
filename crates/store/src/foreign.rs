//! Databases that came from elsewhere: looked over before anything in them is read, and never written to.
use crate::open::{self, CONNECTIONS, Missing, Settings, has_our_header, real_path};
use crate::schema::{self, MIGRATIONS, Pending};
use crate::{File, Store, faults};
use contract::{Error, Result};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Longest text in a cell, in bytes: a thousand times what a model of today answers, and still no trouble for a page.
const LONGEST_TEXT: i64 = 4 << 20;
/// Most runs: as many as a list can show.
const MOST_RUNS: i64 = 20_000;

pub(crate) async fn open(path: &Path) -> Result<Store> {
    // Advice for a database that one works in does not fit a file that one looks at.
    open_copy(path).await.map_err(|e| Error { message: e.message.replace("; name another file with --db", ""), ..e })
}

async fn open_copy(path: &Path) -> Result<Store> {
    let unreadable = |e: std::io::Error| {
        Error::io(format!("{} cannot be read; check its name, and that you may read it", path.display())).with_detail(e)
    };
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Error::io(format!("{} is not a file; open a run database, such as one that ends in .alignpro", path.display())));
    }
    if !has_our_header(path, std::fs::File::open(path).map_err(unreadable)?)? {
        return Err(Error::database(format!("{} is empty: it holds no runs", path.display())));
    }
    let (folder, copy) = copied(path)?;
    let file = File { named: path.to_owned(), real: copy, is_still: true, _copy: Some(folder) };
    if look_over(&file).await? {
        // It is a copy itself.
        let settings = Settings { keeps_copy: false, ..Settings::default() };
        open::open(&file.real, Missing::Refuse, &settings, &MIGRATIONS).await?.close().await;
    }
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .connect_with(SqliteConnectOptions::new().filename(&file.real).read_only(true).immutable(true))
        .await
        .map_err(|e| faults::explain(path, e))?;
    Ok(Store { pool, file: Arc::new(file) })
}

/// A copy of our own, with what its log holds. Read where it lies, a file would need a writable folder (for its log), could change under our eyes,
/// and would not be held against its CHECKs: SQLite skips them on a connection that only reads.
fn copied(path: &Path) -> Result<(TempDir, PathBuf)> {
    let failed = |e: std::io::Error| {
        Error::io(format!("{} cannot be copied to be read; free some space in {}", path.display(), std::env::temp_dir().display()))
            .with_detail(e)
    };
    let folder = tempfile::Builder::new().prefix("alignpro-").tempdir().map_err(failed)?;
    let copy = folder.path().join("copy.db");
    std::fs::copy(path, &copy).map_err(failed)?;
    let log = schema::beside(&real_path(path)?, "-wal");
    if log.exists() {
        std::fs::copy(log, schema::beside(&copy, "-wal")).map_err(failed)?;
    }
    Ok((folder, copy))
}

/// Refuses what could do harm or could not be shown; whether the file has to be migrated.
async fn look_over(file: &File) -> Result<bool> {
    let explain = |e| faults::explain(&file.named, e);
    let options = SqliteConnectOptions::new().filename(&file.real).foreign_keys(false);
    let options = options.pragma("trusted_schema", "OFF").pragma("cell_size_check", "ON");
    let mut connection = options.connect().await.map_err(explain)?;
    let is_old = look_through(&mut connection, file).await?;
    connection.close().await.map_err(explain)?;
    Ok(is_old)
}

async fn look_through(connection: &mut SqliteConnection, file: &File) -> Result<bool> {
    let (explain, named) = (|e| faults::explain(&file.named, e), file.named.display());
    // The log goes into the file, which from now on is one.
    sqlx::query("PRAGMA journal_mode = DELETE").execute(&mut *connection).await.map_err(explain)?;
    let pending = schema::pending(connection, file, &MIGRATIONS).await?;
    let newest = MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0);
    let version = match &pending {
        None => newest,
        Some(Pending { from: Some(from), .. }) => *from,
        Some(_) => return Err(Error::database(format!("{named} is not a whole run database: it has no tables"))),
    };
    let (found, wanted) = (objects(connection).await.map_err(explain)?, schema_at(version).await.map_err(explain)?);
    if let Some(Object { kind, name, .. }) = found.iter().find(|object| !wanted.contains(object)) {
        return Err(Error::database(format!(
            "{named} holds the {kind} \"{name}\", which no version of this program made, and was not opened"
        )));
    }
    if let Some(missing) = wanted.iter().find(|object| !found.contains(object)) {
        return Err(Error::database(format!("{named} lacks the {} \"{}\" and was not opened", missing.kind, missing.name)));
    }
    // The schema is ours, so its CHECKs may call functions: SQLite then holds every row against them, and against its NOT NULL and type.
    sqlx::query("PRAGMA trusted_schema = ON").execute(&mut *connection).await.map_err(explain)?;
    let health: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *connection).await.map_err(explain)?;
    if health != "ok" {
        return Err(Error::database(format!("{named} is damaged and was not opened; ask for it once more")).with_detail(health));
    }
    let orphan = sqlx::query("PRAGMA foreign_key_check").fetch_optional(&mut *connection).await.map_err(explain)?;
    if orphan.is_some() {
        return Err(Error::database(format!("{named} holds rows that belong to no run, and was not opened")));
    }
    check_sizes(connection, file, &wanted).await?;
    Ok(pending.is_some())
}

async fn check_sizes(connection: &mut SqliteConnection, file: &File, wanted: &[Object]) -> Result<()> {
    let (explain, named) = (|e| faults::explain(&file.named, e), file.named.display());
    let runs = sqlx::query_scalar!("SELECT count(*) FROM runs").fetch_one(&mut *connection).await.map_err(explain)?;
    if runs > MOST_RUNS {
        return Err(Error::database(format!("{named} holds {runs} runs; {MOST_RUNS} are the most that can be shown")));
    }
    // Names of our own schema, to which the file's is equal.
    for Object { name: table, .. } in wanted.iter().filter(|object| object.kind == "table" && !object.name.starts_with("sqlite_")) {
        let columns = sqlx::query_scalar::<_, String>("SELECT name FROM pragma_table_info(?) WHERE type = 'TEXT'").bind(table);
        for column in columns.fetch_all(&mut *connection).await.map_err(explain)? {
            let statement = format!(r#"SELECT coalesce(max(octet_length("{column}")), 0) FROM "{table}""#);
            let longest: i64 = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut *connection).await.map_err(explain)?;
            if longest > LONGEST_TEXT {
                let megabytes = longest >> 20;
                return Err(Error::database(format!(
                    "{named} holds a text of {megabytes} MB in {table}.{column}, too long to be shown, and was not opened"
                )));
            }
        }
    }
    Ok(())
}

/// A table, index, trigger or view.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
struct Object {
    kind: String,
    name: String,
    of: String,
    sql: Option<String>,
}

async fn objects(connection: &mut SqliteConnection) -> sqlx::Result<Vec<Object>> {
    sqlx::query_as(r#"SELECT type AS kind, name, tbl_name AS "of", sql FROM sqlite_schema ORDER BY name"#).fetch_all(connection).await
}

/// What a database of one of our schemas holds.
async fn schema_at(version: i64) -> sqlx::Result<Vec<Object>> {
    let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await?;
    let known = Migrator::with_migrations(MIGRATIONS.iter().filter(|m| m.version <= version).cloned().collect());
    // Not `run`, whose future the compiler cannot prove to be Send (rust-lang/rust#110338).
    known.run_direct(None, &mut connection, false).await.map_err(|e| sqlx::Error::Migrate(Box::new(e)))?;
    objects(&mut connection).await
}
