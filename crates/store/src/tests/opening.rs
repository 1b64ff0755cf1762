//! What may be wrong with the file, its folder or its disk; and that a file which is not ours stays as it is.
use super::children::Part;
use super::rows::*;
use super::{new_path, new_store};
use crate::open::{Missing, Settings, open};
use crate::schema::MIGRATIONS;
use crate::{Store, schema};
use contract::{Code, Error};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection, Executor};
use std::path::Path;
use std::time::Duration;

async fn refusal(path: &Path) -> Error {
    Store::open(path).await.err().expect("the file must be refused")
}

/// Every file of a folder with its content.
fn listing(folder: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap());
    let mut files: Vec<_> = entries.map(|e| (e.file_name(), std::fs::read(e.path()).unwrap())).collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_new_file_is_ours_and_complete() {
    let (_folder, store) = new_store().await;
    let bytes = std::fs::read(store.path()).unwrap();
    assert_eq!(&bytes[68..72], b"ALPR");
    for (pragma, wanted) in [("journal_mode", "wal"), ("foreign_keys", "1"), ("synchronous", "2"), ("busy_timeout", "30000")] {
        let query = sqlx::AssertSqlSafe(format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}"));
        let column = if pragma == "busy_timeout" {
            sqlx::AssertSqlSafe("SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout".into())
        } else {
            query
        };
        let found: String = sqlx::query_scalar(column).fetch_one(&store.pool).await.unwrap();
        assert_eq!(found, wanted, "{pragma}");
    }
    let loose: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_list WHERE NOT strict AND name NOT LIKE 'sqlite%'")
        .fetch_all(&store.pool)
        .await
        .unwrap();
    assert_eq!(loose, ["_sqlx_migrations"], "every table of ours is STRICT");
}

#[tokio::test]
async fn opened_again_it_holds_what_it_held() {
    let (folder, path) = new_path();
    let store = Store::open(&path).await.unwrap();
    let run = store.create_run(&new_run("kept")).await.unwrap();
    store.close().await;
    assert_eq!(listing(folder.path()).len(), 1, "the log was moved into the file");
    let before = std::fs::read(&path).unwrap();
    let store = Store::open_existing(&path).await.unwrap();
    assert_eq!(store.run(run).await.unwrap().name, "kept");
    store.close().await;
    assert!(before == std::fs::read(&path).unwrap(), "looking changes nothing");
}

#[tokio::test]
async fn an_empty_file_becomes_a_database() {
    let (_folder, path) = new_path();
    std::fs::write(&path, []).unwrap();
    assert_eq!(Store::open_existing(&path).await.err().unwrap().code, Code::Database);
    Store::open(&path).await.unwrap().create_run(&new_run("first")).await.unwrap();
}

#[tokio::test]
async fn looking_does_not_create() {
    let (folder, path) = new_path();
    let error = Store::open_existing(&path).await.err().unwrap();
    assert!(error.code == Code::Database && error.message.contains("no run database") && error.message.contains("runs.db"), "{error}");
    assert_eq!(listing(folder.path()), []);
}

#[tokio::test]
async fn not_a_database() {
    let (folder, path) = new_path();
    let long = "name,prompt\n".repeat(100);
    for content in ["{}", "SQLite format 3\0 but too short", &long] {
        std::fs::write(&path, content).unwrap();
        let before = listing(folder.path());
        let error = refusal(&path).await;
        assert!(error.code == Code::Database && error.message.contains("not a run database"), "{error}");
        assert_eq!(listing(folder.path()), before);
    }
}

#[tokio::test]
async fn a_database_of_another_program() {
    for mode in [SqliteJournalMode::Delete, SqliteJournalMode::Wal] {
        let (folder, path) = new_path();
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true).journal_mode(mode);
        let mut theirs = options.connect().await.unwrap();
        theirs.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, secret TEXT); INSERT INTO runs VALUES (1, 'theirs')").await.unwrap();
        theirs.close().await.unwrap();
        let before = listing(folder.path());
        let error = refusal(&path).await;
        assert!(error.code == Code::Database && error.message.contains("another program"), "{error}");
        assert!(listing(folder.path()) == before);
    }
}

