//! What must hold for any rewards, and what must hold on average over simulated experiments.
#![allow(clippy::unwrap_used)] // a test may panic; clippy knows that only inside #[test]
mod simulation;

use analysis::{
    Choice, Components, EqualLength, JudgedPair, Noise, Plan, TestPrompts, brown_forsythe, components, doubling, equal_length, gap, holm,
    interquartile_mean, moments, over_seeds, paired, paired_in_clusters, performance_profile, spread, wins,
};
use analysis::{bootstrap_mean, power, smallest_detectable};
use proptest::prelude::*;
use simulation::{Random, mean};

/// Mean of the estimates over simulated experiments with the given numbers of answers, and its standard error, for between and within.
fn simulate(sizes: &[usize], between: f64, within: f64, experiments: usize) -> [(f64, f64); 2] {
    let mut random = Random(11);
    let mut estimates = [Vec::new(), Vec::new()];
    for _ in 0..experiments {
        let rewards: Vec<Vec<f64>> = sizes
            .iter()
            .map(|&n| {
                let prompt = 0.3 + between.sqrt() * random.normal();
                (0..n).map(|_| prompt + within.sqrt() * random.normal()).collect()
            })
            .collect();
        let m = moments(&rewards);
        estimates[0].push(m.between_prompt_variance.unwrap());
        estimates[1].push(m.within_prompt_variance.unwrap());
    }
    estimates.map(|e| mean(&e))
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
    let mut random = Random(5);
    let experiments = 500;
    let covered = (0..experiments)
        .filter(|&seed| {
            let values: Vec<f64> = (0..40).map(|_| 0.7 + random.normal()).collect();
            let interval = bootstrap_mean(&values, 1000, seed);
            interval.low <= 0.7 && 0.7 <= interval.high
        })
        .count() as f64
        / experiments as f64;
    // The percentile bootstrap of 40 values covers about 94 %; four binomial standard errors are 4 points.
    assert!((0.90..=0.98).contains(&covered), "covered {covered}");
}

/// Share of simulated experiments, with 40 prompts each, whose intervals hold the true mean 0.7: the two-level bootstrap with shared
/// prompts and with prompts per seed, Student's t with shared prompts and with prompts per seed.
fn covered(seeds: usize, between_seeds: f64, experiments: u64) -> [f64; 4] {
    let mut random = Random(8);
    let mut hits = [0; 4];
    for experiment in 0..experiments {
        let common: Vec<f64> = (0..40).map(|_| 0.5 * random.normal()).collect();
        let (mut shared, mut own) = (Vec::new(), Vec::new());
        for _ in 0..seeds {
            let run = 0.7 + between_seeds * random.normal();
            shared.push(common.iter().map(|prompt| run + prompt + 0.3 * random.normal()).collect::<Vec<f64>>());
            own.push((0..40).map(|_| run + 0.5 * random.normal() + 0.3 * random.normal()).collect::<Vec<f64>>());
        }
        let crossed = over_seeds(&shared, TestPrompts::Shared, 0.0, 600, experiment);
        let nested = over_seeds(&own, TestPrompts::PerSeed, 0.0, 600, experiment);
        let intervals = [crossed.interval, nested.interval, crossed.student, nested.student];
        for (hit, interval) in hits.iter_mut().zip(intervals.map(Option::unwrap)) {
            *hit += u64::from(interval.holds(0.7));
        }
    }
    hits.map(|hit| hit as f64 / experiments as f64)
}

#[test]
fn two_level_bootstrap_covers_as_documented() {
    // 500 experiments: four binomial standard errors of 95 % are 4 points.
    for (seeds, between_seeds, bootstrap) in [(10, 0.15, 0.90..=0.98), (3, 0.05, 0.90..=0.99), (3, 0.5, 0.72..=0.88)] {
        let [crossed, nested, shared, own] = covered(seeds, between_seeds, 500);
        // With three seeds that differ more than prompts do, the bootstrap covers about 80 %: this is why there is Student's t.
        assert!(bootstrap.contains(&crossed) && bootstrap.contains(&nested), "{seeds} seeds: crossed {crossed}, nested {nested}");
        assert!((0.90..=0.99).contains(&shared) && (0.90..=0.99).contains(&own), "{seeds} seeds: t {shared}, {own}");
    }
}

