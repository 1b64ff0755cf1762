//! Experiments on several data sets and pairs of models in one figure, after Agarwal et al. (2021). Formulas:
//! `docs/algorithms/statistics.md`, "Several comparisons, several tasks".
use crate::figures::Interval;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What rewards of different zero and unit were put on one scale by, in every task the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ScaledBy {
    /// 0 is the raw prompt's mean over seeds, 1 the oracle's.
    Arms,
    /// 0 is the least of the task's scores, 1 the greatest, over all arms and seeds.
    MinMax,
}

/// One experiment: a data set, a pair of models and a reward, with its seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileTask {
    pub name: String,
    /// Its seeds that count, the failed ones included.
    pub runs: Vec<i64>,
    /// The rewards that became 0 and 1.
    pub zero: f64,
    pub one: f64,
}

/// A figure over tasks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct OverTasks {
    pub value: f64,
    /// 95 %, from runs resampled within each task; it speaks about these tasks.
    pub interval: Interval,
}

/// An arm over all tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ArmProfile {
    /// One of [`crate::arm::ALL`].
    pub arm: String,
    /// Scores of it, in all tasks together.
    pub runs: usize,
    /// Interquartile mean of its normalised scores.
    pub interquartile_mean: OverTasks,
    /// For each threshold the share of runs above it, averaged over tasks; intervals are pointwise.
    pub above: Vec<OverTasks>,
}

/// Arms over tasks; a score is a run's mean reward of an arm, normalised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Profiles {
    /// In the order in which they were asked for; empty where `withheld` says why, as are `thresholds` and `arms`.
    pub tasks: Vec<ProfileTask>,
    pub scaled_by: ScaledBy,
    /// Normalised rewards, in order.
    pub thresholds: Vec<f64>,
    /// Those that every task has.
    pub arms: Vec<ArmProfile>,
    pub withheld: Option<String>,
    /// Which seeds failed, and which tasks or arms are left out, as sentences.
    pub warnings: Vec<String>,
}
