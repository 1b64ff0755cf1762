//! A laboratory for tests of the whole program: a home of its own with the embedded model in it, and small experiments to run.
//!
//! Everything here panics on failure: it is called by tests only.
#![allow(clippy::unwrap_used, clippy::expect_used)]
pub mod hub;
pub mod serving;
pub mod window;

use serde_json::Value;
use std::fmt::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Name of the embedded model.
pub const MODEL: &str = "smollm2-135m-instruct";

/// How long anything is waited for before a test gives up. Not a measure of speed: a machine that is busy may take long.
const PATIENCE: Duration = Duration::from_secs(600);

/// Folder of the embedded model, from `ALIGNPRO_TEST_MODEL`.
pub fn model() -> PathBuf {
    let Some(folder) = std::env::var_os("ALIGNPRO_TEST_MODEL").map(PathBuf::from) else {
        panic!("ALIGNPRO_TEST_MODEL is not set to the embedded model's folder: run `make test`, which fetches it");
    };
    assert!(folder.join("config.json").is_file(), "{} is no model folder: run `make test`, which fetches it", folder.display());
    folder.canonicalize().unwrap()
}

/// The file that the embedded model was made from, from `ALIGNPRO_TEST_GGUF`.
pub fn gguf() -> PathBuf {
    std::env::var_os("ALIGNPRO_TEST_GGUF").expect("ALIGNPRO_TEST_GGUF names the embedded model's GGUF file: run `make test`").into()
}

/// A folder that is the program's home.
pub struct Lab {
    program: PathBuf,
    folder: TempDir,
}

impl Lab {
    /// A home without models. `program` is the path of `alignpro` (`env!("CARGO_BIN_EXE_alignpro")`).
    pub fn empty(program: &str) -> Self {
        Self { program: program.into(), folder: tempfile::tempdir().unwrap() }
    }

    /// A home with the embedded model, whose files are links.
    pub fn new(program: &str) -> Self {
        let lab = Self::empty(program);
        lab.link_model(MODEL, &[]);
        lab
    }

    /// Installs a model under `name` whose files are links to the embedded one's, except those named, which are left out.
    pub fn link_model(&self, name: &str, except: &[&str]) -> PathBuf {
        let folder = self.path("home/models").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for entry in std::fs::read_dir(model()).unwrap() {
            let entry = entry.unwrap();
            if !except.contains(&entry.file_name().to_str().unwrap()) {
                std::os::unix::fs::symlink(entry.path(), folder.join(entry.file_name())).unwrap();
            }
        }
        folder
    }

    /// A path in this laboratory; the program's home is `home`, its working folder `.`.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub fn write(&self, relative: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program with these arguments, in this home, not connected to a terminal. It hears SIGINT, also where the tests' own shell has it ignored, as
    /// shells do for what runs in the background.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.path()).env("ALIGNPRO_HOME", self.path("home"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: between fork and exec only a system call is made, which may be called there.
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                Ok(())
            });
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must end well; what it printed.
    pub fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?} ended with {:?}:\n{}", output.status, said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same with `--json`.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{arguments:?} did not print one JSON document ({e}):\n{text}"))
    }

    /// Runs a command that must fail with this exit code and a clear error, for people and for programs; the error's sentence.
    pub fn error(&self, arguments: &[&str], exit_code: i32, code: &str) -> String {
        let output = self.run(arguments);
        let shown = said(&output);
        assert_eq!(output.status.code(), Some(exit_code), "{arguments:?}:\n{shown}");
        assert!(output.stdout.is_empty(), "{arguments:?} printed a result:\n{shown}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.lines().any(|line| line.starts_with("error: ")), "{arguments:?}:\n{shown}");
        assert!(!stderr.contains("panicked") && !stderr.contains("RUST_BACKTRACE"), "{arguments:?} shows a panic:\n{shown}");

        let output = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(exit_code), "{arguments:?} --json:\n{}", said(&output));
        let document: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{arguments:?} --json: {e}:\n{}", said(&output)));
        assert_eq!(document["error"]["code"], code, "{arguments:?}: {document}");
        document["error"]["message"].as_str().unwrap().to_string()
    }

    /// Starts a command that goes on by itself.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Waits until the run `run` of `database`, as `show --json` tells it, fits; then that document.
    pub fn wait_for(&self, database: &str, run: i64, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let output = self.run(&["show", &run.to_string(), "--db", database, "--json"]);
            if output.status.success() {
                let document: Value = serde_json::from_slice(&output.stdout).unwrap();
                if fits(&document) {
                    return document;
                }
                assert!(document["status"] != "failed", "waiting for {what}, the run failed: {document}");
            }
            assert!(begun.elapsed() < PATIENCE, "{what} did not come about");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Writes an experiment that takes seconds, with 20 prompts of its own, and returns the spec's path.
    pub fn tiny_spec(&self, name: &str, change: impl Fn(String) -> String) -> String {
        let mut prompts = String::new();
        for (i, subject) in SUBJECTS.iter().enumerate() {
            let form = ["What should I know about", "Tell me something about", "Why do people like"][i % 3];
            writeln!(prompts, "{}", serde_json::json!({ "prompt": format!("{form} {subject}?") })).unwrap();
        }
        self.write("prompts.jsonl", prompts);
        self.write(name, change(TINY.into())).to_str().unwrap().to_string()
    }
}

/// What a program printed, both ways.
pub fn said(output: &Output) -> String {
    format!("--- stdout\n{}--- stderr\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Sends a signal by its name, as `kill -NAME` does.
pub fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

/// A path as an argument.
pub fn argument(path: &Path) -> &str {
    path.to_str().unwrap()
}

const SUBJECTS: [&str; 20] = [
    "bread",
    "rivers",
    "old maps",
    "cats",
    "the moon",
    "chess",
    "bicycles",
    "rain",
    "libraries",
    "soup",
    "trains",
    "owls",
    "paint",
    "tea",
    "bridges",
    "salt",
    "kites",
    "clocks",
    "forests",
    "islands",
];

const TINY: &str = r#"name = "tiny"
seed = 3

[data]
source = "prompts.jsonl"
train = 8
validation = 2
test = 8

[prompter]
model = "smollm2-135m-instruct"
max_rewrite_tokens = 6
meta_prompt = "Rewrite: {prompt}"
lora = { rank = 4, alpha = 8.0, dropout = 0.1, targets = ["q_proj", "v_proj"] }

[frozen]
model = "smollm2-135m-instruct"
max_answer_tokens = 6

[[reward.parts]]
kind = "sentiment"

[[reward.parts]]
kind = "topicality"
weight = 0.5

[training]
iterations = 3
prompts_per_iteration = 2
group_size = 3
rewrites_per_pass = 3
warmup_iterations = 1
checkpoint_every_iterations = 2

[evaluation]
answers_per_prompt = 2
answers_per_batch = 8
bootstrap_resamples = 200
permutations = 200
"#;
