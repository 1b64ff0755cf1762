//! What a reward is worth by preferences of people, as `alignpro reward bench SPEC PAIRS --json` prints it.
use crate::figures::Interval;
use serde::{Deserialize, Serialize};

/// A share, or a correlation, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounded {
    pub value: f64,
    pub interval: Option<Interval>,
}

/// One reward, or one part of it, on all pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// `reward`, the label of a part, or `length`, the rule that the longer answer is the better one.
    pub name: String,
    /// Pairs whose answers are worth the same.
    pub ties: usize,
    /// Share of pairs whose chosen answer is worth more, ties as half.
    pub accuracy: Option<Bounded>,
    pub where_shorter: Option<Bounded>,
    pub where_longer: Option<Bounded>,
    /// Spearman's rank correlation of what the chosen answer is worth more with how many words more it has.
    pub with_length: Option<Bounded>,
}

/// A reward held against a file of pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RewardBench {
    pub pairs: usize,
    /// Lines of the file that hold no pair: how many, and the first few with their reasons.
    pub skipped: usize,
    pub reasons: Vec<String>,
    /// Pairs that are left out because the reward could not score one of their answers, with the first reason.
    pub unscored: usize,
    pub unscored_because: Option<String>,
    /// The reward, its parts in the spec's order, and the rule of length.
    pub rewards: Vec<Agreement>,
    /// Answers scored a second of wall-clock time.
    pub answers_per_second: f64,
    /// Hex SHA-256 of the file.
    pub checksum: String,
}
