//! Models that other programs have on this machine, used where they are.
mod folders;
mod hugging_face;
mod ollama;

pub use folders::gguf_files;
pub use hugging_face::revision_in_cache;

use contract::desk::ModelPlace;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A model that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As a spec may name it.
    pub name: String,
    pub place: ModelPlace,
    /// A folder with `config.json`, or a GGUF file, whatever its name ends in.
    pub path: PathBuf,
    /// Why it cannot be used, where its place alone says so.
    pub problem: Option<String>,
}

/// Folders that are looked into; those that are not there hold nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Each holds `models--owner--name`.
    hugging_face: Vec<PathBuf>,
    /// Where Hugging Face's own programs keep the token of who has logged in with them.
    pub token_file: Option<PathBuf>,
    /// Each holds `publisher/name`.
    lm_studio: Vec<PathBuf>,
    /// Each holds `manifests` and `blobs`.
    ollama: Vec<PathBuf>,
    named: Vec<PathBuf>,
}

impl Places {
    /// Where the programs keep their models by default or by their variables, and the folders `named`.
    pub fn of_system(named: &[PathBuf]) -> Self {
        Self::from_variables(|name| std::env::var_os(name), named)
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>, named: &[PathBuf]) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = set("HOME").or_else(|| set("USERPROFILE"));
        let at_home = |path: &str| home.as_ref().map(|home| home.join(path));
        let cache = set("XDG_CACHE_HOME").or_else(|| at_home(".cache"));
        let own = set("HF_HOME").or_else(|| Some(cache?.join("huggingface")));
        let within = |name: &str| own.as_ref().map(|own| own.join(name));
        let hub = set("HF_HUB_CACHE").or_else(|| set("HUGGINGFACE_HUB_CACHE")).or_else(|| within("hub"));
        // As a service of the system it keeps them in its own home.
        let ollama = set("OLLAMA_MODELS").map_or_else(
            || at_home(".ollama/models").into_iter().chain([PathBuf::from("/usr/share/ollama/.ollama/models")]).collect(),
            |set| vec![set],
        );
        Self {
            hugging_face: hub.into_iter().collect(),
            token_file: set("HF_TOKEN_PATH").or_else(|| within("token")),
            lm_studio: [".lmstudio/models", ".cache/lm-studio/models"].into_iter().filter_map(at_home).collect(),
            ollama,
            named: named.to_vec(),
        }
    }

    /// All models, in the order of the places, by name within each. What cannot be read is passed over: it is not this program's.
    pub fn models(&self) -> Vec<Found> {
        let mut found = Vec::new();
        let mut put = |mut models: Vec<Found>| {
            models.sort_by(|a, b| a.name.cmp(&b.name));
            found.extend(models);
        };
        self.hugging_face.iter().for_each(|cache| put(hugging_face::models(cache)));
        self.lm_studio.iter().for_each(|root| put(folders::of_publishers(root, ModelPlace::LmStudio)));
        self.ollama.iter().for_each(|root| put(ollama::models(root)));
        self.named.iter().for_each(|root| put(folders::named(root)));
        found
    }

    /// The first of this name.
    pub fn find(&self, name: &str) -> Option<Found> {
        self.models().into_iter().find(|model| model.name == name)
    }

    /// Whether any of the folders is there.
    pub fn searched(&self) -> Vec<&Path> {
        [&self.hugging_face, &self.lm_studio, &self.ollama, &self.named]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
            .filter(|path| path.is_dir())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_of_the_programs_count() {
        let places = |variables: &[(&str, &str)]| {
            Places::from_variables(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value)), &[])
        };
        let usual = places(&[("HOME", "/h")]);
        assert_eq!(usual.hugging_face, [Path::new("/h/.cache/huggingface/hub")]);
        assert_eq!(usual.token_file.as_deref(), Some(Path::new("/h/.cache/huggingface/token")));
        assert_eq!(places(&[("HF_HOME", "/x"), ("HF_TOKEN_PATH", "/t")]).token_file.as_deref(), Some(Path::new("/t")));
        assert_eq!(usual.lm_studio, [Path::new("/h/.lmstudio/models"), Path::new("/h/.cache/lm-studio/models")]);
        assert_eq!(usual.ollama[0], Path::new("/h/.ollama/models"));
        assert_eq!(places(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]).hugging_face, [Path::new("/c/huggingface/hub")]);
        let set = places(&[("HOME", "/h"), ("HF_HOME", "/x"), ("OLLAMA_MODELS", "/o")]);
        assert_eq!((set.hugging_face, set.ollama), (vec![PathBuf::from("/x/hub")], vec![PathBuf::from("/o")]));
        assert_eq!(places(&[("HF_HOME", "/x"), ("HF_HUB_CACHE", "/y")]).hugging_face, [Path::new("/y")]);
        assert!(places(&[]).hugging_face.is_empty());
    }
}
