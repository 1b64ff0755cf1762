//! Files that arrive, whole or not at all.
use crate::client::{Hub, Patience};
use crate::digest::Running;
use crate::failure::{Failure, Outcome};
use crate::listing::{RemoteFile, Repository};
use contract::hub::HubProgress;
use contract::{Code, Error, Result};
use home::{create_folder, write_error};
use reqwest::header::CONTENT_RANGE;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// How the name of a file ends that is not whole yet.
const PARTIAL: &str = ".partial";

/// The bytes that have still to come of `files` for `folder` to hold them, by lengths alone.
pub fn missing_bytes(files: &[&RemoteFile], folder: &Path) -> u64 {
    let missing = |file: &&RemoteFile| {
        let place = Place::of(file, folder);
        if length(&place.whole) == Some(file.bytes) { 0 } else { file.bytes.saturating_sub(length(&place.partial).unwrap_or(0)) }
    };
    files.iter().map(missing).sum()
}

fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|found| found.len())
}

/// Where a file goes, and where it is until it is whole.
struct Place {
    whole: PathBuf,
    /// Named by its content too: what arrived of another version is never gone on with.
    partial: PathBuf,
}

impl Place {
    fn of(file: &RemoteFile, folder: &Path) -> Self {
        let whole = folder.join(&file.path);
        let content = file.digest.as_ref().map_or("", |digest| digest.hex());
        let name = format!(".{}.{}{PARTIAL}", file.name(), &content[..content.len().min(16)]);
        Self { partial: whole.with_file_name(name), whole }
    }
}

/// Names that `files` have in `folder`, whole or on their way; all else in a folder of downloads is left over.
pub(crate) fn names(files: &[&RemoteFile], folder: &Path) -> Vec<PathBuf> {
    files.iter().map(|file| Place::of(file, folder)).flat_map(|place| [place.whole, place.partial]).collect()
}

impl Hub {
    /// Brings files of a repository into `folder`, which is made. What is there already, whole or in part, is not fetched again. Each file gets its name
    /// when it is whole, has its checksum and is on the disk.
    ///
    /// # Errors
    /// [`Code::Network`] where the hub does not give them, or gives something else than it said; [`Code::Io`] where they cannot be written;
    /// [`Code::Stopped`]. What has arrived is kept.
    pub async fn bring(
        &self,
        repository: &Repository,
        files: &[&RemoteFile],
        folder: &Path,
        on_progress: &mut dyn FnMut(&HubProgress),
    ) -> Result<()> {
        let mut progress = HubProgress { file: String::new(), done_bytes: 0, bytes: files.iter().map(|file| file.bytes).sum() };
        for file in files {
            progress.file.clone_from(&file.path);
            on_progress(&progress);
            let before = progress.done_bytes;
            let mut arrived = |bytes: u64| {
                progress.done_bytes = before + bytes;
                on_progress(&progress);
            };
            self.bring_one(repository, file, &Place::of(file, folder), &mut arrived).await?;
            progress.done_bytes = before + file.bytes;
        }
        on_progress(&progress);
        Ok(())
    }

    async fn bring_one(&self, repository: &Repository, file: &RemoteFile, place: &Place, arrived: &mut dyn FnMut(u64)) -> Result<()> {
        self.go_on()?;
        if is_whole(file, &place.whole)? {
            return Ok(());
        }
        if let Some(folder) = place.whole.parent() {
            create_folder(folder)?;
        }
        // Without a checksum nobody could tell whether two halves belong together.
        if file.digest.is_none() {
            remove(&place.partial)?;
        }
        let was_begun = place.partial.exists();
        let mut hex = self.fill(repository, file, &place.partial, arrived).await?;
        let expected = file.digest.as_ref().map(|digest| digest.hex().to_owned());
        if hex != expected && was_begun {
            // What an earlier process left may be spoilt; all of it is fetched once more.
            remove(&place.partial)?;
            hex = self.fill(repository, file, &place.partial, arrived).await?;
        }
        if hex != expected {
            remove(&place.partial)?;
            return Err(Error::network(format!(
                "{} gave another {} of {} than it said (checksum {} instead of {}); it was deleted. Run the same command again; if it stays so, \
                 something between here and the hub changes files.",
                self.address(),
                file.path,
                repository.id.as_str(),
                hex.unwrap_or_default(),
                expected.unwrap_or_default()
            )));
        }
        fs::rename(&place.partial, &place.whole).map_err(|e| write_error(&place.whole, &e))
    }

