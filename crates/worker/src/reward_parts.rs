//! The parts of a reward that are computed outside of its own programs: reward models, commands, services, judges. Found first, then opened.
use crate::consent::{self, Consent};
use crate::engine::Frozen;
use crate::models::resolve::{as_reward_model, locate};
use crate::output::{note, printable};
use crate::{served, signals};
use contract::bench::RewardRecord;
use contract::endpoint::Endpoint as Settings;
use contract::reward::{Reward, RewardCommand, RewardProgram};
use contract::{Error, Result};
use endpoint::{Account, BudgetOf, Endpoint, Scores, ScoresOpening};
use experiment::fit::Held;
use experiment::judge::{Scale, ScoreJudge};
use home::Home;
use inference::{EngineFootprint, FrozenModel, Weights};
use lm::{
    Checked, Deberta, DebertaFolder, EncoderFootprint, Llama, LoadTime, Message, ModelFolder, Offloaded, Precision, RewardFolder,
    RewardModel,
};
use rewards::{CommandScorer, KeptScores, Limits, Scorer, Scorers, content_checksum, described, in_words};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::Fact;
use tokio::runtime::Handle;

/// A part, as far as it can be checked without opening it.
enum Part {
    Model { name: String, folder: RewardFolder },
    Command { command: RewardCommand, limits: Limits },
    Service { settings: Settings, pairs_per_request: usize },
    Judge { name: String, frozen: Box<Frozen>, scale: Scale },
    JudgeElsewhere { name: String, settings: Settings, scale: Scale },
}

/// A part by its place in the spec and its label.
struct Labelled {
    index: usize,
    label: String,
    part: Part,
}

/// The parts of a reward that are computed outside of its own programs.
pub struct FoundParts(Vec<Labelled>);

/// Such parts, opened.
#[derive(Default)]
pub struct OpenParts {
    pub scorers: Scorers,
    /// Those that a run has more to do with than to let them score.
    pub kept: Vec<KeptPart>,
    /// What is known of them once they are open.
    pub facts: Vec<Fact>,
}

/// A part whose scores are paid for, or may not come out the same again, or that may have none for an answer.
pub struct KeptPart {
    pub index: usize,
    pub label: String,
    what: Kept,
}

enum Kept {
    Command(Arc<KeptScores>),
    Service(Arc<KeptScores>, Arc<Scores>),
    Judge(Arc<ScoreJudge>),
    JudgeElsewhere(Arc<ScoreJudge<Endpoint>>),
}

impl KeptPart {
    /// A judge that gives an answer no number is to go on, as in a run.
    pub fn go_on_without_number(&self) {
        match &self.what {
            Kept::Judge(judge) => judge.go_on_without_number(),
            Kept::JudgeElsewhere(judge) => judge.go_on_without_number(),
            Kept::Command(_) | Kept::Service(..) => {}
        }
    }

    /// Keeps in a file what it says from now on, and knows what is in it already; hears `stop` while it waits.
    pub fn keep_in(&self, path: &Path, stop: Box<dyn Fn() -> bool + Send>) -> Result<()> {
        match &self.what {
            Kept::Command(scores) => scores.keep_in(path),
            Kept::Service(scores, service) => {
                service.set_stop(stop);
                scores.keep_in(path)
            }
            Kept::Judge(_) => Ok(()),
            Kept::JudgeElsewhere(judge) => {
                let mut model = judge.model()?;
                model.set_stop(stop);
                model.keep_in(path)
            }
        }
    }

    /// Of a judge behind an address: what it has cost.
    pub fn account(&self) -> Option<Account> {
        match &self.what {
            Kept::JudgeElsewhere(judge) => judge.model().ok().map(|model| model.account()),
            Kept::Command(_) | Kept::Service(..) | Kept::Judge(_) => None,
        }
    }

    /// Of a judge behind an address: where it is, and how its answers call it.
    pub fn served(&self) -> Option<(String, String)> {
        match &self.what {
            Kept::JudgeElsewhere(judge) => judge.model().ok().and_then(|model| Some((model.url().to_owned(), model.served()?.to_owned()))),
            Kept::Command(_) | Kept::Service(..) | Kept::Judge(_) => None,
        }
    }
}

