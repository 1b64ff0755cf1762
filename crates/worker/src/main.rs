//! The `alignpro` program: the command line, and the process that does a run's work.
mod arms_table;
mod bench_table;
mod brought;
mod cli;
mod cli_feedback;
mod commands;
mod connections;
mod consent;
mod doctor;
mod energy;
mod engine;
mod forgetful;
mod judged_table;
mod kept_training;
mod machine;
mod models;
mod output;
mod progress;
mod reward_parts;
mod seeds_table;
mod served;
mod several_table;
mod signals;
mod table;

use clap::Parser;
use cli::{Cli, EXIT_FAILURE, EXIT_STOPPED, EXIT_USAGE};
use contract::{Code, Error};
use output::Output;
use std::process::ExitCode;
use std::sync::Mutex;

/// The last panic, in words: people get a sentence, not a stack.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

fn main() -> ExitCode {
    lm::memory::keep_freed();
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut last) = PANIC.lock() {
            *last = Some(panic.to_string());
        }
    }));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return usage(&e),
    };
    let output = if cli.common.json { Output::Json } else { Output::Text };
    let result =
        std::panic::catch_unwind(|| execute(cli)).unwrap_or_else(|_| Err(Error::internal("alignpro met a fault of its own and ended.")));
    match result {
        Ok(code) => code,
        Err(error) => {
            let error = with_panic(error);
            output.failure(&error);
            ExitCode::from(match error.code {
                Code::Spec => EXIT_USAGE,
                Code::Stopped | Code::Paused => EXIT_STOPPED,
                _ => EXIT_FAILURE,
            })
        }
    }
}

fn execute(cli: Cli) -> contract::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Error::internal("The program's threads could not be started.").with_detail(e))?;
    runtime.block_on(commands::dispatch(cli))
}

/// Adds what a panic, here or in an engine's thread, has left.
fn with_panic(error: Error) -> Error {
    let panic = PANIC.lock().ok().and_then(|mut last| last.take());
    match panic {
        Some(panic) if matches!(error.code, Code::Internal | Code::Engine) => {
            let detail = error.detail.as_ref().map_or_else(|| panic.clone(), |detail| format!("{detail}\n{panic}"));
            error.with_detail(detail)
        }
        _ => error,
    }
}

/// Help, the version, or what is wrong with the command line.
fn usage(error: &clap::Error) -> ExitCode {
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && is_json {
        let text = error.render().to_string();
        let (message, detail) = text.split_once('\n').unwrap_or((&text, ""));
        let message = message.trim_start_matches("error: ");
        let document = serde_json::json!({ "error": { "code": "usage", "message": message, "detail": detail.trim() } });
        let _ = Output::Json.result(&document, String::new);
    } else {
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { 0 })
}
