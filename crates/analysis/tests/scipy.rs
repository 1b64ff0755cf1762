//! Our figures against NumPy's, SciPy's and statsmodels' (`scripts/fixtures_statistics.py`).
#![allow(clippy::unwrap_used)] // a test may panic; clippy knows that only inside #[test]
mod references;

use analysis::{bootstrap_mean, equal_length, moments, paired};
use references::{Ends, RESAMPLES, agree, fixtures, p_agrees};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixtures {
    moments: Vec<MomentsCase>,
    bootstrap: Vec<BootstrapCase>,
    paired: Vec<PairedCase>,
    equal_length: Vec<LengthCase>,
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

#[derive(Deserialize)]
struct LengthCase {
    arm: Vec<Vec<[f64; 2]>>,
    baseline: Vec<Vec<[f64; 2]>>,
    difference: f64,
    per_unit: f64,
    correlation: f64,
    unadjusted: f64,
    interval: Ends,
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

#[test]
fn equal_length_agrees() {
    for case in fixtures::<Fixtures>().equal_length {
        let ours = equal_length(&case.arm, &case.baseline, RESAMPLES, 7).unwrap();
        let answers = case.arm.iter().chain(&case.baseline).map(Vec::len).sum();
        assert_eq!((ours.prompts, ours.answers), (case.arm.len(), answers));
        assert!((ours.unadjusted - case.unadjusted).abs() < 1e-12);
        // statsmodels solves for the prompts' effects too, where we take them out: 1e-11 for the pseudo-inverse of its 62 columns.
        assert!((ours.difference - case.difference).abs() < 1e-11, "{ours:?} {}", case.difference);
        assert!((ours.per_unit - case.per_unit).abs() < 1e-11, "{ours:?} {}", case.per_unit);
        assert!(close(ours.correlation, Some(case.correlation)), "{ours:?} {}", case.correlation);
        // As for the mean: five Monte-Carlo standard errors are 0.095 of the spread, rounded up.
        assert!(agree(ours.interval.unwrap(), &case.interval, 0.12, 0.0), "{ours:?} {} {}", case.interval.low, case.interval.high);
    }
}

#[test]
fn lengths_that_tell_nothing() {
    let answers = |lengths: &[f64]| lengths.iter().map(|l| vec![[0.5 + 0.1 * l.sin(), *l]]).collect::<Vec<_>>();
    let (short, long) = (answers(&[0.1, 0.7, 0.4]), answers(&[0.4, 1.0, 0.7]));
    // Longer by the same amount on every prompt; one prompt with one answer; nothing shared; not as many prompts.
    assert!(equal_length(&long, &short, 100, 1).is_none() && equal_length(&long[..1], &short[..1], 100, 1).is_none());
    assert!(
        equal_length(&[], &[], 100, 1).is_none() && equal_length(&[vec![], vec![[0.1, 2.0]]], &[vec![[0.1, 2.0]], vec![]], 9, 1).is_none()
    );
    assert!(equal_length(&long, &short[..2], 100, 1).is_none() && equal_length(&[vec![[f64::NAN, 1.0]]], &short[..1], 9, 1).is_none());
    // As long as each other on every prompt: nothing to adjust.
    let better: Vec<Vec<[f64; 2]>> = short.iter().map(|a| vec![[a[0][0] * 2.0, a[0][1]]; 3]).collect();
    let ours = equal_length(&better, &short, 100, 1).unwrap();
    assert_eq!((ours.difference, ours.per_unit, ours.correlation), (ours.unadjusted, 0.0, None));
    assert!(ours.interval.is_some_and(|i| i.low < i.high && i.holds(ours.difference)));
    // One prompt has an estimate and no interval; rewards that do not vary have no correlation.
    let one = equal_length(&[vec![[1.0, 1.0], [1.0, 2.0]]], &[vec![[1.0, 5.0]]], 100, 1).unwrap();
    assert_eq!((one.answers, one.difference, one.per_unit, one.correlation, one.interval), (3, 0.0, 0.0, None, None));
}
