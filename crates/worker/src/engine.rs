//! From a spec's models to a loaded prompter, a frozen model that has proved itself, and reward models; the same for a judge.
use crate::consent::Consent;
use crate::forgetful::Forgetful;
use crate::models::describe::{as_prompter, check_quantised, form};
use crate::models::resolve::{Located, as_folder, locate};
use crate::output::note;
use crate::reward_parts::{self, For, FoundParts, KeptPart, OpenParts, offloaded};
use crate::{served, signals};
use contract::endpoint::{Endpoint as Settings, EndpointFindings};
use contract::spec::{Engine, Precision};
use contract::{Error, Result, Spec};
use endpoint::{Account, BudgetOf, Endpoint, estimated_prompt};
use experiment::fit::{Answering, Held, Models};
use experiment::pipeline::decoding;
use experiment::prepare::{Longest, Prepared, Reader, TokensOf, unchanged};
use experiment::{Prompter, Wording};
use home::Home;
use inference::{BuiltIn, Cached, EngineChoice, EngineFootprint, EngineKind, Form, FrozenModel, Proof, Weights, admit, choose};
use inference_mistralrs::{MistralRs, Sizes, check_gguf, check_pages, check_quantisation, free_gpu_bytes, has_gpu};
use lm::{Llama, LoadTime, Message, ModelFolder, Tokenizer};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use store::Fact;

/// The models on disk, checked as far as that goes without their weights.
pub struct Found {
    prompter: ModelFolder,
    /// Of the prompter's folder.
    tokenizer: Arc<Tokenizer>,
    frozen: Place,
    /// The frozen model as the built-in engine reads it; where the spec has an oracle.
    oracle: Option<ModelFolder>,
    /// What of the reward its own programs do not compute.
    parts: FoundParts,
}

/// Where a frozen model is.
#[allow(clippy::large_enum_variant)] // There is one of it.
enum Place {
    Here(Frozen),
    /// Behind an address, which is not asked before the weights are loaded.
    Elsewhere(Settings),
}

/// A frozen model on disk, and what will compute its answers.
pub struct Frozen {
    files: FrozenFiles,
    choice: EngineChoice,
    /// For what mistral.rs would hold, from the first look on; none where its files cannot be read, which loading says.
    sizes: OnceLock<Option<Sizes>>,
}

#[allow(clippy::large_enum_variant)] // There is one of it.
enum FrozenFiles {
    /// Any engine reads it.
    Folder(ModelFolder),
    /// Only mistral.rs does: a GGUF file, or a folder of another architecture or with quantised weights.
    Other(Located),
}

impl FrozenFiles {
    fn path(&self) -> &Path {
        match self {
            Self::Folder(folder) => &folder.path,
            Self::Other(located) => located.path(),
        }
    }
}

/// The models with their weights.
pub struct Loaded {
    pub prompter: Prompter,
    frozen: Answers,
    /// The frozen model as a policy to train; where the spec has an oracle.
    pub oracle: Option<Prompter>,
    parts: OpenParts,
    /// Identities of the models and of the engine, to be kept with the run.
    pub facts: Vec<Fact>,
    /// Of models that are offloaded.
    load_time: LoadTime,
}

/// What answers in a run.
enum Answers {
    Here(Box<dyn FrozenModel>),
    Elsewhere(Box<Endpoint>),
}

impl Answers {
    fn model(&self) -> &dyn FrozenModel {
        match self {
            Self::Here(model) => model.as_ref(),
            Self::Elsewhere(endpoint) => endpoint.as_ref(),
        }
    }
}

