//! Files from elsewhere that are not what they seem.
use super::migration::earlier_database;
use super::rows::*;
use super::{new_path, new_store};
use crate::{Split, Store};
use contract::Code;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::path::Path;

/// A file with one run in it, as a person would get it, and then altered.
async fn altered(path: &Path, sql: &str) {
    let store = Store::open(path).await.unwrap();
    let run = store.create_run(&new_run("shared")).await.unwrap();
    store.commit_iteration(run, TUNED, &iteration(1), &episodes(1, 4), &[], Some(&checkpoint(1))).await.unwrap();
    store.commit_evaluation(run, &[answer(Split::Test, 0, "raw", 0, 0), answer(Split::Test, 1, "tuned", 0, 0)], &[]).await.unwrap();
    store.close().await;
    let options = SqliteConnectOptions::new().filename(path).journal_mode(SqliteJournalMode::Delete).foreign_keys(false);
    let mut connection = options.connect().await.unwrap();
    connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    connection.close().await.unwrap();
}

async fn refusal(path: &Path, what: &str) -> contract::Error {
    let before = std::fs::read(path).ok();
    let neighbours = |path: &Path| std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    let count = neighbours(path);
    let refused = Store::open_foreign(path).await.err().unwrap_or_else(|| panic!("{what}: it was opened"));
    assert_eq!((std::fs::read(path).ok(), neighbours(path)), (before, count), "it was written to");
    assert!(refused.message.contains(path.file_name().unwrap().to_str().unwrap()), "{refused}");
    refused
}

#[tokio::test]
async fn what_is_not_exactly_ours_is_refused() {
    let rewrite = "PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, 'name            TEXT    NOT NULL', 'name TEXT') WHERE name = 'runs'";
    let cases = [
        ("CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM episodes; END", "the trigger \"t\""),
        ("CREATE VIEW v AS SELECT * FROM runs", "the view \"v\""),
        ("CREATE TABLE more (x)", "the table \"more\""),
        ("CREATE VIRTUAL TABLE f USING fts5(x)", "\"f"),
        ("CREATE INDEX i ON runs (upper(name))", "the index \"i\""),
        ("ALTER TABLE runs ADD COLUMN x TEXT DEFAULT 'y'", "the table \"runs\""),
        ("DROP INDEX events_by_run", "lacks the index"),
        ("DROP TABLE reports", "lacks the table"),
        (rewrite, "\"runs\""),
        ("UPDATE _sqlx_migrations SET checksum = x'00'", "development version"),
        ("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 2", "newer version"),
        ("PRAGMA ignore_check_constraints = ON; UPDATE runs SET status = 'mine'", "damaged"),
        ("PRAGMA ignore_check_constraints = ON; UPDATE specs SET spec = 'no json'", "damaged"),
        ("UPDATE episodes SET run = 77", "belong to no run"),
        ("UPDATE episodes SET arm = 'oracle'", "belong to no run"),
        ("INSERT INTO judgements VALUES (1, 1, 0, 0, 'tie', 'tie', '', '', 0)", "belong to no run"),
        ("INSERT INTO judgings VALUES (1, 1, hex(zeroblob(3000000)), 'c', '', '', 'h', 'tuned', 'raw', 0)", "too long"),
        ("PRAGMA ignore_check_constraints = ON; UPDATE checkpoints SET arm = 'mine'", "damaged"),
        ("UPDATE episodes SET answer = hex(zeroblob(3000000))", "too long"),
        ("UPDATE runs SET notes = hex(zeroblob(3000000))", "too long"),
        ("PRAGMA application_id = 7", "another program"),
    ];
    for (sql, reason) in cases {
        let (_folder, path) = new_path();
        altered(&path, sql).await;
        let refused = refusal(&path, sql).await;
        assert_eq!(refused.code, Code::Database, "{sql}: {refused}");
        assert!(refused.message.contains(reason), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn what_is_no_whole_database_is_refused() {
    let (folder, path) = new_path();
    altered(&path, "SELECT 1").await;
    let whole = std::fs::read(&path).unwrap();
    Store::open_foreign(&path).await.unwrap().close().await;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    assert!(refusal(&write("empty", b""), "empty").await.message.contains("empty"));
    assert!(refusal(&write("letter.txt", b"Dear colleague, here are my runs"), "letter.txt").await.message.contains("not SQLite"));
    refusal(&write("header", &whole[..100]), "header").await;
    for part in 1..8 {
        refusal(&write("half", &whole[..whole.len() * part / 8]), "half").await;
    }
    // One page in the middle is overwritten.
    for page in 1..whole.len() / 16_384 {
        let mut torn = whole.clone();
        torn[page * 16_384..][..64].fill(0xa5);
        refusal(&write("torn", &torn), "torn").await;
    }
    let nothing = Store::open_foreign(&folder.path().join("missing.alignpro")).await.err().unwrap();
    assert!(nothing.message.contains("missing.alignpro") && nothing.code == Code::Io, "{nothing}");
    let a_folder = Store::open_foreign(folder.path()).await.err().unwrap();
    assert!(a_folder.message.contains("not a file"), "{a_folder}");
}

#[tokio::test]
async fn an_earlier_version_is_read_from_a_copy() {
    for (version, notes) in [(1, ""), (2, "To be looked at.")] {
        let (_folder, path) = new_path();
        earlier_database(&path, version).await;
        let before = std::fs::read(&path).unwrap();
        let foreign = Store::open_foreign(&path).await.unwrap();
        let run = foreign.run(1).await.unwrap();
        assert_eq!((run.name.as_str(), run.notes.as_str()), ("An early run", notes));
        let (_other, theirs) = new_store().await;
        assert_eq!(theirs.merge(&foreign).await.unwrap().added, [1]);
        for store in [&foreign, &theirs] {
            assert_eq!(store.iterations(1, TUNED, 1).await.unwrap()[0].metrics["reward_mean"], Some(0.25));
            assert_eq!(store.episodes(1, TUNED, None).await.unwrap()[0].rewrite, "Please tell me.");
            assert_eq!(store.adapter(1, TUNED).await.unwrap(), Some((1, vec![1, 2, 3])));
            assert_eq!(store.iterations(1, ORACLE, 1).await.unwrap(), []);
        }
        foreign.close().await;
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no copy beside a file that is only looked at");
    }
}
