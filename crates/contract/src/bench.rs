//! What a reward is worth by pairs of answers of which people chose one, and reward models that are trained on them.
use crate::data::NearPair;
use crate::feedback::{FeedbackColumns, FeedbackFilter, LeftOut};
use crate::figures::Interval;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A share, or a correlation, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct Bounded {
    pub value: f64,
    pub interval: Option<Interval>,
}

/// One reward, or one part of it, on all pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
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
    /// Of a part that a model, a command or a service computes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub repeat: Option<Repeat>,
}

/// Whether the same answers get the same scores when they are scored once more, in another order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct Repeat {
    pub answers: usize,
    /// Answers whose second score is another one.
    pub differ: usize,
    pub largest_difference: f64,
    /// Of a judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub score_mass: Option<ScoreMass>,
}

/// How much of a judge's probability, at the place of the score, falls on numbers that it may say. The rest is what it would rather have said.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct ScoreMass {
    pub mean: f64,
    pub least: f64,
}

/// A reward held against a file of pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RewardBench {
    pub pairs: usize,
    /// Different first messages of the user; pairs of one are drawn together for the intervals. 0 from a version that did not tell.
    #[serde(default)]
    pub prompts: usize,
    /// Pairs of the file, of which these were drawn; null where they are all.
    #[serde(default)]
    pub drawn_of: Option<usize>,
    /// Pairs of the file that say what an earlier one says, and were left out.
    #[serde(default)]
    pub repeated: usize,
    pub left_out: LeftOut,
    /// Pairs that are left out because the reward could not score one of their answers, with the first reason.
    pub unscored: usize,
    pub unscored_because: Option<String>,
    /// The reward, its parts in the spec's order, and the rule of length.
    pub rewards: Vec<Agreement>,
    /// Answers scored a second of wall-clock time.
    pub answers_per_second: f64,
    /// Hex SHA-256 of the file.
    pub checksum: String,
    /// Of a file that was brought from the hub: where it comes from, with its licence.
    #[serde(default)]
    pub origin: Option<String>,
}

/// Pairs to which a reward model gives a like probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Reliability {
    /// Probabilities, of the answer that is worth more.
    pub low: f64,
    pub high: f64,
    pub pairs: usize,
    /// Mean of the probabilities.
    pub predicted: f64,
    /// Share of the pairs of which people chose that answer.
    pub observed: Option<Bounded>,
}

/// A reward model that was trained on preferences, as `alignpro reward train PAIRS NAME --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RewardTrained {
    /// Path of its folder.
    pub folder: String,
    /// Name of the model that it was made from.
    pub base: String,
    /// Pairs that it was trained on, and those that were left out because a conversation is too long.
    pub pairs: usize,
    pub too_long: usize,
    /// Pairs that were left out because they begin nearly as a held-out pair does; 0 where that was not asked for.
    #[serde(default)]
    pub too_near: usize,
    pub steps: usize,
    /// Mean of −log P(chosen) over the last tenth of the steps, nats.
    pub training_loss: f64,
    /// On some held-out pairs, after each fifth of the steps.
    #[serde(default)]
    pub on_the_way: Vec<HeldOutAt>,
    pub seconds: f64,
    /// On pairs that it did not see, whose conversations begin otherwise.
    pub held_out: RewardBench,
    /// Different first messages of held-out pairs that have a near-duplicate among those that it was trained on (from [`crate::data::NEAR`] on), and the most
    /// similar such pair.
    #[serde(default)]
    pub near_in_training: usize,
    #[serde(default)]
    pub nearest: Option<NearPair>,
    /// On the held-out pairs: whether its probabilities mean what they say.
    pub calibration: Option<Calibration>,
    /// Which columns of the file were read as what, and the one that says which of two answers is the better one.
    #[serde(default)]
    pub columns: FeedbackColumns,
    #[serde(default)]
    pub better: Option<String>,
}

/// What the folder of a trained reward model says of itself, in [`RewardRecord::FILE`]: nothing of the machine, and no text of the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RewardRecord {
    /// Of the program that trained it.
    pub program_version: String,
    /// Name of the model that it was made from, and the SHA-256 of its files.
    pub base: String,
    pub base_checksum: String,
    /// Name of the file of pairs, its SHA-256, and where it comes from, with its licence, if it was brought from the hub.
    pub file: String,
    pub file_checksum: String,
    pub origin: Option<String>,
    /// Of answers with labels, which were paired: the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Which of its pairs counted.
    #[serde(default)]
    pub filter: FeedbackFilter,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near_duplicates: Option<f64>,
    /// Pairs that it was trained on.
    pub pairs: usize,
    pub steps: usize,
    pub seed: u64,
    pub epochs: usize,
    pub learning_rate: f64,
    /// None where the training was ended before they were looked at.
    pub held_out: Option<HeldOut>,
}

