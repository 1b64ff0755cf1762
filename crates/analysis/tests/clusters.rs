//! Prompts that belong together: intervals count clusters, against NumPy, SciPy and statsmodels (`scripts/fixtures_statistics.py`).
#![allow(clippy::unwrap_used)] // a test may panic; clippy knows that only inside #[test]
mod references;
mod simulation;

use analysis::{
    Choice, JudgedPair, TestPrompts, bootstrap_mean, bootstrap_mean_in_clusters, equal_length, equal_length_in_clusters, gap,
    gap_in_clusters, one_a_cluster, over_seeds, paired_in_clusters, spread, spread_in_clusters, wins,
};
use proptest::prelude::*;
use references::{Ends, RESAMPLES, agree, fixtures};
use serde::Deserialize;
use simulation::Random;

#[derive(Deserialize)]
struct Fixtures {
    in_clusters: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    values: Vec<Vec<f64>>,
    wide: Vec<Vec<f64>>,
    clusters: Vec<usize>,
    mean: f64,
    /// Cluster-robust standard errors of each seed's mean.
    robust: Vec<f64>,
    one: Ends,
    crossed: Ends,
    student: Option<(f64, f64)>,
    share: f64,
    gap: Ends,
    width: Ends,
    arm: Vec<Vec<f64>>,
    baseline: Vec<Vec<f64>>,
    log_ratio: f64,
    spread: Ends,
    rewards: Vec<f64>,
    lengths: Vec<f64>,
    at_equal_length: f64,
    length: Ends,
    verdicts: Vec<(usize, usize, usize, usize)>,
    win_rate: f64,
    wins: Ends,
}

impl Case {
    fn all() -> Vec<Self> {
        fixtures::<Fixtures>().in_clusters
    }

    fn count(&self) -> usize {
        self.clusters.iter().collect::<std::collections::BTreeSet<_>>().len()
    }
}

#[test]
fn means_agree() {
    for case in Case::all() {
        let ours = bootstrap_mean_in_clusters(&case.values[0], &case.clusters, RESAMPLES, 3);
        // As in scipy.rs: five Monte-Carlo standard errors of 20,000 resamples are 0.095 of the spread.
        assert!(agree(ours, &case.one, 0.12, 0.0), "{ours:?} {} {}", case.one.low, case.one.high);
        let over = over_seeds(&case.values, TestPrompts::Clustered(&case.clusters), 0.0, RESAMPLES, 3);
        // The same sums in another order.
        assert!((over.mean.unwrap() - case.mean).abs() < 1e-12);
        assert!(agree(over.interval.unwrap(), &case.crossed, 0.12, 0.0), "{over:?} {} {}", case.crossed.low, case.crossed.high);
        assert_eq!(over.student.is_some(), case.student.is_some());
        if let (Some(ours), Some((low, high))) = (over.student, case.student) {
            assert!((ours.low - low).abs() < 1e-9 && (ours.high - high).abs() < 1e-9, "{ours:?} {low} {high}");
        }
    }
}

/// What the mean of one value a cluster varies by is statsmodels' cluster-robust standard error.
#[test]
fn one_value_a_cluster_has_the_cluster_robust_error() {
    for case in Case::all() {
        for (row, robust) in case.values.iter().zip(&case.robust) {
            let values = one_a_cluster(std::slice::from_ref(row), &case.clusters).remove(0);
            let n = values.len() as f64;
            assert_eq!(values.len(), case.count());
            let mean = values.iter().sum::<f64>() / n;
            assert!((mean - row.iter().sum::<f64>() / row.len() as f64).abs() < 1e-12);
            let error = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
            assert!((error - robust).abs() < 1e-12, "{error} {robust}");
        }
    }
}

#[test]
fn gaps_agree() {
    for case in Case::all() {
        let nothing = [vec![0.0; case.clusters.len()]];
        let ours = gap_in_clusters(&case.values, &nothing, &case.wide, &case.clusters, RESAMPLES, 3);
        let closed = ours.closed.unwrap();
        assert!((closed.share - case.share).abs() < 1e-12);
        assert!(agree(closed.interval, &case.gap, 0.15, 0.0), "{closed:?} {} {}", case.gap.low, case.gap.high);
        assert!(agree(ours.width_interval.unwrap(), &case.width, 0.12, 0.0), "{:?}", ours.width_interval);
    }
}

#[test]
fn variances_agree() {
    for case in Case::all() {
        let ours = spread_in_clusters(&case.arm, &case.baseline, &case.clusters, RESAMPLES, 3);
        assert!((ours.log_ratio.unwrap() - case.log_ratio).abs() < 1e-12);
        // Variances have longer tails than means.
        assert!(agree(ours.interval.unwrap(), &case.spread, 0.15, 0.0), "{ours:?} {} {}", case.spread.low, case.spread.high);
    }
}