/// What they are opened for.
pub enum For<'a> {
    /// Scores that count. A judge that is the model here shares its weights.
    Scores { home: &'a Home, known: Option<(&'a Path, &'a Llama)> },
    /// An estimate of time: nothing is asked that is elsewhere, and no command is run that nobody has agreed to; what they score is 0.
    Estimate { known: Option<(&'a Path, &'a Llama)> },
}

/// Finds the parts of a reward. Relative paths start at `base`; `offload`: models are in memory only while they score.
///
/// # Errors
/// A model that is not there, a command that nobody agrees to.
pub fn find(home: &Home, reward: &Reward, base: &Path, (precision, offload): (Precision, bool), consent: Consent) -> Result<FoundParts> {
    let mut parts = Vec::new();
    for (i, part) in reward.parts.iter().enumerate() {
        let (label, key) = (part.label(), format!("reward.parts[{i}].model"));
        let found = match &part.program {
            RewardProgram::RewardModel { model } => {
                Part::Model { name: model.clone(), folder: as_reward_model(&locate(home, model, base, &key)?)? }
            }
            RewardProgram::Command { command, timeout_seconds, memory_mb } => {
                let commands = consent::check(home, vec![described(&label, command, base)?], consent)?;
                let Some(command) = commands.into_iter().next() else { return Err(Error::internal("A command is gone.")) };
                Part::Command { command, limits: Limits { batch: Duration::from_secs(*timeout_seconds), memory_mb: *memory_mb } }
            }
            RewardProgram::Http { url, key, allow_http, timeout_seconds, patience_seconds, pairs_per_request } => {
                let settings = Settings {
                    key: key.clone(),
                    allow_http: *allow_http,
                    timeout_seconds: *timeout_seconds,
                    patience_seconds: *patience_seconds,
                    ..Settings::at(url)
                };
                Part::Service { settings, pairs_per_request: *pairs_per_request }
            }
            RewardProgram::Judge { model, rubric, lowest, highest, endpoint } => {
                let (name, scale) = (model.clone(), Scale { rubric: rubric.clone(), lowest: *lowest, highest: *highest });
                match endpoint {
                    Some(settings) => Part::JudgeElsewhere { name, settings: settings.clone(), scale },
                    None => Part::Judge {
                        name,
                        frozen: Box::new(Frozen::judge(home, locate(home, model, base, &key)?, precision, offload)?),
                        scale,
                    },
                }
            }
            RewardProgram::Sentiment
            | RewardProgram::Topicality
            | RewardProgram::LengthBand { .. }
            | RewardProgram::Regex { .. }
            | RewardProgram::Readability => continue,
        };
        parts.push(Labelled { index: i, label, part: found });
    }
    Ok(FoundParts(parts))
}

impl FoundParts {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How much memory the models among them take, as `held` has it; those of a folder count once.
    pub fn memory(&self, held: &dyn Fn(&ModelFolder) -> Held) -> Vec<Held> {
        let folders = self.0.iter().filter_map(|Labelled { part, .. }| match part {
            Part::Model { folder: RewardFolder::Decoder(folder), .. } => Some(folder),
            Part::Judge { frozen, .. } => frozen.built_in(),
            _ => None,
        });
        let mut each: Vec<&ModelFolder> = folders.collect();
        each.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        each.dedup_by(|a, b| a.path == b.path);
        each.into_iter().map(held).collect()
    }

    /// How much memory the judges among them take that another engine computes.
    pub fn engines(&self) -> Vec<EngineFootprint> {
        let of = |found: &Labelled| match &found.part {
            Part::Judge { frozen, .. } if frozen.built_in().is_none() => Some(frozen.by_engine(None, None)),
            _ => None,
        };
        self.0.iter().filter_map(of).collect()
    }

    /// How much memory the encoders among them take; those of a folder count once.
    pub fn encoders(&self, precision: Precision) -> Vec<EncoderFootprint> {
        let mut each: Vec<&DebertaFolder> = Vec::new();
        for Labelled { part, .. } in &self.0 {
            if let Part::Model { folder: RewardFolder::Encoder(folder), .. } = part
                && each.iter().all(|known| known.path != folder.path)
            {
                each.push(folder);
            }
        }
        each.into_iter().map(|folder| folder.footprint(precision)).collect()
    }

