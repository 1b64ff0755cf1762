//! Files that a person takes out of the window or brings into it.
use contract::{Error, Result};
use std::path::{Component, Path, PathBuf};

/// Writes `bytes` into a new file of `folder`; where the name is taken, under the next free one ("figure-2.png"). The path is returned.
///
/// # Errors
/// [`contract::Code::Io`] where the name is a path, or the file cannot be written.
pub fn save(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let mut components = Path::new(name).components();
    let is_name = matches!(components.next(), Some(Component::Normal(_))) && components.next().is_none();
    if !is_name {
        return Err(Error::io(format!("\"{name}\" is not the name of a file.")));
    }
    desk::save_new(folder, name, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_never_overwritten_nor_outside() {
        let folder = tempfile::tempdir().unwrap();
        let first = save(folder.path(), "figure.png", b"1").unwrap();
        let second = save(folder.path(), "figure.png", b"2").unwrap();
        assert_eq!(second.file_name().unwrap(), "figure-2.png");
        assert_eq!((std::fs::read(first).unwrap(), std::fs::read(second).unwrap()), (b"1".to_vec(), b"2".to_vec()));
        for outside in ["../figure.png", "/figure.png", "a/b.png", "..", ""] {
            let error = save(folder.path(), outside, b"3").unwrap_err();
            assert!(error.message.contains("not the name of a file"), "{error}");
        }
    }
}