#[test]
fn a_detectable_difference_is_detected_about_as_often_as_planned() {
    let noise = Noise { seed: 0.0, prompt: 0.04, interaction: 0.0, rewrite: 0.0, answer: 0.09 };
    let plan = Plan { seeds: 1, prompts: 40, rewrites: 1, answers: 2 };
    let difference = smallest_detectable(&noise, plan, 0.05, 0.8).unwrap().difference;
    let (mut random, mut found) = (Random(21), [0; 2]);
    for seed in 0..500 {
        let mut prompt = || difference + 0.2 * random.normal() + 0.3 * (random.normal() + random.normal()) / 2.0;
        let values: Vec<f64> = (0..40).map(|_| prompt()).collect();
        let result = paired(&values, &[0.0; 40], 1000, 1000, seed);
        found[0] += u32::from(!result.interval.holds(0.0));
        found[1] += u32::from(result.p_value <= 0.05);
    }
    // Four binomial standard errors of 80 % are 7 points; the bootstrap's interval is a little narrower than t's.
    for share in found.map(|n| f64::from(n) / 500.0) {
        assert!((0.73..=0.88).contains(&share), "{found:?}");
    }
}

const TRUTH: [f64; 5] = [0.09, 0.25, 0.04, 0.06, 0.16];

/// Rewards of a random experiment with the variances of [`TRUTH`]; ragged, with empty cells, or with two rewrites and two answers each.
fn experiment(random: &mut Random, seeds: usize, prompts: usize, ragged: bool) -> Vec<Vec<Vec<Vec<f64>>>> {
    let mut draw = |part: usize| TRUTH[part].sqrt() * random.normal();
    let common: Vec<f64> = (0..prompts).map(|_| draw(1)).collect();
    let mut table = vec![vec![Vec::new(); prompts]; seeds];
    for (s, row) in table.iter_mut().enumerate() {
        let seed = draw(0);
        for (p, cell) in row.iter_mut().enumerate() {
            let centre = seed + common[p] + draw(2);
            for r in 0..if ragged { (s * 5 + p * 3) % 4 } else { 2 } {
                let rewrite = centre + draw(3);
                let answers = if ragged { 1 + (s + p + r) % 3 } else { 2 };
                cell.push((0..answers).map(|_| rewrite + draw(4)).collect());
            }
        }
    }
    table
}

#[test]
fn components_are_unbiased_in_simulation() {
    let mut random = Random(12);
    let mut estimates = vec![Vec::new(); 5];
    for _ in 0..1500 {
        for (list, part) in estimates.iter_mut().zip(variances(&components(&experiment(&mut random, 4, 6, true), 0, 1))) {
            list.push(part.unwrap());
        }
    }
    for (list, truth) in estimates.iter().zip(TRUTH) {
        let (mean, error) = mean(list);
        // Four standard errors of the simulated mean; the seed is fixed.
        assert!((mean - truth).abs() < 4.0 * error, "{mean} ± {error}, true {truth}");
    }
}

#[test]
fn intervals_of_components_cover_as_documented() {
    let (mut random, mut hits) = (Random(31), [0; 5]);
    for number in 0..200 {
        let c = components(&experiment(&mut random, 5, 40, false), 400, number);
        let parts = [c.seed, c.prompt, c.interaction, c.rewrite, c.answer];
        for ((hit, part), truth) in hits.iter_mut().zip(parts).zip(TRUTH) {
            *hit += u32::from(part.unwrap().interval.unwrap().holds(truth));
        }
    }
    let covered = hits.map(|hit| f64::from(hit) / 200.0);
    // Five seeds say little about their own variance; the other intervals cover at least what they say, less four binomial errors.
    assert!((0.60..=0.95).contains(&covered[0]) && covered[1..].iter().all(|share| *share >= 0.88), "{covered:?}");
}