    /// Labels of the parts that [`For::Estimate`] does not compute.
    pub fn unmeasured(&self) -> Vec<&str> {
        let is_unmeasured = |part: &Part| match part {
            Part::Service { .. } | Part::JudgeElsewhere { .. } => true,
            Part::Command { command, .. } => !command.agreed,
            Part::Model { .. } | Part::Judge { .. } => false,
        };
        self.0.iter().filter(|found| is_unmeasured(&found.part)).map(|found| found.label.as_str()).collect()
    }

    /// What is kept with a run, and compared when it goes on (`….checksum`).
    pub fn facts(&self) -> Result<Vec<Fact>> {
        let fact = |key: String, value: String| Fact { key, value };
        let mut facts = Vec::new();
        for Labelled { label, part, .. } in &self.0 {
            match part {
                Part::Model { name, folder } => {
                    facts.push(fact(format!("model.reward.{name}.checksum"), folder.checksum()?));
                    let origin = hub::origin_of(folder.path()).or_else(|| trained_on(folder.path()));
                    facts.extend(origin.map(|origin| fact(format!("model.reward.{name}.origin"), origin)));
                }
                // Its checksum is known once it is open.
                Part::Judge { name, frozen, .. } => {
                    facts.extend(hub::origin_of(frozen.path()).map(|origin| fact(format!("model.judge.{name}.origin"), origin)));
                }
                Part::Command { command, .. } => {
                    facts.push(fact(format!("reward.{label}.command"), in_words(&command.command)));
                    facts.push(fact(format!("reward.{label}.command.checksum"), content_checksum(command)));
                }
                Part::Service { settings, .. } => facts.push(fact(format!("reward.{label}.service"), settings.url.clone())),
                Part::JudgeElsewhere { name, settings, .. } => {
                    facts.push(fact(format!("reward.{label}.judge"), format!("{name} at {}", settings.url)));
                }
            }
        }
        Ok(facts)
    }

    /// Opens them: loads weights, starts commands, looks whether services are there. A model that several parts name is loaded once. With `offload`, which
    /// counts what that takes, weights are loaded to see that they can be, and again wherever they score.
    pub fn open(&self, what_for: &For<'_>, precision: Precision, offload: Option<&LoadTime>) -> Result<OpenParts> {
        let mut models: BTreeMap<&Path, Arc<dyn Scorer>> = BTreeMap::new();
        let mut judges: BTreeMap<PathBuf, Llama> = BTreeMap::new();
        let mut open = OpenParts::default();
        for Labelled { index, label, part } in &self.0 {
            let mut keep = |what: Kept| open.kept.push(KeptPart { index: *index, label: label.clone(), what });
            let scorer: Arc<dyn Scorer> = match (part, what_for) {
                (Part::Model { folder, .. }, _) => match models.get(folder.path()) {
                    Some(loaded) => loaded.clone(),
                    None => {
                        let loaded = reward_model(folder, precision, offload)?;
                        models.insert(folder.path(), loaded.clone());
                        loaded
                    }
                },
                (Part::Command { command, .. }, _) if !command.agreed => Arc::new(StandIn),
                (Part::Command { command, limits }, _) => {
                    note(&printable(&format!("command: {}, in {}", in_words(&command.command), command.folder)));
                    let scores = Arc::new(KeptScores::new(Arc::new(CommandScorer::start(command.clone(), *limits)?), usize::MAX));
                    keep(Kept::Command(scores.clone()));
                    scores
                }
                (Part::Judge { name, frozen, scale }, For::Scores { known, .. } | For::Estimate { known }) => {
                    let weights = |folder: &ModelFolder| match (known.filter(|(path, _)| *path == folder.path), offload) {
                        (Some((_, model)), _) => Ok(Weights::from(model.clone())),
                        (None, Some(spent)) => Ok(offloaded(folder, precision, spent)?.into()),
                        (None, None) => match judges.entry(folder.path.clone()) {
                            Entry::Occupied(loaded) => Ok(loaded.get().clone().into()),
                            Entry::Vacant(place) => Ok(place.insert(Llama::load(folder, &lm::best_device(), precision)?).clone().into()),
                        },
                    };
                    let model = frozen.load_judge(weights)?;
                    open.facts.push(Fact { key: format!("model.judge.{name}.checksum"), value: model.identity().into() });
                    open.facts.push(Fact { key: format!("model.judge.{name}.engine"), value: model.describe() });
                    let judge = Arc::new(judge(label, model, scale)?);
                    keep(Kept::Judge(judge.clone()));
                    judge
                }
                (Part::Service { .. } | Part::JudgeElsewhere { .. }, For::Estimate { .. }) => Arc::new(StandIn),
                (Part::Service { settings, pairs_per_request }, For::Scores { home, .. }) => {
                    let service = Arc::new(service(home, settings, *pairs_per_request).map_err(|e| of_part(label, e))?);
                    let scores = Arc::new(KeptScores::new(service.clone(), *pairs_per_request));
                    keep(Kept::Service(scores.clone(), service));
                    scores
                }
                (Part::JudgeElsewhere { name, settings, scale }, For::Scores { home, .. }) => {
                    let budget = BudgetOf::Part { index: *index, label: label.clone() };
                    let model = served::open(home, settings, budget, name).map_err(|e| of_part(label, e))?;
                    let judge = Arc::new(judge(label, Box::new(model), scale)?);
                    keep(Kept::JudgeElsewhere(judge.clone()));
                    judge
                }
            };
            open.scorers.insert(label.clone(), scorer);
        }
        Ok(open)
    }
}

