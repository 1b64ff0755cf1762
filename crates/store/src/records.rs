//! The rows, as the rest of the program sees them.
use contract::Spec;
use contract::event::{Event, Status};
use std::collections::BTreeMap;

/// A run to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    pub spec: Spec,
    /// Hex SHA-256 of the spec's canonical JSON.
    pub spec_hash: String,
    /// Version of this program.
    pub program_version: String,
    /// What is known of models, data and machine before anything is computed ([`crate::Store::set_facts`] adds to them).
    pub facts: Vec<Fact>,
}

/// A run as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub id: i64,
    pub name: String,
    pub status: Status,
    /// Why it failed or stopped.
    pub message: Option<String>,
    pub spec: Spec,
    pub spec_hash: String,
    pub program_version: String,
    /// Milliseconds since 1970 (UTC).
    pub created_at_ms: i64,
    /// When a worker first took it.
    pub started_at_ms: Option<i64>,
    /// When it finished, stopped, failed or was found interrupted; none while it is created or running.
    pub finished_at_ms: Option<i64>,
    /// The same in every database that the run is copied to.
    pub uid: String,
    /// In order.
    pub tags: Vec<String>,
    pub notes: String,
    pub archived: bool,
    pub deleted_at_ms: Option<i64>,
    /// Whether the prompter's trained adapter is there ([`crate::Store::adapter`]).
    pub has_adapter: bool,
    /// Prompts, rewrites and answers were left out when it was shared.
    pub without_texts: bool,
    /// The newest iteration of the prompter's training in the store (after a resume, later ones than the checkpoint's are there until they
    /// are replaced).
    pub iterations_done: usize,
}

/// A named fact of a run: `model.prompter.checksum`, `data.test.checksum`, `machine.cpu` …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub key: String,
    pub value: String,
}

/// An event with its place in the order of all events of the database.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    pub sequence: i64,
    pub run: i64,
    /// Milliseconds since 1970 (UTC).
    pub at_ms: i64,
    pub event: Event,
}

/// One iteration of an arm's training. Metric names are explained in docs/algorithms/.
#[derive(Debug, Clone, PartialEq)]
pub struct Iteration {
    /// From 1.
    pub iteration: usize,
    /// Named numbers; one that is not finite is stored as NULL and read back as None.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Milliseconds since 1970 (UTC).
    pub started_at_ms: i64,
    pub seconds: f64,
}

/// One answer in training (to a rewrite, where the arm has one) and what it was worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    pub iteration: usize,
    /// Position in the iteration's batch.
    pub index: usize,
    /// Number of the prompt in its split.
    pub prompt_index: usize,
    pub prompt: String,
    pub rewrite: String,
    pub answer: String,
    /// This and the numbers below: one that is not finite is stored as NULL and read back as NaN.
    pub reward: f64,
    pub reward_parts: BTreeMap<String, f64>,
    /// Σ over the rewrite's tokens of log ρ − log ρ_sft.
    pub kl: f64,
    pub advantage: f64,
    /// How close the rewrite stays to its prompt, in [0, 1].
    pub closeness: f64,
    pub rewrite_tokens: usize,
    pub answer_tokens: usize,
    pub rewrite_truncated: bool,
    pub answer_truncated: bool,
    pub rewrite_seed: u64,
    pub answer_seed: u64,
}

/// What `resume` needs, besides the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Iterations that are done.
    pub iteration: usize,
    /// `Adapter::to_bytes`; empty where an arm has none.
    pub adapter: Vec<u8>,
    /// `AdamW::to_bytes`; empty where an arm has none.
    pub optimiser: Vec<u8>,
    /// The iteration and adapter that are to be tested, where they are not the newest.
    pub best: Option<(usize, Vec<u8>)>,
    /// Anything else, as JSON (guards' memory, a search's candidates); text that is not JSON is refused.
    pub state: String,
}

/// Which held-out prompts an evaluation is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    Validation,
    Test,
}

impl Split {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Validation, Self::Test].into_iter().find(|s| s.as_str() == text)
    }
}

/// One answer of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationAnswer {
    pub split: Split,
    /// Iterations trained when it was made (0 for raw and untuned).
    pub iteration: usize,
    pub arm: String,
    pub prompt_index: usize,
    /// 0..S.
    pub answer_index: usize,
    pub prompt: String,
    /// None in the raw arm.
    pub rewrite: Option<String>,
    pub answer: String,
    pub reward: f64,
    pub reward_parts: BTreeMap<String, f64>,
    pub kl: Option<f64>,
    pub closeness: Option<f64>,
    pub rewrite_tokens: Option<usize>,
    pub answer_tokens: usize,
    pub rewrite_truncated: Option<bool>,
    pub answer_truncated: bool,
    pub rewrite_seed: Option<u64>,
    pub answer_seed: u64,
}
