//! Our figures against NumPy's and SciPy's (`scripts/fixtures_statistics.py`).
#![allow(clippy::unwrap_used)] // a test may panic; clippy knows that only inside #[test]
mod references;

use analysis::{bootstrap_mean, moments, paired};
use references::{fixtures, p_agrees};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixtures {
    moments: Vec<MomentsCase>,
    bootstrap: Vec<BootstrapCase>,
    paired: Vec<PairedCase>,
}

#[derive(Deserialize)]
struct MomentsCase {
    rewards: Vec<Vec<f64>>,
    n: usize,
    prompts: usize,
    mean: f64,
    variance: Option<f64>,
    between: Option<f64>,
    within: Option<f64>,
}

#[derive(Deserialize)]
struct BootstrapCase {
    values: Vec<f64>,
    low: f64,
    high: f64,
}

#[derive(Deserialize)]
struct PairedCase {
    arm: Vec<f64>,
    baseline: Vec<f64>,
    mean_difference: f64,
    low: f64,
    high: f64,
    p_value: f64,
    exact: bool,
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-12,
        (None, None) => true,
        _ => false,
    }
}

/// Two 95 % interval ends that differ by Monte-Carlo error only. An end from B resamples is an order statistic with a standard error of
/// sqrt(q(1−q)/B) / density, which for a normal bootstrap distribution is 2.67·se/sqrt(B); five of those for our B = 20,000 is
/// 0.095·se. SciPy's 200,000 resamples add little, and the discreteness of short samples is covered by rounding up to 0.12·se.
fn within_monte_carlo_error(ours: f64, theirs: f64, values: &[f64]) -> bool {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let standard_error = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n / n).sqrt();
    (ours - theirs).abs() <= 0.12 * standard_error
}

#[test]
fn moments_agree() {
    for case in fixtures::<Fixtures>().moments {
        let ours = moments(&case.rewards);
        assert_eq!((ours.n, ours.prompts), (case.n, case.prompts));
        // 1e-12: the same sums in another order.
        assert!((ours.mean - case.mean).abs() < 1e-12);
        assert!(close(ours.variance, case.variance), "{ours:?}");
        assert!(close(ours.within_prompt_variance, case.within), "{ours:?}");
        assert!(close(ours.between_prompt_variance, case.between), "{ours:?}");
    }
}

#[test]
fn bootstrap_agrees_within_monte_carlo_error() {
    for case in fixtures::<Fixtures>().bootstrap {
        let ours = bootstrap_mean(&case.values, 20_000, 7);
        assert!(within_monte_carlo_error(ours.low, case.low, &case.values), "{ours:?} {} {}", case.low, case.high);
        assert!(within_monte_carlo_error(ours.high, case.high, &case.values), "{ours:?} {} {}", case.low, case.high);
    }
}

#[test]
fn paired_agrees() {
    for case in fixtures::<Fixtures>().paired {
        let permutations = 20_000;
        let ours = paired(&case.arm, &case.baseline, 20_000, permutations, 7);
        assert!((ours.mean_difference - case.mean_difference).abs() < 1e-12);
        let differences: Vec<f64> = case.arm.iter().zip(&case.baseline).map(|(a, b)| a - b).collect();
        assert!(within_monte_carlo_error(ours.interval.low, case.low, &differences), "{ours:?}");
        assert!(within_monte_carlo_error(ours.interval.high, case.high, &differences), "{ours:?}");
        assert!(p_agrees(ours.p_value, case.p_value, case.exact, permutations), "{ours:?} {}", case.p_value);
    }
}
