//! `alignpro report FILE RUN...`.
use super::Context;
use crate::table::count;
use contract::Result;
use desk::Desk;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

pub async fn report(context: &Context, file: &Path, runs: &[i64]) -> Result<ExitCode> {
    // A database that is not there is not made for a report.
    context.open().await?;
    let desk = Desk::new(context.home.clone(), Some(context.database()), std::env::current_exe().unwrap_or_default());
    let bytes = desk.write_report(runs, file).await?;
    desk.close().await;
    context.output.result(&json!({ "file": file, "runs": runs, "bytes": bytes }), || {
        format!("{} holds the report of {} ({:.1} MB).\n", file.display(), count(runs.len()), bytes as f64 / 1e6)
    })?;
    Ok(ExitCode::SUCCESS)
}
