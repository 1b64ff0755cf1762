//! Several comparisons at once: adjusted p values, and scores of many tasks in one figure.
use crate::resampling::{Interval, RESAMPLES, finite_mean, index, percentiles, sorted, sorted_lists, stream};
use rand_chacha::ChaCha8Rng;

/// Holm's step-down adjustment (1979) of the p values of a family of tests, in the order given: reject those at most α, and the chance
/// of any false rejection is at most α, however the tests depend on each other. The i-th smallest of m becomes (m − i + 1)·p, at least
/// its predecessor's and at most 1.
///
/// None if a value is not in 0..=1. No value gives no value.
pub fn holm(p_values: &[f64]) -> Option<Vec<f64>> {
    if !p_values.iter().all(|p| (0.0..=1.0).contains(p)) {
        return None;
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut least: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        least = least.max(p_values[i] * (p_values.len() - rank) as f64).min(1.0);
        adjusted[i] = least;
    }
    Some(adjusted)
}

/// What counts as 0 and as 1 on one task, so that tasks with rewards of different zero and unit can be put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    zero: f64,
    width: f64,
}

impl Scale {
    /// `baseline` becomes 0 and `oracle` 1. None where they are equal or not finite. An oracle below the baseline turns the scale round.
    pub fn between(baseline: f64, oracle: f64) -> Option<Self> {
        let width = oracle - baseline;
        (width.is_finite() && width != 0.0).then_some(Self { zero: baseline, width })
    }

    /// The least of the task's rewards becomes 0, the greatest 1. None where they do not differ, or one is not finite.
    pub fn min_max(rewards: &[f64]) -> Option<Self> {
        let rewards = sorted(rewards);
        Self::between(*rewards.first()?, *rewards.last()?).filter(|_| rewards.iter().all(|r| r.is_finite()))
    }

    /// (reward − zero) / (one − zero); not cut at 0 or 1.
    pub fn apply(&self, reward: f64) -> f64 {
        (reward - self.zero) / self.width
    }
}

/// A figure over tasks with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverTasks {
    pub value: f64,
    /// 95 % percentile interval of the stratified bootstrap: runs are resampled within each task, tasks are kept. None where no task has
    /// two runs, or without resamples.
    pub interval: Option<Interval>,
}

/// Interquartile mean of `scores[task][run]`, normalised (see [`Scale`]): the mean of the middle half of all runs of all tasks (Agarwal
/// et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice"). Like the median it does not follow outliers, and
/// it has a narrower interval. A quarter of the n scores, rounded down, is cut from each end, as in SciPy's `trim_mean(0.25)`.
///
/// None without a score, with a task that has none, or with one that is not finite.
pub fn interquartile_mean(scores: &[Vec<f64>], resamples: usize, seed: u64) -> Option<OverTasks> {
    let tasks = ordered(scores)?;
    let middle_half = |tasks: &[Vec<f64>]| {
        let all = sorted(&tasks.concat());
        let middle = &all[all.len() / 4..all.len() - all.len() / 4];
        middle.iter().sum::<f64>() / middle.len() as f64
    };
    let value = Some(middle_half(&tasks)).filter(|v| v.is_finite())?;
    let replicates: Vec<f64> = stratified(&tasks, resamples, seed).map(|drawn| middle_half(&drawn)).collect();
    Some(OverTasks { value, interval: percentiles(&replicates, 0.99) })
}

/// Performance profile of `scores[task][run]`: for each threshold, the share of runs that score above it, averaged over tasks (Agarwal et
/// al. 2021, equation 2), with pointwise intervals. The profile of an arm that lies above another's everywhere is better at every level.
///
/// None as for [`interquartile_mean`]. Nothing is above a threshold that is not a number.
pub fn performance_profile(scores: &[Vec<f64>], thresholds: &[f64], resamples: usize, seed: u64) -> Option<Vec<OverTasks>> {
    let tasks = ordered(scores)?;
    let above = |tasks: &[Vec<f64>], threshold: f64| {
        let share = |runs: &Vec<f64>| runs.iter().filter(|r| **r > threshold).count() as f64 / runs.len() as f64;
        tasks.iter().map(share).sum::<f64>() / tasks.len() as f64
    };
    let mut replicates = vec![Vec::new(); thresholds.len()];
    for drawn in stratified(&tasks, resamples, seed) {
        for (values, threshold) in replicates.iter_mut().zip(thresholds) {
            values.push(above(&drawn, *threshold));
        }
    }
    let point =
        |(threshold, values): (&f64, &Vec<f64>)| OverTasks { value: above(&tasks, *threshold), interval: percentiles(values, 0.99) };
    Some(thresholds.iter().zip(&replicates).map(point).collect())
}

/// Runs sorted within tasks, and tasks by their runs.
fn ordered(scores: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    if scores.is_empty() || scores.iter().any(|runs| finite_mean(runs).is_none()) {
        return None;
    }
    Some(sorted_lists(scores))
}

/// Each task with as many of its runs drawn with replacement; nothing where no task has two.
fn stratified(tasks: &[Vec<f64>], resamples: usize, seed: u64) -> impl Iterator<Item = Vec<Vec<f64>>> {
    let mut random = stream(seed, RESAMPLES);
    let times = if tasks.iter().any(|runs| runs.len() > 1) { resamples } else { 0 };
    let draw = |runs: &Vec<f64>, random: &mut ChaCha8Rng| (0..runs.len()).map(|_| runs[index(random, runs.len())]).collect();
    (0..times).map(move |_| tasks.iter().map(|runs| draw(runs, &mut random)).collect())
}
