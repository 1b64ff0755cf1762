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
    /// Equal for prompts that belong together; None where the spec says of none that they do.
    pub cluster: Option<usize>,
    pub prompt: String,
    /// The system prompt before it, where the data has one.
    pub system: Option<String>,
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

/// Who judges, in which words, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The model's name, without a folder of this machine.
    pub judge: String,
    /// The model's identity.
    pub checksum: String,
    /// Engine and model in a few words.
    pub engine: String,
    pub template: String,
    pub template_hash: String,
    pub arm: String,
    pub baseline: String,
}

impl Asked {
    /// Whether a judging of the one goes on with the other: the same question to the same model, whatever its name was then.
    pub fn is_same(&self, other: &Self) -> bool {
        let key = |a: &Self| [&a.checksum, &a.engine, &a.template_hash, &a.arm, &a.baseline].map(String::clone);
        key(self) == key(other)
    }
}

/// What was kept of one order of a pair of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The answer that stood first is better.
    First,
    Second,
    Tie,
    /// What the judge wrote does not end in a verdict.
    Unparsed,
    /// The question is longer than the judge's context, and was not asked.
    TooLong,
}

impl Verdict {
    const ALL: [Self; 5] = [Self::First, Self::Second, Self::Tie, Self::Unparsed, Self::TooLong];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
            Self::Tie => "tie",
            Self::Unparsed => "unparsed",
            Self::TooLong => "too_long",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == text)
    }
}

/// A pair of answers to one prompt, of equal number, that was judged in both orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub prompt_index: usize,
    pub answer_index: usize,
    /// Where the arm's answer stood first, and where it stood second.
    pub arm_first: Verdict,
    pub arm_second: Verdict,
    /// What the judge wrote; None where it was not asked, empty where a run was shared without its texts.
    pub arm_first_text: Option<String>,
    pub arm_second_text: Option<String>,
}

/// All that a judge said of two arms of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judging {
    pub asked: Asked,
    /// When the first and the last judgement were kept, in milliseconds since 1970 (UTC).
    pub began_at_ms: i64,
    pub ended_at_ms: i64,
    /// By prompt and answer.
    pub judgements: Vec<Judgement>,
}
