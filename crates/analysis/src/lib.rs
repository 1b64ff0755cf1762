//! Statistics of an experiment, as pure functions.
//!
//! Rewards come as one slice of answers for each prompt: `rewards[prompt][answer]`.

/// Moments of an arm. Variances are None where they cannot be estimated.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    pub n: usize,
    pub prompts: usize,
    pub mean: f64,
    pub variance: Option<f64>,
    pub between_prompt_variance: Option<f64>,
    pub within_prompt_variance: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// A paired comparison over prompts.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    pub prompts: usize,
    pub mean_difference: f64,
    pub interval: Interval,
    pub p_value: f64,
}

/// Mean, sample variance, and the variance split of a one-way random-effects analysis of variance (unbiased, also for unequal numbers
/// of answers): E[MSW] = σ²_within, E[MSB] = σ²_within + n₀·σ²_between. The between part may come out negative and is kept so.
pub fn moments(rewards: &[Vec<f64>]) -> Moments {
    todo!("{rewards:?}")
}
/// 95 % percentile-bootstrap interval of the mean of `values`.
pub fn bootstrap_mean(values: &[f64], resamples: usize, seed: u64) -> Interval {
    todo!("{values:?} {resamples} {seed}")
}
/// `arm[i]` and `baseline[i]` are the mean rewards of prompt i: mean difference, bootstrap interval, two-sided sign-flip
/// permutation p (exact where 2^n ≤ permutations, otherwise sampled with the +1 correction).
pub fn paired(arm: &[f64], baseline: &[f64], resamples: usize, permutations: usize, seed: u64) -> Paired {
    todo!("{arm:?} {baseline:?} {resamples} {permutations} {seed}")
}
