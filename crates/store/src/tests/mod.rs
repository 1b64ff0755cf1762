//! Tests of the store. Those that need a second process start this test program again (see [`children`]).
mod changes;
mod children;
mod concurrency;
mod foreign;
mod interruption;
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

/// SplitMix64: all bits of a float or seed get exercised, the same ones every time.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
