//! What must hold for any rewards, and what must hold on average over simulated experiments.
#![allow(clippy::unwrap_used)] // a test may panic; clippy knows that only inside #[test]
use analysis::{bootstrap_mean, moments, paired};
use proptest::prelude::*;

/// splitmix64 and Box-Muller: enough randomness for a simulation, without a dependency.
struct Normal(u64);

impl Normal {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
    fn draw(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Mean of the estimates over simulated experiments with the given numbers of answers, and its standard error, for between and within.
fn simulate(sizes: &[usize], between: f64, within: f64, experiments: usize) -> [(f64, f64); 2] {
    let mut normal = Normal(11);
    let mut estimates = [Vec::new(), Vec::new()];
    for _ in 0..experiments {
        let rewards: Vec<Vec<f64>> = sizes
            .iter()
            .map(|&n| {
                let prompt = 0.3 + between.sqrt() * normal.draw();
                (0..n).map(|_| prompt + within.sqrt() * normal.draw()).collect()
            })
            .collect();
        let m = moments(&rewards);
        estimates[0].push(m.between_prompt_variance.unwrap());
        estimates[1].push(m.within_prompt_variance.unwrap());
    }
    estimates.map(|e| {
        let n = e.len() as f64;
        let mean = e.iter().sum::<f64>() / n;
        (mean, (e.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
    })
}

#[test]
fn decomposition_is_unbiased_in_simulation() {
    for sizes in [vec![2; 24], vec![1, 2, 3, 4, 5, 6, 9, 1, 1]] {
        for (between, within) in [(0.09, 0.25), (0.0, 0.25), (0.5, 0.01)] {
            let [(b, b_error), (w, w_error)] = simulate(&sizes, between, within, 4000);
            // Four standard errors of the simulated mean; the seed is fixed.
            assert!((b - between).abs() < 4.0 * b_error, "{sizes:?}: between {b} ± {b_error}, true {between}");
            assert!((w - within).abs() < 4.0 * w_error, "{sizes:?}: within {w} ± {w_error}, true {within}");
        }
    }
}

#[test]
fn bootstrap_covers_the_true_mean_about_as_often_as_it_says() {
    let mut normal = Normal(5);
    let experiments = 500;
    let covered = (0..experiments)
        .filter(|&seed| {
            let values: Vec<f64> = (0..40).map(|_| 0.7 + normal.draw()).collect();
            let interval = bootstrap_mean(&values, 1000, seed);
            interval.low <= 0.7 && 0.7 <= interval.high
        })
        .count() as f64
        / experiments as f64;
    // The percentile bootstrap of 40 values covers about 94 %; four binomial standard errors are 4 points.
    assert!((0.90..=0.98).contains(&covered), "covered {covered}");
}

#[test]
fn permutation_test_rejects_a_true_null_about_as_often_as_it_says() {
    let mut normal = Normal(6);
    let experiments = 1000;
    let rejected = (0..experiments)
        .filter(|&seed| {
            let arm: Vec<f64> = (0..20).map(|_| normal.draw()).collect();
            let baseline: Vec<f64> = (0..20).map(|_| normal.draw()).collect();
            paired(&arm, &baseline, 1, 999, seed).p_value <= 0.05
        })
        .count() as f64
        / experiments as f64;
    // The test is exact: 5 %, with four binomial standard errors of 0.7 points.
    assert!((0.022..=0.078).contains(&rejected), "rejected {rejected}");
}

#[test]
fn degenerate_input_gives_what_the_documentation_says() {
    let empty = moments(&[]);
    assert!(empty.mean.is_nan() && empty.n == 0 && empty.variance.is_none() && empty.within_prompt_variance.is_none());
    let nan = moments(&[vec![0.1, f64::NAN], vec![0.2, 0.3]]);
    assert!(nan.mean.is_nan() && nan.variance.is_none() && nan.between_prompt_variance.is_none() && nan.within_prompt_variance.is_none());
    let one_each = moments(&[vec![0.1], vec![0.2], vec![]]);
    assert_eq!((one_each.n, one_each.prompts, one_each.within_prompt_variance, one_each.between_prompt_variance), (2, 2, None, None));
    assert!(one_each.variance.is_some());
    let one_prompt = moments(&[vec![0.1, 0.3]]);
    assert_eq!(one_prompt.between_prompt_variance, None);
    assert!((one_prompt.within_prompt_variance.unwrap() - 0.02).abs() < 1e-15);

    assert!(bootstrap_mean(&[], 100, 0).low.is_nan());
    assert!(bootstrap_mean(&[1.0, f64::NAN], 100, 0).high.is_nan());
    assert_eq!(bootstrap_mean(&[0.4], 100, 0), analysis::Interval { low: 0.4, high: 0.4 });
    assert_eq!(bootstrap_mean(&[0.0, 1.0], 0, 0), analysis::Interval { low: 0.5, high: 0.5 });

    for comparison in [paired(&[], &[], 100, 100, 0), paired(&[1.0], &[], 100, 100, 0), paired(&[f64::NAN, 1.0], &[0.0, 0.0], 100, 100, 0)]
    {
        assert!(comparison.mean_difference.is_nan() && comparison.interval.low.is_nan() && comparison.p_value == 1.0);
    }
    let one = paired(&[0.75], &[0.25], 100, 100, 0);
    assert_eq!((one.prompts, one.mean_difference, one.interval.low, one.interval.high, one.p_value), (1, 0.5, 0.5, 0.5, 1.0));
}

#[test]
fn same_seed_same_figures_other_seed_other_resamples() {
    let values: Vec<f64> = (0..50).map(|i| f64::from(i * i % 17)).collect();
    assert_eq!(bootstrap_mean(&values, 500, 3), bootstrap_mean(&values, 500, 3));
    assert_ne!(bootstrap_mean(&values, 500, 3), bootstrap_mean(&values, 500, 4));
}

fn groups() -> impl Strategy<Value = Vec<Vec<f64>>> {
    prop::collection::vec(prop::collection::vec(-10.0..10.0, 0..6), 0..12)
}

proptest! {
    /// Σ about the grand mean = Σ within + Σ between, hence (N−1)·variance = (N−k)·MSW + (k−1)·MSB.
    #[test]
    fn sums_of_squares_add_up(rewards in groups()) {
        let m = moments(&rewards);
        if let (Some(variance), Some(within), Some(between)) = (m.variance, m.within_prompt_variance, m.between_prompt_variance) {
            let (n, k) = (m.n as f64, m.prompts as f64);
            let n0 = (n - rewards.iter().map(|g| (g.len() * g.len()) as f64).sum::<f64>() / n) / (k - 1.0);
            let msb = within + n0 * between;
            prop_assert!(((n - 1.0) * variance - (n - k) * within - (k - 1.0) * msb).abs() < 1e-8);
            prop_assert!(within >= 0.0 && msb >= -1e-9);
        }
    }

    #[test]
    fn order_of_prompts_changes_nothing(pairs in prop::collection::vec((-1.0..1.0, -1.0..1.0), 0..20), seed: u64, turn in 0usize..20) {
        let split = |p: &[(f64, f64)]| (p.iter().map(|x| x.0).collect::<Vec<f64>>(), p.iter().map(|x| x.1).collect::<Vec<f64>>());
        let mut turned = pairs.clone();
        turned.rotate_left(turn.min(pairs.len()));
        turned.reverse();
        let ((a, b), (c, d)) = (split(&pairs), split(&turned));
        let (first, second) = (paired(&a, &b, 50, 300, seed), paired(&c, &d, 50, 300, seed));
        prop_assert!(first == second || pairs.is_empty());
        let answers = |means: &[f64]| moments(&means.iter().map(|x| vec![*x, x * 2.0]).collect::<Vec<_>>());
        let (m, o) = (answers(&a), answers(&c));
        prop_assert!(m.n == 0 || (m.mean - o.mean).abs() < 1e-12);
        prop_assert_eq!(m.between_prompt_variance.is_some(), o.between_prompt_variance.is_some());
        let apart = m.between_prompt_variance.unwrap_or(0.0) - o.between_prompt_variance.unwrap_or(0.0);
        prop_assert!(apart.abs() < 1e-10);
    }

    #[test]
    fn swapping_arms_turns_the_sign(pairs in prop::collection::vec((-1.0..1.0, -1.0..1.0), 2..12), seed: u64) {
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let (one, other) = (paired(&a, &b, 50, 5000, seed), paired(&b, &a, 50, 5000, seed));
        prop_assert!((one.mean_difference + other.mean_difference).abs() < 1e-12);
        prop_assert_eq!(one.p_value, other.p_value);
        prop_assert!(one.p_value > 0.0 && one.p_value <= 1.0);
    }

    #[test]
    fn nothing_panics(
        rewards in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..4), 0..6),
        a in prop::collection::vec(any::<f64>(), 0..5),
        b in prop::collection::vec(any::<f64>(), 0..5),
        resamples in 0usize..4,
        permutations in 0usize..40,
    ) {
        moments(&rewards);
        let comparison = paired(&a, &b, resamples, permutations, 1);
        prop_assert!(comparison.p_value > 0.0 && comparison.p_value <= 1.0);
        prop_assert!(analysis::verdict(&comparison, &comparison).ends_with('.'));
    }
}
