//! What the window asks the shell for, and what it gets. The same types in TypeScript stand in `ui/src/lib/ipc/types.ts`
//! (`scripts/write_types.sh`).
use crate::event::{Event, Status};
use crate::report::Report;
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

/// A model that is installed, as `alignpro models list --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Model {
    pub name: String,
    /// Null, as are `parameters`, when the folder cannot be used.
    pub architecture: Option<String>,
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
    pub checks: Vec<Check>,
    pub models: Vec<Model>,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunSummary {
    pub id: i64,
    pub name: String,
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
    /// `raw`, `untuned` or `tuned`.
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
    pub answers: Vec<SampleAnswer>,
}

/// A spec that was looked at: as a file would hold it, and all that is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SpecCheck {
    pub problems: Vec<Problem>,
    pub toml: String,
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