fn variances(c: &Components) -> [Option<f64>; 5] {
    [&c.seed, &c.prompt, &c.interaction, &c.rewrite, &c.answer].map(|part| part.map(|part| part.variance))
}

#[test]
fn permutation_test_rejects_a_true_null_about_as_often_as_it_says() {
    let mut random = Random(6);
    let experiments = 1000;
    let rejected = (0..experiments)
        .filter(|&seed| {
            let arm: Vec<f64> = (0..20).map(|_| random.normal()).collect();
            let baseline: Vec<f64> = (0..20).map(|_| random.normal()).collect();
            paired(&arm, &baseline, 1, 999, seed).p_value <= 0.05
        })
        .count() as f64
        / experiments as f64;
    // The test is exact: 5 %, with four binomial standard errors of 0.7 points.
    assert!((0.022..=0.078).contains(&rejected), "rejected {rejected}");
}

/// `[reward, length]` of two answers to each of 40 prompts by an arm that is better by 0.2 and longer by 30, and by its baseline, where
/// a unit of length pays 0.01 and rewards vary more in the arm.
fn verbose(random: &mut Random) -> [Vec<Vec<[f64; 2]>>; 2] {
    let prompts: Vec<[f64; 2]> = (0..40).map(|_| [random.normal(), 100.0 + 30.0 * random.normal()]).collect();
    [(0.2, 30.0, 0.5), (0.0, 0.0, 0.3)].map(|(better, longer, noise)| {
        let mut answer = |[reward, length]: [f64; 2]| {
            let length = (length + longer + 20.0 * random.normal()).round();
            [reward + better + 0.01 * length + noise * random.normal(), length]
        };
        prompts.iter().map(|prompt| vec![answer(*prompt), answer(*prompt)]).collect()
    })
}

