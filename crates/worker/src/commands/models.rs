//! `alignpro models list|fetch|import`.
use super::Context;
use crate::cli::ModelsCommand;
use crate::models::installed;
use crate::models::{EMBEDDED, embedded};
use crate::output::{note, one_line};
use crate::table::{bytes, columns, headed};
use contract::desk::Model;
use contract::{Error, Result};
use std::process::ExitCode;

pub fn models(context: &Context, command: ModelsCommand) -> Result<ExitCode> {
    let home = &context.home;
    match command {
        ModelsCommand::List => {
            let all = installed::list(home)?;
            context.output.result(&all, || list(&all, context))?;
        }
        ModelsCommand::Fetch => {
            embedded::fetch(home, &|step| note(step))?;
            let all = installed::list(home)?;
            let model = all.iter().find(|m| m.name == EMBEDDED).ok_or_else(|| Error::internal("The fetched model is not there."))?;
            context.output.result(model, || describe(model))?;
        }
        ModelsCommand::Import { file, name } => {
            let model = installed::import(home, &file, name.as_deref())?;
            context.output.result(&model, || describe(&model))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(model: &Model) -> String {
    format!("{} is installed in {} ({} parameters, {}).", model.name, model.path, parameters(model), bytes(model.bytes))
}

fn parameters(model: &Model) -> String {
    match model.parameters {
        Some(n) if n >= 1_000_000_000 => format!("{:.1} B", n as f64 / 1e9),
        Some(n) => format!("{:.1} M", n as f64 / 1e6),
        None => "–".into(),
    }
}

fn list(all: &[Model], context: &Context) -> String {
    if all.is_empty() {
        return format!("No models are installed in {}. `alignpro models fetch` brings {EMBEDDED}.\n", context.home.models().display());
    }
    let rows = all.iter().map(|m| {
        let architecture = m.architecture.clone().unwrap_or_else(|| "unusable".into());
        vec![m.name.clone(), architecture, parameters(m), bytes(m.bytes), m.path.clone()]
    });
    let mut text = columns(&headed(&["name", "architecture", "parameters", "size", "folder"], rows), &[0, 1, 4]);
    for model in all {
        if let Some(problem) = &model.problem {
            text.push_str(&format!("\n{}: {}\n", model.name, one_line(problem, 400)));
        }
    }
    text
}
