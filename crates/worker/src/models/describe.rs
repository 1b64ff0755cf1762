//! What a model on disk is, and what it can be here.
use super::resolve::Located;
use contract::desk::{Model, ModelPlace};
use contract::{Error, Result};
use inference::Form;
use inference_mistralrs::{ARCHITECTURES, GGUF_ARCHITECTURES, check_published, published_problem};
use lm::{Architecture, ModelFolder, RewardFolder, deberta};
use serde_json::Value;
use std::path::Path;

/// As a list shows it. Reads no weights.
pub fn describe(name: String, place: ModelPlace, located: &Located) -> Model {
    let path = located.path();
    let shell = Model {
        name,
        place,
        architecture: None,
        is_reward_model: false,
        is_trainable: false,
        parameters: None,
        bytes: match located {
            Located::Folder(folder) => bytes_in(folder),
            Located::Gguf(file) => lm::gguf::parts(file).unwrap_or_else(|_| vec![file.clone()]).iter().map(|part| length(part)).sum(),
        },
        path: path.display().to_string(),
        problem: None,
    };
    match located {
        Located::Folder(folder) => of_folder(shell, folder),
        Located::Gguf(file) => of_gguf(shell, file),
    }
}

fn of_folder(shell: Model, folder: &Path) -> Model {
    let problem = match ModelFolder::open(folder) {
        Ok(model) => {
            let (architecture, parameters) = (model.config.architecture.model_type(), model.config.parameters());
            return Model { architecture: Some(architecture.into()), is_trainable: true, parameters: Some(parameters), ..shell };
        }
        Err(e) => e,
    };
    match RewardFolder::open(folder) {
        Ok(model) => {
            let (architecture, parameters) = (model.model_type(), model.parameters());
            Model { architecture: Some(architecture.into()), is_reward_model: true, parameters: Some(parameters), ..shell }
        }
        Err(e) => match class_of(folder).filter(|class| is_frozen_only(class) || is_quantised(folder) && ARCHITECTURES.contains(&&**class))
        {
            Some(class) if has_safetensors(folder) => {
                let problem = check_quantised(folder).err().map(|e| e.message);
                Model { architecture: Some(class), problem, ..shell }
            }
            // What is wrong with a folder is said of the model that it most often should be.
            _ => Model { problem: Some(if is_encoder(folder) { e } else { problem }.to_string()), ..shell },
        },
    }
}

fn of_gguf(shell: Model, file: &Path) -> Model {
    match lm::gguf::architecture(file) {
        Ok((name, _)) if !lm::gguf::is_known(&name) && !GGUF_ARCHITECTURES.contains(&name.as_str()) => {
            Model { problem: Some(unknown(&name)), ..shell }
        }
        Ok((name, None)) => Model { is_trainable: lm::gguf::is_known(&name), architecture: Some(name), ..shell },
        Ok((_, Some(e))) | Err(e) => Model { problem: Some(e.to_string()), ..shell },
    }
}

/// What a model can be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitness {
    pub words: String,
    /// Whether that is something.
    pub is_fit: bool,
}

impl Fitness {
    fn good(words: impl Into<String>) -> Self {
        Self { words: words.into(), is_fit: true }
    }

    fn none(words: String) -> Self {
        Self { words, is_fit: false }
    }
}

/// What this program can do with a model, as far as its class, with the method by which it is `quantised`, or the architecture of its GGUF file, says it.
pub fn fitness(class: Option<&str>, gguf: Option<&str>, quantised: Option<&str>) -> Option<Fitness> {
    let (both, frozen) = ("It can be trained, and it can be frozen.", "It can be frozen (by mistral.rs), not trained.");
    if let Some(name) = gguf {
        let is_run = GGUF_ARCHITECTURES.contains(&name);
        return Some(if lm::gguf::is_known(name) {
            Fitness::good(both)
        } else if is_run {
            Fitness::good(frozen)
        } else {
            Fitness::none(unknown(name))
        });
    }
    let class = class?;
    let is_reward_model =
        class == deberta::config::CLASS || Architecture::ALL.into_iter().any(|architecture| architecture.reward_class() == class);
    if let Some(method) = quantised.filter(|_| ARCHITECTURES.contains(&class)) {
        return Some(match published_problem(method) {
            None => Fitness::good(format!("It can be frozen (by mistral.rs), not trained: its weights are quantised ({method}).")),
            Some(problem) => {
                Fitness::none(format!("It can be neither trained nor frozen here: its weights are quantised ({method}), {problem}."))
            }
        });
    }
    Some(match () {
        () if Architecture::of_class(class).is_some() => Fitness::good(both),
        () if is_reward_model => Fitness::good("It can score answers ([[reward.parts]]), if it has one label."),
        () if is_frozen_only(class) => Fitness::good(frozen),
        () => Fitness::none(unknown(class)),
    })
}

