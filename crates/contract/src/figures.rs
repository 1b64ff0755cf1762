//! Statistical figures as reports hold them. Formulas: `docs/algorithms/statistics.md`.
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// A share, in [0, 1]; of prompts where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct ShareOfPrompts {
    pub share: f64,
    /// Resampling prompts, or clusters of them; null where nothing says how precise the share is.
    pub interval: Option<Interval>,
}

/// The variances of two arms' rewards over all answers, compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct VarianceRatio {
    /// Variance of the arm / variance of the baseline; below 1 where the arm's rewards vary less. Null where a variance is 0.
    pub ratio: Option<f64>,
    /// Percentile bootstrap of the log ratio over prompts, or clusters of them, the same drawn for both arms; null where too few prompts differ.
    pub interval: Option<Interval>,
    /// Test of Brown and Forsythe on the first answers to each prompt. It takes the arms as independent, and is cautious as they are not. It takes
    /// prompts as independent too, and is null where they are in clusters.
    pub p_value: Option<f64>,
}

/// A variance component, in units of reward squared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct Component {
    /// Unbiased, hence negative now and then where the true value is near 0.
    pub variance: f64,
    /// Percentile bootstrap over seeds and prompts; null where there are fewer than three of what it varies over, and where prompts are in
    /// clusters.
    pub interval: Option<Interval>,
}

/// Where the variance of rewards, or of paired differences, comes from. A component that the design cannot tell apart is null and part of
/// the next coarser one: where every rewrite has one answer, `rewrite` holds the answers' variance too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Components {
    /// Between training seeds, the same for all prompts.
    pub seed: Option<Component>,
    /// Between prompts, the same for all seeds.
    pub prompt: Option<Component>,
    /// Seed × prompt: what a seed does to one prompt but not to others.
    pub interaction: Option<Component>,
    /// Between rewrites of one prompt by one prompter.
    pub rewrite: Option<Component>,
    /// Between answers to one rewrite.
    pub answer: Option<Component>,
}
