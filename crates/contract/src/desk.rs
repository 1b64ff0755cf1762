//! What the window asks the shell for, and what it gets. The same types in TypeScript stand in `ui/src/lib/ipc/types.ts`
//! (`scripts/write_types.sh`).
use crate::data::Census;
use crate::event::{Event, Phase, Status};
use crate::profiles::Profiles;
use crate::report::Report;
use crate::seeds::SeedsFound;
use crate::spec::{Problem, Spec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    Good,
    /// Runs work without it.
    Missing,
    Bad,
}

/// One thing that `alignpro doctor` looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Check {
    pub name: String,
    pub health: Health,
    pub finding: String,
    /// What to do; null where all is well.
    pub fix: Option<String>,
}

impl Check {
    pub fn good(name: &str, finding: impl Into<String>) -> Self {
        Self { name: name.into(), health: Health::Good, finding: finding.into(), fix: None }
    }
    pub fn not(health: Health, name: &str, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name: name.into(), health, finding: finding.into(), fix: Some(fix.into()) }
    }
}

/// Whose folder a model lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ModelPlace {
    /// This program's own.
    Installed,
    /// The cache of Hugging Face's programs.
    HuggingFace,
    LmStudio,
    Ollama,
    /// One that a person has named.
    Folder,
}

/// A model on this machine, as `alignpro models list --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Model {
    /// As a spec names it.
    pub name: String,
    pub place: ModelPlace,
    /// Null, as are `parameters`, when the folder cannot be used.
    pub architecture: Option<String>,
    /// It scores answers and writes none.
    pub is_reward_model: bool,
    /// It can be a prompter; where it cannot, and there is no problem, it can still be frozen.
    pub is_trainable: bool,
    /// Null also for a GGUF file.
    pub parameters: Option<u64>,
    /// Of all its files.
    pub bytes: u64,
    pub path: String,
    /// Why the folder cannot be used.
    pub problem: Option<String>,
}

/// The machine and what is on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Overview {
    pub version: String,
    /// Path of the run database.
    pub database: String,
    /// Folders: where models are installed, and what workers said.
    pub models_folder: String,
    pub logs_folder: String,
    /// Every connection that this program has made to another machine, newest first.
    pub connections: Vec<Connection>,
    pub checks: Vec<Check>,
    pub models: Vec<Model>,
    pub model_folders: ModelFolders,
}

/// Folders in which models are looked for, beside the one in which they are installed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct ModelFolders {
    /// Those of other programs, and those that were named; as far as they are there.
    pub searched: Vec<String>,
    /// Those that a person has named, whether they are there or not.
    pub named: Vec<String>,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunSummary {
    /// Negative for a run of an opened file, and then good for as long as the file is open.
    pub id: i64,
    /// Path of the opened file that it is in; null for a run of one's own. A run of a file can be looked at and exported, not changed.
    pub file: Option<String>,
    pub name: String,
    /// In order; none twice.
    pub tags: Vec<String>,
    pub notes: String,
    /// Out of the way, but kept.
    pub archived: bool,
    /// When it was deleted; it can be brought back until it is removed for good.
    pub deleted_at_ms: Option<i64>,
    /// False for a run that was shared without its prompts, rewrites and answers.
    pub has_texts: bool,
    /// Whether its trained prompter is in the database, to be tried and exported.
    pub has_prompter: bool,
    pub status: Status,
    /// Why it failed or stopped.
    pub message: Option<String>,
    pub seed: u64,
    /// Equal for runs that differ in nothing but their seed and name: the seeds of one experiment.
    pub experiment: String,
    pub data: String,
    pub prompter: String,
    pub frozen: String,
    /// Milliseconds since 1970 (UTC), here and below.
    pub created_at_ms: i64,
    pub started_at_ms: Option<i64>,
    pub finished_at_ms: Option<i64>,
    pub iterations_done: usize,
    pub iterations: usize,
    /// Mean reward of each training iteration; null where it was not finite.
    pub reward_curve: Vec<Option<f64>>,
    /// What it found, once there is a report.
    pub report: Option<Report>,
}

/// A fact that is kept with a run: `machine.cpu`, `model.prompter.checksum` …
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RunFact {
    pub key: String,
    pub value: String,
}

/// A run with what does not change while it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunDetail {
    pub summary: RunSummary,
    /// Of the program that made it.
    pub program_version: String,
    /// With the whole path of a data file.
    pub spec: Spec,
    /// The spec as a file would hold it, every default written out.
    pub spec_toml: String,
    pub facts: Vec<RunFact>,
}

/// An event with its place in the order of all events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunEvent {
    pub sequence: i64,
    pub at_ms: i64,
    pub event: Event,
}

/// The numbers of one training iteration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct IterationNews {
    pub iteration: usize,
    pub seconds: f64,
    /// docs/algorithms/ explains each name.
    pub metrics: BTreeMap<String, Option<f64>>,
}

