//! What a model's name in a spec stands for.
use super::{EMBEDDED, begins_as_gguf, elsewhere, installed, is_gguf, name_of, sha256_together};
use contract::{Code, Error, Result};
use home::{Home, create_folder, read_error};
use hub::Origin;
use hub::found::gguf_files;
use lm::seal::{self, State};
use lm::{Checked, ModelFolder, RewardFolder};
use std::path::{Path, PathBuf};

/// A model as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Located {
    /// A Hugging Face folder.
    Folder(PathBuf),
    Gguf(PathBuf),
}

impl Located {
    /// The model at `path`: a folder in which a GGUF model lies alone, or in a folder of its own, is that.
    pub fn at(path: PathBuf) -> Self {
        if !path.is_dir() {
            return Self::Gguf(path);
        }
        if path.join("config.json").exists() {
            return Self::Folder(path);
        }
        let mut found = gguf_files(&path);
        if found.is_empty() {
            // As some repositories of the hub keep one.
            let folders = std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path());
            found = folders.filter(|inner| inner.is_dir()).flat_map(|inner| gguf_files(&inner)).collect();
        }
        if found.len() == 1 { Self::Gguf(found.swap_remove(0)) } else { Self::Folder(path) }
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Folder(path) | Self::Gguf(path) => path,
        }
    }
}

/// Finds the model that a spec's `key` calls `name`: a `.gguf` file or, when it contains a slash, a folder or a GGUF file of any name, relative to `base`;
/// otherwise an installed model (also as `owner/name`, if it was brought from the hub); and where there is none, one of another program (`owner/name` of Hugging Face's cache, `name:tag` of Ollama).
pub fn locate(home: &Home, name: &str, base: &Path, key: &str) -> Result<Located> {
    let path = expand(name, base);
    if is_gguf(&path) {
        return match std::fs::File::open(&path) {
            Ok(_) => Ok(Located::Gguf(path)),
            Err(e) => elsewhere::find(home, name, key)?.ok_or_else(|| Error { code: Code::Model, ..read_error(&path, &e) }),
        };
    }
    if name.contains(['/', '\\']) || name.starts_with(['~', '.']) {
        if path.is_dir() || begins_as_gguf(&path) {
            return Ok(Located::at(path));
        }
        if let Some(installed) = brought(home, name, key)? {
            return Ok(Located::at(installed));
        }
        return elsewhere::find(home, name, key)?.ok_or_else(|| nowhere(name, &path, key));
    }
    let installed = home.models().join(name);
    if installed.is_dir() {
        return Ok(Located::at(installed));
    }
    elsewhere::find(home, name, key)?.ok_or_else(|| missing(home, name, key))
}

/// The installed model that was brought from the hub's repository `name`.
fn brought(home: &Home, name: &str, key: &str) -> Result<Option<PathBuf>> {
    if hub::Id::parse(name).is_err() {
        return Ok(None);
    }
    let entries = std::fs::read_dir(home.models()).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_it = |folder: &PathBuf| Origin::read(folder).is_some_and(|origin| origin.id.eq_ignore_ascii_case(name));
    let mut found: Vec<PathBuf> = entries.filter(is_it).collect();
    found.sort_unstable();
    match &found[..] {
        [] | [_] => Ok(found.pop()),
        several => {
            let names: Vec<_> = several.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy()).collect();
            Err(Error::model(format!("{key} names \"{name}\", of which several are installed: {}; name one of these.", names.join(", "))))
        }
    }
}

/// There is no such folder, and no such model of another program.
fn nowhere(name: &str, path: &Path, key: &str) -> Error {
    let way_out = match hub::Id::parse(name) {
        Ok(_) => format!(
            " Nor has the cache of Hugging Face's programs, LM Studio or Ollama a model of this name (`alignpro models list`). `alignpro hub get {name}` brings one \
             from the hub, after it has said how large it is."
        ),
        Err(_) => String::new(),
    };
    Error::model(format!("{key} names the model folder {}, which is not there.{way_out}", path.display()))
}

fn expand(name: &str, base: &Path) -> PathBuf {
    match (name.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => base.join(name),
    }
}