#[tokio::test]
async fn a_damaged_database() {
    let (folder, path) = new_path();
    let store = Store::open(&path).await.unwrap();
    store.create_run(&new_run("first")).await.unwrap();
    store.close().await;
    let whole = std::fs::read(&path).unwrap();
    // Cut short, and with the list of tables overwritten.
    let mut garbled = whole.clone();
    garbled[100..16_000].fill(0xa5);
    for damaged in [&whole[..whole.len() / 2], &garbled] {
        std::fs::write(&path, damaged).unwrap();
        let error = refusal(&path).await;
        assert!(error.code == Code::Database && error.message.contains("runs.db is damaged"), "{error}");
        assert!(std::fs::read(&path).unwrap() == damaged);
    }
    drop(folder);
}

#[tokio::test]
async fn a_folder_that_is_not_there_or_in_the_way() {
    let (folder, path) = new_path();
    let error = refusal(&folder.path().join("missing/runs.db")).await;
    assert!(error.code == Code::Io && error.message.contains("missing does not exist"), "{error}");
    let error = refusal(folder.path()).await;
    assert!(error.code == Code::Io && error.message.contains("is a folder"), "{error}");
    std::fs::write(&path, "a file").unwrap();
    assert_eq!(refusal(&path.join("runs.db")).await.code, Code::Io);
    let error = refusal(Path::new("/dev/null")).await;
    assert!(error.message.contains("not a regular file"), "{error}");
}

/// Root may write anywhere, so that a child without its rights has to try.
#[cfg(unix)]
fn open_without_rights(folder: &Path, path: &Path) -> String {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let program = folder.with_extension("program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let is_root = std::fs::metadata("/proc/self").map_or(folder.metadata().unwrap().uid(), |m| m.uid()) == 0;
    let mut child = Part::start_with(&program, "open", path, |command| {
        if is_root {
            command.uid(65_534).gid(65_534);
        }
    });
    let said = child.next().expect("the child says what happened");
    drop(child);
    std::fs::remove_file(program).unwrap();
    said
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_or_file_that_is_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let allow = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let (folder, path) = new_path();
    allow(folder.path(), 0o555);
    let said = open_without_rights(folder.path(), &path);
    assert!(said.starts_with("Io: ") && said.contains("runs.db cannot be written: no permission"), "{said}");
    allow(folder.path(), 0o755);
    assert_eq!(listing(folder.path()), []);

    Store::open(&path).await.unwrap().close().await;
    // The file may not be written.
    allow(&path, 0o444);
    allow(folder.path(), 0o777);
    let said = open_without_rights(folder.path(), &path);
    assert!(said.starts_with("Io: ") && said.contains("runs.db cannot be written: no permission"), "{said}");
    // The file may, but its folder may not, where SQLite keeps its log.
    allow(&path, 0o666);
    allow(folder.path(), 0o555);
    let said = open_without_rights(folder.path(), &path);
    assert!(said.starts_with("Io: ") && said.contains("its folder"), "{said}");
    allow(folder.path(), 0o755);
    assert_eq!(listing(folder.path()).len(), 1);
}

#[tokio::test]
async fn a_full_disk() {
    let (_folder, path) = new_path();
    let roomy = Store::open(&path).await.unwrap();
    let run = roomy.create_run(&new_run("full")).await.unwrap();
    roomy.commit_iteration(run, TUNED, &iteration(1), &episodes(1, 4), &[], Some(&checkpoint(1))).await.unwrap();
    let pages: u32 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&roomy.pool).await.unwrap();
    roomy.close().await;

    let settings = Settings { max_pages: Some(pages + 4), ..Settings::default() };
    let store = open(&path, Missing::Refuse, &settings, &MIGRATIONS).await.unwrap();
    let large = episodes(2, 500);
    for _ in 0..2 {
        let error = store.commit_iteration(run, TUNED, &iteration(2), &large, &[], Some(&checkpoint(2))).await.unwrap_err();
        assert!(error.code == Code::Io && error.message.contains("disk is full") && error.message.contains("runs.db"), "{error}");
    }
    assert_eq!(store.iterations(run, TUNED, 1).await.unwrap(), [iteration(1)]);
    assert_eq!(store.checkpoint(run, TUNED).await.unwrap(), Some(checkpoint(1)));
    store.close().await;
    // With room again, the run goes on.
    let store = Store::open(&path).await.unwrap();
    store.commit_iteration(run, TUNED, &iteration(2), &large, &[], Some(&checkpoint(2))).await.unwrap();
    assert_eq!(store.episodes(run, TUNED, Some(2)).await.unwrap(), large);
}

