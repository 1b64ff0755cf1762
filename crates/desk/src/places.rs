//! Names for files that a person takes out.
use std::path::{Path, PathBuf};

/// Files of a folder that could get this name, the most wanted first: "figure.png", "figure-2.png" …
pub fn free_names(folder: &Path, name: &str) -> impl Iterator<Item = PathBuf> {
    let (path, folder) = (Path::new(name), folder.to_path_buf());
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension = path.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
    (1..).map(move |number: u64| match number {
        1 => folder.join(format!("{stem}{extension}")),
        _ => folder.join(format!("{stem}-{number}{extension}")),
    })
}

/// A name as a file's: letters, digits and dashes, not too many of them.
pub(crate) fn file_stem(name: &str) -> String {
    let words: Vec<String> = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let stem: String = words.join("-").chars().take(60).collect();
    if stem.is_empty() { "runs".into() } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let names: Vec<_> = free_names(Path::new("/d"), "a.b.png").take(3).collect();
        assert_eq!(names, ["/d/a.b.png", "/d/a.b-2.png", "/d/a.b-3.png"].map(PathBuf::from));
        let stems = ["Längere Antworten (λ = 0.1)", "../../etc/passwd", "  ", &"x".repeat(100)].map(file_stem);
        assert_eq!(stems, ["längere-antworten-λ-0-1".to_owned(), "etc-passwd".into(), "runs".into(), "x".repeat(60)]);
    }
}
