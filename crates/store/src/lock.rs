//! One worker on a run: an operating-system lock on `<database>.run-<id>.lock`, given back when the worker dies, however it dies.
use crate::numbers::now_ms;
use crate::{Store, faults, schema};
use contract::event::{Event, Status};
use contract::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Held by the one worker that works on a run; the operating system gives it back when the worker dies.
#[derive(Debug)]
pub struct RunLock {
    path: PathBuf,
    /// Closing it gives the lock back.
    file: File,
}

/// [`Store::mark_interrupted`] holds a lock for one short transaction: a worker waits that long before it gives up.
const ATTEMPTS: usize = 10;
const ATTEMPTS_WITHOUT_PID: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);
/// From the creation of a run until its worker has it; takes a second.
const WORKER_STARTS_WITHIN_MS: i64 = 60_000;

impl Store {
    /// Takes the run for this process, or says which worker holds it ([`contract::Code::Busy`]). Blocks for up to 0.1 s while
    /// another process only looks whether the run's worker is alive.
    pub fn lock(&self, run: i64) -> Result<RunLock> {
        let path = self.lock_path(run);
        let mut attempt = 0;
        loop {
            if let Some(mut lock) = try_lock(&path)? {
                write!(lock.file, "{}", std::process::id()).map_err(|e| faults::explain_io(&path, &e))?;
                return Ok(lock);
            }
            let holder = std::fs::read_to_string(&path).unwrap_or_default();
            attempt += 1;
            if attempt >= if holder.is_empty() { ATTEMPTS_WITHOUT_PID } else { ATTEMPTS } {
                let holder = if holder.is_empty() { "another process".into() } else { format!("the worker with process id {holder}") };
                return Err(Error::busy(format!(
                    "Run {run} of {} is being worked on by {holder}; wait for it to end, or stop it with `alignpro stop {run}`",
                    self.path().display()
                )));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The process that works on a run, while it runs.
    pub async fn worker(&self, run: i64) -> Result<Option<u32>> {
        if self.run(run).await?.status != Status::Running {
            return Ok(None);
        }
        // Gone in between, or not yet written: there is none to be seen.
        Ok(std::fs::read_to_string(self.lock_path(run)).ok().and_then(|holder| holder.trim().parse().ok()))
    }

    /// Runs that are `running` or `waiting` but whose worker is gone, and `created` ones that no worker has taken within a minute, become
    /// `interrupted`. Returns them, oldest first.
    pub async fn mark_interrupted(&self) -> Result<Vec<i64>> {
        let long_ago = now_ms() - WORKER_STARTS_WITHIN_MS;
        let held = sqlx::query_scalar!(
            r#"SELECT id AS "id!" FROM runs WHERE status IN ('running', 'waiting') OR (status = 'created' AND created_at_ms < ?) ORDER BY id"#,
            long_ago
        )
            .fetch_all(&self.pool)
            .await
            .map_err(|e| self.explain(e))?;
        let mut interrupted = Vec::new();
        for run in held {
            // Held during the transaction, so that no worker can take up the run in between.
            let Some(_lock) = try_lock(&self.lock_path(run))? else { continue };
            let mut transaction = self.write().await?;
            // The worker may have ended in good order since we looked.
            let found = sqlx::query_scalar!("SELECT status FROM runs WHERE id = ?", run).fetch_optional(&mut *transaction).await;
            let now = found.map_err(|e| self.explain(e))?.and_then(|status| Status::parse(&status));
            let message = match now {
                Some(Status::Running) => "Its worker is gone without a word; `alignpro resume {run}` goes on from the last checkpoint",
                Some(Status::Created) => "Its worker was gone before it began; `alignpro resume {run}` begins it",
                Some(Status::Waiting) => "Its worker is gone before its turn came; `alignpro resume {run}` goes on with it",
                _ => continue,
            };
            let (status, message) = (Status::Interrupted, Some(message.replace("{run}", &run.to_string())));
            self.write_status(&mut transaction, run, status, message.as_deref()).await?;
            self.write_events(&mut transaction, run, &[Event::Status { status, message }]).await?;
            self.commit(transaction).await?;
            interrupted.push(run);
        }
        Ok(interrupted)
    }

    fn lock_path(&self, run: i64) -> PathBuf {
        schema::beside(&self.file.real, &format!(".run-{run}.lock"))
    }
}

/// Takes the lock and empties the file, or returns `None` if another process (or another part of this one) holds it.
fn try_lock(path: &Path) -> Result<Option<RunLock>> {
    let explain = |e: std::io::Error| faults::explain_io(path, &e);
    loop {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(explain)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(explain(e)),
        }
        // The holder may have removed the file between our opening and our locking it: then ours is a lock on nothing.
        if is_still_there(path, &file).map_err(explain)? {
            file.set_len(0).map_err(explain)?;
            return Ok(Some(RunLock { path: path.to_owned(), file }));
        }
    }
}

#[cfg(unix)]
fn is_still_there(path: &Path, file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (ours.dev(), ours.ino())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// Elsewhere lock files are never removed.
#[cfg(not(unix))]
fn is_still_there(_: &Path, _: &File) -> std::io::Result<bool> {
    Ok(true)
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Removed while still locked; `is_still_there` covers those who have it open. A file that stays does no harm.
        #[cfg(unix)]
        let _ = std::fs::remove_file(&self.path);
    }
}