/// Finds the spec's models, and what else its reward needs. Relative paths start at `base`.
pub fn find(home: &Home, spec: &Spec, base: &Path, consent: Consent) -> Result<Found> {
    if let Some(name) = &spec.frozen.quantisation {
        check_quantisation(name)?;
    }
    check_pages(spec.frozen.paged_attention)?;
    let located = locate(home, &spec.prompter.model, base, "prompter.model")?;
    let prompter = as_folder(home, &located).map_err(|e| as_prompter(e, &located))?;
    let tokenizer = Arc::new(prompter.tokenizer()?);
    let parts = reward_parts::find(home, &spec.reward, base, (spec.precision, spec.offload), consent)?;
    if let Some(settings) = &spec.frozen.endpoint {
        return Ok(Found { prompter, tokenizer, frozen: Place::Elsewhere(settings.clone()), oracle: None, parts });
    }
    let frozen = locate(home, &spec.frozen.model, base, "frozen.model")?;
    let oracle = spec.arms.oracle.then(|| if frozen == located { Ok(prompter.clone()) } else { as_folder(home, &frozen) }).transpose();
    let oracle = oracle.map_err(|e| Error { message: format!("arms.oracle trains the frozen model itself. {}", e.message), ..e })?;
    // Read once where both are the same.
    let same = (frozen == located).then_some(&prompter);
    let frozen = Frozen::find(home, frozen, &Asked::of(spec), same)?;
    Ok(Found { prompter, tokenizer, frozen: Place::Here(frozen), oracle, parts })
}

/// What is asked of a frozen model's engine.
struct Asked {
    engine: Engine,
    quantised: bool,
    precision: Precision,
    offload: bool,
}

impl Asked {
    fn of(spec: &Spec) -> Self {
        let quantised = spec.frozen.quantisation.is_some();
        Self { engine: spec.frozen.engine, quantised, precision: spec.precision, offload: spec.offload }
    }
}

impl Frozen {
    /// `known`: the model's folder, where it has been read.
    fn find(home: &Home, located: Located, asked: &Asked, known: Option<&ModelFolder>) -> Result<Self> {
        let Asked { engine, quantised, precision, offload } = *asked;
        // A file with quantised weights is small for a GPU; the folder that the built-in engine would make of it is not.
        let prefers_mistralrs = engine == Engine::Mistralrs || engine == Engine::Auto && (quantised || has_gpu());
        let read = match (&located, known) {
            // As it is for mistral.rs; otherwise imported on first use.
            (Located::Gguf(file), _) if engine == Engine::Mistralrs || prefers_mistralrs && check_gguf(file).is_ok() => None,
            (_, Some(folder)) => Some(Ok(folder.clone())),
            _ => Some(as_folder(home, &located)),
        };
        let files = match read {
            Some(Ok(folder)) => FrozenFiles::Folder(folder),
            Some(Err(e)) if engine != Engine::Mistralrs && form(&located) == Form::Known => return Err(e),
            _ => FrozenFiles::Other(located),
        };
        let (has_room, form) = match &files {
            FrozenFiles::Folder(folder) => (has_room(folder, precision, offload), Form::Known),
            FrozenFiles::Other(located @ Located::Gguf(_)) if form(located) == Form::Known => (true, Form::Gguf),
            FrozenFiles::Other(located) => (true, form(located)),
        };
        if form == Form::Quantised {
            check_quantised(files.path())?;
        }
        let choice = choose(engine, has_room, form, quantised)?;
        Ok(Self { files, choice, sizes: OnceLock::new() })
    }

    /// A judge: computed as a frozen model is of which nothing else is asked.
    pub fn judge(home: &Home, located: Located, precision: Precision, offload: bool) -> Result<Self> {
        Self::find(home, located, &Asked { engine: Engine::Auto, quantised: false, precision, offload }, None)
    }

    /// A judge with its weights. mistral.rs must prove itself before; the built-in engine is held against it elsewhere.
    pub fn load_judge(&self, weights: impl FnOnce(&ModelFolder) -> Result<Weights>) -> Result<Box<dyn FrozenModel>> {
        let model = self.load(None, None, BuiltIn::DEFAULT_MAX_ROWS, weights)?;
        if self.built_in().is_some() { Ok(model) } else { Ok(admit(model, &mut |_| signals::go_on())?.0) }
    }

    pub fn path(&self) -> &Path {
        self.files.path()
    }

    /// The folder, where the built-in engine computes.
    pub fn built_in(&self) -> Option<&ModelFolder> {
        match (&self.files, self.choice.engine) {
            (FrozenFiles::Folder(folder), EngineKind::BuiltIn) => Some(folder),
            _ => None,
        }
    }

