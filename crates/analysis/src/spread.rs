//! Whether two arms differ in the variance of their rewards.
use crate::distributions::fisher_above;
use crate::resampling::{Interval, RESAMPLES, alone, by_cluster, finite_mean, percentiles, quantile, sorted, stream, total, totals};

/// The variances of two arms, compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// Prompts on which both arms have an answer.
    pub prompts: usize,
    /// log(variance of the arm / variance of the baseline); negative where the arm's rewards vary less. None where a variance is 0 or
    /// cannot be estimated.
    pub log_ratio: Option<f64>,
    /// 95 % percentile-bootstrap interval of `log_ratio` over prompts, the same prompts drawn for both arms. None with one prompt, or
    /// where more than 1 in 100 resamples leaves an arm without variance.
    pub interval: Option<Interval>,
}

/// Compares the variance of all of an arm's answers (divided by their number − 1, as in [`crate::moments`]) with the baseline's.
/// `arm[i]` and `baseline[i]` are the answers' rewards for prompt i, in any number; prompts that one arm did not answer are left out.
///
/// Degenerate: no prompt, a reward that is not finite, or slices of different lengths leave everything None.
pub fn spread(arm: &[Vec<f64>], baseline: &[Vec<f64>], resamples: usize, seed: u64) -> Spread {
    spread_in_clusters(arm, baseline, &alone(arm.len()), resamples, seed)
}

/// As [`spread`], where prompts that belong together carry the same number in `clusters[i]`: whole clusters are drawn, for both arms the
/// same. Where every prompt is a cluster of its own, the result is that of [`spread`], to the last bit.
///
/// Degenerate: as [`spread`]; one cluster is like one prompt, and `clusters` of another length leaves everything None.
pub fn spread_in_clusters(arm: &[Vec<f64>], baseline: &[Vec<f64>], clusters: &[usize], resamples: usize, seed: u64) -> Spread {
    let is_paired = arm.len() == baseline.len() && arm.len() == clusters.len();
    let all = arm.iter().zip(baseline).zip(clusters).filter(|((a, b), _)| is_paired && !a.is_empty() && !b.is_empty());
    let (both, clusters): (Vec<_>, Vec<usize>) = all.map(|(both, cluster)| (both, *cluster)).unzip();
    let prompts = both.len();
    let (all_a, all_b): (Vec<&[f64]>, Vec<&[f64]>) = both.iter().map(|(a, b)| (a.as_slice(), b.as_slice())).unzip();
    let (Some(a), Some(b)) = (finite_mean(&all_a.concat()), finite_mean(&all_b.concat())) else {
        return Spread { prompts, log_ratio: None, interval: None };
    };
    // Number, sum and sum of squares of each arm's answers, about the arm's mean.
    let sums = |answers: &[f64], centre: f64| {
        sorted(answers).iter().fold([0.0; 3], |[n, s, q], r| [n + 1.0, s + (r - centre), q + (r - centre).powi(2)])
    };
    let row = |(x, y): &(&Vec<f64>, &Vec<f64>)| {
        let ([n, s, q], [m, t, u]) = (sums(x, a), sums(y, b));
        [n, s, q, m, t, u]
    };
    let rows = by_cluster(both.iter().map(row), &clusters);
    let observed = Some(log_ratio(&total(&rows))).filter(|l| l.is_finite());
    let drawn = totals(&rows, if rows.len() > 1 { resamples } else { 0 }, &mut stream(seed, RESAMPLES));
    let interval = percentiles(&drawn.iter().map(log_ratio).collect::<Vec<f64>>(), 0.99).filter(|_| observed.is_some());
    Spread { prompts, log_ratio: observed, interval }
}

fn log_ratio([n, s, q, m, t, u]: &[f64; 6]) -> f64 {
    // Below the rounding of the squares there is no variance, only its noise.
    let variance = |n: f64, s: f64, q: f64| {
        let about = q - s * s / n;
        if about > 1e-12 * q { about / (n - 1.0) } else { 0.0 }
    };
    (variance(*n, *s, *q) / variance(*m, *t, *u)).ln()
}

/// A test of equal variances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrownForsythe {
    /// The F of a one-way analysis of variance of the distances from the groups' medians.
    pub statistic: f64,
    /// Degrees of freedom, groups − 1.
    pub between: usize,
    /// Degrees of freedom, values − groups.
    pub within: usize,
    /// P(F > statistic).
    pub p_value: f64,
}

/// The test of Brown and Forsythe (1974) that groups have equal variances, by their distances from their medians, which is robust
/// against skewed rewards; SciPy's `levene(center="median")`.
///
/// It takes values as independent, within groups and between: give it one value a prompt. Two arms on the same prompts are not
/// independent, and it is then cautious where their values go together; [`spread`] is the paired procedure.
///
/// None with fewer than two groups, an empty group, no more values than groups, a value that is not finite, or distances that are all
/// the same within their groups.
pub fn brown_forsythe(groups: &[&[f64]]) -> Option<BrownForsythe> {
    let distances: Option<Vec<Vec<f64>>> = groups
        .iter()
        .map(|group| {
            finite_mean(group)?;
            let median = quantile(&sorted(group), 0.5);
            Some(sorted(&group.iter().map(|x| (x - median).abs()).collect::<Vec<f64>>()))
        })
        .collect();
    let distances = distances?;
    let n: usize = distances.iter().map(Vec::len).sum();
    let (k, grand) = (groups.len(), finite_mean(&distances.concat())?);
    let (mut among, mut inside) = (Vec::new(), Vec::new());
    for group in &distances {
        let mean = finite_mean(group)?;
        among.push(group.len() as f64 * (mean - grand).powi(2));
        inside.push(group.iter().map(|d| (d - mean).powi(2)).sum::<f64>());
    }
    let sum = |terms: &[f64]| sorted(terms).iter().sum::<f64>();
    let (between, within) = (k.checked_sub(1).filter(|b| *b > 0)?, n.checked_sub(k).filter(|w| *w > 0)?);
    // Distances that differ by the rounding of the values alone are the same.
    let largest = groups.concat().iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    if sum(&inside) <= n as f64 * (1e-12 * largest).powi(2) {
        return None;
    }
    let statistic = (sum(&among) / between as f64) / (sum(&inside) / within as f64);
    let p_value = fisher_above(statistic, between as f64, within as f64).filter(|_| statistic.is_finite())?;
    Some(BrownForsythe { statistic, between, within, p_value })
}
