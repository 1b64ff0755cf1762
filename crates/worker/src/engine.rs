//! From a spec's two models to a loaded prompter and a frozen model that has proved itself.
use crate::home::Home;
use crate::models::resolve::{Located, as_folder, locate};
use contract::spec::Engine;
use contract::{Error, Result, Spec};
use experiment::Prompter;
use experiment::prepare::{FrozenContext, Prepared, unchanged};
use inference::{Answer, AnswerDecoding, AnswerRequest, BuiltIn, Cached, EngineChoice, EngineKind, FrozenModel, Proof, admit, choose};
use inference_mistralrs::{MistralRs, check_quantisation, has_gpu};
use lm::{Device, Llama, ModelFolder, Tokenizer};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use store::Fact;

/// Both models on disk, checked as far as that goes without their weights.
pub struct Found {
    prompter: ModelFolder,
    frozen: FrozenFiles,
    choice: EngineChoice,
}

enum FrozenFiles {
    /// Any engine reads it.
    Folder(ModelFolder),
    /// Only mistral.rs does: a GGUF file, or a folder of another architecture.
    Other(Located),
}

/// Both models with their weights.
pub struct Loaded {
    pub prompter: Prompter,
    frozen: Box<dyn FrozenModel>,
    /// Tokenizer and context of the frozen model, where we can read them.
    frozen_context: Option<(Tokenizer, usize)>,
    /// Identities of the models and of the engine, to be kept with the run.
    pub facts: Vec<Fact>,
}

/// Finds the spec's models. Relative paths start at `base`.
pub fn find(home: &Home, spec: &Spec, base: &Path) -> Result<Found> {
    if let Some(name) = &spec.frozen.quantisation {
        check_quantisation(name)?;
    }
    let prompter = as_folder(home, &locate(home, &spec.prompter.model, base, "prompter.model")?)?;
    let frozen = locate(home, &spec.frozen.model, base, "frozen.model")?;
    let (engine, quantised, has_gpu) = (spec.frozen.engine, spec.frozen.quantisation.is_some(), has_gpu());
    // What `choose` will say of a model that both engines can read.
    let prefers_mistralrs = engine == Engine::Mistralrs || engine == Engine::Auto && (quantised || has_gpu);
    let read = match &frozen {
        // As it is for mistral.rs; otherwise imported on first use.
        Located::Gguf(_) if prefers_mistralrs => None,
        _ => Some(as_folder(home, &frozen)),
    };
    let frozen = match read {
        Some(Ok(folder)) => FrozenFiles::Folder(folder),
        Some(Err(e)) if !may_be_for_mistralrs(&frozen, engine) => return Err(e),
        _ => FrozenFiles::Other(frozen),
    };
    let is_gguf = matches!(&frozen, FrozenFiles::Other(Located::Gguf(_)));
    let choice = choose(engine, has_gpu, matches!(&frozen, FrozenFiles::Folder(_)) || is_gguf, quantised, is_gguf)?;
    Ok(Found { prompter, frozen, choice })
}

/// Whether a model that the built-in engine refuses should go to mistral.rs: when the spec says so, or when its architecture is another.
fn may_be_for_mistralrs(located: &Located, engine: Engine) -> bool {
    let Located::Folder(folder) = located else { return engine == Engine::Mistralrs };
    let Ok(text) = std::fs::read_to_string(folder.join("config.json")) else { return false };
    let Ok(config) = serde_json::from_str::<serde_json::Value>(&text) else { return false };
    engine == Engine::Mistralrs || config["architectures"][0].as_str().is_some_and(|name| name != "LlamaForCausalLM")
}