/// What a trained reward model makes of all pairs that were held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    pub pairs: usize,
    /// Share of them whose chosen answer is worth more, ties as half.
    pub accuracy: Option<Bounded>,
    /// Mean of −log P(chosen), nats.
    pub loss: Option<f64>,
}

impl RewardRecord {
    /// Beside its weights.
    pub const FILE: &str = "reward-training.json";

    /// In one line, as a run keeps it.
    pub fn in_words(&self) -> String {
        let Self { program_version, base, file, file_checksum, origin, label, filter, near_duplicates, pairs, seed, held_out, .. } = self;
        let label = label.as_ref().map_or_else(String::new, |label| format!(" by the label {label:?}"));
        let filter = filter.in_words().map_or_else(String::new, |filter| format!(" with {filter}"));
        let near = near_duplicates.map_or_else(String::new, |share| format!(" without near-duplicates of held-out ones (from {share} on)"));
        let from = origin.as_ref().map_or_else(String::new, |origin| format!(", {origin}"));
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let right = held_out.as_ref().and_then(|held_out| Some((held_out.pairs, held_out.accuracy?)));
        let right = right.map_or_else(String::new, |(n, accuracy)| {
            let interval = accuracy.interval.map_or_else(String::new, |i| format!(" [{}, {}]", percent(i.low), percent(i.high)));
            format!("; right of {n} held-out pairs: {}{interval}", percent(accuracy.value))
        });
        format!(
            "trained by alignpro {program_version} from {base} on {pairs} pairs{label}{filter}{near} of {file} (SHA-256 {file_checksum}{from}), seed {seed}{right}"
        )
    }
}

/// What a reward model that is being trained makes of some pairs that it does not learn from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct HeldOutAt {
    /// After so many steps.
    pub step: usize,
    pub pairs: usize,
    /// Mean of −log P(chosen), nats.
    pub loss: f64,
    /// Share of them whose chosen answer is worth more, ties as half.
    pub accuracy: f64,
}

/// Whether σ(r(chosen) − r(rejected)) means what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Calibration {
    pub bins: Vec<Reliability>,
    /// Expected calibration error.
    pub error: f64,
    /// Mean of −log P(chosen), nats; log 2 is chance.
    pub loss: f64,
}

/// What `alignpro reward bench --each --json` says on the way to a [`crate::feedback::FeedbackBench`], a line each: pairs, or answers, that are scored, of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BenchProgress {
    pub scored: usize,
    pub total: usize,
}

/// What a reward is to be held against, as the window asks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ToBenchReward {
    /// The whole path of a file of feedback.
    pub file: String,
    #[serde(default)]
    pub columns: FeedbackColumns,
    #[serde(default)]
    pub filter: FeedbackFilter,
    /// Only so many pairs or answers of the file, drawn by the seed; null for all.
    pub only: Option<usize>,
    pub seed: u64,
}

/// What a reward model is to be trained on and how, as the window asks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ToTrainReward {
    /// The whole path of a file of preferences.
    pub pairs: String,
    #[serde(default)]
    pub columns: FeedbackColumns,
    #[serde(default)]
    pub filter: FeedbackFilter,
    /// Pairs are not trained on that begin nearly as a held-out one does: with so large a share of all word triples in common, in (0, 1]; null to train on them
    /// all the same.
    pub near_duplicates: Option<f64>,
    /// What the new model is to be called.
    pub name: String,
    /// The model to begin with, as a spec names it.
    pub base: String,
    pub seed: u64,
    pub epochs: u64,
    /// Only so many pairs of the file, drawn by the seed; null for all.
    pub only: Option<usize>,
    /// Share of the pairs, between 0 and 1.
    pub held_out: f64,
    pub learning_rate: f64,
    /// Pairs with a longer conversation are left out.
    pub max_tokens: usize,
    /// As `training.checkpointing` of a spec.
    pub checkpointing: bool,
}

/// What `alignpro reward train --each --json` says on the way to a [`RewardTrained`], a line each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RewardTrainingNews {
    /// Before the first step: so many first messages of held-out pairs are near-duplicates of one that is trained on, and the share of its word triples that the
    /// nearest has.
    Near { first_messages: usize, similarity: f64 },
    /// A step of the training.
    Step {
        /// From 1 on, of `steps`.
        step: usize,
        steps: usize,
        /// Mean of −log P(chosen) over the pairs of the step, before it is taken, nats.
        loss: f64,
        /// Share of them whose chosen answer is worth more, ties as half.
        accuracy: f64,
        /// An earlier process took it, before this one went on.
        is_earlier: bool,
        /// After it, on held-out pairs; after each fifth of the steps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        held_out: Option<HeldOutAt>,
    },
    /// Held-out pairs that are scored, of all.
    Measuring { scored: usize, total: usize },
}

/// A pair of answers, of which people chose one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PairExample {
    /// What the user said last.
    pub prompt: String,
    /// Messages before that.
    pub earlier: usize,
    pub chosen: String,
    pub rejected: String,
}