/// What the built-in engine can make of a model, as far as its files say: a GGUF file of an architecture that it knows becomes a folder.
pub fn form(located: &Located) -> Form {
    let is_known = match located {
        Located::Gguf(file) => lm::gguf::architecture(file).ok().map(|(name, _)| lm::gguf::is_known(&name)),
        Located::Folder(folder) if is_quantised(folder) => return Form::Quantised,
        Located::Folder(folder) => class_of(folder).map(|class| Architecture::of_class(&class).is_some()),
    };
    if is_known == Some(false) { Form::OtherArchitecture } else { Form::Known }
}

/// What is wrong with a model that is named as the prompter: that it can be frozen alone, where it is that.
pub fn as_prompter(error: Error, located: &Located) -> Error {
    let architecture = match located {
        Located::Folder(folder) => class_of(folder).filter(|class| is_frozen_only(class)),
        Located::Gguf(file) => {
            let named = lm::gguf::architecture(file).ok().map(|(name, _)| name);
            named.filter(|name| !lm::gguf::is_known(name) && GGUF_ARCHITECTURES.contains(&&**name))
        }
    };
    let Some(architecture) = architecture else { return error };
    let message = format!(
        "prompter.model names {}, whose architecture \"{architecture}\" can be frozen (frozen.model) and not trained; choose a Llama, Mistral, Qwen2, Qwen3 or Phi-3 as prompter.",
        located.path().display()
    );
    Error { message, ..error }
}

fn unknown(architecture: &str) -> String {
    format!("The architecture \"{architecture}\" is neither trained nor run here.")
}

/// `architectures` of a folder's `config.json`.
pub fn class_of(folder: &Path) -> Option<String> {
    config_of(folder)?["architectures"][0].as_str().map(String::from)
}

/// Whether a folder's `config.json` says that its weights are quantised.
pub fn is_quantised(folder: &Path) -> bool {
    config_of(folder).is_some_and(|config| inference_mistralrs::is_quantised(&config))
}

/// Refuses a folder whose weights are quantised in a form that is not read here.
///
/// # Errors
/// [`contract::Code::Model`].
pub fn check_quantised(folder: &Path) -> Result<()> {
    config_of(folder).map_or(Ok(()), |config| check_published(&config, folder))
}

fn config_of(folder: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(folder.join("config.json")).ok()?).ok()
}

/// Whether nothing but a score can come from it.
fn is_encoder(folder: &Path) -> bool {
    class_of(folder).is_some_and(|class| class == deberta::config::CLASS)
}

/// Whether mistral.rs runs models of a class, and nothing here trains them.
pub fn is_frozen_only(class: &str) -> bool {
    Architecture::of_class(class).is_none() && ARCHITECTURES.contains(&class)
}

fn has_safetensors(folder: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(folder) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|ending| ending == "safetensors")))
}

/// Of all files in a folder; links count as what they lead to.
fn bytes_in(folder: &Path) -> u64 {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| length(&entry.path())).sum()
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map_or(0, |found| found.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_done_with_a_model_is_told_before_it_is_here() {
        let of_class = |class| fitness(Some(class), None, None).unwrap().words;
        let quantised = |method| fitness(Some("Qwen2ForCausalLM"), None, Some(method)).unwrap();
        assert!(quantised("fp8").is_fit && quantised("fp8").words.contains("not trained: its weights are quantised (fp8)"));
        assert!(!quantised("quark").is_fit && quantised("quark").words.contains("neither"));
        assert!(of_class("Qwen2ForCausalLM").contains("trained, and"));
        assert!(of_class("Gemma2ForCausalLM").contains("not trained"));
        assert!(of_class("Qwen3ForSequenceClassification").contains("score"));
        assert!(of_class("DebertaV2ForSequenceClassification").contains("score"));
        assert!(of_class("BertModel").contains("neither"));
        assert!(fitness(None, Some("llama"), None).unwrap().words.contains("trained, and"));
        assert!(fitness(None, Some("phi2"), None).unwrap().words.contains("not trained"));
        assert!(!fitness(None, Some("gemma3"), None).unwrap().is_fit);
        assert_eq!(fitness(None, None, None), None);
    }
}
