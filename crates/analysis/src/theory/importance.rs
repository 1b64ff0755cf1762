//! A tuned prompter judged on rewrites of the untuned one, and its distance to the resampled optimum.
use super::finite::{dot, finite};
use super::resampled::{Means, effective, extrapolate, standard_error, tilt_equal};

/// Where a tuned prompter stands between ρ_sft and ρ\* on one prompt, by self-normalised importance sampling.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// Weights v ∝ ρ_tuned/ρ_sft of the rewrites, which sum to 1.
    pub weights: Vec<f64>,
    /// Kish's effective number of rewrites, 1 / Σ v². Where it is a small number, nothing here can be trusted: the tuned prompter draws
    /// rewrites that the untuned one hardly ever does.
    pub effective_rewrites: f64,
    /// log of the mean of ρ_tuned/ρ_sft over the rewrites. Its expectation before the logarithm is 1; far below 0, the sample has missed
    /// most of what the tuned prompter draws.
    pub log_mean_ratio: f64,
    /// E\[R\] under ρ_tuned. Not inflated by chance in the answers, as the weights do not look at rewards.
    pub reward: f64,
    /// Standard error of `reward` over draws of rewrites, by the delta method.
    pub standard_error: f64,
    /// KL(ρ_tuned‖ρ_sft), nats: log K less the entropy of v, hence never above log K.
    pub kl: f64,
    /// KL(ρ\*‖ρ_tuned) = Σ w·(log w − log v), nats, with w ∝ exp(R̂/λ).
    pub kl_from_optimum: f64,
    /// KL(ρ_tuned‖ρ\*) = Σ v·(log v − log w), nats; None where it is infinite, as at λ = 0.
    pub kl_to_optimum: Option<f64>,
    /// λ·KL(ρ_tuned‖ρ\*) = J_λ(ρ\*) − J_λ(ρ_tuned): what training left on the table, in units of reward. Too high by about noise/(2λ).
    pub shortfall: Option<f64>,
    /// `shortfall` with the part of its bias that falls as one over the number of answers taken off, by comparing all answers with halves
    /// of them; below 0 now and then. None where a rewrite has a single answer.
    pub shortfall_extrapolated: Option<f64>,
}

/// Compares ρ_tuned with ρ\* on K rewrites drawn from ρ_sft: `rewards[rewrite][answer]` and the log-probabilities of each rewrite under
/// both, in nats, at λ ≥ 0.
///
/// None: no rewrite, slices of different lengths, a rewrite without answers, a figure that is not finite, a λ that is negative.
pub fn tuned(rewards: &[Vec<f64>], log_tuned: &[f64], log_untuned: &[f64], lambda: f64) -> Option<Tuned> {
    let means = Means::new(rewards)?;
    let size = means.all.len();
    if log_tuned.len() != size || log_untuned.len() != size {
        return None;
    }
    let ratios: Vec<f64> = log_tuned.iter().zip(log_untuned).map(|(t, s)| finite(t - s)).collect::<Option<_>>()?;
    let (log_v, log_sum) = log_softmax(&ratios);
    let log_w = log_optimum(&means.all, lambda)?;
    let weights: Vec<f64> = log_v.iter().map(|l| l.exp()).collect();
    let reward = dot(&weights, &means.all);
    let kl_to_optimum = log_divergence(&log_v, &log_w);
    let shortfall = kl_to_optimum.and_then(|kl| finite(lambda * kl));
    let from_half = |half: &Vec<f64>| finite(lambda * log_divergence(&log_v, &log_optimum(half, lambda)?)?);
    let halves = means.halves.as_ref().and_then(|[a, b]| Some([from_half(a)?, from_half(b)?]));
    Some(Tuned {
        effective_rewrites: effective(&weights),
        log_mean_ratio: log_sum - (size as f64).ln(),
        reward,
        standard_error: standard_error(&weights, &means.all, reward),
        kl: log_divergence(&log_v, &vec![-(size as f64).ln(); size])?,
        kl_from_optimum: log_divergence(&log_w, &log_v)?,
        kl_to_optimum,
        shortfall,
        shortfall_extrapolated: shortfall.zip(halves).and_then(|(all, halves)| extrapolate(rewards, all, halves)),
        weights,
    })
}

/// log w for equal base weights, also of weights that are too small for f64; None where [`tilt_equal`] refuses.
fn log_optimum(rewards: &[f64], lambda: f64) -> Option<Vec<f64>> {
    // At λ > 0 too, because it refuses spans that overflow.
    let optimum = tilt_equal(rewards, lambda)?;
    if lambda == 0.0 {
        return Some(optimum.probabilities.iter().map(|w| w.ln()).collect());
    }
    let high = rewards.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(log_softmax(&rewards.iter().map(|r| (r - high) / lambda).collect::<Vec<_>>()).0)
}

/// l − log Σ exp(l), and log Σ exp(l).
fn log_softmax(logs: &[f64]) -> (Vec<f64>, f64) {
    let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum = logs.iter().map(|l| (l - high).exp()).sum::<f64>().ln() + high;
    (logs.iter().map(|l| l - sum).collect(), sum)
}

/// KL of distributions given by their logarithms; None where it is infinite.
fn log_divergence(log_a: &[f64], log_b: &[f64]) -> Option<f64> {
    let terms = log_a.iter().zip(log_b).map(|(a, b)| (a.exp(), a - b)).filter(|(p, _)| *p > 0.0);
    finite(terms.map(|(p, ratio)| p * ratio).sum()).map(|kl: f64| kl.max(0.0))
}
