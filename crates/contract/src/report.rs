//! What a run found, as `alignpro show RUN --json` prints it.
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

/// A paired comparison of two arms over the same prompts.
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
    /// One plain sentence: which arm is better, or that they cannot be told apart.
    pub verdict: String,
    /// Guards that fired and notes about the run (such as a resume on another machine), as sentences.
    pub warnings: Vec<String>,
}