/// What has happened in a run since a sequence number. A first look, a reload and a second window all begin at 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunNews {
    pub status: Status,
    pub message: Option<String>,
    /// What to ask after next time.
    pub sequence: i64,
    pub events: Vec<RunEvent>,
    /// Iterations that these events speak of. One that was computed again after a resume replaces the one before.
    pub iterations: Vec<IterationNews>,
}

/// A rewrite in training, with its answer and what it was worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EpisodeRow {
    pub iteration: usize,
    pub index: usize,
    pub prompt_index: usize,
    pub prompt: String,
    pub rewrite: String,
    pub answer: String,
    /// Null where it was not finite, here and below.
    pub reward: Option<f64>,
    pub reward_parts: BTreeMap<String, Option<f64>>,
    /// Nats: log ρ − log ρ_sft of the whole rewrite.
    pub kl: Option<f64>,
    pub advantage: Option<f64>,
    pub closeness: Option<f64>,
    pub rewrite_tokens: usize,
    pub answer_tokens: usize,
    pub rewrite_truncated: bool,
    pub answer_truncated: bool,
}

/// An answer of an arm to a test prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SampleAnswer {
    /// One of [`crate::arm::ALL`].
    pub arm: String,
    /// 0..S; answers of equal number share their decoding seed across arms.
    pub answer_index: usize,
    /// Null in the raw arm.
    pub rewrite: Option<String>,
    pub answer: String,
    pub reward: Option<f64>,
    pub reward_parts: BTreeMap<String, Option<f64>>,
    pub kl: Option<f64>,
    pub closeness: Option<f64>,
    pub rewrite_truncated: Option<bool>,
    pub answer_truncated: bool,
}

/// A test prompt with what all arms made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Sample {
    pub prompt_index: usize,
    pub prompt: String,
    /// The system prompt before it; null where there is none.
    pub system: Option<String>,
    pub answers: Vec<SampleAnswer>,
}

/// What a report is written from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ReportSource {
    /// Of the program that writes it.
    pub program_version: String,
    pub runs: Vec<ReportedRun>,
    /// Of each experiment that has several runs here.
    pub seeds: Vec<SeedsFound>,
    /// Of several experiments.
    pub profiles: Option<Profiles>,
}

/// A run as a report needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ReportedRun {
    pub detail: RunDetail,
    pub news: RunNews,
    /// Rewards of all answers, where it is reported alone; prompts, rewrites and answers are empty.
    pub samples: Vec<Sample>,
}

/// A spec that was looked at: as a file would hold it, and all that is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SpecCheck {
    pub problems: Vec<Problem>,
    pub toml: String,
}

/// Columns of a data file that a spec may name, in the file's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DataColumns {
    /// That can hold prompts.
    pub prompts: Vec<String>,
    /// That can say which prompts belong together.
    pub clusters: Vec<String>,
}

/// How many clusters of prompts each split has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ClusterCounts {
    pub train: usize,
    pub validation: usize,
    pub test: usize,
    /// Prompts that no split may have: the rest of clusters of which a split took a part.
    pub unused: usize,
}

/// Prompts of a data source, split as the spec says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DataPreview {
    pub train: usize,
    pub validation: usize,
    pub test: usize,
    /// The first prompts of the training split, whole.
    pub examples: Vec<String>,
    /// Words of the median and of the longest prompt.
    pub median_words: usize,
    pub longest_words: usize,
    /// Null where the spec names no column for clusters.
    pub clusters: Option<ClusterCounts>,
    /// What was left out, and what the splits have in common.
    pub census: Census,
}

/// What an answer is worth under a reward.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ScoreRow {
    pub total: f64,
    /// Unweighted parts by their labels.
    pub parts: BTreeMap<String, f64>,
}

/// What came of one prompt, as `alignpro try RUN "a prompt" --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Tried {
    pub run: i64,
    /// Iterations that the tuned prompter was trained for.
    pub iteration: usize,
    pub prompt: String,
    pub arms: Vec<TriedArm>,
}

/// What `alignpro try --each --json` says on the way to a [`Tried`], a line each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TryNews {
    /// What an arm has written so far. `rewrite` is null in the raw arm, `answer` while the rewrite is being written.
    Growing { name: String, rewrite: Option<String>, answer: Option<String> },
    /// An arm is done.
    Done(TriedArm),
}

/// What one arm made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TriedArm {
    pub name: String,
    /// Null in the raw arm.
    pub rewrite: Option<String>,
    pub rewrite_closeness: Option<f64>,
    pub rewrite_truncated: Option<bool>,
    pub answer: String,
    pub answer_truncated: bool,
    pub reward: f64,
    pub reward_parts: BTreeMap<String, f64>,
}

