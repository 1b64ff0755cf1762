//! The best of k out of K samples, without drawing again: order statistics with combinatorial weights.
use super::finite::{dot, ties};
use super::resampled::Means;

/// The best of k rewrites of one prompt, estimated from K ≥ k rewrites with answers to each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BestRewrites {
    pub k: usize,
    /// Expected largest R̂ of k rewrites: unbiased for that, and so too high for the true reward of the rewrite chosen (winner's curse).
    pub plug_in: f64,
    /// Chosen on one half of the answers, rewarded by the other, mean of both directions: unbiased for the true reward of a rewrite
    /// chosen by half of the answers. None where a rewrite has a single answer.
    pub cross_fitted: Option<f64>,
    /// log k − (k − 1)/k, nats: KL to ρ_sft is at most that (Beirami et al. 2024, arXiv 2401.01879).
    pub kl_bound: f64,
}

/// Best of k of K rewrites from `rewards[rewrite][answer]`: the mean over all C(K, k) subsets, by order statistics.
///
/// None: k = 0 or k > K, a rewrite without answers, a reward that is not finite.
pub fn best_of_rewrites(rewards: &[Vec<f64>], k: usize) -> Option<BestRewrites> {
    best_of_means(&Means::new(rewards)?, k)
}

pub(super) fn best_of_means(means: &Means, k: usize) -> Option<BestRewrites> {
    let plug_in = dot(&best_weights(&means.all, k)?, &means.all);
    let halves = means.halves.as_ref().and_then(|[a, b]| Some([best_weights(a, k)?, best_weights(b, k)?]));
    let cross_fitted = halves.and_then(|[a, b]| means.crossed([&a, &b]));
    let size = k as f64;
    Some(BestRewrites { k, plug_in, cross_fitted, kl_bound: size.ln() - (size - 1.0) / size })
}

/// Expected largest of n values, from N ≥ n independent ones: Σᵢ C(i−1, n−1)/C(N, n)·v₍ᵢ₎, the mean over all subsets and so unbiased
/// (pass@k of Chen et al. 2021, arXiv 2107.03374, for any values). With rewards of answers to the raw prompt it is the best of n answers;
/// no cross-fitting is needed there, because the reward of an answer is what it is chosen by.
///
/// None: n = 0 or n > N, a value that is not finite.
pub fn expected_best(values: &[f64], n: usize) -> Option<f64> {
    Some(dot(&best_weights(values, n)?, values))
}

/// Chance of each value to be the one kept of a random subset of k: C(i−1, k−1)/C(n, k) for the i-th smallest, shared within ties.
fn best_weights(values: &[f64], k: usize) -> Option<Vec<f64>> {
    let n = values.len();
    if k == 0 || k > n || values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let mut weights = vec![0.0; n];
    // From the largest down: the weight of rank i − 1 is that of rank i times (i − k)/(i − 1), and never overflows.
    let (mut rank, mut weight) = (n, k as f64 / n as f64);
    for tied in ties(&order, values) {
        let mut mass = 0.0;
        for _ in tied {
            mass += weight;
            weight *= rank.saturating_sub(k) as f64 / (rank - 1).max(1) as f64;
            rank -= 1;
        }
        for &i in tied {
            weights[i] = mass / tied.len() as f64;
        }
    }
    Some(weights)
}
