//! ρ\* from samples of ρ_sft, without training: re-weight K rewrites by exp(R̂/λ).
use super::finite::{Tilted, dot, finite, tilt};
use crate::resampling::{finite_mean, sorted};
use crate::{Interval, bootstrap_mean_in_clusters};

/// The resampled optimum of one prompt, from K rewrites drawn from ρ_sft with answers to each.
#[derive(Debug, Clone, PartialEq)]
pub struct ResampledOptimum {
    /// R̂, the mean reward of the answers to each rewrite.
    pub rewards: Vec<f64>,
    /// Weights w ∝ exp(R̂/λ), which sum to 1; at λ = 0 equal over the best rewrites.
    pub weights: Vec<f64>,
    /// Kish's effective number of rewrites, 1 / Σ w², from 1 to K. Below about ten the estimates rest on a handful of rewrites.
    pub effective_rewrites: f64,
    /// Mean of R̂: unbiased for the untuned prompter's expected reward.
    pub untuned_reward: f64,
    /// Σ w·R̂, the plug-in estimate of E\[R\] under ρ\*. Too high by about `reward_inflation`, because the weights prefer lucky answers.
    pub reward: f64,
    /// Standard error of `reward` over draws of rewrites, √(Σ w²·(R̂ − `reward`)²), by the delta method (Owen, *Monte Carlo theory,
    /// methods and examples*, 2013, section 9.2); too small where `effective_rewrites` is small.
    pub standard_error: f64,
    /// E\[R\] with weights from one half of the answers and rewards from the other, mean of both directions: unbiased for what weighting
    /// K rewrites by half of the answers achieves, and free of the preference for luck. None where a rewrite has a single answer.
    pub cross_fitted: Option<f64>,
    /// Plug-in estimate of KL(ρ\*‖ρ_sft) = E\[R\]/λ − log Z, nats: log K less the entropy of the weights. Never above log K, whatever the
    /// truth is; too high by about `kl_inflation` otherwise.
    pub kl: f64,
    /// `kl` with the part of its bias that falls as one over the number of answers taken off, by comparing all answers with halves of
    /// them. Unbiased to first order, hence below 0 now and then. None where `cross_fitted` is.
    pub kl_extrapolated: Option<f64>,
    /// λ·log Ẑ, the plug-in estimate of J_λ(ρ\*).
    pub objective: f64,
    /// `objective` with the first-order bias taken off in the same way.
    pub objective_extrapolated: Option<f64>,
    /// Mean over rewrites of the squared standard error of R̂. None where a rewrite has a single answer.
    pub noise: Option<f64>,
    /// `noise`/λ: by how much chance in the answers raises `reward`, to first order (exact for normal noise and K → ∞). None at λ = 0.
    pub reward_inflation: Option<f64>,
    /// `noise`/(2λ²): the same for `kl`. Where it is not small against 1, the weights show luck rather than rewrites.
    pub kl_inflation: Option<f64>,
}

/// The resampled optimum of one prompt from `rewards[rewrite][answer]`, rewrites drawn independently from ρ_sft (a text drawn twice counts
/// twice), at λ ≥ 0. Answers of odd and even position make the halves. For the limit and the biases see `docs/algorithms/theory.md`.
///
/// None: no rewrite, a rewrite without answers, a reward that is not finite, a λ that is negative or not finite.
pub fn resampled(rewards: &[Vec<f64>], lambda: f64) -> Option<ResampledOptimum> {
    let means = Means::new(rewards)?;
    let optimum = means.optimum(lambda)?;
    let halves = means.half_optima(lambda);
    let extrapolated = |figure: fn(&Tilted) -> f64| {
        let [a, b] = halves.as_ref()?;
        extrapolate(rewards, figure(&optimum), [figure(a), figure(b)])
    };
    let noise = noise(rewards);
    let positive = (lambda > 0.0).then_some(lambda);
    Some(ResampledOptimum {
        effective_rewrites: effective(&optimum.probabilities),
        untuned_reward: optimum.base_mean,
        reward: optimum.mean,
        standard_error: standard_error(&optimum.probabilities, &means.all, optimum.mean),
        cross_fitted: halves.as_ref().and_then(|[a, b]| means.crossed([&a.probabilities, &b.probabilities])),
        kl: optimum.kl,
        kl_extrapolated: extrapolated(|t| t.kl),
        objective: optimum.soft_maximum,
        objective_extrapolated: extrapolated(|t| t.soft_maximum),
        noise,
        reward_inflation: noise.zip(positive).and_then(|(noise, l)| finite(noise / l)),
        kl_inflation: noise.zip(positive).and_then(|(noise, l)| finite(noise / l / l / 2.0)),
        weights: optimum.probabilities,
        rewards: means.all,
    })
}

