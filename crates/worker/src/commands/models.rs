//! `alignpro models list|folders|fetch|import`.
use super::Context;
use crate::cli::ModelsCommand;
use crate::models::{EMBEDDED, elsewhere, embedded, installed};
use crate::output::{note, one_line, printable};
use crate::table::{bytes, columns, headed};
use contract::desk::{Model, ModelFolders, ModelPlace};
use contract::{Error, Result};
use desk::{forget_model_folder_in, name_model_folder_in, settings_of};
use std::path::Path;
use std::process::ExitCode;

pub fn models(context: &Context, command: ModelsCommand) -> Result<ExitCode> {
    let home = &context.home;
    match command {
        ModelsCommand::List => {
            let mut all = installed::list(home)?;
            all.extend(elsewhere::list(home));
            context.output.result(&all, || list(&all, context))?;
        }
        ModelsCommand::Folders { add, remove } => {
            let folders = folders(context, add.as_deref(), remove.as_deref())?;
            context.output.result(&folders, || folders_text(&folders))?;
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
    let mut text = String::new();
    if all.iter().all(|model| model.place != ModelPlace::Installed) {
        text = format!("No models are installed in {}. `alignpro models fetch` brings {EMBEDDED}.\n\n", context.home.models().display());
    }
    if all.is_empty() {
        return text;
    }
    let rows = all.iter().map(|m| {
        let architecture = m.architecture.clone().unwrap_or_else(|| "unusable".into());
        vec![one_line(&m.name, 80), of_place(m.place).into(), architecture, use_of(m).into(), parameters(m), bytes(m.bytes), m.path.clone()]
    });
    text += &columns(&headed(&["name", "from", "architecture", "use", "parameters", "size", "path"], rows), &[0, 1, 2, 3, 6]);
    for model in all {
        if let Some(problem) = &model.problem {
            text.push_str(&format!("\n{}: {}\n", model.name, one_line(problem, 400)));
        }
    }
    text
}

fn of_place(place: ModelPlace) -> &'static str {
    match place {
        ModelPlace::Installed => "installed",
        ModelPlace::HuggingFace => "Hugging Face",
        ModelPlace::LmStudio => "LM Studio",
        ModelPlace::Ollama => "Ollama",
        ModelPlace::Folder => "a folder",
    }
}

/// What a model can be.
fn use_of(model: &Model) -> &'static str {
    match model {
        Model { problem: Some(_), .. } => "none",
        Model { is_reward_model: true, .. } => "reward",
        Model { is_trainable: true, .. } => "prompter, frozen",
        _ => "frozen",
    }
}

fn folders(context: &Context, add: Option<&Path>, remove: Option<&Path>) -> Result<ModelFolders> {
    let home = &context.home;
    if let Some(folder) = add {
        name_model_folder_in(home, folder)?;
    }
    if let Some(folder) = remove {
        forget_model_folder_in(home, folder)?;
    }
    let searched = elsewhere::places(home).searched().into_iter().map(|path| path.display().to_string()).collect();
    // Settings that cannot be read name none; whoever asks for settings hears of it.
    Ok(ModelFolders { searched, named: settings_of(home).unwrap_or_default().model_folders })
}

fn folders_text(folders: &ModelFolders) -> String {
    if folders.searched.is_empty() {
        return "No other program has models here, and no folder was named: `alignpro models folders --add FOLDER`.\n".into();
    }
    printable(&folders.searched.join("\n"))
}
