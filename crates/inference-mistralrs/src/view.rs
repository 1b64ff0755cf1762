//! A model's folder with another `config.json`, for mistral.rs to read.
use contract::{Error, Result};
use serde_json::Value;
use std::io;
use std::path::Path;
use tempfile::TempDir;

/// A temporary folder with links to a model's files and a `config.json` of its own. Removed when dropped; the model's folder is only read.
pub struct View(TempDir);

impl View {
    /// A view of `folder`, whose path is absolute, with `config` in place of its `config.json`.
    ///
    /// # Errors
    /// A sentence when the temporary folder cannot be made or filled.
    pub fn new(folder: &Path, config: &Value) -> Result<Self> {
        Self::make(folder, config).map_err(|e| {
            Error::io(format!(
                "mistral.rs cannot read the config.json in {} as it is, and a temporary folder with a translated one cannot be made in {}: {e}; \
                 make room there, or set TMPDIR to a folder that can be written",
                folder.display(),
                std::env::temp_dir().display()
            ))
        })
    }

    fn make(folder: &Path, config: &Value) -> io::Result<Self> {
        let view = tempfile::Builder::new().prefix("alignpro-model-").tempdir()?;
        for entry in std::fs::read_dir(folder)? {
            let (name, file) = entry.map(|entry| (entry.file_name(), entry.path()))?;
            if file.is_file() && name != "config.json" {
                link(&file, &view.path().join(name))?;
            }
        }
        std::fs::write(view.path().join("config.json"), serde_json::to_vec(config)?)?;
        Ok(Self(view))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(unix)]
fn link(file: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(file, at)
}

/// Elsewhere symbolic links may be a privilege, and hard links end at the disk.
#[cfg(not(unix))]
fn link(file: &Path, at: &Path) -> io::Result<()> {
    std::fs::hard_link(file, at).or_else(|_| std::fs::copy(file, at).map(|_| ()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_shows_the_files_with_another_config_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("config.json", "{}"), ("model.safetensors", "weights"), ("tokenizer.json", "words")] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        std::fs::create_dir(folder.path().join("onnx")).unwrap();
        let view = View::new(folder.path(), &json!({"rope_theta": 1e4})).unwrap();
        let path = view.path().to_owned();
        let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
        assert_eq!(
            [read("config.json"), read("model.safetensors"), read("tokenizer.json")],
            [r#"{"rope_theta":10000.0}"#, "weights", "words"]
        );
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 3);
        drop(view);
        assert!(!path.exists());
        assert_eq!(std::fs::read_to_string(folder.path().join("config.json")).unwrap(), "{}");
        assert_eq!(std::fs::read_to_string(folder.path().join("model.safetensors")).unwrap(), "weights");
    }

    #[test]
    fn a_folder_that_is_gone_is_named() {
        let message = View::new(Path::new("/nowhere/model"), &json!({})).map(|_| ()).unwrap_err().message;
        assert!(message.contains("/nowhere/model") && message.contains("TMPDIR"), "{message}");
    }
}