/// The oracle π\* of one prompt from rewards of N answers to the raw prompt, re-weighted by exp(r/β). The reward of an answer has no noise,
/// so nothing is inflated; what needs halves is None.
///
/// None: no answer, a reward that is not finite, a β that is negative or not finite.
pub fn resampled_oracle(rewards: &[f64], beta: f64) -> Option<ResampledOptimum> {
    resampled(&rewards.iter().map(|r| vec![*r]).collect::<Vec<_>>(), beta)
}

/// A mean over prompts with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Prompts that have the figure.
    pub prompts: usize,
    pub mean: f64,
    /// Percentile bootstrap over clusters of prompts; of no width for one. It covers chance, not bias.
    pub interval: Interval,
}

/// Mean over the prompts that have the figure, with the interval of [`bootstrap_mean_in_clusters`], where those that belong together carry the
/// same number in `clusters[i]`; None if no prompt has it or a value is not finite.
pub fn estimate(values: &[Option<f64>], clusters: &[usize], resamples: usize, seed: u64) -> Option<Estimate> {
    let (values, clusters): (Vec<f64>, Vec<usize>) = values.iter().zip(clusters).filter_map(|(value, c)| Some(((*value)?, *c))).unzip();
    let interval = bootstrap_mean_in_clusters(&values, &clusters, resamples, seed);
    Some(Estimate { prompts: values.len(), mean: finite_mean(&values)?, interval })
}

/// The resampled optimum over prompts.
#[derive(Debug, Clone, PartialEq)]
pub struct ResampledMean {
    pub lambda: f64,
    /// What [`resampled`] says of each prompt, in the order given; None where it cannot be estimated.
    pub prompts: Vec<Option<ResampledOptimum>>,
    pub untuned_reward: Estimate,
    pub reward: Estimate,
    /// None, like all below, where no prompt has two answers to each rewrite.
    pub cross_fitted: Option<Estimate>,
    /// `cross_fitted` − `untuned_reward` prompt by prompt: what the optimum gains, without the preference for luck.
    pub gain: Option<Estimate>,
    pub kl: Estimate,
    pub kl_extrapolated: Option<Estimate>,
    pub objective: Estimate,
    pub objective_extrapolated: Option<Estimate>,
    /// Median over prompts of the effective number of rewrites (the lower one for an even number of prompts).
    pub effective_rewrites: f64,
}

/// [`resampled`] for every prompt of `rewards[prompt][rewrite][answer]`, means over prompts and their intervals, of which those that belong
/// together carry the same number in `clusters[prompt]`.
///
/// None: λ is negative or not finite, or no prompt can be estimated. Prompts that cannot are left out.
pub fn resampled_mean(rewards: &[Vec<Vec<f64>>], clusters: &[usize], lambda: f64, resamples: usize, seed: u64) -> Option<ResampledMean> {
    let prompts: Vec<Option<ResampledOptimum>> = rewards.iter().map(|r| resampled(r, lambda)).collect();
    let mean = |figure: fn(&ResampledOptimum) -> Option<f64>| {
        estimate(&prompts.iter().map(|r| r.as_ref().and_then(figure)).collect::<Vec<_>>(), clusters, resamples, seed)
    };
    Some(ResampledMean {
        lambda,
        untuned_reward: mean(|r| Some(r.untuned_reward))?,
        reward: mean(|r| Some(r.reward))?,
        cross_fitted: mean(|r| r.cross_fitted),
        gain: mean(|r| r.cross_fitted.map(|value| value - r.untuned_reward)),
        kl: mean(|r| Some(r.kl))?,
        kl_extrapolated: mean(|r| r.kl_extrapolated),
        objective: mean(|r| Some(r.objective))?,
        objective_extrapolated: mean(|r| r.objective_extrapolated),
        effective_rewrites: lower_median(prompts.iter().flatten().map(|r| r.effective_rewrites))?,
        prompts,
    })
}

