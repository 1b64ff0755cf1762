//! `alignpro stop RUN`.
use super::Context;
use contract::event::Status;
use contract::{Code, Error, Result};
use serde_json::json;
use std::process::ExitCode;

pub async fn stop(context: &Context, run: i64) -> Result<ExitCode> {
    let store = context.open().await?;
    if store.withdraw(run).await? {
        context.output.result(&json!({ "run": run, "stop_requested": true }), || {
            format!("Run {run} was waiting for its turn and is stopped. `alignpro resume {run}` goes on with it.\n")
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let status = store.run(run).await?.status;
    // A run that is being loaded is still `created`, but a worker holds it.
    let is_loading = status != Status::Running && matches!(store.lock(run), Err(Error { code: Code::Busy, .. }));
    if status != Status::Running && !is_loading {
        let way_on = if status == Status::Finished { String::new() } else { format!("; `alignpro resume {run}` would go on with it") };
        return Err(Error::run(format!("Run {run} is {}: no worker is on it{way_on}.", status.as_str())));
    }
    store.request_stop(run).await?;
    context.output.result(&json!({ "run": run, "stop_requested": true }), || {
        format!(
            "Run {run} is asked to stop; its worker ends after the iteration that is running. `alignpro resume {run}` goes on with it.\n"
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
