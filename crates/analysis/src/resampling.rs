//! The bootstrap of a mean over prompts, and the paired comparison of two arms.
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    const UNKNOWN: Self = Self { low: f64::NAN, high: f64::NAN };
}

/// A paired comparison over prompts.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// Prompts compared.
    pub prompts: usize,
    /// Mean over prompts of (arm − baseline), in units of reward.
    pub mean_difference: f64,
    /// 95 % percentile-bootstrap interval of `mean_difference`.
    pub interval: Interval,
    /// Two-sided sign-flip permutation p, in (0, 1].
    pub p_value: f64,
}

/// 95 % percentile-bootstrap interval of the mean of `values`, one value a prompt (Efron and Tibshirani 1993, chapter 13): the 2.5 %
/// and 97.5 % quantiles, linearly interpolated, of the means of `resamples` samples drawn with replacement.
///
/// Degenerate: no value, or one that is not finite, gives NaN at both ends. One value, or no resample, gives an interval of no width at
/// the mean, which says nothing about its precision: look at the number of prompts before you trust it.
pub fn bootstrap_mean(values: &[f64], resamples: usize, seed: u64) -> Interval {
    let Some(mean) = finite_mean(values) else { return Interval::UNKNOWN };
    if values.len() == 1 || resamples == 0 {
        return Interval { low: mean, high: mean };
    }
    // Sorted, so that the order of the prompts changes nothing.
    let values = sorted(values);
    let mut random = stream(seed, 0);
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| (0..values.len()).map(|_| values[index(&mut random, values.len())]).sum::<f64>() / values.len() as f64)
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    Interval { low: quantile(&means, 0.025), high: quantile(&means, 0.975) }
}

/// `arm[i]` and `baseline[i]` are the mean rewards of prompt i: mean difference, bootstrap interval, two-sided sign-flip
/// permutation p (exact where 2^n ≤ permutations, otherwise sampled with the +1 correction of Phipson and Smyth 2010).
///
/// Degenerate: no prompt, a reward that is not finite, or slices of different lengths (nothing is paired then) give NaN for the
/// difference and its interval, and p = 1. One prompt gives an interval of no width and p = 1.
pub fn paired(arm: &[f64], baseline: &[f64], resamples: usize, permutations: usize, seed: u64) -> Paired {
    if arm.len() != baseline.len() {
        return Paired { prompts: 0, mean_difference: f64::NAN, interval: Interval::UNKNOWN, p_value: 1.0 };
    }
    let differences: Vec<f64> = arm.iter().zip(baseline).map(|(a, b)| a - b).collect();
    Paired {
        prompts: differences.len(),
        mean_difference: finite_mean(&differences).unwrap_or(f64::NAN),
        interval: bootstrap_mean(&differences, resamples, seed),
        p_value: sign_flip(&differences, permutations, seed),
    }
}

/// P(|Σ ±dᵢ| ≥ |Σ dᵢ|) over signs drawn by fair coins: the null hypothesis is that arm and baseline may be swapped within each prompt.
fn sign_flip(differences: &[f64], permutations: usize, seed: u64) -> f64 {
    if finite_mean(differences).is_none() {
        return 1.0;
    }
    let d = sorted(differences);
    // Sums that are equal in exact arithmetic must count as equal: rounding is far below 1e-12 of the sum of magnitudes.
    let threshold = d.iter().sum::<f64>().abs() - 1e-12 * d.iter().map(|x| x.abs()).sum::<f64>();
    let n = d.len();
    if n < usize::BITS as usize - 1 && (1_usize << n) <= permutations {
        let all = 1_usize << n;
        let sum = |flips: usize| d.iter().enumerate().map(|(i, x)| if flips >> i & 1 == 1 { -x } else { *x }).sum::<f64>();
        return (0..all).filter(|&flips| sum(flips).abs() >= threshold).count() as f64 / all as f64;
    }
    let mut random = stream(seed, 1);
    let as_extreme = (0..permutations).filter(|_| random_sum(&d, &mut random).abs() >= threshold).count();
    (as_extreme + 1) as f64 / (permutations + 1) as f64
}

/// Σ ±dᵢ with one random bit a sign.
fn random_sum(d: &[f64], random: &mut ChaCha8Rng) -> f64 {
    d.chunks(64)
        .map(|chunk| {
            let bits = random.next_u64();
            chunk.iter().enumerate().map(|(i, x)| if bits >> i & 1 == 1 { -x } else { *x }).sum::<f64>()
        })
        .sum()
}

/// One stream for each use of the seed, so that signs and resamples are independent.
fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}

/// Uniform in 0..n (multiply and shift; the bias is below n / 2^64). Our own, so that a new version of `rand` cannot change a result.
fn index(random: &mut ChaCha8Rng, n: usize) -> usize {
    ((u128::from(random.next_u64()) * n as u128) >> 64) as usize
}

/// The mean; None if there is no value or the mean is not finite, as when a value is not.
fn finite_mean(values: &[f64]) -> Option<f64> {
    let mean = sorted(values).iter().sum::<f64>() / values.len() as f64;
    mean.is_finite().then_some(mean)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// Quantile of sorted values with linear interpolation between order statistics, as NumPy does by default.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (below, share) = (at.floor() as usize, at.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + share * (sorted[above] - sorted[below])
}
