//! An experiment over several training seeds.
use crate::distributions::{student_beyond, student_quantile};
use crate::pigeonhole::{canonical, crossed_totals};
use crate::power::crossed_error;
use crate::resampling::{
    Interval, RESAMPLES, alone, bootstrap_mean_in_clusters, by_number, deviation, finite_mean, index, percentiles, sorted_lists, stream,
};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

/// Which prompts the seeds were tested on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestPrompts<'a> {
    /// The same, in the same order: one draw of prompts serves all seeds.
    Shared,
    /// The same, in the same order, where those that belong together carry the same number here: one draw of whole clusters serves all
    /// seeds. Clusters of one are as [`TestPrompts::Shared`], to the last bit.
    Clustered(&'a [usize]),
    /// Every seed has its own: prompts are drawn within each drawn seed.
    PerSeed,
}

/// What the interval lets vary, and so what it speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampled {
    /// Training runs and prompts: the interval speaks about training again.
    SeedsAndPrompts,
    /// There is one seed: the interval speaks about this one trained prompter, not about training again.
    PromptsOnly,
}

/// A mean over seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct OverSeeds {
    /// Seeds, the diverged ones included.
    pub seeds: usize,
    /// Seeds that had no value or one that is not finite, and that count as the value the caller gave.
    pub diverged: usize,
    /// Mean over seeds of each seed's mean over its prompts, in units of `values`; every seed counts the same.
    pub mean: Option<f64>,
    /// 95 % percentile interval of the two-level bootstrap. None with one seed and one prompt, or without resamples.
    pub interval: Option<Interval>,
    pub resampled: Resampled,
    /// Standard deviation of the seeds' means, divided by seeds − 1.
    pub deviation: Option<f64>,
    /// 95 % interval by Student's t, mean ± t · standard error. It is right for few seeds, where the bootstrap is too narrow, as far as
    /// means of prompts are normal. Prompts per seed: from the seeds' means alone, seeds − 1 degrees of freedom. Shared prompts: seeds
    /// and prompts, or clusters of them, both random, with Satterthwaite's degrees of freedom (see [`crate::smallest_detectable`]).
    /// None with one seed.
    pub student: Option<Interval>,
    /// Two-sided p of the t test that belongs to `student`, of a true mean of 0: below 0.05 where that interval excludes 0, and 0 where the
    /// values do not vary and their mean is not 0. None with one seed, or where the values are 0 throughout.
    pub p_value: Option<f64>,
}

/// From so many seeds on the bootstrap over seeds is as good as Student's t (see the coverages in `docs/algorithms/statistics.md`).
const ENOUGH_SEEDS: usize = 10;

impl OverSeeds {
    /// The interval to report: Student's t below ten seeds, where the bootstrap is too narrow, and the bootstrap from ten on or with one.
    pub fn reported(&self) -> Option<Interval> {
        if self.by_student() { self.student } else { self.interval }
    }

    /// Whether the interval to report is Student's t.
    pub(crate) fn by_student(&self) -> bool {
        self.seeds < ENOUGH_SEEDS && self.student.is_some()
    }
}

/// Mean and interval of `values[seed][prompt]` (paired differences, or an arm's mean rewards), with the training run as the replicate:
/// seeds are resampled, and prompts are resampled too, crossed or nested as [`TestPrompts`] says.
///
/// A diverged seed, one without values or with one that is not finite, counts as `diverged_as` on every prompt: say what a failed run is
/// worth, such as the baseline's reward, or the difference 0. It is never dropped, for an average over the runs that went well is not
/// what training gives.
///
/// Degenerate: no seed, shared prompts of different number, clusters for another number of prompts, or `diverged_as` not finite where it is
/// needed leave mean and intervals None.
pub fn over_seeds(values: &[Vec<f64>], prompts: TestPrompts<'_>, diverged_as: f64, resamples: usize, seed: u64) -> OverSeeds {
    let failed = |row: &[f64]| finite_mean(row).is_none();
    let width = values.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let stand_in = |row: &Vec<f64>| {
        let length = if row.is_empty() { width } else { row.len() };
        if failed(row) { vec![diverged_as; length] } else { row.clone() }
    };
    let table: Vec<Vec<f64>> = values.iter().map(stand_in).collect();
    let result = OverSeeds {
        seeds: values.len(),
        diverged: values.iter().filter(|row| failed(row)).count(),
        mean: None,
        interval: None,
        resampled: if values.len() == 1 { Resampled::PromptsOnly } else { Resampled::SeedsAndPrompts },
        deviation: None,
        student: None,
        p_value: None,
    };
    let Some(means) = table.iter().map(|row| finite_mean(row)).collect::<Option<Vec<f64>>>() else { return result };
    // Of one seed they are always the same.
    let clusters = match prompts {
        TestPrompts::Clustered(clusters) => Some(clusters.to_vec()),
        TestPrompts::Shared => Some(alone(width)),
        TestPrompts::PerSeed if table.len() == 1 => Some(alone(width)),
        TestPrompts::PerSeed => None,
    };
    let fits = |clusters: &Vec<usize>| clusters.len() == width && table.iter().all(|row| row.len() == width);
    let Some(mean) = finite_mean(&means).filter(|_| clusters.as_ref().is_none_or(fits)) else { return result };
    if let ([one], Some(clusters)) = (table.as_slice(), &clusters) {
        let several = clusters.iter().collect::<BTreeSet<_>>().len() > 1;
        let interval = Some(bootstrap_mean_in_clusters(one, clusters, resamples, seed)).filter(|_| several && resamples > 0);
        return OverSeeds { mean: Some(mean), interval, ..result };
    }
    let crossed = clusters.map(|clusters| ordered(&table, &clusters));
    let replicates = match &crossed {
        Some(crossed) => crossed_means(crossed, resamples, seed),
        None => nested_means(&table, resamples, seed),
    };
    let deviation = deviation(&means);
    let own = deviation.map(|d| (d * d / means.len() as f64, (means.len() - 1) as f64));
    let error = match &crossed {
        Some(crossed) if crossed.first().is_some_and(|row| row.len() > 1) => own.and_then(|_| shared_error(&linear(crossed))),
        _ => own,
    };
    let half_width = error.and_then(|(variance, freedom)| Some(student_quantile(0.05, freedom)? * variance.sqrt()));
    OverSeeds {
        mean: Some(mean),
        interval: percentiles(&replicates, 0.99),
        deviation,
        student: half_width.map(|h| Interval { low: mean - h, high: mean + h }),
        p_value: error.and_then(|(variance, freedom)| student_beyond(mean / variance.sqrt(), freedom)),
        ..result
    }
}

