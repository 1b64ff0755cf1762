//! What a judge said of two arms' answers (docs/algorithms/judge.md).
use crate::figures::ShareOfPrompts;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The verdicts of one judge on the test answers of two arms, from stored rows. Every pair of answers was shown in both orders; shares are
/// of verdicts or pairs, their 95 % intervals resample prompts, or clusters of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Judged {
    /// The judge's name where it was asked.
    pub judge: String,
    /// Identity of the judge: a checksum of the model's files.
    pub checksum: String,
    /// Engine and model in a few words.
    pub engine: String,
    /// What the judge was asked, with `{prompt}`, `{first}` and `{second}` where the texts stood.
    pub template: String,
    /// The beginning of the template's SHA-256, in hex.
    pub template_hash: String,
    pub arm: String,
    pub baseline: String,
    /// Pairs of answers with a verdict in both orders: n of all shares.
    pub pairs: usize,
    pub prompts: usize,
    /// Clusters of prompts, which are resampled; null where the prompts do not belong together.
    #[serde(default)]
    pub clusters: Option<usize>,
    /// Pairs that both arms have answers for, judged or not.
    pub available: usize,
    /// Pairs left out because a verdict could not be read.
    pub unparsed: usize,
    /// Pairs left out because the question is longer than the judge's context.
    pub too_long: usize,
    /// Share of verdicts for the arm, ties as half; 0.5 is no difference. Null without pairs, as are the other shares.
    pub win_rate: Option<ShareOfPrompts>,
    /// Share of verdicts that are no ties which went to the answer that stood first; 0.5 is no bias. Null where all are ties.
    pub first_position: Option<ShareOfPrompts>,
    /// Share of pairs with the same verdict in both orders.
    pub agreement: Option<ShareOfPrompts>,
    /// Share of verdicts that are no ties, on answers of different length, which went to the longer one; null where there are none. The longer one may
    /// be the better one: a share beyond the win rate says that length counts.
    #[serde(default)]
    pub longer: Option<ShareOfPrompts>,
    /// Share of the pairs in which the arm's answer is the longer one, of those of different length; null where there are none.
    #[serde(default)]
    pub arm_is_longer: Option<f64>,
    /// When the first and the last verdict were kept, in milliseconds since 1970 (UTC).
    pub began_at_ms: i64,
    pub ended_at_ms: i64,
    /// Why the judge or its figures are to be doubted, as sentences.
    pub warnings: Vec<String>,
}

/// What `alignpro judge --each --json` says on the way to a [`Judged`], a line each: pairs that are done, of those that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct JudgeProgress {
    pub done: usize,
    pub total: usize,
}

/// What is to be judged: with which installed model, which arm against which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ToJudge {
    pub judge: String,
    pub arm: String,
    pub baseline: String,
    /// So many pairs, one of each prompt before a second of any; null for all that there are.
    pub pairs: Option<usize>,
}
