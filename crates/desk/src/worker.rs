//! The `alignpro` program as a process.
use crate::endpoints::{access, limits};
use crate::places::{file_stem, free_names};
use crate::{Desk, Work};
use contract::desk::{Check, Estimate, Model, Overview, Tried, TryNews};
use contract::endpoint::Endpoint;
use contract::event::Status;
use contract::judged::{JudgeProgress, Judged, ToJudge};
use contract::{Error, Result, Spec};
use home::Home;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
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
    pub(crate) async fn ask(&self, arguments: &[&str], last: &[&str]) -> Result<Value> {
        let output = self.question(arguments, last).output().await.map_err(|e| self.missing(&e))?;
        self.document(&output)
    }

    fn document(&self, output: &Output) -> Result<Value> {
        match serde_json::from_slice(&output.stdout) {
            Ok(document) => refused(document),
            Err(e) => Err(self.speechless(&format!("{e}\n{}", String::from_utf8_lossy(&output.stderr)))),
        }
    }

    /// The same of a command that reads `text` from its standard input.
    pub(crate) async fn tell(&self, arguments: &[&str], last: &[&str], text: &str) -> Result<Value> {
        let mut command = self.question(arguments, last);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|e| self.missing(&e))?;
        if let Some(mut input) = child.stdin.take() {
            // Why it would not listen, it says itself.
            let _ = input.write_all(text.as_bytes()).await;
        }
        self.document(&child.wait_with_output().await.map_err(|e| self.missing(&e))?)
    }

    /// The same of a command that prints a document a line, all of them news that are told at once, but for the last, which is the answer.
    pub(crate) async fn listen<News: DeserializeOwned>(
        &self,
        arguments: &[&str],
        last: &[&str],
        mut tell: impl FnMut(News) + Send,
    ) -> Result<Value> {
        let mut child =
            self.question(arguments, last).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(|e| self.missing(&e))?;
        let Some(printed) = child.stdout.take() else { return Err(self.speechless("no output")) };
        let (mut lines, mut text, mut answer) = (BufReader::new(printed).lines(), String::new(), None);
        while let Some(line) = lines.next_line().await.map_err(|e| self.speechless(&e.to_string()))? {
            text.push_str(&line);
            // An error is written over several lines.
            let Ok(document) = serde_json::from_str::<Value>(&text) else { continue };
            text.clear();
            match News::deserialize(&document) {
                Ok(news) => tell(news),
                Err(_) => answer = Some(document),
            }
        }
        answer.map_or_else(|| Err(self.speechless(&text)), refused)
    }

    fn question(&self, arguments: &[&str], last: &[&str]) -> Command {
        let mut command = self.command(arguments);
        // Behind `--` a prompt may begin with a dash.
        command.arg("--").args(last).kill_on_drop(true);
        command
    }

    fn speechless(&self, detail: &str) -> Error {
        Error::internal(format!("{} ended without an answer.", self.program.display())).with_detail(detail)
    }

    pub(crate) async fn estimate(&self, spec: &Spec) -> Result<Estimate> {
        let file = as_file(spec)?;
        read(self.ask(&["estimate", "--folder", "/"], &[&file.path().to_string_lossy()]).await?)
    }

    /// Starts a process that outlives this one. What it prints goes to the end of `log`.
    fn launch(&self, arguments: &[&str], threads: Option<usize>, log: &Path) -> Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(log).map_err(|e| home::write_error(log, &e))?;
        let twin: File = file.try_clone().map_err(|e| home::write_error(log, &e))?;
        let mut command = self.command(arguments);
        command.stdout(file).stderr(twin);
        if let Some(threads) = threads {
            // Every engine computes in rayon's threads.
            command.env("RAYON_NUM_THREADS", threads.to_string());
        }
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

fn refused(document: Value) -> Result<Value> {
    match document.get("error") {
        Some(error) => Err(read(error.clone())?),
        None => Ok(document),
    }
}

/// A spec as a file for as long as the worker reads it. Its relative paths start at `/`.
pub(crate) fn as_file(spec: &Spec) -> Result<tempfile::NamedTempFile> {
    let failed =
        |e: std::io::Error| Error::io("The settings cannot be handed to the worker; free some space for temporary files.").with_detail(e);
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().map_err(failed)?;
    file.write_all(experiment::spec::to_toml(spec)?.as_bytes()).map_err(failed)?;
    Ok(file)
}

pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|e| Error::internal("The worker's answer is not of this version.").with_detail(e))
}

