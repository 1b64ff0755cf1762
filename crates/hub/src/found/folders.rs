//! Folders of models.
use super::Found;
use contract::desk::ModelPlace;
use contract::part::Part;
use std::path::{Path, PathBuf};

/// A folder that a person has named is looked into so deep.
const DEPTH: usize = 3;
/// In it no more models than this are looked for: somebody may name the root of a disk.
const MOST: usize = 1000;

/// The GGUF models in a folder, by name: of one in several files the first. What sees pictures lies beside what writes, and is none.
pub fn gguf_files(folder: &Path) -> Vec<PathBuf> {
    let is_model = |path: &PathBuf| {
        let name = shown(path);
        // Where the first is missing, the others say so.
        let is_named = Part::of(&name).is_none_or(|part| part.number == 1 || !folder.join(part.beside(1)).exists());
        ends_in(path, "gguf") && !name.starts_with("mmproj") && is_named && path.is_file()
    };
    children(folder).into_iter().filter(is_model).collect()
}

fn ends_in(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// The GGUF models in a folder; one that `is_alone` there may be called `name`, of others the file's name stands behind it.
pub(super) fn gguf_in(folder: &Path, name: &str, place: ModelPlace, is_alone: bool) -> Vec<Found> {
    let files = gguf_files(folder);
    let is_alone = is_alone && files.len() == 1;
    let called = |path: &Path| if is_alone { name.to_owned() } else { format!("{name}/{}", shown(path)) };
    files.into_iter().map(|path| Found { name: called(&path), place, path, problem: None }).collect()
}

/// The model in a folder, or the GGUF models in it. Of several the file's name stands behind `name`.
pub(super) fn models_in(folder: &Path, name: &str, place: ModelPlace) -> Vec<Found> {
    let mut found = Vec::new();
    // Caches hold many folders with a tokenizer alone.
    let is_weights = |path: &PathBuf| ["safetensors", "bin", "pt", "pth"].into_iter().any(|ending| ends_in(path, ending)) && path.is_file();
    if folder.join("config.json").is_file() && children(folder).iter().any(is_weights) {
        found.push(Found { name: name.to_owned(), place, path: folder.to_owned(), problem: None });
    }
    found.extend(gguf_in(folder, name, place, found.is_empty()));
    found
}

/// `publisher/name` below `root`.
pub(super) fn of_publishers(root: &Path, place: ModelPlace) -> Vec<Found> {
    let mut found = Vec::new();
    for publisher in folders(root) {
        for folder in folders(&publisher) {
            let name = format!("{}/{}", shown(&publisher), shown(&folder));
            found.extend(models_in(&folder, &name, place));
        }
    }
    found
}

/// A folder that a person has named: a model, or folders of models. Their names are their paths.
pub(super) fn named(root: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    look_into(root, DEPTH, &mut found);
    for model in &mut found {
        model.name = model.path.display().to_string();
    }
    found
}

fn look_into(folder: &Path, depth: usize, found: &mut Vec<Found>) {
    found.extend(models_in(folder, "", ModelPlace::Folder));
    if depth > 0 && found.len() < MOST {
        folders(folder).iter().for_each(|child| look_into(child, depth - 1, found));
    }
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// By name. Folders whose name begins with a dot are nobody's models.
pub(super) fn folders(folder: &Path) -> Vec<PathBuf> {
    children(folder).into_iter().filter(|path| path.is_dir() && !shown(path).starts_with('.')).collect()
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut all: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }

    fn found_names(found: &[Found]) -> Vec<&str> {
        found.iter().map(|model| model.name.as_str()).collect()
    }

    #[test]
    fn lm_studio_has_a_folder_for_each_model() {
        let root = tempfile::tempdir().unwrap();
        for path in ["pub/one/a.gguf", "pub/one/mmproj-a.gguf", "pub/two/a-Q4.gguf", "pub/two/a-Q8.GGUF", "pub/mlx/config.json"] {
            write(root.path(), path);
        }
        write(root.path(), "pub/mlx/model.safetensors");
        write(root.path(), "pub/tokenizer-only/config.json");
        write(root.path(), "pub/parts/m-00001-of-00002.gguf");
        write(root.path(), "pub/parts/m-00002-of-00002.gguf");
        let found = of_publishers(root.path(), ModelPlace::LmStudio);
        assert_eq!(found_names(&found), ["pub/mlx", "pub/one", "pub/parts", "pub/two/a-Q4.gguf", "pub/two/a-Q8.GGUF"]);
        assert!(found[2].path.ends_with("m-00001-of-00002.gguf"));
        assert!(found[1].path.ends_with("pub/one/a.gguf"));
    }

    #[test]
    fn a_named_folder_is_a_model_or_holds_some() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "a/b/config.json");
        write(root.path(), "a/b/model.safetensors");
        write(root.path(), "x.gguf");
        write(root.path(), ".hidden/y.gguf");
        write(root.path(), "1/2/3/4/too-deep.gguf");
        let all = named(root.path());
        assert_eq!(found_names(&all), [root.path().join("x.gguf").to_str().unwrap(), root.path().join("a/b").to_str().unwrap()]);
        assert_eq!(named(&root.path().join("a/b")).len(), 1);
        assert!(named(&root.path().join("not-there")).is_empty());
    }
}
