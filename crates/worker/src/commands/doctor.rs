//! `alignpro doctor`.
use super::Context;
use crate::cli::EXIT_FAILURE;
use crate::doctor::{examine, text};
use contract::Result;
use contract::desk::Health;
use serde_json::json;
use std::process::ExitCode;

pub async fn doctor(context: &Context) -> Result<ExitCode> {
    let checks = examine(&context.home, &context.database()).await;
    context.output.result(&json!({ "checks": checks }), || text(&checks))?;
    let is_bad = checks.iter().any(|check| check.health == Health::Bad);
    Ok(if is_bad { ExitCode::from(EXIT_FAILURE) } else { ExitCode::SUCCESS })
}
