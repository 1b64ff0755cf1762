//! How much of the gap between a baseline and the oracle the tuned prompter closes.
use crate::pigeonhole::{canonical, crossed_totals};
use crate::resampling::{Interval, RESAMPLES, alone, by_number, percentiles, stream, total};
use std::fmt;

/// Why no share of the gap is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// The arms do not have the same prompts, or their numbers of seeds differ and are not one.
    Unpaired,
    /// No prompt, or a reward that is not finite.
    NotFinite,
    /// One prompt, or no resample: nothing says how wide the gap is.
    NoInterval,
    /// The 95 % interval of (oracle − baseline) holds 0: the share could be anything.
    NoGap,
    /// The oracle is worse than the baseline: there is no gap to close.
    OracleWorse,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unpaired => "the arms were not tested on the same prompts",
            Self::NotFinite => "there is no prompt, or a reward that is not finite",
            Self::NoInterval => "one prompt cannot say how wide the gap is",
            Self::NoGap => "the oracle cannot be told apart from the baseline, so that there may be no gap",
            Self::OracleWorse => "the oracle is worse than the baseline, so that there is no gap to close",
        })
    }
}

/// A share of the gap, without unit: 0 is the baseline, 1 the oracle; it can lie outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closed {
    pub share: f64,
    /// 95 % percentile-bootstrap interval.
    pub interval: Interval,
}

/// The gap and the share of it that is closed.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    pub seeds: usize,
    pub prompts: usize,
    /// Mean of (tuned − baseline), in units of reward; None where it cannot be estimated.
    pub gained: Option<f64>,
    /// Mean of (oracle − baseline).
    pub width: Option<f64>,
    /// 95 % percentile-bootstrap interval of `width`.
    pub width_interval: Option<Interval>,
    /// The share closed, `gained` / `width`, or why it is withheld.
    pub closed: Result<Closed, Withheld>,
}

/// Share of the gap closed, (tuned − baseline) / (oracle − baseline), of the mean rewards `arm[seed][prompt]`. The baseline is the raw
/// prompt or the untuned prompter: both are worth reporting. An arm with a single row, such as the raw prompt's, which no training
/// changes, serves all seeds.
///
/// A ratio of means, not a mean of ratios, so that neither the reward's zero nor its unit matters. Numerator and denominator are taken
/// from the same resamples: of prompts, and of seeds too where there are several (crossed, see [`crate::over_seeds`]). The share is
/// withheld where the gap's own interval holds 0: a ratio to a denominator that may be 0 has no interval of finite length at 95 %
/// (Fieller 1954).
pub fn gap(tuned: &[Vec<f64>], baseline: &[Vec<f64>], oracle: &[Vec<f64>], resamples: usize, seed: u64) -> Gap {
    gap_in_clusters(tuned, baseline, oracle, &alone(tuned.first().map_or(0, Vec::len)), resamples, seed)
}

/// As [`gap`], where prompts that belong together carry the same number in `clusters[prompt]`: whole clusters are drawn. Where every prompt is
/// a cluster of its own, the result is that of [`gap`], to the last bit; one cluster is like one prompt.
pub fn gap_in_clusters(
    tuned: &[Vec<f64>],
    baseline: &[Vec<f64>],
    oracle: &[Vec<f64>],
    clusters: &[usize],
    resamples: usize,
    seed: u64,
) -> Gap {
    let arms = [tuned, baseline, oracle];
    let (seeds, prompts) = (arms.iter().map(|a| a.len()).max().unwrap_or(0), tuned.first().map_or(0, Vec::len));
    let unknown = |reason: Withheld| Gap { seeds, prompts, gained: None, width: None, width_interval: None, closed: Err(reason) };
    let fits = |arm: &&[Vec<f64>]| (arm.len() == seeds || arm.len() == 1) && arm.iter().all(|row| row.len() == prompts);
    if !arms.iter().all(fits) || clusters.len() != prompts {
        return unknown(Withheld::Unpaired);
    }
    let at = |arm: &[Vec<f64>], s: usize, p: usize| arm[if arm.len() == 1 { 0 } else { s }][p];
    // What is gained, the gap's width, and the number of prompts.
    let cell = |s: usize, p: usize| [at(tuned, s, p) - at(baseline, s, p), at(oracle, s, p) - at(baseline, s, p), 1.0];
    let cells: Vec<Vec<[f64; 3]>> = (0..seeds).map(|s| by_number((0..prompts).map(|p| cell(s, p)), clusters)).collect();
    let table = canonical(&cells).unwrap_or_default();
    let [gained, width, count] = total(&table.concat());
    let [gained, width] = [gained, width].map(|sum| sum / count);
    if !(gained.is_finite() && width.is_finite()) {
        return unknown(Withheld::NotFinite);
    }
    let known = Gap { gained: Some(gained), width: Some(width), ..unknown(Withheld::NoInterval) };
    // Prompts are what the share speaks about: with one of them, seeds alone would give an interval too narrow.
    let several = table.first().is_some_and(|row| row.len() > 1);
    let drawn = if several { crossed_totals(&table, resamples, &mut stream(seed, RESAMPLES)) } else { Vec::new() };
    let widths: Vec<f64> = drawn.iter().map(|[_, width, count]| width / count).collect();
    let ratios: Vec<f64> = drawn.iter().map(|[gained, width, _]| gained / width).collect();
    let (Some(widths), ratios) = (percentiles(&widths, 0.99), percentiles(&ratios, 0.95)) else { return known };
    let closed = match ratios {
        _ if widths.high < 0.0 => Err(Withheld::OracleWorse),
        _ if widths.holds(0.0) => Err(Withheld::NoGap),
        Some(interval) => Ok(Closed { share: gained / width, interval }),
        None => Err(Withheld::NoGap),
    };
    Gap { width_interval: Some(widths), closed, ..known }
}