/// What a person changes about a run that is there: null leaves a thing as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct RunChange {
    /// Not empty.
    pub name: Option<String>,
    pub notes: Option<String>,
    /// All of them.
    pub tags: Option<Vec<String>>,
    pub archived: Option<bool>,
    pub deleted: Option<bool>,
}

/// What goes with the numbers into a file that is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Share {
    /// Prompts, rewrites and answers.
    pub texts: bool,
    /// The trained prompters, with which a colleague can try prompts of his own.
    pub prompters: bool,
}

/// A run database that is open beside one's own, only to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OpenFile {
    /// Its whole path.
    pub path: String,
    pub name: String,
    /// The shipped example.
    pub is_example: bool,
    /// Its runs, newest first, as [`RunSummary::id`].
    pub runs: Vec<i64>,
}

/// What came of a file that was dropped on the window or opened from the desktop: one of the two is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Opened {
    pub file: Option<OpenFile>,
    pub error: Option<crate::Error>,
}

/// What merging a file into one's own database did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Merged {
    /// New runs, by their new numbers.
    pub added: Vec<i64>,
    /// How many runs were here already and were left as they are.
    pub known: usize,
}

/// What a phase of a run will take on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PhaseEstimate {
    pub phase: Phase,
    /// Null where nothing is known to measure by.
    pub seconds: Option<f64>,
}

/// A step of an iteration as far as its memory goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FitStep {
    Load,
    /// The prompter draws rewrites.
    Rollout,
    /// The frozen model answers.
    Answers,
    /// Reward models and judges of this machine score.
    Reward,
    /// Reference log-probabilities, forward and backward pass, optimiser.
    Update,
    /// The same of the oracle.
    Oracle,
}

/// Most that a step holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FitPhase {
    pub step: FitStep,
    /// Everything that is held then: weights of all models, adapter, and what the step computes.
    pub peak_bytes: u64,
}

/// Whether a run fits into memory, computed from the models' files and the longest prompts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Fit {
    /// "memory", or the name of a GPU.
    pub place: String,
    pub phases: Vec<FitPhase>,
    pub peak_bytes: u64,
    /// What is free there now.
    pub free_bytes: u64,
    pub fits: bool,
    /// Keys of the spec with values that need less, together, as `training.rewrites_per_pass = 4`: first those that leave the experiment as it is. None
    /// where it fits as it is.
    pub changes: Vec<String>,
    /// What is needed with the changes.
    pub changed_peak_bytes: Option<u64>,
    pub changed_fits: bool,
}

/// What a run will take on this machine, as `alignpro estimate SPEC --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Estimate {
    pub phases: Vec<PhaseEstimate>,
    /// Null where a phase has none.
    pub seconds: Option<f64>,
    /// How much longer a run takes with twice the test prompts; null where nothing was measured.
    pub twice_prompts_seconds: Option<f64>,
    /// The same with twice the answers to each prompt.
    pub twice_answers_seconds: Option<f64>,
    pub memory: Fit,
    /// Where the times come from, in a sentence.
    pub basis: String,
    /// Of the longest prompt with all that goes around it, and what the prompter's and the frozen model's contexts hold.
    pub longest_prompter_tokens: usize,
    pub longest_frozen_tokens: usize,
    pub prompter_context: usize,
    /// Null for a model behind an endpoint, which is not asked.
    pub frozen_context: Option<usize>,
    /// What a frozen model behind an endpoint will be asked; null for one on this machine.
    pub endpoint: Option<EndpointEstimate>,
}

/// What a run will ask of an endpoint, at most: an answer that is there already is not asked for again, and most end before their limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EndpointEstimate {
    pub url: String,
    pub model: String,
    pub requests: u64,
    /// Estimated from the texts.
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// Null without prices.
    pub money: Option<f64>,
}

/// A connection to another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Connection {
    /// Milliseconds since 1970 (UTC).
    pub at_ms: i64,
    /// What was asked of whom.
    pub what: String,
}

/// What a person has set for all runs to come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Settings {
    /// Threads that a worker computes with; null for all that the processor has. Results are equal bit for bit only for equal numbers of them.
    pub threads: Option<usize>,
    /// Folders in which models are looked for beside this program's own and those of other programs; whole paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub model_folders: Vec<String>,
}

/// What a run's worker takes of the machine at this moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Load {
    /// 100 is one core wholly busy.
    pub cpu_percent: f64,
    pub cores: usize,
    /// Resident memory of the worker.
    pub memory_bytes: u64,
    pub memory_total_bytes: u64,
    /// Null where no graphics card is found.
    pub gpu: Option<GpuLoad>,
}

/// All of one graphics card, whoever uses it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GpuLoad {
    pub name: String,
    pub percent: f64,
    pub memory_bytes: u64,
    pub memory_total_bytes: u64,
}
