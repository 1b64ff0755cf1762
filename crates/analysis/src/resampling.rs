//! The bootstrap of a mean over prompts, and what every resampling here shares: streams, draws, quantiles.
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeMap;

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    pub(crate) const UNKNOWN: Self = Self { low: f64::NAN, high: f64::NAN };

    /// Whether `value` lies within the interval, its ends included.
    pub fn holds(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Stream of resamples.
pub(crate) const RESAMPLES: u64 = 0;
/// Stream of signs.
pub(crate) const SIGNS: u64 = 1;

/// 95 % percentile-bootstrap interval of the mean of `values`, one value a prompt (Efron and Tibshirani 1993, chapter 13): the 2.5 %
/// and 97.5 % quantiles, linearly interpolated, of the means of `resamples` samples drawn with replacement.
///
/// Degenerate: no value, or one that is not finite, gives NaN at both ends. One value, or no resample, gives an interval of no width at
/// the mean, which says nothing about its precision: look at the number of prompts before you trust it.
pub fn bootstrap_mean(values: &[f64], resamples: usize, seed: u64) -> Interval {
    bootstrap_mean_in_clusters(values, &alone(values.len()), resamples, seed)
}

/// As [`bootstrap_mean`], where prompts that belong together carry the same number in `clusters[i]`: whole clusters are drawn, as many as there
/// are. The mean is still the one over prompts, a ratio of sums. Where every prompt is a cluster of its own, the result is that of
/// [`bootstrap_mean`], to the last bit.
///
/// Degenerate: as [`bootstrap_mean`], and one cluster is like one value; `clusters` of another length gives NaN.
pub fn bootstrap_mean_in_clusters(values: &[f64], clusters: &[usize], resamples: usize, seed: u64) -> Interval {
    let Some(mean) = finite_mean(values).filter(|_| values.len() == clusters.len()) else { return Interval::UNKNOWN };
    let rows = by_cluster(values.iter().map(|value| [*value, 1.0]), clusters);
    if rows.len() == 1 || resamples == 0 {
        return Interval { low: mean, high: mean };
    }
    let mut means: Vec<f64> = totals(&rows, resamples, &mut stream(seed, RESAMPLES)).into_iter().map(|[sum, n]| sum / n).collect();
    means.sort_unstable_by(f64::total_cmp);
    middle(&means)
}

/// Whether a difference is for the first of two: 1, 0, or half for a tie.
pub(crate) fn ahead(difference: f64) -> f64 {
    if difference == 0.0 { 0.5 } else { f64::from(u8::from(difference > 0.0)) }
}

/// Clusters of prompts that do not belong together.
pub(crate) fn alone(prompts: usize) -> Vec<usize> {
    (0..prompts).collect()
}

/// The rows of each cluster added up, sorted; `clusters[i]` is that of row i. Only the contents of the rows decide the result, to the last bit.
pub(crate) fn by_cluster<const M: usize>(rows: impl IntoIterator<Item = [f64; M]>, clusters: &[usize]) -> Vec<[f64; M]> {
    let mut rows = by_number(rows, clusters);
    sort_rows(&mut rows);
    rows
}

/// As [`by_cluster`], by the clusters' numbers: the same place for each cluster of several lists.
pub(crate) fn by_number<const M: usize>(rows: impl IntoIterator<Item = [f64; M]>, clusters: &[usize]) -> Vec<[f64; M]> {
    let mut members: BTreeMap<usize, Vec<[f64; M]>> = BTreeMap::new();
    for (row, cluster) in rows.into_iter().zip(clusters) {
        members.entry(*cluster).or_default().push(row);
    }
    let sum = |mut members: Vec<[f64; M]>| {
        sort_rows(&mut members);
        total(&members)
    };
    members.into_values().map(sum).collect()
}

/// Sums over as many rows as there are, drawn with replacement; one such sum for each resample. The caller has sorted the rows, so that
/// the order in which they are stored changes nothing.
pub(crate) fn totals<const M: usize>(rows: &[[f64; M]], resamples: usize, random: &mut ChaCha8Rng) -> Vec<[f64; M]> {
    let draw = |random: &mut ChaCha8Rng| {
        let mut total = [0.0; M];
        for _ in rows {
            add(&mut total, &rows[index(random, rows.len())], 1.0);
        }
        total
    };
    (0..resamples).map(|_| draw(random)).collect()
}

/// total += weight · row.
pub(crate) fn add<const M: usize>(total: &mut [f64; M], row: &[f64; M], weight: f64) {
    for (sum, value) in total.iter_mut().zip(row) {
        *sum += weight * value;
    }
}

/// Sum of all rows.
pub(crate) fn total<const M: usize>(rows: &[[f64; M]]) -> [f64; M] {
    let mut sum = [0.0; M];
    rows.iter().for_each(|row| add(&mut sum, row, 1.0));
    sum
}

/// By their entries, the first first; a row before its continuations.
pub(crate) fn sort_rows<R: AsRef<[f64]>>(rows: &mut [R]) {
    rows.sort_unstable_by(|a, b| compare(a.as_ref(), b.as_ref()));
}

pub(crate) fn compare(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    let unequal = a.iter().zip(b).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
    unequal.unwrap_or(a.len().cmp(&b.len()))
}

/// Sorted within the lists, and then among them.
pub(crate) fn sorted_lists(lists: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut lists: Vec<Vec<f64>> = lists.iter().map(|list| sorted(list)).collect();
    sort_rows(&mut lists);
    lists
}

/// The 2.5 % and 97.5 % quantiles of the replicates that are finite; None where these are fewer than `share` of all, or none.
pub(crate) fn percentiles(replicates: &[f64], share: f64) -> Option<Interval> {
    let mut finite: Vec<f64> = replicates.iter().copied().filter(|r| r.is_finite()).collect();
    if finite.is_empty() || (finite.len() as f64) < share * replicates.len() as f64 {
        return None;
    }
    finite.sort_unstable_by(f64::total_cmp);
    Some(middle(&finite))
}

fn middle(sorted: &[f64]) -> Interval {
    Interval { low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) }
}

/// One stream for each use of the seed, so that signs and resamples are independent.
pub(crate) fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}

/// Uniform in 0..n (multiply and shift; the bias is below n / 2^64). Our own, so that a new version of `rand` cannot change a result.
pub(crate) fn index(random: &mut ChaCha8Rng, n: usize) -> usize {
    ((u128::from(random.next_u64()) * n as u128) >> 64) as usize
}

/// How often each of n things comes up in n draws with replacement.
pub(crate) fn multiplicities(random: &mut ChaCha8Rng, n: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n];
    for _ in 0..n {
        counts[index(random, n)] += 1.0;
    }
    counts
}

/// The mean; None if there is no value or the mean is not finite, as when a value is not.
pub(crate) fn finite_mean(values: &[f64]) -> Option<f64> {
    Some(ordered_mean(values)).filter(|mean| mean.is_finite())
}

/// Sorted before they are summed, so that the order in which they are stored changes nothing, not even in the last bit.
pub(crate) fn ordered_mean(values: &[f64]) -> f64 {
    sorted(values).iter().sum::<f64>() / values.len() as f64
}

pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// Sample standard deviation, divided by n − 1; None with fewer than two values, or where it is not finite.
pub(crate) fn deviation(values: &[f64]) -> Option<f64> {
    let values = sorted(values);
    let mean = finite_mean(&values)?;
    let squares = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt()).filter(|d| d.is_finite())
}

/// Quantile of sorted values with linear interpolation between order statistics, as NumPy does by default.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (below, share) = (at.floor() as usize, at.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + share * (sorted[above] - sorted[below])
}
