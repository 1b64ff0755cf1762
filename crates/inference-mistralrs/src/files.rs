//! A model's files, checked before mistral.rs sees them: its own errors name neither file nor way out, and given a name that is
//! not a path it would ask the network.
use crate::published;
use crate::translate::translate;
use crate::view::View;
use contract::{Error, Result};
use lm::{ModelFolder, Tokenizer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Architectures (`architectures` in `config.json`) that mistral.rs can run from a folder.
pub const ARCHITECTURES: [&str; 20] = [
    "LlamaForCausalLM",
    "MistralForCausalLM",
    "MixtralForCausalLM",
    "GemmaForCausalLM",
    "Gemma2ForCausalLM",
    "PhiForCausalLM",
    "Phi3ForCausalLM",
    "PhiMoEForCausalLM",
    "Qwen2ForCausalLM",
    "Qwen3ForCausalLM",
    "Qwen3MoeForCausalLM",
    "Qwen3NextForCausalLM",
    "Starcoder2ForCausalLM",
    "DeepseekV2ForCausalLM",
    "DeepseekV3ForCausalLM",
    "Glm4ForCausalLM",
    "Glm4MoeForCausalLM",
    "Glm4MoeLiteForCausalLM",
    "SmolLM3ForCausalLM",
    "GraniteMoeHybridForCausalLM",
];

/// Architectures (`general.architecture`) that mistral.rs can run from a GGUF file.
pub const GGUF_ARCHITECTURES: [&str; 8] = ["llama", "mistral3", "phi2", "phi3", "qwen2", "qwen3", "qwen3moe", "starcoder2"];

/// What is known of a model before it is loaded.
pub struct Files {
    /// As the person knows it. Absolute, so that mistral.rs takes it for a path and never for a name on the hub.
    pub path: PathBuf,
    pub name: String,
    pub is_gguf: bool,
    /// As they lie there: a GGUF file, and a folder that says so.
    pub is_quantised: bool,
    pub tokenizer: Tokenizer,
    /// Tokens that end an answer beside those that mistral.rs finds: all of a Llama and of a GGUF file.
    pub stop: Vec<u32>,
    /// SHA-256 of what determines the answers, in hex.
    pub checksum: String,
    /// The folder in a form that mistral.rs can read, when its `config.json` has other keys; there for as long as this is.
    view: Option<View>,
}

/// What is read of either kind.
struct Opened {
    is_quantised: bool,
    tokenizer: Tokenizer,
    stop: Vec<u32>,
    checksum: String,
    view: Option<View>,
}

impl Files {
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let unopened = |e| Error::model(format!("the model {shown} cannot be opened: {e}; give a folder or a GGUF file"));
        let is_gguf = !path.canonicalize().map_err(unopened)?.is_dir();
        // Of a file its own name counts, not that of what it links to: in the hub's cache that is a checksum, and the model's other parts are not beside it.
        let absolute = if is_gguf { std::path::absolute(path) } else { path.canonicalize() }.map_err(unopened)?;
        let name = absolute.file_name().map_or_else(|| shown.to_string(), |name| name.to_string_lossy().into_owned());
        let Opened { is_quantised, tokenizer, stop, checksum, view } =
            if is_gguf { open_gguf(&absolute)? } else { open_folder(&absolute)? };
        Ok(Self { path: absolute, name, is_gguf, is_quantised, tokenizer, stop, checksum, view })
    }

    /// The folder or file that mistral.rs reads.
    pub fn to_read(&self) -> &Path {
        self.view.as_ref().map_or(&self.path, View::path)
    }
}

fn open_folder(path: &Path) -> Result<Opened> {
    let file = path.join("config.json");
    let text = std::fs::read_to_string(&file)
        .map_err(|e| Error::model(format!("{} cannot be read ({e}), so this is not a Hugging Face model folder", file.display())))?;
    let config: Value =
        serde_json::from_str(&text).map_err(|e| Error::model(format!("{} is not JSON ({e}); fetch the file again", file.display())))?;
    let architecture = config["architectures"][0].as_str().unwrap_or_default();
    check_architecture(architecture, &file)?;
    published::check(&config, path)?;
    let is_quantised = published::is_quantised(&config);
    let translated = translate(&config, &file)?;
    let (tokenizer, stop, checksum) = if architecture == "LlamaForCausalLM" && !is_quantised {
        let folder = ModelFolder::open(path)?;
        (folder.tokenizer()?, folder.stop_tokens.clone(), folder.checksum()?)
    } else {
        let tokenizer = Tokenizer::open(path)?;
        // What is missing or cut off, mistral.rs tells by a tensor's name alone, and without a bias that is missing it goes on.
        if is_quantised {
            lm::stored::stored(path).map(|_| ())?
        } else {
            lm::folder::check_tensors(path)?
        }
        let stop = if architecture == "LlamaForCausalLM" { lm::folder::stop_tokens(path, &tokenizer)? } else { Vec::new() };
        (tokenizer, stop, checksum_folder(path)?)
    };
    let view = translated.map(|config| View::new(path, &config)).transpose()?;
    Ok(Opened { is_quantised, tokenizer, stop, checksum, view })
}