#[test]
fn differences_at_equal_length_agree() {
    for case in Case::all() {
        let arm: Vec<Vec<[f64; 2]>> = case.rewards.iter().zip(&case.lengths).map(|(r, l)| vec![[*r, *l]]).collect();
        let ours = equal_length_in_clusters(&arm, &vec![vec![[0.0, 0.0]]; arm.len()], &case.clusters, RESAMPLES, 3).unwrap();
        assert!((ours.difference - case.at_equal_length).abs() < 1e-11, "{ours:?} {}", case.at_equal_length);
        assert!(agree(ours.interval.unwrap(), &case.length, 0.12, 0.0), "{ours:?} {} {}", case.length.low, case.length.high);
    }
}

#[test]
fn win_rates_agree() {
    let choice = |c: usize| [Choice::First, Choice::Second, Choice::Tie][c];
    for case in Case::all() {
        let pair = |&(prompt, cluster, one, two): &_| JudgedPair {
            prompt,
            cluster,
            arm_first: choice(one),
            arm_second: choice(two),
            arm_is_longer: None,
        };
        let ours = wins(&case.verdicts.iter().map(pair).collect::<Vec<_>>(), RESAMPLES, 3);
        assert_eq!((ours.prompts, ours.clusters), (case.clusters.len(), case.count()));
        let rate = ours.win_rate.unwrap();
        assert!((rate.share - case.win_rate).abs() < 1e-12);
        // Shares of sums of whole numbers move in steps: half of one verdict.
        assert!(agree(rate.interval.unwrap(), &case.wins, 0.12, 0.5 / case.verdicts.len() as f64), "{rate:?}");
    }
}

proptest! {
    #[test]
    fn clusters_of_one_are_prompts_and_their_order_does_not_matter(
        values in prop::collection::vec(-2.0..2.0_f64, 4..20),
        numbers in prop::collection::vec(0..6_usize, 20),
        seed in any::<u64>(),
    ) {
        let n = values.len();
        let alone: Vec<usize> = (0..n).rev().map(|i| 3 * i + 1).collect();
        prop_assert_eq!(bootstrap_mean(&values, 40, seed), bootstrap_mean_in_clusters(&values, &alone, 40, seed));
        let other: Vec<f64> = values.iter().map(|v| (7.0 * v).sin()).collect();
        let (a, b): (Vec<Vec<f64>>, Vec<Vec<f64>>) = values.iter().zip(&other).map(|(x, y)| (vec![*x, *y], vec![*y])).unzip();
        prop_assert_eq!(spread(&a, &b, 40, seed), spread_in_clusters(&a, &b, &alone, 40, seed));
        let (c, d): (Vec<_>, Vec<_>) = values.iter().zip(&other).map(|(x, y)| (vec![[*x, *y], [*y, 1.0]], vec![[*y, *x]])).unzip();
        prop_assert_eq!(equal_length(&c, &d, 40, seed), equal_length_in_clusters(&c, &d, &alone, 40, seed));
        let (seeds, wide) = ([values.clone(), other.clone()], [vec![3.0; n], vec![2.0; n]]);
        let nothing = [vec![0.0; n]];
        prop_assert_eq!(gap(&seeds, &nothing, &wide, 40, seed), gap_in_clusters(&seeds, &nothing, &wide, &alone, 40, seed));
        prop_assert_eq!(
            over_seeds(&seeds, TestPrompts::Shared, 0.0, 40, seed),
            over_seeds(&seeds, TestPrompts::Clustered(&alone), 0.0, 40, seed)
        );
        // Turned round, prompts keep their clusters.
        let clusters = &numbers[..n];
        let turned = |list: &[f64]| list.iter().rev().copied().collect::<Vec<f64>>();
        let back: Vec<usize> = clusters.iter().rev().map(|c| 9 - c).collect();
        prop_assert_eq!(
            bootstrap_mean_in_clusters(&values, clusters, 40, seed),
            bootstrap_mean_in_clusters(&turned(&values), &back, 40, seed)
        );
        prop_assert_eq!(
            over_seeds(&seeds, TestPrompts::Clustered(clusters), 0.0, 40, seed),
            over_seeds(&[turned(&other), turned(&values)], TestPrompts::Clustered(&back), 0.0, 40, seed)
        );
    }

    /// Copies of a prompt tell nothing new: a cluster of copies is as one prompt.
    #[test]
    fn a_cluster_of_copies_is_one_prompt(values in prop::collection::vec(-2.0..2.0_f64, 3..15), seed in any::<u64>()) {
        let clusters: Vec<usize> = (0..2 * values.len()).map(|i| i / 2).collect();
        let twice = |list: &[f64]| list.iter().flat_map(|v| [*v; 2]).collect::<Vec<f64>>();
        let near = |a: analysis::Interval, b: analysis::Interval| (a.low - b.low).abs() < 1e-12 && (a.high - b.high).abs() < 1e-12;
        prop_assert!(near(bootstrap_mean(&values, 40, seed), bootstrap_mean_in_clusters(&twice(&values), &clusters, 40, seed)));
        let other: Vec<f64> = values.iter().map(|v| (7.0 * v).cos()).collect();
        let one = over_seeds(&[values.clone(), other.clone()], TestPrompts::Shared, 0.0, 40, seed);
        let two = over_seeds(&[twice(&values), twice(&other)], TestPrompts::Clustered(&clusters), 0.0, 40, seed);
        prop_assert!(near(one.interval.unwrap(), two.interval.unwrap()) && near(one.student.unwrap(), two.student.unwrap()));
    }
}

