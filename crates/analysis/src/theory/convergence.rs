//! How the estimates move as rewrites are added: K enough, or still climbing?
use super::best::{BestRewrites, best_of_means};
use super::resampled::Means;
use crate::resampling::{index, ordered_mean, stream};

/// First of the streams of subsets; the bootstrap uses the low numbers.
const SUBSETS: u64 = 1 << 32;

/// What k rewrites a prompt would have said, mean over prompts.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvergencePoint {
    /// Rewrites a prompt.
    pub k: usize,
    /// Plug-in E\[R\] under the resampled optimum of k rewrites.
    pub reward: f64,
    /// The same cross-fitted; None where a rewrite of some prompt has a single answer.
    pub cross_fitted: Option<f64>,
    /// Plug-in KL(ρ\*‖ρ_sft), nats, at most log k.
    pub kl: f64,
    /// Best of k rewrites, plug-in: over all subsets.
    pub best: f64,
    /// Best of k rewrites, cross-fitted: over all subsets.
    pub best_cross_fitted: Option<f64>,
    /// Every subset of k rewrites was seen, for every prompt; otherwise `subsets` random ones.
    pub exact: bool,
}

/// The estimates for k = 1, 2, 4, … and K, the smallest number of rewrites that a usable prompt has, from
/// `rewards[prompt][rewrite][answer]` at λ ≥ 0. A figure at k is the mean over subsets of k of the rewrites: over all of them where there
/// are no more than `subsets`, else over `subsets` drawn at random. Each is unbiased for what k fresh rewrites would give.
///
/// None: no usable prompt, `subsets` = 0, a λ that is negative or not finite. A prompt is usable if [`resampled`](super::resampled) can
/// read it; others are left out.
pub fn convergence(rewards: &[Vec<Vec<f64>>], lambda: f64, subsets: usize, seed: u64) -> Option<Vec<ConvergencePoint>> {
    let prompts: Vec<Means> = rewards.iter().filter_map(|r| Means::new(r)).collect();
    let largest = prompts.iter().map(|m| m.all.len()).min()?;
    if subsets == 0 {
        return None;
    }
    let doubling = std::iter::successors(Some(1_usize), |k| k.checked_mul(2)).take_while(|k| *k < largest);
    doubling.chain([largest]).map(|k| point(&prompts, k, lambda, subsets, seed)).collect()
}

fn point(prompts: &[Means], k: usize, lambda: f64, subsets: usize, seed: u64) -> Option<ConvergencePoint> {
    let mut exact = true;
    let mut all = Vec::with_capacity(prompts.len());
    for means in prompts {
        let chosen = match every_subset(means.all.len(), k, subsets) {
            Some(every) => every,
            None => {
                exact = false;
                random_subsets(means.all.len(), k, subsets, seed)
            }
        };
        let figures: Vec<Figures> = chosen.iter().map(|of| Figures::new(&means.subset(of), lambda)).collect::<Option<_>>()?;
        let mean = |figure: fn(&Figures) -> f64| figures.iter().map(figure).sum::<f64>() / figures.len() as f64;
        let cross_fitted = figures.iter().map(|f| f.cross_fitted).sum::<Option<f64>>().map(|sum| sum / figures.len() as f64);
        let over_subsets = Figures { reward: mean(|f| f.reward), cross_fitted, kl: mean(|f| f.kl) };
        all.push(OfPrompt { over_subsets, best: best_of_means(means, k)? });
    }
    // Not `finite_mean`: where a sum over prompts overflows, the point stays.
    let plain = |figure: fn(&OfPrompt) -> f64| ordered_mean(&all.iter().map(figure).collect::<Vec<f64>>());
    let optional = |figure: fn(&OfPrompt) -> Option<f64>| Some(ordered_mean(&all.iter().map(figure).collect::<Option<Vec<f64>>>()?));
    Some(ConvergencePoint {
        k,
        reward: plain(|p| p.over_subsets.reward),
        cross_fitted: optional(|p| p.over_subsets.cross_fitted),
        kl: plain(|p| p.over_subsets.kl),
        best: plain(|p| p.best.plug_in),
        best_cross_fitted: optional(|p| p.best.cross_fitted),
        exact,
    })
}

/// What one prompt says.
struct OfPrompt {
    /// Means over its subsets.
    over_subsets: Figures,
    best: BestRewrites,
}

/// What one subset says.
struct Figures {
    reward: f64,
    cross_fitted: Option<f64>,
    kl: f64,
}

impl Figures {
    fn new(means: &Means, lambda: f64) -> Option<Self> {
        let optimum = means.optimum(lambda)?;
        let cross_fitted = means.half_optima(lambda).and_then(|[a, b]| means.crossed([&a.probabilities, &b.probabilities]));
        Some(Self { reward: optimum.mean, cross_fitted, kl: optimum.kl })
    }
}

/// All subsets of k of n, in lexicographic order; None if there are more than `most`.
fn every_subset(n: usize, k: usize, most: usize) -> Option<Vec<Vec<usize>>> {
    // C(n, i) for i up to k grows along the way only while i ≤ n/2, so the smaller of k and n − k.
    let count = (0..k.min(n - k)).try_fold(1_usize, |count, i| {
        let next = count.checked_mul(n - i)? / (i + 1);
        (next <= most).then_some(next)
    })?;
    let mut subset: Vec<usize> = (0..k).collect();
    let mut all = Vec::with_capacity(count);
    loop {
        all.push(subset.clone());
        let Some(at) = (0..k).rev().find(|&i| subset[i] < n - k + i) else { return Some(all) };
        subset[at] += 1;
        for i in at + 1..k {
            subset[i] = subset[i - 1] + 1;
        }
    }
}

/// `count` subsets by partial shuffles. One stream for each k, not for each prompt, so that the order of the prompts changes nothing.
fn random_subsets(n: usize, k: usize, count: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut random = stream(seed, SUBSETS + k as u64);
    let mut order: Vec<usize> = (0..n).collect();
    (0..count)
        .map(|_| {
            for i in 0..k {
                let other = i + index(&mut random, n - i);
                order.swap(i, other);
            }
            order[..k].to_vec()
        })
        .collect()
}
