//! What several seeds of one experiment say together, and several experiments, as `alignpro analyse RUN... --json` prints it.
use crate::event::Status;
use crate::figures::{Components, Interval};
use crate::profiles::Profiles;
use crate::report::GapClosed;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How a run counts among the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Counted {
    /// By its rewards.
    Measured,
    /// It failed or diverged: it counts at the baseline's value, that is as no difference.
    Failed,
    /// It has not finished and can still do so: it is left out.
    Unfinished,
}

/// A run among the seeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SeedRun {
    pub run: i64,
    pub seed: u64,
    pub status: Status,
    pub counted: Counted,
    /// Why it failed or stopped.
    pub message: Option<String>,
}

/// A mean over seeds, in units of reward.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MeanOverSeeds {
    /// Seeds in the mean, the failed ones included.
    pub seeds: usize,
    /// Of these, seeds that count at the baseline's value.
    pub failed: usize,
    /// Each seed counts the same.
    pub mean: f64,
    /// Bootstrap over seeds and prompts, or clusters of them, crossed; with one seed over these alone, and then about this one prompter.
    pub bootstrap: Option<Interval>,
    /// Student's t with seeds and prompts both random; the one to report below ten seeds. Null with one seed.
    pub student: Option<Interval>,
    /// Standard deviation of the seeds' means; null with one seed.
    pub deviation: Option<f64>,
    /// Of the seeds that did not fail.
    pub components: Components,
}

/// An arm over all seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ArmOverSeeds {
    /// One of [`crate::arm::ALL`].
    pub arm: String,
    pub reward: MeanOverSeeds,
}

/// A paired comparison over all seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ComparisonOverSeeds {
    pub arm: String,
    pub baseline: String,
    pub difference: MeanOverSeeds,
    /// Two-sided, of the t test with seeds and prompts both random; null with one seed.
    #[serde(default)]
    pub p_value: Option<f64>,
    /// Adjusted by Holm over the comparisons here that have one.
    #[serde(default)]
    pub p_holm: Option<f64>,
    /// Null where the differences do not vary, or there is one prompt.
    pub power: Option<Power>,
}

/// How small a true difference an experiment finds with a probability of 80 %, two-sided at the 5 % level, in units of reward.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct Power {
    /// With as many seeds, prompts and answers as here.
    pub smallest: f64,
    /// With twice the test prompts, in twice the clusters where they are in some, all else the same; here and below.
    pub twice_prompts: Option<f64>,
    /// With twice the answers to each prompt, each to a rewrite of its own; null where prompts are in clusters, whose answers are counted together.
    pub twice_answers: Option<f64>,
    /// Null with one seed, where two would ask another question: whether training is better, not this prompter.
    pub twice_seeds: Option<f64>,
}

/// What the seeds of one experiment found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SeedsReport {
    pub name: String,
    /// Equal for runs that differ in nothing but their seed and name.
    pub experiment: String,
    /// By their seed.
    pub runs: Vec<SeedRun>,
    /// Test prompts, the same for all seeds.
    pub prompts: usize,
    /// Clusters of them, which are the unit of all intervals; null where the prompts do not belong together.
    #[serde(default)]
    pub clusters: Option<usize>,
    /// Answers of an arm to one prompt.
    pub answers: usize,
    pub arms: Vec<ArmOverSeeds>,
    pub comparisons: Vec<ComparisonOverSeeds>,
    /// How much of the oracle's gain over each baseline the tuned prompter gets, over seeds and prompts; empty without an oracle.
    #[serde(default)]
    pub gaps: Vec<GapClosed>,
    /// One plain sentence, and what to know of it.
    pub verdict: String,
    /// Which seeds failed or are left out, as sentences.
    pub warnings: Vec<String>,
}

/// What the seeds of one experiment say together, or why they say nothing: one of the two is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SeedsFound {
    pub runs: Vec<i64>,
    pub report: Option<SeedsReport>,
    pub failure: Option<String>,
}

/// What runs say that are seeds of one experiment or of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// In the order in which they were asked for.
    pub experiments: Vec<SeedsFound>,
    /// Of every experiment after the first, the first key in which it differs from that one, as a sentence.
    pub differences: Vec<String>,
    /// What the tuned prompter gained in each of several experiments, adjusted for all of them.
    pub gains: Vec<GainAcross>,
    /// Of several experiments.
    pub profiles: Option<Profiles>,
}

/// A comparison of one experiment among those of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GainAcross {
    /// Its place in [`Analysis::experiments`].
    pub experiment: usize,
    pub baseline: String,
    pub p_value: Option<f64>,
    /// Adjusted after Holm for all gains here that have a p.
    pub p_holm: Option<f64>,
}
