//! The `alignpro` program as a process.
use crate::Desk;
use contract::desk::{Check, Model, Overview, Tried};
use contract::event::Status;
use contract::{Error, Result};
use home::Home;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

pub(crate) struct Worker {
    program: PathBuf,
    home: PathBuf,
    database: PathBuf,
}

impl Worker {
    pub(crate) fn new(program: PathBuf, home: &Home, database: &Path) -> Self {
        Self { program, home: home.path().to_path_buf(), database: database.to_path_buf() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--json").arg("--db").arg(&self.database).env("ALIGNPRO_HOME", &self.home).stdin(Stdio::null());
        command
    }

    /// The one JSON document that a command prints, or the error that it holds.
    async fn ask(&self, arguments: &[&str], last: &[&str]) -> Result<Value> {
        let mut command = self.command(arguments);
        // Behind `--` a prompt may begin with a dash.
        command.arg("--").args(last);
        let output = command.kill_on_drop(true).output().await.map_err(|e| self.missing(&e))?;
        let document: Value = serde_json::from_slice(&output.stdout).map_err(|e| {
            Error::internal(format!("{} ended without an answer.", self.program.display()))
                .with_detail(format!("{e}\n{}", String::from_utf8_lossy(&output.stderr)))
        })?;
        match document.get("error") {
            Some(error) => Err(read(error.clone())?),
            None => Ok(document),
        }
    }

    /// Starts a process that outlives this one. What it prints goes to the end of `log`.
    fn launch(&self, arguments: &[&str], log: &Path) -> Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(log).map_err(|e| home::write_error(log, &e))?;
        let twin: File = file.try_clone().map_err(|e| home::write_error(log, &e))?;
        let mut command = self.command(arguments);
        command.stdout(file).stderr(twin);
        // A group of its own: a Ctrl-C in the terminal that the window was started from ends the window alone.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|e| self.missing(&e))?;
        // Waited for, so that the system forgets it when it ends. How it ended stands in the store.
        tokio::spawn(async move { child.wait().await });
        Ok(())
    }

    fn missing(&self, error: &std::io::Error) -> Error {
        Error::io(format!(
            "The worker {} cannot be started: it belongs beside this program. Install the program again, or build it with `make build`.",
            self.program.display()
        ))
        .with_detail(error)
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|e| Error::internal("The worker's answer is not of this version.").with_detail(e))
}

impl Desk {
    /// The machine, the models, the database.
    pub async fn examine(&self) -> Result<Overview> {
        let (doctor, models) = tokio::try_join!(self.worker.ask(&["doctor"], &[]), self.worker.ask(&["models", "list"], &[]))?;
        let checks: Vec<Check> = read(doctor.get("checks").cloned().unwrap_or_default())?;
        let models: Vec<Model> = read(models)?;
        let database = self.database.display().to_string();
        Ok(Overview { version: env!("CARGO_PKG_VERSION").into(), database, checks, models })
    }

    /// Goes on with a run that is not finished; a new one begins. How it goes on, or why not, is in its news.
    pub async fn resume(&self, run: i64) -> Result<()> {
        let record = self.store().await?.run(run).await?;
        if matches!(record.status, Status::Running | Status::Finished) {
            return Err(Error::run(format!("Run {run} is {}; there is nothing to go on with.", record.status.as_str())));
        }
        let logs = self.home.logs();
        home::create_folder(&logs)?;
        self.worker.launch(&["resume", &run.to_string()], &logs.join(format!("run-{run}.log")))
    }

    /// Asks a run's worker to checkpoint and end.
    pub async fn stop(&self, run: i64) -> Result<()> {
        self.worker.ask(&["stop"], &[&run.to_string()]).await.map(|_| ())
    }

    /// Sends one prompt through all arms of a run that has a trained prompter; takes seconds.
    pub async fn try_prompt(&self, run: i64, prompt: &str, seed: u64) -> Result<Tried> {
        read(self.worker.ask(&["try", "--seed", &seed.to_string()], &[&run.to_string(), prompt]).await?)
    }
}