impl Found {
    /// Loads the weights, once where both models are the same folder.
    pub fn load(self, spec: &Spec) -> Result<Loaded> {
        let device = Device::cuda_if_available(0).map_err(lm::Error::from)?;
        let base = Llama::load(&self.prompter, &device)?;
        let tokenizer = Arc::new(self.prompter.tokenizer()?);
        let prompter = Prompter::new(base.clone(), tokenizer, self.prompter.stop_tokens.clone(), spec.prompter.clone());
        let frozen_context = match &self.frozen {
            FrozenFiles::Folder(folder) => Some((folder.tokenizer()?, folder.config.max_position_embeddings)),
            FrozenFiles::Other(_) => None,
        };
        let frozen: Box<dyn FrozenModel> = match (&self.frozen, self.choice.engine) {
            (FrozenFiles::Folder(folder), EngineKind::BuiltIn) => {
                let shared = folder.path.canonicalize().ok() == self.prompter.path.canonicalize().ok();
                let model = if shared { base } else { Llama::load(folder, &device)? };
                Box::new(BuiltIn::new(model, folder)?.with_max_rows(spec.evaluation.answers_per_batch))
            }
            (FrozenFiles::Folder(folder), EngineKind::MistralRs) => {
                Box::new(MistralRs::load(&folder.path, spec.frozen.quantisation.as_deref())?)
            }
            (FrozenFiles::Other(Located::Folder(path) | Located::Gguf(path)), _) => {
                Box::new(MistralRs::load(path, spec.frozen.quantisation.as_deref())?)
            }
        };
        let fact = |key: &str, value: String| Fact { key: key.into(), value };
        let facts = vec![
            fact("model.prompter.path", self.prompter.path.display().to_string()),
            fact("model.prompter.checksum", self.prompter.checksum()?),
            fact("model.frozen.checksum", frozen.identity().to_string()),
            fact("engine", format!("{}, because {}", frozen.describe(), self.choice.reason)),
        ];
        Ok(Loaded { prompter, frozen, frozen_context, facts })
    }
}

impl Loaded {
    /// Refuses prompts that do not fit into a model's context.
    pub fn check_lengths(&self, prepared: &Prepared) -> Result<()> {
        let frozen = self.frozen_context.as_ref().map(|(tokenizer, context)| FrozenContext { tokenizer, context: *context });
        prepared.check_lengths(&self.prompter, frozen)
    }

    /// Refuses models that are not those that the run began with.
    pub fn check_unchanged(&self, stored: &[Fact]) -> Result<()> {
        let now: Vec<Fact> = self.facts.iter().filter(|fact| fact.key.ends_with(".checksum")).cloned().collect();
        unchanged(stored, &now)
    }

    /// Lets the frozen model prove itself and puts a cache before it.
    pub fn admit(self) -> Result<(Prompter, Box<dyn FrozenModel>, Proof)> {
        let (frozen, proof) = admit(self.frozen)?;
        let cached = Cached::new(frozen, Cached::<dyn FrozenModel>::DEFAULT_MAX_BYTES);
        // One by one, an answer does not depend on what is asked beside it. In a batch it may, in the last bits, so there the memory
        // lasts for one call: a resumed run, which remembers nothing, then sends the same batches as an uninterrupted one.
        let frozen: Box<dyn FrozenModel> = if proof.batched { Box::new(Forgetful(cached)) } else { Box::new(cached) };
        Ok((self.prompter, frozen, proof))
    }
}

/// The proof as a fact of the run.
pub fn proof_fact(proof: &Proof) -> Result<Fact> {
    let value =
        serde_json::to_string(proof).map_err(|e| Error::internal("The engine's proof cannot be written as JSON.").with_detail(e))?;
    Ok(Fact { key: "engine.proof".into(), value })
}

/// A cache that remembers within one call only: requests that stand twice in it are computed once.
struct Forgetful(Cached<dyn FrozenModel>);

impl FrozenModel for Forgetful {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn identity(&self) -> &str {
        self.0.identity()
    }

    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        decoding: &AnswerDecoding,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        self.0.clear();
        self.0.answer(requests, decoding, on_progress)
    }
}