#[test]
fn equal_length_is_unbiased_and_covers_as_documented() {
    let (mut random, mut estimates, mut covered) = (Random(41), [Vec::new(), Vec::new()], 0);
    for experiment in 0..500 {
        let [arm, baseline] = verbose(&mut random);
        let ours = equal_length(&arm, &baseline, 600, experiment).unwrap();
        estimates[0].push(ours.difference);
        estimates[1].push(ours.per_unit);
        covered += u32::from(ours.interval.unwrap().holds(0.2));
    }
    for (estimates, truth) in estimates.iter().zip([0.2, 0.01]) {
        let (mean, error) = mean(estimates);
        // Four standard errors of the simulated mean; the seed is fixed.
        assert!((mean - truth).abs() < 4.0 * error, "{mean} ± {error}, true {truth}");
    }
    // As the interval of a mean: about 94 %, and four binomial standard errors are 4 points.
    let covered = f64::from(covered) / 500.0;
    assert!((0.90..=0.98).contains(&covered), "covered {covered}");
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

/// `values` with its entries moved round and turned about.
fn turned<T: Clone>(values: &[T], turn: usize) -> Vec<T> {
    let mut values = values.to_vec();
    let turn = if values.is_empty() { 0 } else { turn % values.len() };
    values.rotate_left(turn);
    values.reverse();
    values
}

/// A table of seeds × prompts of few distinct values, so that many look alike.
fn table() -> impl Strategy<Value = Vec<Vec<f64>>> {
    (1usize..4, 1usize..7).prop_flat_map(|(s, p)| {
        let value = prop::sample::select(vec![0.0, 0.1, 0.7]);
        prop::collection::vec(prop::collection::vec(value, p), s)
    })
}

fn design(any: bool) -> impl Strategy<Value = Vec<Vec<Vec<Vec<f64>>>>> {
    let value = if any { proptest::num::f64::ANY.boxed() } else { (-1.0..1.0).boxed() };
    let cell = prop::collection::vec(prop::collection::vec(value, 0..4), 0..4);
    (1usize..5, 1usize..5).prop_flat_map(move |(s, p)| prop::collection::vec(prop::collection::vec(cell.clone(), p), s))
}

proptest! {
    #[test]
    fn order_of_seeds_and_prompts_changes_nothing(values in table(), turn in 0usize..6, seed: u64) {
        let other: Vec<Vec<f64>> = turned(&values, turn).iter().map(|row| turned(row, turn / 2)).collect();
        for prompts in [TestPrompts::Shared, TestPrompts::PerSeed] {
            prop_assert_eq!(over_seeds(&values, prompts, 0.0, 30, seed), over_seeds(&other, prompts, 0.0, 30, seed));
        }
        let (zero, two) = (vec![vec![0.0; values[0].len()]], vec![vec![2.0; values[0].len()]]);
        prop_assert_eq!(gap(&values, &zero, &two, 30, seed), gap(&other, &zero, &two, 30, seed));
        let nest = |table: &[Vec<f64>]| table.iter().map(|row| row.iter().map(|x| vec![vec![*x, 2.0 * x], vec![1.0]]).collect()).collect();
        let (one, two): (Vec<_>, Vec<_>) = (nest(&values), nest(&other));
        prop_assert_eq!(components(&one, 20, seed), components(&two, 20, seed));
        prop_assert_eq!(interquartile_mean(&values, 20, seed), interquartile_mean(&other, 20, seed));
        prop_assert_eq!(performance_profile(&values, &[0.1], 20, seed), performance_profile(&other, &[0.1], 20, seed));
        prop_assert_eq!(spread(&values, &turned(&values, 0), 20, seed), {
            spread(&turned(&values, turn), &turned(&turned(&values, 0), turn), 20, seed)
        });
    }

    #[test]
    fn order_of_clusters_and_pairs_changes_nothing(rows in prop::collection::vec((-1.0..1.0, 0usize..4, 0usize..9), 1..14), turn: usize) {
        let choice = |c: usize| [Choice::First, Choice::Second, Choice::Tie][c % 3];
        let figures = |rows: &[(f64, usize, usize)], shift: usize| {
            let arm: Vec<f64> = rows.iter().map(|r| r.0).collect();
            // Other names for the clusters, too.
            let clusters: Vec<usize> = rows.iter().map(|r| (r.1 * 5 + shift) % 17).collect();
            let pair = |r: &(f64, usize, usize)| JudgedPair {
                prompt: r.1,
                cluster: r.1 / 2,
                arm_first: choice(r.2),
                arm_second: choice(r.2 / 3),
                arm_is_longer: [Some(true), None, Some(false)][(r.1 + r.2) % 3],
            };
            let judged: Vec<JudgedPair> = rows.iter().map(pair).collect();
            (paired_in_clusters(&arm, &vec![0.0; arm.len()], &clusters, 40, 64, 1), wins(&judged, 40, 1))
        };
        prop_assert_eq!(figures(&rows, 0), figures(&turned(&rows, turn), 3));
    }

    /// Another zero of the rewards changes no variance and no share of a gap; another unit changes variances by its square.
    #[test]
    fn shift_and_unit(rewards in design(false), zero in -5.0..5.0f64, unit in 0.1..10.0f64) {
        let moved: Vec<Vec<Vec<Vec<f64>>>> = rewards
            .iter()
            .map(|s| s.iter().map(|p| p.iter().map(|r| r.iter().map(|y| zero + unit * y).collect()).collect()).collect())
            .collect();
        for (a, b) in variances(&components(&rewards, 0, 1)).into_iter().zip(variances(&components(&moved, 0, 1))) {
            prop_assert_eq!(a.is_some(), b.is_some());
            prop_assert!((a.unwrap_or(0.0) * unit * unit - b.unwrap_or(0.0)).abs() < 1e-10 * (1.0 + unit * unit));
        }
        let flat = |table: &[Vec<Vec<Vec<f64>>>]| table.iter().flatten().map(|p| p.concat()).collect::<Vec<Vec<f64>>>();
        let (one, other) = (flat(&rewards), flat(&moved));
        let (a, b) = (spread(&one, &turned(&one, 1), 9, 1), spread(&other, &turned(&other, 1), 9, 1));
        prop_assert!((a.log_ratio.unwrap_or(0.0) - b.log_ratio.unwrap_or(0.0)).abs() < 1e-6);
        let unitless = |rows: &[Vec<f64>]| brown_forsythe(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()).map_or(1.0, |t| t.p_value);
        prop_assert!((unitless(&one) - unitless(&other)).abs() < 1e-6);
    }

    #[test]
    fn components_add_up(rewards in design(false)) {
        let c = components(&rewards, 3, 1);
        let sum: f64 = variances(&c).into_iter().flatten().sum();
        prop_assert!((sum - c.total.map_or(0.0, |t| t.variance)).abs() < 1e-12);
        prop_assert_eq!(c.total.is_some(), rewards.iter().flatten().flatten().any(|r| r.len() > 1) || c.answers > 1);
    }

    #[test]
    fn holm_is_monotone_and_above_p(p in prop::collection::vec(0.0..=1.0f64, 0..9)) {
        let adjusted = holm(&p).unwrap();
        for i in 0..p.len() {
            prop_assert!(adjusted[i] >= p[i] && adjusted[i] <= 1.0);
            prop_assert!((0..p.len()).all(|j| p[i] > p[j] || adjusted[i] <= adjusted[j]));
        }
    }

    #[test]
    fn nothing_panics_in_designs(
        rewards in design(true),
        rows in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..4), 0..4),
        other in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..4), 0..4),
        parts in prop::array::uniform5(any::<f64>()),
        sizes in prop::array::uniform4(0usize..5),
        shares in prop::array::uniform2(any::<f64>()),
        resamples in 0usize..4,
    ) {
        components(&rewards, resamples, 1);
        over_seeds(&rows, TestPrompts::Shared, shares[0], resamples, 1);
        over_seeds(&rows, TestPrompts::PerSeed, 0.5, resamples, 1);
        let (first, second) = (rows.concat(), other.concat());
        paired_in_clusters(&first, &second, &vec![1; first.len()], resamples, 9, 1);
        spread(&rows, &other, resamples, 1);
        let sized = |rows: &[Vec<f64>]| rows.iter().map(|row| row.windows(2).map(|w| [w[0], w[1]]).collect()).collect::<Vec<_>>();
        equal_length(&sized(&rows), &sized(&other), resamples, 1);
        gap(&rows, &other, &rows, resamples, 1);
        interquartile_mean(&rows, resamples, 1);
        performance_profile(&rows, &shares, resamples, 1);
        holm(&first);
        let groups: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        prop_assert!(brown_forsythe(&groups).is_none_or(|t| (0.0..=1.0).contains(&t.p_value)));
        let [seed, prompt, interaction, rewrite, answer] = parts;
        let noise = Noise { seed, prompt, interaction, rewrite, answer };
        let [seeds, prompts, rewrites, answers] = sizes;
        let plan = Plan { seeds, prompts, rewrites, answers };
        doubling(&noise, plan, shares[0], shares[1]);
        prop_assert!(power(&noise, plan, shares[0], 0.05).is_none_or(|p| (0.0..=1.0).contains(&p)));
        let noise = Noise { seed: 0.1, prompt: 0.1, interaction: 0.1, rewrite: 0.1, answer: 0.1 };
        let fits = plan.prompts > 1 && !sizes.contains(&0);
        prop_assert_eq!(doubling(&noise, plan, 0.05, 0.8).is_some(), fits);
    }
}