fn reward_model(folder: &RewardFolder, precision: Precision, offload: Option<&LoadTime>) -> Result<Arc<dyn Scorer>> {
    match folder.clone() {
        RewardFolder::Decoder(folder) => {
            scorer(&folder.path.clone(), offload, move || RewardModel::load(&folder, &lm::best_device(), precision))
        }
        RewardFolder::Encoder(folder) => {
            scorer(&folder.path.clone(), offload, move || Deberta::load(&folder, &lm::best_device(), precision))
        }
    }
}

fn scorer<M: Scorer + 'static>(
    folder: &Path,
    offload: Option<&LoadTime>,
    load: impl Fn() -> lm::Result<M> + Send + Sync + 'static,
) -> Result<Arc<dyn Scorer>> {
    let model = load()?;
    Ok(match offload {
        None => Arc::new(model),
        Some(spent) => Arc::new(Offloaded::new(folder, spent, load)?),
    })
}

/// What a reward model that was trained here was trained on.
fn trained_on(folder: &Path) -> Option<String> {
    let record: RewardRecord = serde_json::from_slice(&std::fs::read(folder.join(RewardRecord::FILE)).ok()?).ok()?;
    Some(record.in_words())
}

/// A model that is in memory only while it computes.
pub fn offloaded(folder: &ModelFolder, precision: Precision, spent: &LoadTime) -> Result<Offloaded<Llama>> {
    let known = folder.clone();
    Ok(Offloaded::new(&folder.path, spent, move || Llama::load(&known, &lm::best_device(), precision))?)
}

fn judge<M: FrozenModel + ?Sized>(label: &str, model: Box<M>, scale: &Scale) -> Result<ScoreJudge<M>> {
    ScoreJudge::new(model, scale.clone()).map_err(|e| of_part(label, e))
}

fn service(home: &Home, settings: &Settings, pairs_per_request: usize) -> Result<Scores> {
    let secret = served::secret(settings)?;
    served::announce(home, settings, "scores of answers")?;
    let say = Box::new(|line: &str| note(&format!("network: {}", printable(line))));
    let (handle, stop) = (Handle::current(), Box::new(signals::stop_requested));
    Scores::open(ScoresOpening { settings, pairs_per_request, secret, handle, say, stop })
}

/// What goes wrong before a part scores, as it says it while scoring.
fn of_part(label: &str, error: Error) -> Error {
    Error { message: format!("The part \"{label}\" of the reward: {}", error.message), ..error }
}

/// Scores in the place of what is not to be asked.
struct StandIn;

impl Scorer for StandIn {
    fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
        Ok(vec![0.0; conversations.len()])
    }
}
