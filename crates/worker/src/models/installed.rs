//! What is installed, and installing a GGUF file.
use super::describe::describe;
use super::resolve::Located;
use super::{check_name, is_gguf, name_of};
use contract::desk::{Model, ModelPlace};
use contract::{Error, Result};
use home::{Home, create_folder, read_error};
use lm::ModelFolder;
use std::path::Path;

/// Every folder of the models folder, by name.
pub fn list(home: &Home) -> Result<Vec<Model>> {
    let folder = home.models();
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(read_error(&folder, &e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| read_error(&folder, &e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Names with a dot in front are drafts of an import under way.
        if entry.path().is_dir() && check_name(&name).is_ok() {
            found.push(describe(name, ModelPlace::Installed, &Located::at(entry.path())));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Turns a GGUF file into an installed model and describes it. `name` defaults to the file's.
pub fn import(home: &Home, file: &Path, name: Option<&str>) -> Result<Model> {
    if !is_gguf(file) {
        return Err(Error::model(format!(
            "{} is not a GGUF file: its name must end in .gguf. A folder of safetensors needs no import; name its path in the spec.",
            file.display()
        )));
    }
    std::fs::File::open(file).map_err(|e| read_error(file, &e)).map_err(|e| Error { code: contract::Code::Model, ..e })?;
    let name = name.map_or_else(|| name_of(file), String::from);
    check_name(&name)?;
    create_folder(&home.models())?;
    let folder = home.models().join(&name);
    convert(file, &folder)?;
    Ok(describe(name, ModelPlace::Installed, &Located::Folder(folder)))
}

/// Turns a GGUF file into a folder.
pub fn convert(file: &Path, folder: &Path) -> Result<ModelFolder> {
    lm::gguf::import(file, folder)?;
    Ok(ModelFolder::open(folder)?)
}