/// `[reward, length in tokens]` of two arms' answers to the same prompts.
fn sized() -> impl Strategy<Value = Vec<[Vec<[f64; 2]>; 2]>> {
    let answer = (-1.0..1.0, 0u8..60).prop_map(|(reward, length)| [reward, f64::from(length)]);
    let cell = prop::collection::vec(answer, 0..4);
    prop::collection::vec([cell.clone(), cell], 1..9)
}

/// `equal_length` of the arm against the baseline, each answer's reward and length mapped by its prompt's number and its arm.
fn mapped(prompts: &[[Vec<[f64; 2]>; 2]], map: impl Fn(usize, usize, [f64; 2]) -> [f64; 2]) -> Option<EqualLength> {
    let side = |arm: usize| {
        let cell = |(i, prompt): (usize, &[Vec<[f64; 2]>; 2])| prompt[arm].iter().map(|answer| map(i, arm, *answer)).collect();
        prompts.iter().enumerate().map(cell).collect::<Vec<Vec<[f64; 2]>>>()
    };
    equal_length(&side(0), &side(1), 40, 1)
}

proptest! {
    #[test]
    fn equal_length_is_symmetric(prompts in sized(), turn in 0usize..9) {
        let ours = mapped(&prompts, |_, _, answer| answer);
        let elsewhere: Vec<_> = turned(&prompts, turn).into_iter().map(|sides| sides.map(|answers| turned(&answers, turn))).collect();
        prop_assert_eq!(&ours, &mapped(&elsewhere, |_, _, answer| answer));
        let swapped: Vec<_> = prompts.iter().map(|[arm, baseline]| [baseline.clone(), arm.clone()]).collect();
        let swapped = mapped(&swapped, |_, _, answer| answer);
        prop_assert_eq!(ours.is_some(), swapped.is_some());
        if let (Some(one), Some(other)) = (ours, swapped) {
            prop_assert!((one.difference + other.difference).abs() < 1e-9 && (one.per_unit - other.per_unit).abs() < 1e-9);
            let mean = |answers: &[[f64; 2]]| answers.iter().map(|a| a[0]).sum::<f64>() / answers.len() as f64;
            let shared = prompts.iter().filter(|sides| sides.iter().all(|side| !side.is_empty()));
            let (a, b): (Vec<f64>, Vec<f64>) = shared.map(|[a, b]| (mean(a), mean(b))).unzip();
            prop_assert!((one.unadjusted - paired(&a, &b, 0, 1, 1).mean_difference).abs() < 1e-12);
        }
    }

    /// A prompt's own reward and length change nothing, an arm's own reward adds to the difference, units only scale.
    #[test]
    fn equal_length_shift_and_unit(prompts in sized(), better in -5.0..5.0f64, units in prop::array::uniform2(0.1..10.0f64)) {
        let ours = mapped(&prompts, |_, _, answer| answer);
        let moved = mapped(&prompts, |i, arm, [r, l]| {
            let [prompt, longer] = [(i as f64).sin(), (i * i % 7) as f64];
            [units[0] * (r + prompt + better * (1 - arm) as f64), units[1] * (l + longer)]
        });
        prop_assert_eq!(ours.is_some(), moved.is_some());
        if let (Some(one), Some(other)) = (ours, moved) {
            prop_assert!((units[0] * (one.difference + better) - other.difference).abs() < 1e-7);
            prop_assert!((units[0] * one.per_unit - units[1] * other.per_unit).abs() < 1e-7);
            prop_assert!((one.correlation.unwrap_or(0.0) - other.correlation.unwrap_or(0.0)).abs() < 1e-7);
        }
    }

    #[test]
    fn an_effect_that_is_wholly_length_vanishes(prompts in sized(), slope in -2.0..2.0f64) {
        if let Some(ours) = mapped(&prompts, |i, _, [_, l]| [(i as f64).cos() + slope * l, l]) {
            prop_assert!(ours.difference.abs() < 1e-8, "{:?}", ours);
            prop_assert!(ours.interval.is_none_or(|i| i.low.abs() < 1e-8 && i.high.abs() < 1e-8), "{:?}", ours);
            prop_assert!(ours.per_unit == 0.0 || (ours.per_unit - slope).abs() < 1e-8);
            prop_assert!(slope.abs() < 1e-3 || ours.correlation.is_none_or(|c| (c - slope.signum()).abs() < 1e-6));
        }
    }
}
