//! The answers of endpoints, which lie beside the database until their run is finished.
use contract::Result;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use store::Store;

/// The file that a run's answers lie in.
pub fn answers_of(database: &Path, run: i64) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(format!(".run-{run}.answers"));
    name.into()
}

/// Removes the files of runs that are no more.
pub async fn sweep(store: &Store) -> Result<()> {
    let there: BTreeSet<i64> = store.runs().await?.iter().map(|run| run.id).collect();
    let folder = store.path().parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = format!("{}.run-", store.path().file_name().unwrap_or_default().to_string_lossy());
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let run = name.to_str().and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(".answers")?.parse::<i64>().ok());
        if run.is_some_and(|run| !there.contains(&run)) {
            // What cannot be removed is looked at again the next time.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_files_of_runs_that_are_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        let store = Store::open(&database).await.unwrap();
        let others = ["b.db.run-7.answers", "a.db.run-7.lock", "a.db.run-x.answers"].map(|name| folder.path().join(name));
        let gone = answers_of(&database, 7);
        for file in others.iter().chain([&gone]) {
            std::fs::write(file, "x").unwrap();
        }
        sweep(&store).await.unwrap();
        assert!(!gone.exists() && others.iter().all(|file| file.exists()));
    }
}