#[tokio::test]
async fn a_disk_too_full_for_the_tables() {
    let (_folder, path) = new_path();
    let settings = Settings { max_pages: Some(3), ..Settings::default() };
    let error = open(&path, Missing::Create, &settings, &MIGRATIONS).await.err().unwrap();
    assert!(error.code == Code::Io && error.message.contains("disk is full"), "{error}");
    // No half of a schema is left: the next opening makes a whole one.
    Store::open(&path).await.unwrap().create_run(&new_run("first")).await.unwrap();
}

#[tokio::test]
async fn a_database_locked_by_another_program() {
    let (_folder, path) = new_path();
    let settings = Settings { busy_timeout: Duration::from_millis(20), ..Settings::default() };
    let store = open(&path, Missing::Create, &settings, &MIGRATIONS).await.unwrap();
    let run = store.create_run(&new_run("locked")).await.unwrap();
    let mut browser = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    browser.execute("BEGIN IMMEDIATE").await.unwrap();
    let error = store.commit_iteration(run, TUNED, &iteration(1), &[], &[], None).await.unwrap_err();
    assert!(error.code == Code::Database && error.message.contains("locked by another program"), "{error}");
    assert_eq!(store.request_stop(run).await.unwrap_err().code, Code::Database);
    // Readers and those who only open are not kept out.
    assert_eq!(store.run(run).await.unwrap().name, "locked");
    open(&path, Missing::Refuse, &settings, &MIGRATIONS).await.unwrap();
    browser.execute("ROLLBACK").await.unwrap();
    store.commit_iteration(run, TUNED, &iteration(1), &[], &[], None).await.unwrap();
}

/// A path that SQLite would take for an address, and links: all lead to one file with one set of locks.
#[cfg(unix)]
#[tokio::test]
async fn odd_names_and_links() {
    let (folder, _) = new_path();
    let path = folder.path().join("file:runs?mode=memory#1 %20.db");
    let store = Store::open(&path).await.unwrap();
    let run = store.create_run(&new_run("odd")).await.unwrap();
    assert!(path.is_file());
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let linked = Store::open(&link).await.unwrap();
    assert_eq!(linked.run(run).await.unwrap().name, "odd");
    let _lock = store.lock(run).unwrap();
    assert_eq!(linked.lock(run).unwrap_err().code, Code::Busy);
}

/// A copy for a look inside holds what is still in the log, and leaves the file alone, whether or not somebody has it open.
#[tokio::test]
async fn a_snapshot_is_whole_and_alters_nothing() {
    let (folder, path) = new_path();
    let store = Store::open(&path).await.unwrap();
    store.create_run(&new_run("in the log")).await.unwrap();
    let copy = folder.path().join("open.copy");
    Store::snapshot(&path, &copy).await.unwrap();
    assert_eq!(Store::open(&copy).await.unwrap().run(1).await.unwrap().name, "in the log");
    store.close().await;

    let still = folder.path().join("still");
    std::fs::create_dir(&still).unwrap();
    std::fs::copy(&path, still.join("runs.db")).unwrap();
    let before = listing(&still);
    let copy = folder.path().join("closed.copy");
    Store::snapshot(&still.join("runs.db"), &copy).await.unwrap();
    assert!(listing(&still) == before, "a file, its log or its index was made or altered");
    assert_eq!(Store::open(&copy).await.unwrap().runs().await.unwrap().len(), 1);

    let missing = folder.path().join("missing.db");
    assert_eq!(Store::snapshot(&missing, &copy).await.unwrap_err().code, Code::Database);
    assert!(!missing.exists());
}

/// The committed metadata belongs to this schema: every query in it can be prepared.
#[tokio::test]
async fn query_metadata_fits_the_schema() {
    let (_folder, store) = new_store().await;
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx")).unwrap();
    let mut count = 0;
    for file in files {
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        let query = json["query"].as_str().unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN {query}")))
            .fetch_all(&store.pool)
            .await
            .unwrap_or_else(|e| panic!("{query}: {e}"));
        count += 1;
    }
    assert!(count > 20, "{count} queries");
    assert!(schema::MIGRATIONS.iter().count() > 0);
}
