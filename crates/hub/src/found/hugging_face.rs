//! The cache of Hugging Face's programs: `models--owner--name/snapshots/COMMIT`, whose files are links to `blobs`.
use super::Found;
use super::folders::{folders, gguf_in, models_in};
use contract::desk::ModelPlace;
use std::path::{Path, PathBuf};

const PREFIX: &str = "models--";

pub(super) fn models(cache: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    for repository in folders(cache) {
        let (Some(id), Some(snapshot)) = (id_of(&repository), newest(&repository)) else { continue };
        found.extend(models_in(&snapshot, &id, ModelPlace::HuggingFace));
        // Repositories of GGUF files keep some in folders of their own.
        for inner in folders(&snapshot) {
            let name = format!("{id}/{}", inner.file_name().unwrap_or_default().to_string_lossy());
            found.extend(gguf_in(&inner, &name, ModelPlace::HuggingFace, true));
        }
    }
    found
}

/// `models--owner--name` as `owner/name`.
fn id_of(repository: &Path) -> Option<String> {
    let name = repository.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    Some(name.replacen("--", "/", 1))
}

/// What `main` is at, where that is here; else the snapshot that was made last.
fn newest(repository: &Path) -> Option<PathBuf> {
    let snapshots = repository.join("snapshots");
    let main = std::fs::read_to_string(repository.join("refs/main")).ok().map(|commit| snapshots.join(commit.trim()));
    let made = |path: &PathBuf| std::fs::metadata(path).and_then(|found| found.modified()).ok();
    main.filter(|path| path.is_dir() && *path != snapshots).or_else(|| folders(&snapshots).into_iter().max_by_key(made))
}

/// The repository and commit of a snapshot in a cache, as a run keeps them; None for other folders.
pub fn revision_in_cache(folder: &Path) -> Option<String> {
    let commit = folder.file_name()?.to_str()?;
    let snapshots = folder.parent().filter(|parent| parent.ends_with("snapshots"))?;
    Some(format!("{} at {commit}", id_of(snapshots.parent()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(repository: &Path, commit: &str) -> PathBuf {
        let folder = repository.join("snapshots").join(commit);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.json"), "{}").unwrap();
        std::fs::write(folder.join("model.safetensors"), "").unwrap();
        folder
    }

    #[test]
    fn the_snapshot_that_main_is_at_counts() {
        let cache = tempfile::tempdir().unwrap();
        let repository = cache.path().join("models--org--a-name");
        let (first, second) = (put(&repository, "aaa"), put(&repository, "bbb"));
        std::fs::create_dir_all(repository.join("refs")).unwrap();
        std::fs::write(repository.join("refs/main"), "aaa\n").unwrap();
        put(&cache.path().join("models--gpt2"), "ccc");
        put(&cache.path().join("datasets--org--rows"), "ddd");
        std::fs::create_dir_all(cache.path().join("models--org--empty/snapshots")).unwrap();
        let found = models(cache.path());
        assert_eq!(found.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(), ["gpt2", "org/a-name"]);
        assert_eq!(found[1].path, first);
        // As repositories with models in several files have them.
        for part in 1..=2 {
            std::fs::create_dir_all(first.join("Q4")).unwrap();
            std::fs::write(first.join(format!("Q4/m-0000{part}-of-00002.gguf")), "GGUF").unwrap();
        }
        let found = models(cache.path());
        assert_eq!((found.len(), found[2].name.as_str()), (3, "org/a-name/Q4"));
        assert!(found[2].path.ends_with("Q4/m-00001-of-00002.gguf"), "{found:?}");
        assert_eq!(crate::origin_of(&found[2].path).unwrap(), "org/a-name at aaa");
        std::fs::remove_dir_all(first.join("Q4")).unwrap();
        // A branch whose files were removed.
        std::fs::write(repository.join("refs/main"), "eee").unwrap();
        assert!([&first, &second].contains(&&models(cache.path())[1].path));
        assert_eq!(revision_in_cache(&first).unwrap(), "org/a-name at aaa");
        assert_eq!(revision_in_cache(cache.path()), None);
    }
}
