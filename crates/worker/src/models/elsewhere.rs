//! Models that other programs have brought, or that lie in folders that a person has named.
use super::describe::describe;
use super::resolve::Located;
use contract::desk::Model;
use contract::{Error, Result};
use desk::settings_of;
use home::Home;
use hub::found::{Found, Places};
use std::path::PathBuf;

/// Where they are looked for. Settings that cannot be read name no folders; whoever asks for settings hears of it.
pub fn places(home: &Home) -> Places {
    let named: Vec<PathBuf> = settings_of(home).unwrap_or_default().model_folders.into_iter().map(PathBuf::from).collect();
    Places::of_system(&named)
}

/// All of them, described.
pub fn list(home: &Home) -> Vec<Model> {
    places(home).models().into_iter().map(described).collect()
}

fn described(found: Found) -> Model {
    let located = Located::at(found.path);
    let model = describe(found.name, found.place, &located);
    match found.problem {
        Some(problem) => Model { problem: Some(problem), is_trainable: false, ..model },
        None => model,
    }
}

/// The one that a spec's `key` calls `name`; None where there is none.
pub fn find(home: &Home, name: &str, key: &str) -> Result<Option<Located>> {
    let Some(found) = places(home).find(name) else { return Ok(None) };
    match found.problem {
        Some(problem) => {
            Err(Error::model(format!("{key} names the model \"{name}\" in {}, which cannot be used: {problem}.", found.path.display())))
        }
        None => Ok(Some(Located::at(found.path))),
    }
}
