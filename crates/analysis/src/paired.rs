//! The paired comparison of two arms.
use crate::distributions::{normal_below, normal_quantile};
use crate::resampling::{
    Interval, RESAMPLES, SIGNS, ahead, alone, by_cluster, deviation, finite_mean, percentiles, quantile, sorted, stream, total, totals,
};
use crate::share::{Share, share};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

/// A paired comparison over prompts.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// Prompts compared.
    pub prompts: usize,
    /// Independent units that were resampled and flipped: as many as prompts where prompts are not clustered.
    pub clusters: usize,
    /// Mean over prompts of (arm − baseline), in units of reward.
    pub mean_difference: f64,
    /// 95 % percentile-bootstrap interval of `mean_difference`.
    pub interval: Interval,
    /// Two-sided sign-flip permutation p, in (0, 1].
    pub p_value: f64,
    /// 95 % bias-corrected and accelerated interval of `mean_difference` (Efron 1987), from the resamples of `interval`. None where the
    /// clusters do not differ, or the resamples all fall on one side of the mean.
    pub accelerated: Option<Interval>,
    /// d_z: mean difference over the prompts' standard deviation of the differences (divided by n − 1), without unit. None with one
    /// prompt or where the differences do not differ.
    pub effect_size: Option<f64>,
    /// Share of prompts on which the arm is better, half of the ties added. None without a prompt or a finite difference.
    pub improvement: Option<Share>,
}

/// `arm[i]` and `baseline[i]` are the mean rewards of prompt i: mean difference, bootstrap interval, two-sided sign-flip
/// permutation p (exact where 2^n ≤ permutations, otherwise sampled with the +1 correction of Phipson and Smyth 2010).
///
/// Degenerate: no prompt, a reward that is not finite, or slices of different lengths (nothing is paired then) give NaN for the
/// difference and its interval, and p = 1. One prompt gives an interval of no width and p = 1.
pub fn paired(arm: &[f64], baseline: &[f64], resamples: usize, permutations: usize, seed: u64) -> Paired {
    paired_in_clusters(arm, baseline, &alone(arm.len()), resamples, permutations, seed)
}

/// As [`paired`], where prompts that belong together (paraphrases, turns of one conversation) carry the same number in `clusters[i]`:
/// whole clusters are resampled and flipped, for prompts within one are not independent (Cameron, Gelbach and Miller 2008). The mean is
/// still the one over prompts. Where every prompt is a cluster of its own, the result is that of [`paired`], to the last bit.
///
/// Degenerate: as [`paired`], and one cluster is like one prompt; `clusters` of another length pairs nothing.
pub fn paired_in_clusters(arm: &[f64], baseline: &[f64], clusters: &[usize], resamples: usize, permutations: usize, seed: u64) -> Paired {
    let paired = arm.len() == baseline.len() && arm.len() == clusters.len();
    let differences: Vec<f64> = if paired { arm.iter().zip(baseline).map(|(a, b)| a - b).collect() } else { Vec::new() };
    if finite_mean(&differences).is_none() {
        return nothing(differences.len());
    }
    // For each cluster: the sum of its differences, their number, and how many are above 0, ties as half.
    let rows = by_cluster(differences.iter().map(|d| [*d, 1.0, ahead(*d)]), clusters);
    let [sum, prompts, _] = total(&rows);
    let mean = sum / prompts;
    let (interval, accelerated, drawn) = if rows.len() == 1 || resamples == 0 {
        (Interval { low: mean, high: mean }, None, Vec::new())
    } else {
        let drawn = totals(&rows, resamples, &mut stream(seed, RESAMPLES));
        let means: Vec<f64> = sorted(&drawn.iter().map(|[sum, prompts, _]| sum / prompts).collect::<Vec<f64>>());
        let jackknife: Vec<f64> = rows.iter().map(|[s, n, _]| (sum - s) / (prompts - n)).collect();
        (percentiles(&means, 0.0).unwrap_or(Interval::UNKNOWN), accelerated(mean, &means, &jackknife), drawn)
    };
    let sums: Vec<f64> = sorted(&rows.iter().map(|[sum, ..]| *sum).collect::<Vec<f64>>());
    Paired {
        prompts: differences.len(),
        clusters: rows.len(),
        mean_difference: mean,
        interval,
        p_value: sign_flip(&sums, permutations, seed),
        accelerated,
        effect_size: deviation(&differences).filter(|d| *d > 0.0).map(|d| mean / d),
        improvement: share(&rows, &drawn, 2, 1),
    }
}

fn nothing(prompts: usize) -> Paired {
    Paired {
        prompts,
        clusters: prompts,
        mean_difference: f64::NAN,
        interval: Interval::UNKNOWN,
        p_value: 1.0,
        accelerated: None,
        effect_size: None,
        improvement: None,
    }
}

/// The bias-corrected and accelerated interval (Efron 1987; Efron and Tibshirani 1993, section 14.3) from sorted replicates of an
/// estimate and its values with one unit left out at a time. Ties with the estimate count half in the correction of the bias, as in SciPy.
fn accelerated(estimate: f64, replicates: &[f64], jackknife: &[f64]) -> Option<Interval> {
    let below = replicates.partition_point(|r| *r < estimate) + replicates.partition_point(|r| *r <= estimate);
    let share = below as f64 / (2 * replicates.len()) as f64;
    let centre = finite_mean(jackknife)?;
    let squares: f64 = jackknife.iter().map(|j| (centre - j).powi(2)).sum();
    let cubes: f64 = jackknife.iter().map(|j| (centre - j).powi(3)).sum();
    // Jackknife values that differ by rounding alone say that the units do not differ.
    if !(share > 0.0 && share < 1.0) || squares.sqrt() <= 1e-12 * centre.abs() {
        return None;
    }
    let (bias, acceleration) = (normal_quantile(share), cubes / (6.0 * squares.powf(1.5)));
    let end = |z: f64| {
        let shifted = bias + z;
        let level = normal_below(bias + shifted / (1.0 - acceleration * shifted));
        (0.0..=1.0).contains(&level).then(|| quantile(replicates, level))
    };
    let z = normal_quantile(0.975);
    Some(Interval { low: end(-z)?, high: end(z)? })
}

/// P(|Σ ±dᵢ| ≥ |Σ dᵢ|) over signs drawn by fair coins: the null hypothesis is that arm and baseline may be swapped within each prompt,
/// or cluster. `d` is sorted.
fn sign_flip(d: &[f64], permutations: usize, seed: u64) -> f64 {
    // Sums that are equal in exact arithmetic must count as equal: rounding is far below 1e-12 of the sum of magnitudes.
    let threshold = d.iter().sum::<f64>().abs() - 1e-12 * d.iter().map(|x| x.abs()).sum::<f64>();
    let n = d.len();
    if n < usize::BITS as usize - 1 && (1_usize << n) <= permutations {
        let all = 1_usize << n;
        let sum = |flips: usize| d.iter().enumerate().map(|(i, x)| if flips >> i & 1 == 1 { -x } else { *x }).sum::<f64>();
        return (0..all).filter(|&flips| sum(flips).abs() >= threshold).count() as f64 / all as f64;
    }
    let mut random = stream(seed, SIGNS);
    let as_extreme = (0..permutations).filter(|_| random_sum(d, &mut random).abs() >= threshold).count();
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
