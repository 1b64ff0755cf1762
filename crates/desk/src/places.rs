//! Names for files that a person takes out, and the files.
use contract::{Error, Result};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Files of a folder that could get this name, the most wanted first: "figure.png", "figure-2.png" …
pub(crate) fn free_names(folder: &Path, name: &str) -> impl Iterator<Item = PathBuf> {
    let (path, folder) = (Path::new(name), folder.to_path_buf());
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension = path.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
    (1..).map(move |number: u64| match number {
        1 => folder.join(format!("{stem}{extension}")),
        _ => folder.join(format!("{stem}-{number}{extension}")),
    })
}

/// How many files of one name a folder may hold.
const MOST: usize = 1000;

/// Writes a new file of `folder`; where the name is taken, under the next free one ("figure-2.png"). The path is returned.
///
/// # Errors
/// [`contract::Code::Io`] where the file cannot be written, or too many have its name.
pub fn save_new(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    home::create_folder(folder)?;
    for free in free_names(folder, name).take(MOST) {
        match write_new(&free, bytes) {
            Ok(()) => return Ok(free),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(unwritten(&free, &e)),
        }
    }
    Err(Error::io(format!("{} holds {MOST} files named like {name}; move some.", folder.display())))
}

/// Writes a file that is not there yet: all of it, or nothing.
pub(crate) fn write_new(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // `create_new`: never over a file that is there.
    let mut new = OpenOptions::new().write(true).create_new(true).open(file)?;
    new.write_all(bytes).and_then(|()| new.sync_all()).inspect_err(|_| {
        // Half a file is worse than none.
        let _ = std::fs::remove_file(file);
    })
}

/// The sentence for a file of a person's own that could not be written.
pub(crate) fn unwritten(file: &Path, error: &std::io::Error) -> Error {
    let (why, way) = match error.kind() {
        ErrorKind::AlreadyExists => ("it is there already", "Name another file"),
        ErrorKind::NotFound => ("its folder is not there", "Make the folder, or name a file in another"),
        ErrorKind::PermissionDenied => ("no permission", "Name a file in a folder of yours"),
        ErrorKind::ReadOnlyFilesystem => ("its disk is read-only", "Name a file on another"),
        ErrorKind::StorageFull => ("the disk is full", "Free some space, or name a file on another disk"),
        _ => ("the system refused", "Check its name and folder"),
    };
    Error::io(format!("{} cannot be written: {why}. {way}.", file.display())).with_detail(error)
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
