//! What a run found, as `alignpro show RUN --json` prints it.
use crate::figures::{Components, Interval, ShareOfPrompts, VarianceRatio};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// One arm on the test prompts. Variances are null where n is too small to estimate them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Arm {
    /// `raw`, `untuned` or `tuned`.
    pub name: String,
    /// Answers scored (prompts × answers per prompt).
    pub n: usize,
    pub prompts: usize,
    pub reward_mean: f64,
    /// 95 % percentile-bootstrap interval of the mean, resampling prompts.
    pub reward_ci_low: f64,
    pub reward_ci_high: f64,
    /// Sample variance over all answers (the paper's figure 3).
    pub reward_variance: Option<f64>,
    /// Unbiased variance between prompts of their expected reward; a negative estimate is shown as such.
    pub between_prompt_variance: Option<f64>,
    /// Unbiased variance of answers within a prompt.
    pub within_prompt_variance: Option<f64>,
    /// The same split with intervals, of this one seed; null in reports of versions that did not count it.
    #[serde(default)]
    pub components: Option<Components>,
    /// Mean of each part of the reward, unweighted, by its label.
    pub reward_parts: BTreeMap<String, f64>,
    /// How close rewrites stay to their prompts, in [0, 1]; null for the raw arm.
    pub rewrite_closeness: Option<f64>,
    /// Mean topicality of the answers, in [0, 1], whether or not the reward looks at it; null in reports of versions that did not count it.
    #[serde(default)]
    pub answer_topicality: Option<f64>,
    /// Mean tokens of a rewrite; null for the raw arm.
    pub rewrite_tokens: Option<f64>,
    pub answer_tokens: f64,
    /// Share of rewrites and of answers cut at the token limit.
    pub truncated_rewrites: Option<f64>,
    pub truncated_answers: f64,
}

/// A paired comparison of two arms over the same prompts. The fields after `p_value` are null in reports of versions that did not count
/// them, until `experiment::report::complete` adds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Comparison {
    pub arm: String,
    pub baseline: String,
    pub prompts: usize,
    /// Mean over prompts of (arm's mean reward − baseline's).
    pub mean_difference: f64,
    pub ci_low: f64,
    pub ci_high: f64,
    /// Two-sided sign-flip permutation test over prompts.
    pub p_value: f64,
    /// The same, adjusted after Holm for all comparisons of the report.
    #[serde(default)]
    pub p_holm: Option<f64>,
    /// Bias-corrected and accelerated bootstrap interval of `mean_difference`; null where the prompts do not differ.
    #[serde(default)]
    pub bca: Option<Interval>,
    /// d_z: mean difference / standard deviation of the prompts' differences; null where these do not differ.
    #[serde(default)]
    pub effect_size: Option<f64>,
    /// Probability of improvement: the share of prompts on which the arm is better, ties as half.
    #[serde(default)]
    pub improvement: Option<ShareOfPrompts>,
    /// Whether the arm's rewards vary less.
    #[serde(default)]
    pub variance: Option<VarianceRatio>,
}

/// A run with what it found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Report {
    pub run: i64,
    pub name: String,
    pub status: String,
    pub seed: u64,
    pub spec_hash: String,
    pub arms: Vec<Arm>,
    pub comparisons: Vec<Comparison>,
    /// Two plain sentences: which arm is better, and whose rewards vary less, or that they cannot be told apart.
    pub verdict: String,
    /// Guards that fired and notes about the run (such as a resume on another machine), as sentences.
    pub warnings: Vec<String>,
}
