//! The answers of endpoints, which lie beside the database until their run is finished.
use contract::Result;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use store::Store;

/// The file that a run's answers lie in.
pub fn answers_of(database: &Path, run: i64) -> PathBuf {
    beside(database, &format!("run-{run}.answers"))
}

/// The file that lies in what a part of its reward has said, by the part's place in the spec.
pub fn scores_of(database: &Path, run: i64, part: usize) -> PathBuf {
    beside(database, &format!("run-{run}.part-{part}.scores"))
}

fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(format!(".{end}"));
    name.into()
}

/// Removes the files of a run. What cannot be removed is in the way of nothing.
pub fn remove_answers(database: &Path, run: i64) {
    remove(database, &|of| of == run);
}

/// Removes the files of runs that are no more.
pub async fn sweep(store: &Store) -> Result<()> {
    let there: BTreeSet<i64> = store.runs().await?.iter().map(|run| run.id).collect();
    remove(store.path(), &|run| !there.contains(&run));
    Ok(())
}

fn remove(database: &Path, is_of: &dyn Fn(i64) -> bool) {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = format!("{}.run-", database.file_name().unwrap_or_default().to_string_lossy());
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().and_then(|name| run_of(name.strip_prefix(&prefix)?)).is_some_and(is_of) {
            // It is looked at again the next time.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Of `7.answers` or `7.part-0.scores`: 7.
fn run_of(name: &str) -> Option<i64> {
    let (run, what) = name.split_once('.')?;
    let is_part =
        |what: &str| what.strip_prefix("part-").and_then(|what| what.strip_suffix(".scores")).is_some_and(|n| n.parse::<usize>().is_ok());
    if what == "answers" || is_part(what) { run.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_files_of_runs_that_are_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        let store = Store::open(&database).await.unwrap();
        let others = ["b.db.run-7.answers", "a.db.run-7.lock", "a.db.run-x.answers", "a.db.run-7.part-x.scores"];
        let others = others.map(|name| folder.path().join(name));
        let gone = [answers_of(&database, 7), scores_of(&database, 7, 2)];
        for file in others.iter().chain(&gone) {
            std::fs::write(file, "x").unwrap();
        }
        sweep(&store).await.unwrap();
        assert!(gone.iter().all(|file| !file.exists()) && others.iter().all(|file| file.exists()));
    }
}