    /// How much memory it takes where mistral.rs computes, quantised and with pages as a spec may ask for.
    pub fn by_engine(&self, quantisation: Option<&str>, paged: Option<usize>) -> EngineFootprint {
        self.sizes().map(|sizes| sizes.footprint(quantisation, paged)).unwrap_or_default()
    }

    fn sizes(&self) -> Option<&Sizes> {
        self.sizes.get_or_init(|| Sizes::read(self.files.path()).ok()).as_ref()
    }

    /// With its weights, which `weights` loads where the built-in engine computes. At most `max_rows` answers at a time there.
    fn load(
        &self,
        quantisation: Option<&str>,
        paged: Option<usize>,
        max_rows: usize,
        weights: impl FnOnce(&ModelFolder) -> Result<Weights>,
    ) -> Result<Box<dyn FrozenModel>> {
        Ok(match (&self.files, self.choice.engine) {
            (FrozenFiles::Folder(folder), EngineKind::BuiltIn) => Box::new(BuiltIn::new(weights(folder)?, folder)?.with_max_rows(max_rows)),
            _ => Box::new(MistralRs::load(self.files.path(), quantisation, paged)?),
        })
    }
}

/// Loads an installed model, or one in a folder or file, as a judge: a frozen model that has proved itself and does not compute an equal
/// question twice. Ends with [`contract::Code::Stopped`] where `stop` says so.
pub fn judge(home: &Home, name: &str, stop: &dyn Fn() -> bool) -> Result<Box<dyn FrozenModel>> {
    let located = locate(home, name, Path::new(""), "--judge")?;
    let found = Frozen::judge(home, located, Precision::F32, false)?;
    let device = lm::best_device();
    let judge = found.load(None, None, BuiltIn::DEFAULT_MAX_ROWS, |folder| Ok(Llama::load(folder, &device, Precision::F32)?.into()))?;
    let (judge, _) = admit(judge, &mut until(stop))?;
    Ok(Box::new(Cached::new(judge, Cached::<dyn FrozenModel>::DEFAULT_MAX_BYTES)))
}

/// The same for a model behind an address, with what it costs.
pub fn judge_elsewhere(home: &Home, settings: &Settings, name: &str, stop: &dyn Fn() -> bool) -> Result<(Box<dyn FrozenModel>, Account)> {
    let mut endpoint = served::open(home, settings, BudgetOf::Command, name)?;
    let (findings, _) = endpoint.probe(&mut until(stop))?;
    if !findings.greedy {
        return Err(Error::engine(format!(
            "{} behind {} takes no temperature, so that its verdicts would be drawn. Choose another model to judge pairs.",
            findings.served, findings.url
        )));
    }
    findings.remarks.iter().for_each(|remark| note(&format!("warning: {remark}")));
    let account = endpoint.account();
    Ok((Box::new(endpoint), account))
}