impl Desk {
    /// The machine, the models, the database.
    pub async fn examine(&self) -> Result<Overview> {
        let (doctor, models, folders) = tokio::try_join!(
            self.worker.ask(&["doctor"], &[]),
            self.worker.ask(&["models", "list"], &[]),
            self.worker.ask(&["models", "folders"], &[])
        )?;
        let checks: Vec<Check> = read(doctor.get("checks").cloned().unwrap_or_default())?;
        let models: Vec<Model> = read(models)?;
        Ok(Overview {
            version: env!("CARGO_PKG_VERSION").into(),
            database: self.database.display().to_string(),
            models_folder: self.home.models().display().to_string(),
            logs_folder: self.home.logs().display().to_string(),
            connections: self.connections()?,
            checks,
            models,
            model_folders: read(folders)?,
        })
    }

    /// Goes on with runs that are not finished, one after another in one worker; a new one begins. How each goes on, or why not, is in its news.
    pub async fn resume(&self, runs: &[i64]) -> Result<()> {
        self.go_on(runs, &[]).await
    }

    /// The same with more options.
    pub(crate) async fn go_on(&self, runs: &[i64], options: &[String]) -> Result<()> {
        let store = self.store().await?;
        for run in runs {
            let status = store.run(self.own(*run)?).await?.status;
            if status.is_held() || status == Status::Finished {
                return Err(Error::run(format!("Run {run} is {}; there is nothing to go on with.", status.as_str())));
            }
        }
        let Some(first) = runs.first() else { return Ok(()) };
        let logs = self.home.logs();
        home::create_folder(&logs)?;
        let numbers: Vec<String> = runs.iter().map(i64::to_string).collect();
        let arguments: Vec<&str> = ["resume"].into_iter().chain(options.iter().chain(&numbers).map(String::as_str)).collect();
        let log = logs.join(format!("run-{first}.log"));
        for run in &runs[1..] {
            let own = logs.join(format!("run-{run}.log"));
            let line = format!("It waits for its turn in the worker of run {first}, which writes to {}.\n", log.display());
            let written = OpenOptions::new().create(true).append(true).open(&own).and_then(|mut file| file.write_all(line.as_bytes()));
            written.map_err(|e| home::write_error(&own, &e))?;
        }
        self.worker.launch(&arguments, self.settings()?.threads, &log)
    }

    /// Asks a run's worker to checkpoint and end; one that waits for its turn is stopped at once.
    pub async fn stop(&self, run: i64) -> Result<()> {
        self.worker.ask(&["stop"], &[&self.own(run)?.to_string()]).await.map(|_| ())
    }

    /// Sends one prompt through all arms of a run that has a trained prompter; takes seconds. What the arms write is told as it grows.
    pub async fn try_prompt(&self, run: i64, prompt: &str, seed: u64, on_news: impl FnMut(TryNews) + Send) -> Result<Tried> {
        let (run, seed) = (self.own(run)?.to_string(), seed.to_string());
        read(self.worker.listen(&["try", "--each", "--seed", &seed], &[&run, prompt], on_news).await?)
    }

    /// Lets a model, on this machine or behind an endpoint, compare answers of a run; takes minutes, and how far it is, is told on the way. What was judged before is not asked again. Ends
    /// as [`contract::Code::Stopped`] at [`Self::leave`] or when another judging begins; what was judged by then is kept.
    pub async fn judge(
        &self,
        run: i64,
        what: &ToJudge,
        endpoint: Option<&Endpoint>,
        on_progress: impl FnMut(JudgeProgress) + Send,
    ) -> Result<Judged> {
        let run = &self.own(run)?.to_string()[..];
        let pairs = what.pairs.map(|pairs| pairs.to_string());
        let mut arguments = vec!["judge", "--each", "--judge", &what.judge, "--arm", &what.arm, "--baseline", &what.baseline];
        if let Some(pairs) = &pairs {
            arguments.extend(["--pairs", pairs]);
        }
        let limits = endpoint.map(limits).unwrap_or_default();
        if let Some(endpoint) = endpoint {
            arguments.extend(["--url", &endpoint.url]);
            arguments.extend(access(endpoint));
            arguments.extend(limits.iter().map(String::as_str));
        }
        // Every batch is in the store by the time that it is told.
        let last = [run];
        let work = self.worker.listen(&arguments, &last, on_progress);
        read(self.until_left(Work::Judging, "The judging was stopped; what is judged is kept.", work).await?)
    }

    /// Writes a run's trained prompter as a new PEFT folder in `folder`; its path.
    pub async fn export_adapter(&self, run: i64, folder: &Path) -> Result<PathBuf> {
        let record = self.store().await?.run(self.own(run)?).await?;
        home::create_folder(folder)?;
        let name = format!("{}-seed-{}-adapter", file_stem(&record.name), record.spec.seed);
        let target = free_names(folder, &name).find(|path| !path.exists()).unwrap_or_else(|| folder.join(&name));
        self.worker.ask(&["adapter"], &[&run.to_string(), &target.to_string_lossy()]).await?;
        Ok(target)
    }
}
