//! Where models, downloads and the default database live.
mod agreed;
pub mod lines;

use contract::{Error, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The program's folder of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// `$ALIGNPRO_HOME`, else `$XDG_DATA_HOME/alignpro`, else `~/.local/share/alignpro`. Empty variables count as unset, and a relative
    /// `$XDG_DATA_HOME` is ignored, as the XDG base directory specification asks.
    pub fn find() -> Result<Self> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(home) = set("ALIGNPRO_HOME") {
            return Ok(Self(std::path::absolute(&home).unwrap_or(home)));
        }
        if let Some(data) = set("XDG_DATA_HOME").filter(|path| path.is_absolute()) {
            return Ok(Self(data.join("alignpro")));
        }
        match set("HOME") {
            Some(home) => Ok(Self(home.join(".local/share/alignpro"))),
            None => Err(Error::io("There is no home folder to keep models and runs in; set ALIGNPRO_HOME to a folder you may write to.")),
        }
    }

    /// A home in a folder of one's own, as tests have it.
    pub fn at(folder: &Path) -> Self {
        Self(folder.to_path_buf())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Installed models, one Hugging Face folder each.
    pub fn models(&self) -> PathBuf {
        self.0.join("models")
    }

    /// Files on their way to becoming models.
    pub fn downloads(&self) -> PathBuf {
        self.0.join("downloads")
    }

    /// Data sets of the hub, a folder each.
    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// What workers that the window started have said.
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// What a person has set for all runs to come.
    pub fn settings(&self) -> PathBuf {
        self.0.join("settings.json")
    }

    /// Every connection that the program has made to another machine: one JSON object a line.
    pub fn connections(&self) -> PathBuf {
        self.0.join("connections.jsonl")
    }

    /// Commands of rewards that a person has agreed to run.
    pub fn agreed_commands(&self) -> PathBuf {
        self.0.join("commands.jsonl")
    }

    /// The database that commands use without `--db`.
    pub fn database(&self) -> PathBuf {
        self.0.join("runs.db")
    }
}

/// Creates `folder` with its parents, or says why it cannot be.
pub fn create_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| write_error(folder, &e))
}

/// Notes a text in a folder under this name, whole or not at all: what is on its way has a dot before its name.
pub fn note_in(folder: &Path, name: &str, text: &str) -> Result<()> {
    let (path, draft) = (folder.join(name), folder.join(format!(".{name}")));
    std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &path)).map_err(|e| write_error(&path, &e))
}

/// The sentence for a file or folder that could not be written.
pub fn write_error(path: &Path, error: &std::io::Error) -> Error {
    use std::io::ErrorKind;
    let path = path.display();
    let sentence = match error.kind() {
        ErrorKind::PermissionDenied => {
            format!("{path} cannot be written: no permission. Change its permissions, or set ALIGNPRO_HOME to a folder of yours.")
        }
        ErrorKind::ReadOnlyFilesystem => {
            format!("{path} cannot be written: its disk is read-only. Set ALIGNPRO_HOME to a folder you may write to.")
        }
        ErrorKind::StorageFull => {
            format!("{path} cannot be written: the disk is full. Free some space, or set ALIGNPRO_HOME to a folder on another disk.")
        }
        ErrorKind::QuotaExceeded => {
            format!(
                "{path} cannot be written: your quota on its disk is used up. Free some space, or set ALIGNPRO_HOME to a folder on another disk."
            )
        }
        ErrorKind::FileTooLarge => {
            format!(
                "{path} cannot be written: a limit on the size of files is reached (a disk formatted as FAT holds none above 4 GB, and `ulimit -f` sets one). Set ALIGNPRO_HOME to a folder on another disk."
            )
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            format!("{path} cannot be a folder: a file of that name is in the way. Move it, or set ALIGNPRO_HOME.")
        }
        _ => format!("{path} cannot be written."),
    };
    Error::io(sentence).with_detail(error)
}

/// The sentence for a file that could not be read.
pub fn read_error(path: &Path, error: &std::io::Error) -> Error {
    use std::io::ErrorKind;
    let shown = path.display();
    let sentence = match error.kind() {
        ErrorKind::NotFound => format!("There is no file {shown}; check its name."),
        ErrorKind::PermissionDenied => format!("{shown} cannot be read: no permission."),
        ErrorKind::IsADirectory => format!("{shown} is a folder; name a file."),
        ErrorKind::InvalidData => format!("{shown} is not text in UTF-8."),
        _ => format!("{shown} cannot be read."),
    };
    Error::io(sentence).with_detail(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(variables: &[(&str, &str)]) -> Result<Home> {
        Home::from_variables(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value)))
    }

    #[test]
    fn the_nearest_variable_wins() {
        let all = [("ALIGNPRO_HOME", "/a"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(home(&all).unwrap().path(), Path::new("/a"));
        assert_eq!(home(&all[1..]).unwrap().path(), Path::new("/x/alignpro"));
        assert_eq!(home(&all[2..]).unwrap().path(), Path::new("/h/.local/share/alignpro"));
        assert_eq!(
            home(&[("ALIGNPRO_HOME", ""), ("XDG_DATA_HOME", "relative"), ("HOME", "/h")]).unwrap().database(),
            Path::new("/h/.local/share/alignpro/runs.db")
        );
        assert!(home(&[]).unwrap_err().message.contains("ALIGNPRO_HOME"));
    }
}
