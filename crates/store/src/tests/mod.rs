//! Tests of the store. Those that need a second process start this test program again (see [`children`]).
mod arms;
mod arms_migration;
mod changes;
mod children;
mod concurrency;
mod foreign;
mod interruption;
mod judgements;
mod migration;
mod opening;
mod round_trip;
mod rows;
mod sharing;

use crate::Store;
use std::path::PathBuf;
use tempfile::TempDir;

/// A new database in a folder of its own.
async fn new_store() -> (TempDir, Store) {
    let (folder, path) = new_path();
    let store = Store::open(&path).await.unwrap();
    (folder, store)
}

fn new_path() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    (folder, path)
}

/// How SQLite would go about the one of our queries that holds this text.
async fn plan_of(store: &Store, text: &str) -> Vec<String> {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx")).unwrap();
    let queries = files.map(|file| {
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        json["query"].as_str().unwrap().to_owned()
    });
    let found: Vec<_> = queries.filter(|query| query.contains(text)).collect();
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", found[0]));
    let steps: Vec<(i64, i64, i64, String)> = sqlx::query_as(explained).fetch_all(&store.pool).await.unwrap();
    steps.into_iter().map(|(.., step)| step).collect()
}

/// SplitMix64: all bits of a float or seed get exercised, the same ones every time.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