/// What goes on until `stop` says so.
fn until(stop: &dyn Fn() -> bool) -> impl FnMut(usize) -> ControlFlow<()> {
    move |_| if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Whether a GPU's free memory, if there is a GPU, holds a model's weights and as much again for what a run computes with them; of one that is there only while
/// it answers, a third again.
fn has_room(folder: &ModelFolder, precision: Precision, offload: bool) -> bool {
    let share = if offload { 0.75 } else { 0.5 };
    free_gpu_bytes().is_none_or(|free| share * free as f64 > folder.footprint(precision, true).weights as f64)
}

impl Found {
    /// How much memory the models take, for a spec that may differ from the one they were found for in how weights are held and answers computed.
    pub fn memory(&self, spec: &Spec) -> Models {
        let on_gpu = has_gpu();
        let of = |folder: &ModelFolder| folder.footprint(spec.precision, on_gpu);
        let held = |folder: &ModelFolder| Held { footprint: of(folder), is_shared: folder.path == self.prompter.path };
        let frozen = match &self.frozen {
            Place::Elsewhere(_) => Answering::Elsewhere,
            Place::Here(frozen) => match (frozen.built_in(), &spec.frozen.quantisation) {
                (Some(folder), None) => Answering::BuiltIn(held(folder)),
                (_, quantisation) => Answering::Engine(frozen.by_engine(quantisation.as_deref(), spec.frozen.paged_attention)),
            },
        };
        let oracle = self.oracle.as_ref().map(|folder| {
            let shared = folder.path == self.prompter.path || matches!(frozen, Answering::BuiltIn(_));
            Held { footprint: of(folder), is_shared: shared }
        });
        Models {
            prompter: of(&self.prompter),
            frozen,
            scoring: self.parts.memory(&held),
            engines: self.parts.engines(),
            encoders: self.parts.encoders(spec.precision),
            oracle,
        }
    }

    /// Numbers that the models are, a shared one's once.
    pub fn parameters(&self) -> u64 {
        let other = match &self.frozen {
            Place::Here(frozen) if frozen.files.path() != self.prompter.path => frozen.sizes().map_or(0, Sizes::parameters),
            _ => 0,
        };
        self.prompter.config.parameters() + other
    }

    /// The prompter's, where the folder is its own.
    fn tokenizer_of(&self, folder: &ModelFolder) -> Result<Arc<Tokenizer>> {
        Ok(if folder.path == self.prompter.path { self.tokenizer.clone() } else { Arc::new(folder.tokenizer()?) })
    }

    /// How long the longest prompts are to both models, told by their tokenizers alone; where the frozen model's cannot be read, by the prompter's.
    pub fn longest(&self, prepared: &Prepared) -> Result<Longest> {
        let folder =
            if let Place::Here(Frozen { files: FrozenFiles::Folder(folder), .. }) = &self.frozen { folder } else { &self.prompter };
        let read = self.tokenizer_of(folder)?;
        let frozen = |system: Option<&str>, prompt: &str| match &self.frozen {
            Place::Elsewhere(_) => Ok(usize::try_from(estimated_prompt(system, prompt)).unwrap_or(usize::MAX)),
            Place::Here(_) => Ok(read.chat(&Message::asked(system, prompt))?.len()),
        };
        let wording = Wording::new(self.tokenizer.clone(), prepared.spec.prompter.clone());
        let prompter = Reader { reads: &wording, context: self.prompter.config.context() };
        prepared.longest(&prompter, &Reader { reads: &frozen as &TokensOf<'_>, context: folder.config.context() })
    }

    /// What of the reward is not computed without [`Found::load`].
    pub fn unmeasured_parts(&self) -> Vec<String> {
        self.parts.unmeasured().into_iter().map(String::from).collect()
    }

    /// Where the frozen model answers, if it is behind an address.
    pub fn endpoint(&self) -> Option<&Settings> {
        match &self.frozen {
            Place::Here(_) => None,
            Place::Elsewhere(settings) => Some(settings),
        }
    }

    /// Loads the weights, once where both models are the same folder, and looks whether an endpoint is there.
    pub fn load(self, home: &Home, spec: &Spec) -> Result<Loaded> {
        self.load_with(spec, Some(home), |settings| {
            let mut endpoint = served::open(home, settings, BudgetOf::Frozen, &spec.frozen.model)?;
            endpoint.set_decoding(decoding(spec));
            Ok(Answers::Elsewhere(Box::new(endpoint)))
        })
    }

    /// The same without asking anybody elsewhere, or running a command that nobody has agreed to: `stand_in` answers in an endpoint's place.
    pub fn load_without_network(self, spec: &Spec, stand_in: Box<dyn FrozenModel>) -> Result<Loaded> {
        self.load_with(spec, None, |_| Ok(Answers::Here(stand_in)))
    }

    /// Without a `home` the scores do not count.
    fn load_with(self, spec: &Spec, home: Option<&Home>, elsewhere: impl FnOnce(&Settings) -> Result<Answers>) -> Result<Loaded> {
        let (device, checkpointing) = (lm::best_device(), spec.training.checkpointing);
        // The checksum is asked for below; it takes as long as the weights.
        let (base, checksum) = rayon::join(|| Llama::load(&self.prompter, &device, spec.precision), || self.prompter.checksum());
        let (base, checksum) = (base?, checksum?);
        let is_base = |folder: &ModelFolder| Ok::<_, Error>(folder.path == self.prompter.path || folder.checksum()? == checksum);
        let trained = self.oracle.as_ref().map(|folder| {
            let model = if is_base(folder)? { base.clone() } else { Llama::load(folder, &device, spec.precision)? };
            Ok::<_, Error>((folder, model))
        });
        let trained = trained.transpose()?;
        let oracle = trained.as_ref().map(|(folder, model)| {
            let (model, settings) = (model.clone().with_checkpointing(checkpointing), experiment::oracle::settings(spec));
            Prompter::new(model, self.tokenizer_of(folder)?, folder.stop_tokens.clone(), settings)
        });
        let oracle = oracle.transpose()?;
        let load_time = LoadTime::default();
        let policy = base.clone().with_checkpointing(checkpointing);
        let prompter = Prompter::new(policy, self.tokenizer.clone(), self.prompter.stop_tokens.clone(), spec.prompter.clone())?;
        let known = Some((self.prompter.path.as_path(), &base));
        let what_for = home.map_or(For::Estimate { known }, |home| For::Scores { home, known });
        let parts = self.parts.open(&what_for, spec.precision, spec.offload.then_some(&load_time))?;
        let weights = |folder: &ModelFolder| {
            Ok(match trained {
                _ if is_base(folder)? => base.into(),
                // What an oracle trains is the model that answers, and stays.
                Some((of, model)) if of.path == folder.path => model.into(),
                _ if spec.offload => offloaded(folder, spec.precision, &load_time)?.into(),
                _ => Llama::load(folder, &device, spec.precision)?.into(),
            })
        };
        let (frozen, reason) = match &self.frozen {
            Place::Here(frozen) => {
                let model = frozen.load(
                    spec.frozen.quantisation.as_deref(),
                    spec.frozen.paged_attention,
                    spec.evaluation.answers_per_batch,
                    weights,
                )?;
                if spec.offload && frozen.choice.engine == EngineKind::MistralRs {
                    note(
                        "warning: offload = true leaves the frozen model in memory, for mistral.rs runs it. Set frozen.engine = \"builtin\", or take the key out.",
                    );
                }
                (Answers::Here(model), frozen.choice.reason.as_str())
            }
            Place::Elsewhere(settings) => (elsewhere(settings)?, "the spec names it"),
        };
        let fact = |key: &str, value: String| Fact { key: key.into(), value };
        let mut facts = vec![
            fact("model.prompter.path", self.prompter.path.display().to_string()),
            fact("model.prompter.checksum", checksum),
            fact("model.frozen.checksum", frozen.model().identity().to_string()),
            fact(ENGINE, format!("{}, because {reason}", frozen.model().describe())),
        ];
        facts.extend(hub::origin_of(&self.prompter.path).map(|origin| fact("model.prompter.origin", origin)));
        if let Place::Here(frozen) = &self.frozen {
            facts.extend(hub::origin_of(frozen.files.path()).map(|origin| fact("model.frozen.origin", origin)));
        }
        facts.extend(self.parts.facts()?);
        facts.extend(parts.facts.iter().cloned());
        Ok(Loaded { prompter, frozen, oracle, parts, facts, load_time })
    }
}

/// Both models, of which the frozen one has proved itself.
pub struct Admitted {
    pub prompter: Prompter,
    pub frozen: Box<dyn FrozenModel>,
    /// As in [`Loaded`].
    pub oracle: Option<Prompter>,
    pub parts: OpenParts,
    pub proof: Proof,
    /// Of an endpoint.
    pub endpoint: Option<Admission>,
    /// Of models that are offloaded.
    pub load_time: LoadTime,
}

/// What an endpoint was found to do, and what it costs.
pub struct Admission {
    pub findings: EndpointFindings,
    pub account: Account,
}

impl Loaded {
    /// Refuses prompts that do not fit into a model's context.
    pub fn check_lengths(&self, prepared: &Prepared) -> Result<()> {
        prepared.check_lengths(&self.prompter, self.frozen.model())
    }

    /// The same, and prompts that with a full answer do not fit into what scores. Not of a run that goes on: its answers may never be as long.
    pub fn check_all_lengths(&self, prepared: &Prepared) -> Result<()> {
        self.check_lengths(prepared)?;
        prepared.check_scored_lengths(&self.parts.scorers)
    }

    /// Refuses models that are not those that the run began with.
    pub fn check_unchanged(&self, stored: &[Fact]) -> Result<()> {
        let now: Vec<Fact> = self.facts.iter().filter(|fact| fact.key.ends_with(".checksum")).cloned().collect();
        unchanged(stored, &now)
    }

    /// Keeps what is behind addresses, and what commands score, in files beside a run's database; `stop` is asked while it is waited for.
    pub fn keep_in(&mut self, database: &Path, run: i64, stop: &dyn Fn() -> Box<dyn Fn() -> bool + Send>) -> Result<()> {
        if let Answers::Elsewhere(endpoint) = &mut self.frozen {
            endpoint.set_stop(stop());
            endpoint.keep_in(&desk::answers_of(database, run))?;
        }
        self.parts.kept.iter().try_for_each(|part| part.keep_in(&desk::scores_of(database, run, part.index), stop()))
    }

    /// For a few answers: as [`Self::admit`], but an endpoint, which may cost money, is not made to prove itself.
    pub fn admit_for_a_few(self, stop: &dyn Fn() -> bool) -> Result<Admitted> {
        self.parts.kept.iter().for_each(KeptPart::go_on_without_number);
        match self.frozen {
            Answers::Here(_) => self.admit(stop),
            Answers::Elsewhere(mut frozen) => {
                frozen.learn(&mut until(stop))?;
                let engine = frozen.describe();
                let detail = format!("{engine} was not made to prove itself");
                let proof = Proof { engine, prompts: 0, batched: false, max_log_prob_difference: None, texts_differ: 0, detail };
                let (prompter, oracle, parts, load_time) = (self.prompter, self.oracle, self.parts, self.load_time);
                Ok(Admitted { prompter, frozen, oracle, parts, proof, endpoint: None, load_time })
            }
        }
    }

    /// Lets the frozen model prove itself and puts a cache before it. Ends with [`contract::Code::Stopped`] where `stop` says so.
    pub fn admit(self, stop: &dyn Fn() -> bool) -> Result<Admitted> {
        self.parts.kept.iter().for_each(KeptPart::go_on_without_number);
        let (frozen, proof, endpoint): (Box<dyn FrozenModel>, _, _) = match self.frozen {
            Answers::Here(model) => {
                let (mut model, proof) = admit(model, &mut until(stop))?;
                model.rest();
                let cached = Cached::new(model, Cached::<dyn FrozenModel>::DEFAULT_MAX_BYTES);
                // One by one, an answer does not depend on what is asked beside it. In a batch it may, in the last bits, so there the
                // memory lasts for one call: a resumed run, which remembers nothing, then sends the same batches as an uninterrupted one.
                let frozen: Box<dyn FrozenModel> = if proof.batched { Box::new(Forgetful::new(cached)) } else { Box::new(cached) };
                (frozen, proof, None)
            }
            // It remembers what it has answered by itself.
            Answers::Elsewhere(mut endpoint) => {
                let (findings, proof) = endpoint.probe(&mut until(stop))?;
                let account = endpoint.account();
                (endpoint, proof, Some(Admission { findings, account }))
            }
        };
        let (prompter, oracle, parts, load_time) = (self.prompter, self.oracle, self.parts, self.load_time);
        Ok(Admitted { prompter, frozen, oracle, parts, proof, endpoint, load_time })
    }
}

/// Key of the fact that names the engine, with why it was chosen.
pub const ENGINE: &str = "engine";
/// Key of the fact that holds the engine's proof.
pub const PROOF: &str = "engine.proof";

/// The proof as a fact of the run.
pub fn proof_fact(proof: &Proof) -> Result<Fact> {
    let value =
        serde_json::to_string(proof).map_err(|e| Error::internal("The engine's proof cannot be written as JSON.").with_detail(e))?;
    Ok(Fact { key: PROOF.into(), value })
}