/// One value a cluster in place of `values[seed][prompt]`, with the same means of every seed and of all, which vary as means over clusters of
/// prompts do, to first order (see [`TestPrompts::Clustered`] for `clusters`, and `docs/algorithms/statistics.md`). What takes prompts as
/// independent, such as [`crate::components`] before [`crate::smallest_detectable`], takes these instead.
pub fn one_a_cluster(values: &[Vec<f64>], clusters: &[usize]) -> Vec<Vec<f64>> {
    linear(&summed(values, clusters))
}

/// For each seed and cluster the sum of its values and their number.
fn summed(values: &[Vec<f64>], clusters: &[usize]) -> Vec<Vec<[f64; 2]>> {
    values.iter().map(|row| by_number(row.iter().map(|value| [*value, 1.0]), clusters)).collect()
}

/// [`summed`] in an order that only the values decide. The rows are of one length.
fn ordered(table: &[Vec<f64>], clusters: &[usize]) -> Vec<Vec<[f64; 2]>> {
    canonical(&summed(table, clusters)).unwrap_or_default()
}

/// A table of single values whose means of rows, of columns and of all vary as the ratios Σ sums / Σ numbers do, to first order: a cell's
/// value is the mean of all + (sum − number · mean) over the mean number. Where each cluster is one prompt these are the values themselves.
fn linear(table: &[Vec<[f64; 2]>]) -> Vec<Vec<f64>> {
    let cells = || table.iter().flatten();
    let [sum, number] = cells().fold([0.0; 2], |[s, n], cell| [s + cell[0], n + cell[1]]);
    let (mean, size, alone) = (sum / number, number / cells().count() as f64, cells().all(|[_, n]| *n == 1.0));
    let value = |[sum, n]: &[f64; 2]| if alone { *sum } else { mean + (sum - n * mean) / size };
    table.iter().map(|row| row.iter().map(value).collect()).collect()
}

/// Variance of the mean and its degrees of freedom, by the mean squares of a two-way table without replication.
fn shared_error(table: &[Vec<f64>]) -> Option<(f64, f64)> {
    let (s, n) = (table.len() as f64, table.first()?.len() as f64);
    let rows: Vec<f64> = table.iter().map(|row| row.iter().sum::<f64>() / n).collect();
    let columns: Vec<f64> = (0..table[0].len()).map(|p| table.iter().map(|row| row[p]).sum::<f64>() / s).collect();
    let mean = rows.iter().sum::<f64>() / s;
    let residual = |row: &Vec<f64>, of_row: &f64| row.iter().zip(&columns).map(|(x, c)| (x - of_row - c + mean).powi(2)).sum::<f64>();
    let residuals = table.iter().zip(&rows).map(|(row, of_row)| residual(row, of_row)).sum::<f64>();
    let (seed, prompt) = (deviation(&rows)?.powi(2) / s, deviation(&columns)?.powi(2) / n);
    Some(crossed_error([seed, prompt, residuals / ((s - 1.0) * (n - 1.0)) / (n * s)], s, n)).filter(|e| e.1.is_finite())
}

fn crossed_means(table: &[Vec<[f64; 2]>], resamples: usize, seed: u64) -> Vec<f64> {
    crossed_totals(table, resamples, &mut stream(seed, RESAMPLES)).into_iter().map(|[sum, n]| sum / n).collect()
}

fn nested_means(table: &[Vec<f64>], resamples: usize, seed: u64) -> Vec<f64> {
    let table = sorted_lists(table);
    let mut random = stream(seed, RESAMPLES);
    let mean = |random: &mut ChaCha8Rng| {
        let row = &table[index(random, table.len())];
        (0..row.len()).map(|_| row[index(random, row.len())]).sum::<f64>() / row.len() as f64
    };
    (0..resamples).map(|_| (0..table.len()).map(|_| mean(&mut random)).sum::<f64>() / table.len() as f64).collect()
}
