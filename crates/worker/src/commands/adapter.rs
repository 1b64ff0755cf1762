//! `alignpro adapter RUN FOLDER`: the trained prompter for other programs.
use super::Context;
use super::try_prompt::newest;
use contract::{Error, Result};
use experiment::prompter::lora;
use lm::adapter::write_peft;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Writes the run's newest adapter as a PEFT folder. All or nothing: made beside `folder` under a temporary name, then renamed.
pub async fn adapter(context: &Context, run: i64, folder: &Path) -> Result<ExitCode> {
    let store = context.open().await?;
    let record = store.run(run).await?;
    let base = store.facts(run).await?.into_iter().find(|fact| fact.key == "model.prompter.path").map(|fact| fact.value);
    let (iteration, adapter) = newest(&store, run).await?;
    let shown = folder.display();
    if folder.read_dir().map_or(folder.exists(), |mut entries| entries.next().is_some()) {
        return Err(Error::io(format!("{shown} is there already and not empty: name a new folder for the adapter, or remove it.")));
    }
    let failed = |e: &dyn std::fmt::Display| {
        let size = adapter.len().div_ceil(1 << 20);
        Error::io(format!("The adapter cannot be written to {shown}: name a folder that you may write to, on a disk with {size} MB free."))
            .with_detail(e)
    };
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|e| failed(&e))?;
    let draft = tempfile::Builder::new().prefix(".adapter-").tempdir_in(parent).map_err(|e| failed(&e))?;
    let peft = draft.path().join("peft");
    let base = base.unwrap_or_else(|| record.spec.prompter.model.clone());
    write_peft(&peft, &lora(&record.spec.prompter), &adapter, &base).map_err(|e| failed(&e))?;
    std::fs::rename(&peft, folder).map_err(|e| failed(&e))?;
    context.output.result(&json!({ "run": run, "iteration": iteration, "folder": folder, "base_model": base }), || {
        format!("The adapter of run {run} after iteration {iteration} is in {shown}; Python's peft loads it on {base}.\n")
    })?;
    Ok(ExitCode::SUCCESS)
}
