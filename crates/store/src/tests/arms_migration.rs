//! Databases from before a run could train several arms: large ones, ones that cannot be migrated, a program that is killed at it.
use super::children::Part;
use super::migration::earlier_database;
use super::new_path;
use super::rows::*;
use crate::Store;
use crate::open::{Missing, Settings, open};
use crate::schema::{MIGRATIONS, beside};
use contract::Code;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, SqliteConnection};
use std::path::Path;
use std::time::Duration;

/// Tables that are built anew, with the columns that they had.
const TABLES: [(&str, &str); 5] = [
    ("iterations", "run, iteration, started_at_ms, seconds"),
    ("iteration_metrics", "run, iteration, name, value"),
    (
        "episodes",
        "run, iteration, position, prompt_index, prompt, rewrite, answer, reward, reward_parts, kl, advantage, closeness, rewrite_tokens, \
         answer_tokens, rewrite_truncated, answer_truncated, rewrite_seed, answer_seed",
    ),
    ("checkpoints", "run, iteration, created_at_ms, state"),
    ("checkpoint_parts", "run, name, bytes"),
];

async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).foreign_keys(false).connect().await.unwrap()
}

async fn number(connection: &mut SqliteConnection, query: String) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(connection).await.unwrap()
}

/// A database of the second schema: `runs` runs of 10 iterations of 100 episodes, written in turn as several workers do.
async fn with_runs(path: &Path, runs: usize) {
    earlier_database(path, 2).await;
    let mut connection = connect(path).await;
    let fill = format!(
        "BEGIN;
        CREATE TEMP TABLE n AS WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {last}) SELECT n FROM n;
        INSERT INTO runs (id, uid, name, status, spec_hash, program_version, created_at_ms)
            SELECT n + 2, 'run ' || n, 'run ' || n, 'stopped', 'early', '0.1.0', n FROM n WHERE n < {runs};
        INSERT INTO iterations SELECT r.n + 2, i.n + 1, i.n, 0.1 * i.n FROM n i, n r WHERE r.n < {runs} AND i.n < 10;
        INSERT INTO iteration_metrics SELECT run, iteration, m.n, iif(m.n = 3, NULL, m.n * 0.1)
            FROM iterations, n m WHERE run > 1 AND m.n < 20;
        INSERT INTO episodes
            SELECT r.n + 2, i.n + 1, p.n, p.n / 4, 'prompt ' || p.n, hex(randomblob(60)), hex(randomblob(90)), 0.1 * p.n, '{{}}', 1.5,
                iif(p.n = 7, NULL, -0.5), 0.5, 4, 5, 0, 1, p.n, i.n
            FROM n i, n p, n r WHERE i.n < 10 AND p.n < 100 AND r.n < {runs};
        INSERT INTO checkpoints SELECT n + 2, 10, n, json_object('n', n) FROM n WHERE n < {runs};
        INSERT INTO checkpoint_parts SELECT run, 'adapter', randomblob(100000) FROM checkpoints WHERE run > 1;
        INSERT INTO checkpoint_parts SELECT run, 'optimiser', randomblob(200000) FROM checkpoints WHERE run > 1;
        DROP TABLE n;
        COMMIT",
        last = runs.max(100)
    );
    connection.execute(AssertSqlSafe(fill)).await.unwrap();
    connection.close().await.unwrap();
}

/// Every row that the file `before` holds is there as the prompter's, and no other.
async fn assert_nothing_is_lost(path: &Path, before: &Path) {
    let mut connection = connect(path).await;
    sqlx::query("ATTACH DATABASE ? AS before").bind(before.to_str().unwrap()).execute(&mut connection).await.unwrap();
    for (table, columns) in TABLES {
        let lost = format!("SELECT {columns} FROM before.{table} EXCEPT SELECT {columns} FROM main.{table} WHERE arm = 'tuned'");
        assert_eq!(number(&mut connection, format!("SELECT count(*) FROM ({lost})")).await, 0, "{table}");
        let there = number(&mut connection, format!("SELECT count(*) FROM main.{table}")).await;
        assert_eq!(there, number(&mut connection, format!("SELECT count(*) FROM before.{table}")).await, "{table}");
    }
    assert_eq!(number(&mut connection, "SELECT count(*) FROM pragma_foreign_key_check".into()).await, 0);
    let health: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(health, "ok");
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_large_file_loses_nothing_and_does_not_double() {
    let (_folder, path) = new_path();
    with_runs(&path, 40).await;
    let before = std::fs::metadata(&path).unwrap().len();
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.curves("3", TUNED, Some(41)).await.unwrap()[&41], [None; 10]);
    assert_eq!(store.curves("4", TUNED, Some(41)).await.unwrap()[&41], [Some(0.4); 10]);
    assert_eq!(store.run(41).await.unwrap().iterations_done, 10);
    store.close().await;
    let after = std::fs::metadata(&path).unwrap().len();
    assert!(after < before + before / 4, "{before} bytes became {after}");
    let newest = MIGRATIONS.iter().map(|m| m.version).max().unwrap();
    assert_nothing_is_lost(&path, &beside(&path, &format!(".before-v{newest}.bak"))).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_migrated_stays_as_it_is() {
    let (folder, path) = new_path();
    with_runs(&path, 2).await;
    let before = std::fs::read(&path).unwrap();
    // The disk is full at every point of the way.
    let pages = (before.len() / 4096) as u32;
    for more in [0, 3, 10, 30] {
        let settings = Settings { max_pages: Some(pages + more), ..Settings::default() };
        let refused = open(&path, Missing::Refuse, &settings, &MIGRATIONS).await.err().unwrap();
        assert!(refused.code == Code::Io && refused.message.contains("disk is full"), "{refused}");
        assert!(std::fs::read(&path).unwrap() == before);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no copy of a file that did not change");
    }
    // Rows that belong to nothing are neither dropped in passing nor taken along.
    let mut connection = connect(&path).await;
    connection.execute("UPDATE episodes SET run = 77 WHERE run = 3 AND iteration = 10").await.unwrap();
    connection.close().await.unwrap();
    let before = std::fs::read(&path).unwrap();
    let refused = Store::open(&path).await.err().unwrap();
    assert!(refused.message.contains("without their run"), "{refused}");
    assert!(std::fs::read(&path).unwrap() == before);
}

#[tokio::test]
async fn killed_while_it_migrates() {
    let (folder, path) = new_path();
    with_runs(&path, 20).await;
    let before = folder.path().join("before.db");
    std::fs::copy(&path, &before).unwrap();
    let (size, log) = (std::fs::metadata(&path).unwrap().len(), beside(&path, "-wal"));
    // The log grows with what has been moved: killed while the copy is made, at the beginning, half-way, and near the end.
    for percent in [0, 1, 25, 50, 75] {
        let mut opener = Part::start("open", &path);
        while !opener.has_ended() && std::fs::metadata(&log).map_or(0, |log| 100 * log.len()) < percent * size {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        opener.kill();
    }
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.runs().await.unwrap().len(), 21);
    store.close().await;
    assert_nothing_is_lost(&path, &before).await;
}
