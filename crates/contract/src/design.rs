//! What an experiment could find, before it is run. Formulas: `docs/algorithms/statistics.md`, "Power".
use crate::seeds::Power;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a difference of this size would be a difference of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Question {
    /// Is the one prompter that a seed trains better?
    Prompter,
    /// Is training better, over seeds?
    Training,
}

/// Finished runs from which it is told how much differences vary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Learned {
    /// Seeds of one experiment, by their seed.
    pub runs: Vec<i64>,
    /// Of the experiment.
    pub name: String,
    /// Whether their prompts are from the same source.
    pub same_data: bool,
    /// Whether they were trained on the same reward, so that differences have the same unit.
    pub same_reward: bool,
}

/// A spread that nobody measured here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct Assumed {
    /// Standard deviation over prompts of the paired difference, in units of reward.
    pub deviation: f64,
    /// The shipped experiment's, as nobody gave another.
    pub is_usual: bool,
}

/// The smallest difference that is found with so many test prompts (and clusters in proportion), all else as planned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct AtPrompts {
    pub prompts: usize,
    pub smallest: f64,
}

/// What is found of one pair of arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PairPower {
    pub arm: String,
    pub baseline: String,
    /// Null where it cannot be told, as with fewer than two prompts or where differences did not vary.
    pub power: Option<Power>,
    /// By their number; the planned one is among them. Empty where `power` is null.
    pub by_prompts: Vec<AtPrompts>,
}

/// How small a true difference a design finds with a probability of 80 %, two-sided at the 5 % level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DesignPower {
    pub question: Question,
    pub seeds: usize,
    /// Test prompts.
    pub prompts: usize,
    /// Clusters of them, which are what is counted; null where the prompts do not belong together.
    pub clusters: Option<usize>,
    /// Answers of an arm to one prompt.
    pub answers: usize,
    /// One of this and `assumed` is null.
    pub learned: Option<Learned>,
    pub assumed: Option<Assumed>,
    /// The tuned prompter against each baseline that the design has.
    pub pairs: Vec<PairPower>,
    /// In one sentence.
    pub finding: String,
    /// What to know of it, as sentences.
    pub notes: Vec<String>,
}
