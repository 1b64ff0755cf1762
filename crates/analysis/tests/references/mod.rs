//! The figures of other programs (`scripts/fixtures_statistics.py`), and what counts as agreement with them.
#![allow(dead_code, clippy::unwrap_used)] // Each test file uses a part of it; a helper that fails should fail its test.

use analysis::Interval;
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub const RESAMPLES: usize = 20_000;

/// An interval of another program, and the standard deviation of its resamples.
#[derive(Deserialize)]
pub struct Ends {
    pub low: f64,
    pub high: f64,
    pub error: f64,
}

/// Two 95 % intervals that differ by Monte-Carlo error only: `tolerance` times the spread of the resamples, see each use. A share of a
/// few prompts moves in steps, and `step` is one.
pub fn agree(ours: Interval, theirs: &Ends, tolerance: f64, step: f64) -> bool {
    let within = |a: f64, b: f64| (a - b).abs() <= (tolerance * theirs.error).max(step);
    within(ours.low, theirs.low) && within(ours.high, theirs.high)
}

/// Exact p: the same count out of 2^n. Sampled p: five binomial standard errors, and the +1.
pub fn p_agrees(ours: f64, theirs: f64, exact: bool, permutations: usize) -> bool {
    let tolerance = if exact { 1e-12 } else { 5.0 * (theirs * (1.0 - theirs) / permutations as f64).sqrt() + 1e-4 };
    (ours - theirs).abs() <= tolerance
}

/// The part of the file that `F` has fields for.
pub fn fixtures<F: DeserializeOwned>() -> F {
    serde_json::from_str(include_str!("../fixtures/statistics.json")).unwrap()
}