/// Refuses what mistral.rs does not run from a folder; `file` names it.
fn check_architecture(architecture: &str, file: &Path) -> Result<()> {
    let shown = file.display();
    if ARCHITECTURES.contains(&architecture) {
        return Ok(());
    }
    Err(Error::model(if architecture.is_empty() {
        format!("{shown} names no architecture (`architectures`), so that it cannot be told what would run it; fetch the file again")
    } else if architecture.ends_with("ForSequenceClassification") {
        format!("{shown} is of a reward model (\"{architecture}\"): it scores answers and writes none; name it under [[reward.parts]]")
    } else {
        format!(
            "{shown} names the architecture \"{architecture}\", which is not run through mistral.rs here; these are: {}. A program that runs it, such as vLLM, can \
             serve it: name that as an endpoint (frozen.engine = \"endpoint\")",
            ARCHITECTURES.join(", ")
        )
    }))
}

fn open_gguf(path: &Path) -> Result<Opened> {
    let mut magic = [0u8; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    if read.is_err() || &magic != b"GGUF" {
        return Err(Error::model(format!(
            "{} is not a GGUF file (it does not begin with \"GGUF\"); give a GGUF file or a folder with safetensors",
            path.display()
        )));
    }
    check_gguf(path)?;
    // Ours, not mistral.rs's: that takes special tokens out of a person's text, and cuts every text into words as Qwen2 does.
    let (tokenizer, stop) = lm::gguf::tokenizer(path)?;
    let mut hash = Sha256::new();
    lm::gguf::parts(path)?.iter().try_for_each(|part| hash_file(part, &mut hash))?;
    Ok(Opened { is_quantised: true, tokenizer, stop, checksum: hex(hash), view: None })
}

/// Refuses a GGUF file that mistral.rs 0.8.1 does not run, or as another model without a word: it reads no scaling of rotary embeddings, has one base of
/// them for both generations of Phi, and does without a bias that is not there.
///
/// # Errors
/// [`contract::Code::Model`], with what to do.
pub fn check_gguf(path: &Path) -> Result<()> {
    /// The base that mistral.rs takes whatever the file says.
    const FIXED: f64 = 10_000.0;
    let shown = path.display();
    let (architecture, _) = lm::gguf::architecture(path)?;
    if !GGUF_ARCHITECTURES.contains(&&*architecture) {
        return Err(Error::model(format!(
            "{shown} is of the architecture \"{architecture}\", which mistral.rs 0.8.1 does not run from a GGUF file; it runs {}. Serve the file with llama.cpp or \
             Ollama and name that as an endpoint (frozen.engine = \"endpoint\"), or take the model's folder of safetensors",
            GGUF_ARCHITECTURES.join(", ")
        )));
    }
    let (theta, scaling) = lm::gguf::rotary(path)?;
    let fixed = theta.filter(|theta| architecture.starts_with("phi") && *theta != FIXED).map(|theta| format!("to the base {theta}"));
    if let Some(how) = scaling.or(fixed) {
        let way_out = match lm::gguf::is_known(&architecture) {
            true => {
                "turn it into a folder with `alignpro models import FILE NAME` and name that, with frozen.quantisation = \"q4k\" where memory is short"
            }
            false => "take the model's folder of safetensors, with frozen.quantisation = \"q4k\" where memory is short",
        };
        return Err(Error::model(format!(
            "{shown}: its rotary embeddings are scaled {how}, which mistral.rs 0.8.1 does not read from a GGUF file: it would answer as another model, without a \
             word; {way_out}"
        )));
    }
    Ok(lm::gguf::check(path)?)
}

/// SHA-256 over the name and content of every file that can determine an answer, by name.
fn checksum_folder(path: &Path) -> Result<String> {
    let unreadable = |e: std::io::Error| Error::io(format!("the folder {} cannot be read: {e}", path.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if [".json", ".jinja", ".safetensors"].iter().any(|end| name.ends_with(end)) {
            names.push(name);
        }
    }
    if !names.iter().any(|name| name.ends_with(".safetensors")) {
        return Err(Error::model(format!(
            "the folder {} holds no .safetensors file, the only form of weights that is read",
            path.display()
        )));
    }
    names.sort_unstable();
    let mut all = Sha256::new();
    for name in names {
        let mut one = Sha256::new();
        hash_file(&path.join(&name), &mut one)?;
        all.update(format!("{name} {}\n", hex(one)));
    }
    Ok(hex(all))
}

fn hash_file(path: &Path, hash: &mut Sha256) -> Result<()> {
    let copied = File::open(path).and_then(|mut file| std::io::copy(&mut file, hash));
    copied.map(|_| ()).map_err(|e| Error::io(format!("{} cannot be read: {e}", path.display())))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mistralrs::NormalLoaderType;
    use mistralrs::core::GGUFArchitecture;

    fn message(path: &Path) -> String {
        Files::open(path).map(|_| ()).unwrap_err().message
    }

    #[test]
    fn the_listed_architectures_are_known_to_mistralrs() {
        for name in ARCHITECTURES {
            assert!(NormalLoaderType::from_causal_lm_name(name).is_ok(), "{name}");
        }
        for name in GGUF_ARCHITECTURES {
            assert!(GGUFArchitecture::from_value(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_path_that_is_not_there_never_becomes_a_name_on_the_hub() {
        assert!(message(Path::new("HuggingFaceTB/SmolLM2-135M-Instruct")).contains("cannot be opened"));
    }

    #[test]
    fn what_is_no_model_is_said_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(message(folder.path()).contains("config.json cannot be read"));
        let config = folder.path().join("config.json");
        std::fs::write(&config, "{").unwrap();
        assert!(message(folder.path()).contains("is not JSON"));
        std::fs::write(&config, r#"{"architectures": ["BertModel"]}"#).unwrap();
        let unknown = message(folder.path());
        assert!(unknown.contains("\"BertModel\"") && unknown.contains("Qwen3ForCausalLM") && unknown.contains("an endpoint"), "{unknown}");
        std::fs::write(&config, r#"{"architectures": ["LlamaForSequenceClassification"]}"#).unwrap();
        assert!(message(folder.path()).contains("name it under [[reward.parts]]"));
        std::fs::write(&config, "{}").unwrap();
        assert!(message(folder.path()).contains("names no architecture"));
        std::fs::write(&config, r#"{"architectures": ["Qwen3ForCausalLM"], "rope_parameters": {"rope_type": "default"}}"#).unwrap();
        assert!(message(folder.path()).contains("config.json: `rope_parameters` holds no `rope_theta`"));
        for rope in [r#""rope_theta": 1e6"#, r#""rope_parameters": {"rope_theta": 1e6}"#] {
            std::fs::write(&config, format!(r#"{{"architectures": ["Qwen3ForCausalLM"], {rope}}}"#)).unwrap();
            assert!(message(folder.path()).contains("tokenizer.json"));
        }
    }

    /// Of every architecture: mistral.rs would name a tensor, and no file.
    #[test]
    fn a_missing_part_is_named() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures");
        for family in ["qwen2", "qwen3", "phi3", "mistral", "llama3"] {
            let folder = tempfile::tempdir().unwrap();
            for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
                std::fs::copy(fixtures.join(format!("tiny-{family}")).join(file), folder.path().join(file)).unwrap();
            }
            let part = |number: usize| format!("model-0000{number}-of-00002.safetensors");
            std::fs::copy(fixtures.join(format!("tiny-{family}/model.safetensors")), folder.path().join(part(1))).unwrap();
            let index = serde_json::json!({ "weight_map": { "a": part(1), "b": part(2) } });
            std::fs::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
            let missing = message(folder.path());
            assert!(missing.contains(&part(2)), "{family}: {missing}");
        }
    }

    /// Without a bias mistral.rs would go on as another model.
    #[test]
    fn a_missing_tensor_is_named() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures");
        for (family, tensor) in [("qwen2", "model.layers.0.self_attn.q_proj.bias"), ("qwen3", "model.layers.1.self_attn.q_norm.weight")] {
            let folder = tempfile::tempdir().unwrap();
            for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
                std::fs::copy(fixtures.join(format!("tiny-{family}")).join(file), folder.path().join(file)).unwrap();
            }
            // Under another name of the same length it is not there.
            let weights = std::fs::read(fixtures.join(format!("tiny-{family}/model.safetensors"))).unwrap();
            let at = weights.windows(tensor.len()).position(|part| part == tensor.as_bytes()).unwrap();
            let renamed = [&weights[..at], &b"x".repeat(tensor.len()), &weights[at + tensor.len()..]].concat();
            std::fs::write(folder.path().join("model.safetensors"), renamed).unwrap();
            let missing = message(folder.path());
            assert!(missing.contains(&format!("tensor `{tensor}`")), "{family}: {missing}");
        }
    }

    /// mistral.rs would turn the vectors by other numbers, without a word.
    #[test]
    fn a_gguf_file_with_scaled_embeddings_is_refused() {
        let phi = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures/import/phi3.gguf");
        let refused = message(&phi);
        assert!(refused.contains("by its tensor `rope_factors_short.weight`") && refused.contains("alignpro models import"), "{refused}");
    }

    #[test]
    fn a_file_that_is_no_gguf_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for content in ["", "GG", "not a model"] {
            let file = folder.path().join("model.gguf");
            std::fs::write(&file, content).unwrap();
            assert!(message(&file).contains("is not a GGUF file"));
        }
    }

    #[test]
    fn a_folder_s_checksum_is_of_names_and_contents() {
        let folder = tempfile::tempdir().unwrap();
        assert!(checksum_folder(folder.path()).unwrap_err().message.contains("no .safetensors file"));
        std::fs::write(folder.path().join("model.safetensors"), "a").unwrap();
        let first = checksum_folder(folder.path()).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "no part of the model").unwrap();
        assert_eq!(checksum_folder(folder.path()).unwrap(), first);
        std::fs::write(folder.path().join("model.safetensors"), "b").unwrap();
        assert_ne!(checksum_folder(folder.path()).unwrap(), first);
    }
}