#[test]
fn one_cluster_is_one_prompt_and_others_do_not_fit() {
    let (values, same) = ([0.1, 0.5, 0.3], [4; 3]);
    let mean = bootstrap_mean_in_clusters(&values, &same, 100, 1);
    assert!((mean.low - 0.3).abs() < 1e-12 && mean.low == mean.high);
    assert!(bootstrap_mean_in_clusters(&values, &[1, 2], 100, 1).low.is_nan());
    let nested = values.map(|v| vec![v, 2.0 * v, 0.2]);
    assert!(spread_in_clusters(&nested, &nested, &same, 100, 1).interval.is_none());
    assert!(spread_in_clusters(&nested, &nested, &[1, 2], 100, 1).log_ratio.is_none());
    let seeds = [values.to_vec(), vec![0.2, 0.4, 0.9]];
    let over = over_seeds(&seeds[..1], TestPrompts::Clustered(&same), 0.0, 100, 1);
    assert!(over.mean.is_some() && over.interval.is_none());
    assert!(over_seeds(&seeds, TestPrompts::Clustered(&[1, 2]), 0.0, 100, 1).mean.is_none());
    let gaps = gap_in_clusters(&seeds, &[vec![0.0; 3]], &[vec![2.0; 3]], &same, 100, 1);
    assert_eq!(gaps.closed, Err(analysis::Withheld::NoInterval));
    assert_eq!(gap_in_clusters(&seeds, &[vec![0.0; 3]], &[vec![2.0; 3]], &[1], 100, 1).closed, Err(analysis::Withheld::Unpaired));
}

/// Twenty clusters of five prompts that share much of their difference: intervals over prompts miss the truth far too often.
#[test]
fn intervals_over_clusters_cover_where_those_over_prompts_do_not() {
    let (mut random, mut hits, clusters) = (Random(17), [0; 4], (0..100).map(|p| p / 5).collect::<Vec<usize>>());
    let alone: Vec<usize> = (0..100).collect();
    for seed in 0..400 {
        let shared: Vec<f64> = (0..20).map(|_| 0.3 * random.normal()).collect();
        let prompts: Vec<f64> = (0..100).map(|p| shared[p / 5] + 0.3 * random.normal()).collect();
        let arm: Vec<f64> = prompts.iter().map(|p| 0.2 + p).collect();
        for (hit, clusters) in hits.iter_mut().zip([&clusters, &alone]) {
            *hit += u32::from(bootstrap_mean_in_clusters(&arm, clusters, 400, seed).holds(0.2));
        }
        let seeds: Vec<Vec<f64>> = (0..4)
            .map(|_| {
                let run = 0.2 + 0.05 * random.normal();
                prompts.iter().map(|p| run + p + 0.2 * random.normal()).collect()
            })
            .collect();
        for (hit, clusters) in hits[2..].iter_mut().zip([&clusters, &alone]) {
            let over = over_seeds(&seeds, TestPrompts::Clustered(clusters), 0.0, 0, seed);
            *hit += u32::from(over.student.unwrap().holds(0.2));
        }
    }
    let covered = hits.map(|hit| f64::from(hit) / 400.0);
    // The percentile bootstrap of so few clusters is a little too narrow, Student's t is not; four binomial standard errors are 5 points.
    assert!(covered[0] >= 0.88 && covered[1] <= 0.80 && (0.90..=0.99).contains(&covered[2]) && covered[3] <= 0.85, "{covered:?}");
}

/// The sign flip over clusters rejects a true null in 5 % of experiments.
#[test]
fn the_test_over_clusters_rejects_as_often_as_it_says() {
    let (mut random, clusters) = (Random(23), (0..48).map(|p| p / 4).collect::<Vec<usize>>());
    let mut rejected = [0; 2];
    for seed in 0..600 {
        let shared: Vec<f64> = (0..12).map(|_| 0.3 * random.normal()).collect();
        let arm: Vec<f64> = (0..48).map(|p| shared[p / 4] + 0.2 * random.normal()).collect();
        let alone: Vec<usize> = (0..48).collect();
        for (count, clusters) in rejected.iter_mut().zip([&clusters, &alone]) {
            *count += u32::from(paired_in_clusters(&arm, &[0.0; 48], clusters, 0, 499, seed).p_value <= 0.05);
        }
    }
    let shares = rejected.map(|count| f64::from(count) / 600.0);
    // Four binomial standard errors of 5 % are 3.6 points.
    assert!((0.014..=0.086).contains(&shares[0]) && shares[1] > 0.15, "{shares:?}");
}
