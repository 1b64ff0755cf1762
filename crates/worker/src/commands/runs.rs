//! `alignpro runs`.
use super::Context;
use crate::output::one_line;
use crate::table::{columns, headed};
use contract::Result;
use serde::Serialize;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::Run;

/// A run in the list.
#[derive(Debug, Serialize)]
struct Row {
    run: i64,
    name: String,
    status: &'static str,
    message: Option<String>,
    seed: u64,
    iterations_done: usize,
    iterations: usize,
    created_at_ms: i64,
    started_at_ms: Option<i64>,
    finished_at_ms: Option<i64>,
    spec_hash: String,
}

impl From<Run> for Row {
    fn from(run: Run) -> Self {
        Self {
            run: run.id,
            name: run.name,
            status: run.status.as_str(),
            message: run.message,
            seed: run.spec.seed,
            iterations_done: run.iterations_done,
            iterations: run.spec.training.iterations,
            created_at_ms: run.created_at_ms,
            started_at_ms: run.started_at_ms,
            finished_at_ms: run.finished_at_ms,
            spec_hash: run.spec_hash,
        }
    }
}

pub async fn runs(context: &Context) -> Result<ExitCode> {
    let rows: Vec<Row> = match context.has_database() {
        true => context.open().await?.runs().await?.into_iter().filter(Run::is_kept).map(Row::from).collect(),
        false => Vec::new(),
    };
    context.output.result(&rows, || text(&rows))?;
    Ok(ExitCode::SUCCESS)
}

fn text(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "There are no runs yet; `alignpro run SPEC` makes the first.\n".into();
    }
    let cells = rows.iter().map(|r| {
        let iterations = format!("{} of {}", r.iterations_done, r.iterations);
        vec![r.run.to_string(), r.status.into(), iterations, r.seed.to_string(), ago(r.created_at_ms), one_line(&r.name, 60)]
    });
    columns(&headed(&["run", "status", "iterations", "seed", "created", "name"], cells), &[1, 5])
}

/// "3 minutes ago".
fn ago(at_ms: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let then = Duration::from_millis(at_ms.try_into().unwrap_or(0));
    format!("{} ago", indicatif::HumanDuration(now.saturating_sub(then)))
}