/// R̂ of each rewrite of a prompt, from all answers and from each half of them.
#[derive(Debug, Clone)]
pub(super) struct Means {
    pub all: Vec<f64>,
    /// Answers of even position, and of odd; None where a rewrite has a single answer.
    pub halves: Option<[Vec<f64>; 2]>,
}

impl Means {
    /// None: no rewrite, a rewrite without answers, or a mean that is not finite.
    pub fn new(rewards: &[Vec<f64>]) -> Option<Self> {
        let all: Vec<f64> = rewards.iter().map(|r| mean(r.iter())).collect::<Option<_>>()?;
        let half = |from: usize| rewards.iter().map(|r| mean(r.iter().skip(from).step_by(2))).collect::<Option<Vec<f64>>>();
        (!all.is_empty()).then(|| Self { all, halves: half(0).zip(half(1)).map(|(a, b)| [a, b]) })
    }

    /// Of some of the rewrites.
    pub fn subset(&self, of: &[usize]) -> Self {
        let pick = |means: &Vec<f64>| of.iter().map(|&i| means[i]).collect::<Vec<f64>>();
        Self { all: pick(&self.all), halves: self.halves.as_ref().map(|[a, b]| [pick(a), pick(b)]) }
    }

    pub fn optimum(&self, lambda: f64) -> Option<Tilted> {
        tilt_equal(&self.all, lambda)
    }

    pub fn half_optima(&self, lambda: f64) -> Option<[Tilted; 2]> {
        let [a, b] = self.halves.as_ref()?;
        Some([tilt_equal(a, lambda)?, tilt_equal(b, lambda)?])
    }

    /// Weights from one half, rewards from the other, mean of both directions. None where there are no halves.
    pub fn crossed(&self, [from_a, from_b]: [&[f64]; 2]) -> Option<f64> {
        let [a, b] = self.halves.as_ref()?;
        Some((dot(from_a, b) + dot(from_b, a)) / 2.0)
    }
}

/// The median, of an even number of values the lower of the two in the middle; None of none.
pub fn lower_median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let values = sorted(&values.into_iter().collect::<Vec<f64>>());
    values.get(values.len().checked_sub(1)? / 2).copied()
}

/// [`tilt`] of equal weights: rewrites drawn from ρ_sft.
pub fn tilt_equal(rewards: &[f64], lambda: f64) -> Option<Tilted> {
    tilt(&vec![1.0; rewards.len()], rewards, lambda)
}

fn mean<'a>(values: impl Iterator<Item = &'a f64> + Clone) -> Option<f64> {
    finite(values.clone().sum::<f64>() / values.count() as f64)
}

/// A figure from all answers against the same from each half of them: a bias of c times the mean of 1/M drops out. Every rewrite must have
/// two answers.
pub(super) fn extrapolate(rewards: &[Vec<f64>], all: f64, halves: [f64; 2]) -> Option<f64> {
    let over = |f: fn(usize) -> f64| rewards.iter().map(|r| f(r.len())).sum::<f64>() / rewards.len() as f64;
    let of_all = over(|m| 1.0 / m as f64);
    let of_half = over(|m| (1.0 / m.div_ceil(2) as f64 + 1.0 / (m / 2) as f64) / 2.0);
    finite((of_half * all - of_all * (halves[0] + halves[1]) / 2.0) / (of_half - of_all))
}

/// Mean over rewrites of s²/M, s² the sample variance of its M answers.
fn noise(rewards: &[Vec<f64>]) -> Option<f64> {
    let of_one = |r: &Vec<f64>| {
        let (m, mean) = (r.len() as f64, mean(r.iter())?);
        (r.len() > 1).then(|| r.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (m - 1.0) / m)
    };
    finite(rewards.iter().map(of_one).sum::<Option<f64>>()? / rewards.len() as f64)
}

/// Kish's effective size of weights that sum to 1.
pub(super) fn effective(weights: &[f64]) -> f64 {
    1.0 / dot(weights, weights)
}

/// Delta-method standard error of a self-normalised mean.
pub(super) fn standard_error(weights: &[f64], values: &[f64], mean: f64) -> f64 {
    weights.iter().zip(values).map(|(w, v)| (w * (v - mean)).powi(2)).sum::<f64>().sqrt()
}