    /// Appends to `partial` until it is as long as the file; then what it hashes to.
    async fn fill(
        &self,
        repository: &Repository,
        file: &RemoteFile,
        partial: &Path,
        arrived: &mut dyn FnMut(u64),
    ) -> Result<Option<String>> {
        let mut arriving = Arriving::open(file, partial)?;
        let mut patience = Patience::default();
        loop {
            arrived(arriving.bytes);
            if arriving.bytes == file.bytes {
                return arriving.finish();
            }
            let before = arriving.bytes;
            let Err(failure) = self.pass(repository, &mut arriving, arrived).await else { continue };
            if arriving.bytes > before {
                patience.restore();
            }
            patience.wait(self, failure).await?;
        }
    }

    /// One connection: what comes of the rest.
    async fn pass(&self, repository: &Repository, arriving: &mut Arriving<'_>, arrived: &mut dyn FnMut(u64)) -> Outcome<()> {
        let mut response = self.open_file(repository, &arriving.file.path, arriving.bytes).await?;
        let begin = match response.status().as_u16() {
            206 => response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).and_then(begin_of),
            416 => {
                arriving.restart()?;
                return Err(passing(format!("{} has no such part of {}.", self.address(), arriving.file.path)));
            }
            // The whole, whatever was asked for. A page of a network that wants a login is none, and must not cost what has arrived.
            _ if response.content_length().map_or(arriving.bytes > 0, |length| length != arriving.file.bytes) => {
                return Err(passing(format!(
                    "Something between here and {} answers in its place. Does this network want a login?",
                    self.address()
                )));
            }
            _ => Some(0),
        };
        if begin != Some(arriving.bytes) {
            if begin != Some(0) {
                return Err(passing(format!("{} gave another part of {} than it was asked for.", self.address(), arriving.file.path)));
            }
            arriving.restart()?;
        }
        while let Some(chunk) = self.chunk(&mut response).await? {
            if arriving.bytes + chunk.len() as u64 > arriving.file.bytes {
                arriving.restart()?;
                return Err(Failure::Lasting(Error::network(format!(
                    "{} gives more of {} than the {} bytes that it said; nothing of it was kept.",
                    self.address(),
                    arriving.file.path,
                    arriving.file.bytes
                ))));
            }
            arriving.add(&chunk)?;
            arrived(arriving.bytes);
            self.go_on()?;
        }
        if arriving.bytes < arriving.file.bytes {
            return Err(passing(format!("The connection to {} broke off in {}.", self.address(), arriving.file.path)));
        }
        Ok(())
    }
}

/// What may be over in a moment.
fn passing(sentence: String) -> Failure {
    Failure::Passing { after: None, error: Error::network(sentence) }
}

/// Where a part begins: `bytes 5-9/10`.
fn begin_of(range: &str) -> Option<u64> {
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// Whether a file is there with its content.
fn is_whole(file: &RemoteFile, path: &Path) -> Result<bool> {
    if length(path) != Some(file.bytes) {
        return Ok(false);
    }
    file.digest.as_ref().map_or(Ok(true), |digest| digest.fits(path, file.bytes))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(write_error(path, &e)),
        _ => Ok(()),
    }
}

/// A file on its way.
struct Arriving<'a> {
    file: &'a RemoteFile,
    path: &'a Path,
    out: File,
    bytes: u64,
    running: Option<Running>,
}

impl<'a> Arriving<'a> {
    /// With what arrived earlier.
    fn open(file: &'a RemoteFile, path: &'a Path) -> Result<Self> {
        let out = OpenOptions::new().create(true).append(true).open(path).map_err(|e| write_error(path, &e))?;
        let mut running = file.digest.as_ref().map(|digest| digest.begin(file.bytes));
        let bytes = match &mut running {
            Some(running) => running.read(path)?,
            None => length(path).unwrap_or(0),
        };
        let mut arriving = Self { file, path, out, bytes, running };
        if bytes > file.bytes {
            arriving.restart()?;
        }
        Ok(arriving)
    }

    /// Forgets what has arrived.
    fn restart(&mut self) -> Result<()> {
        self.out.set_len(0).map_err(|e| write_error(self.path, &e))?;
        self.bytes = 0;
        self.running = self.file.digest.as_ref().map(|digest| digest.begin(self.file.bytes));
        Ok(())
    }

    fn add(&mut self, chunk: &[u8]) -> Result<()> {
        self.out.write_all(chunk).map_err(|e| {
            let error = write_error(self.path, &e);
            Error { message: format!("{} What has arrived is kept.", error.message), code: Code::Io, ..error }
        })?;
        self.bytes += chunk.len() as u64;
        if let Some(running) = &mut self.running {
            running.add(chunk);
        }
        Ok(())
    }

    /// Waits until it is on the disk; what it hashes to.
    fn finish(self) -> Result<Option<String>> {
        self.out.sync_all().map_err(|e| write_error(self.path, &e))?;
        Ok(self.running.map(Running::hex))
    }
}
