//! `alignpro export FILE RUN...` and `alignpro import FILE`.
use super::Context;
use crate::table::count;
use contract::desk::Share;
use contract::{Error, Result};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use store::Store;

pub async fn export(context: &Context, file: &Path, runs: &[i64], share: Share) -> Result<ExitCode> {
    let store = context.open().await?;
    store::export(&[(&store, runs.to_vec())], share, file).await?;
    let bytes = std::fs::metadata(file).map_or(0, |file| file.len());
    context.output.result(&json!({ "file": file, "runs": runs, "bytes": bytes }), || {
        format!("{} holds {} ({:.1} MB).\n", file.display(), count(runs.len()), bytes as f64 / 1e6)
    })?;
    Ok(ExitCode::SUCCESS)
}

pub async fn import(context: &Context, file: &Path) -> Result<ExitCode> {
    let foreign = Store::open_foreign(file).await?;
    let store = context.open_or_create().await?;
    if store.is_same(file) {
        return Err(Error::database(format!("{} is the database itself; name a file that was exported from another.", file.display())));
    }
    let merged = store.merge(&foreign).await?;
    context.output.result(&merged, || {
        let numbers: Vec<String> = merged.added.iter().map(i64::to_string).collect();
        let added = match numbers.as_slice() {
            [] => "No run is new".to_owned(),
            _ => format!("{} came in as {}", count(numbers.len()), numbers.join(", ")),
        };
        format!("{added}; {} here already.\n", if merged.known == 1 { "1 was".into() } else { format!("{} were", merged.known) })
    })?;
    Ok(ExitCode::SUCCESS)
}