fn missing(home: &Home, name: &str, key: &str) -> Error {
    let names: Vec<String> = installed::list(home).unwrap_or_default().into_iter().map(|m| m.name).collect();
    let way_out = if name == EMBEDDED {
        "`alignpro models fetch` brings it".to_string()
    } else if names.is_empty() {
        format!(
            "none is. `alignpro models fetch` brings {EMBEDDED}, `alignpro models import FILE.gguf` or `alignpro hub get OWNER/NAME` another"
        )
    } else {
        format!(
            "installed are {}. Write a folder's path with a slash, or add a model with `alignpro hub get OWNER/NAME` or `alignpro models import FILE.gguf`",
            names.join(", ")
        )
    };
    Error::model(format!("{key} names the model \"{name}\", which is not installed in {}: {way_out}.", home.models().display()))
}

/// The model as a checked folder that the built-in engine can read. A GGUF file is imported on first use under its own name and the
/// beginning of its checksum, so that it is found again and a changed file is another model.
pub fn as_folder(home: &Home, located: &Located) -> Result<ModelFolder> {
    match located {
        Located::Folder(path) => whole(path),
        Located::Gguf(file) => {
            let folder = home.models().join(format!("{}-{}", name_of(file), &sha256_together(&lm::gguf::parts(file)?)?[..8]));
            if folder.is_dir() {
                return whole(&folder);
            }
            create_folder(&home.models())?;
            installed::convert(file, &folder)
        }
    }
}

/// The reward model as a checked folder.
pub fn as_reward_model(located: &Located) -> Result<RewardFolder> {
    match located {
        Located::Folder(path) => unchanged(path, RewardFolder::open(path)?),
        Located::Gguf(file) => Err(Error::model(format!(
            "{} is a GGUF file, and a reward model has to be a folder of safetensors (a class such as LlamaForSequenceClassification).",
            file.display()
        ))),
    }
}

/// The folder, if its files are those that were installed.
pub fn whole(folder: &Path) -> Result<ModelFolder> {
    unchanged(folder, ModelFolder::open(folder)?)
}

fn unchanged<F: Checked>(folder: &Path, model: F) -> Result<F> {
    match seal::verify(&model)? {
        State::Whole | State::Unsealed => Ok(model),
        State::Changed(files) => Err(Error::model(format!(
            "{} is not what was installed ({} changed): remove the folder and bring the model again with `alignpro models fetch`, `alignpro models import` or `alignpro hub get`.",
            folder.display(),
            files.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_there_says_what_is() {
        let folder = tempfile::tempdir().unwrap();
        let home = home::Home::at(folder.path());
        let find = |name: &str| locate(&home, name, folder.path(), "frozen.model");
        let message = |name: &str| find(name).unwrap_err().message;
        assert!(message("gpt-5").contains("models import"), "{}", message("gpt-5"));
        assert!(message(EMBEDDED).contains("alignpro models fetch"));
        std::fs::create_dir_all(home.models().join("mine")).unwrap();
        assert!(message("gpt-5").contains("installed are mine"));
        assert_eq!(find("mine").unwrap(), Located::Folder(home.models().join("mine")));
        let origin = "hub = \"h\"\nkind = \"model\"\nid = \"Owner/Mine\"\nrevision = \"abc\"\nfiles = []\n";
        std::fs::write(home.models().join("mine/origin.toml"), origin).unwrap();
        assert_eq!(find("owner/mine").unwrap(), Located::Folder(home.models().join("mine")), "by the name that it has on the hub");
        std::fs::create_dir_all(home.models().join("mine2")).unwrap();
        std::fs::write(home.models().join("mine2/origin.toml"), origin).unwrap();
        assert!(message("Owner/Mine").contains("several are installed: mine, mine2"));
        std::fs::remove_dir_all(home.models().join("mine2")).unwrap();
        assert!(message("./mine").contains("frozen.model"));
        assert_eq!(find("./models/mine").unwrap(), Located::Folder(folder.path().join("./models/mine")));
        assert!(message("models/x.gguf").contains("x.gguf"));
        assert_eq!(find("x.gguf").unwrap_err().code, Code::Model);
        std::fs::write(folder.path().join("x.GGUF"), "").unwrap();
        assert_eq!(find("x.GGUF").unwrap(), Located::Gguf(folder.path().join("x.GGUF")));
    }
}
