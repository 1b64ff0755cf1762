//! Comparisons of arms, several tasks at once and a judge's verdicts, against SciPy, statsmodels and rliable
//! (`scripts/fixtures_statistics.py`).
#![allow(clippy::unwrap_used)] // a test may panic; clippy knows that only inside #[test]
mod references;

use analysis::{
    Choice, JudgedPair, Scale, Share, brown_forsythe, holm, interquartile_mean, paired, paired_in_clusters, performance_profile, spread,
    wins,
};
use references::{Ends, RESAMPLES, agree, fixtures, p_agrees};
use serde::Deserialize;

#[derive(Deserialize)]
struct Clustered {
    arm: Vec<f64>,
    baseline: Vec<f64>,
    clusters: Vec<usize>,
    mean_difference: f64,
    p_value: f64,
    exact: bool,
    effect_size: f64,
    improvement: f64,
    interval: Ends,
    accelerated: Ends,
    improvement_interval: Ends,
}

#[derive(Deserialize)]
struct SpreadCase {
    arm: Vec<Vec<f64>>,
    baseline: Vec<Vec<f64>>,
    log_ratio: f64,
    interval: Ends,
    two: (f64, f64),
    three: (f64, f64),
}

#[derive(Deserialize)]
struct Families {
    holm: Vec<HolmCase>,
    tasks: Vec<TasksCase>,
}

#[derive(Deserialize)]
struct HolmCase {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct TasksCase {
    scores: Vec<Vec<f64>>,
    iqm: f64,
    trimmed: f64,
    interval: (f64, f64),
    thresholds: Vec<f64>,
    profile: Vec<f64>,
    band: (Vec<f64>, Vec<f64>),
}

#[derive(Deserialize)]
struct WinsCase {
    pairs: Vec<(usize, usize, usize, Option<bool>)>,
    win_rate: ShareCase,
    first_position: ShareCase,
    agreement: ShareCase,
    longer: ShareCase,
}

#[derive(Deserialize)]
struct ShareCase {
    share: f64,
    #[serde(flatten)]
    interval: Ends,
}

#[derive(Deserialize)]
struct Fixtures {
    clustered: Vec<Clustered>,
    spread: Vec<SpreadCase>,
    families: Families,
    wins: Vec<WinsCase>,
}

#[test]
fn clustered_comparisons_agree() {
    for case in fixtures::<Fixtures>().clustered {
        let permutations = 40_000;
        let ours = paired_in_clusters(&case.arm, &case.baseline, &case.clusters, RESAMPLES, permutations, 3);
        // The same sums in another order.
        assert!((ours.mean_difference - case.mean_difference).abs() < 1e-12);
        assert!((ours.effect_size.unwrap() - case.effect_size).abs() < 1e-11);
        assert!((ours.improvement.unwrap().share - case.improvement).abs() < 1e-12);
        // As in scipy.rs: five Monte-Carlo standard errors of 20,000 resamples are 0.095 of the spread.
        assert!(agree(ours.interval, &case.interval, 0.12, 0.0), "{ours:?}");
        // The accelerated interval takes quantiles further out, and its bias correction is estimated from the resamples too.
        assert!(agree(ours.accelerated.unwrap(), &case.accelerated, 0.18, 0.0), "{ours:?}");
        // A share moves in steps of half a prompt.
        let step = 1.0 / case.arm.len() as f64;
        assert!(agree(ours.improvement.unwrap().interval.unwrap(), &case.improvement_interval, 0.12, step), "{ours:?}");
        assert!(p_agrees(ours.p_value, case.p_value, case.exact, permutations), "{ours:?} {}", case.p_value);
    }
}

#[test]
fn singletons_are_prompts_and_one_cluster_is_one_prompt() {
    let case = &fixtures::<Fixtures>().clustered[1];
    let alone = paired(&case.arm, &case.baseline, 2000, 2000, 3);
    let backwards: Vec<usize> = (0..case.arm.len()).rev().collect();
    assert_eq!(alone, paired_in_clusters(&case.arm, &case.baseline, &backwards, 2000, 2000, 3));
    let one = paired_in_clusters(&case.arm, &case.baseline, &vec![7; case.arm.len()], 2000, 2000, 3);
    assert_eq!((one.clusters, one.p_value, one.finding()), (1, 1.0, analysis::Finding::Unknown));
    assert!(one.accelerated.is_none() && one.improvement.unwrap().interval.is_none() && one.interval.low == one.interval.high);
}

#[test]
fn a_win_on_every_prompt_leaves_room_for_doubt() {
    // Clopper and Pearson for 10 of 10: binom.isf gives 0.025^(1/10).
    let improvement = paired(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0], &[0.0; 10], 100, 100, 1).improvement.unwrap();
    assert_eq!(improvement.share, 1.0);
    let interval = improvement.interval.unwrap();
    assert!((interval.low - 0.691_502_892_181_239).abs() < 1e-12 && interval.high == 1.0);
    let ties = paired(&[1.0; 4], &[1.0; 4], 100, 100, 1);
    assert_eq!(ties.improvement, Some(Share { share: 0.5, interval: None }));
    assert!(ties.effect_size.is_none() && ties.accelerated.is_none());
}

#[test]
fn spreads_agree() {
    for case in fixtures::<Fixtures>().spread {
        let ours = spread(&case.arm, &case.baseline, RESAMPLES, 3);
        assert!((ours.log_ratio.unwrap() - case.log_ratio).abs() < 1e-12);
        // Variances have longer tails than means.
        assert!(agree(ours.interval.unwrap(), &case.interval, 0.15, 0.0), "{ours:?}");
        let first = |rows: &[Vec<f64>]| rows.iter().map(|r| r[0]).collect::<Vec<f64>>();
        let doubled: Vec<f64> = case.arm.iter().map(|r| r[r.len() - 1] * 2.0).collect();
        let (a, b) = (first(&case.arm), first(&case.baseline));
        let (two, three) = (brown_forsythe(&[&a, &b]).unwrap(), brown_forsythe(&[&doubled, &a, &b]).unwrap());
        for (ours, theirs) in [(two, case.two), (three, case.three)] {
            // The same sums in another order, and two incomplete beta functions.
            assert!((ours.statistic - theirs.0).abs() < 1e-10 * theirs.0.max(1.0), "{ours:?} {theirs:?}");
            assert!((ours.p_value - theirs.1).abs() < 1e-10, "{ours:?} {theirs:?}");
        }
        assert_eq!((three.between, three.within), (2, 3 * a.len() - 3));
    }
}

#[test]
fn spreads_that_cannot_be_compared() {
    let (flat, varied) = (vec![vec![0.1]; 5], vec![vec![0.1], vec![0.5], vec![], vec![0.2], vec![0.9]]);
    let none = spread(&flat, &varied, 100, 1);
    assert_eq!((none.prompts, none.log_ratio, none.interval), (4, None, None));
    assert!(spread(&varied, &varied[..3], 100, 1).log_ratio.is_none() && spread(&[], &[], 100, 1).log_ratio.is_none());
    let one = spread(&[vec![0.0, 1.0]], &[vec![0.0, 2.0]], 100, 1);
    assert!((one.log_ratio.unwrap() + 4_f64.ln()).abs() < 1e-12 && one.interval.is_none());
    let (pair, nan) = ([1.0, 2.0], [f64::NAN, 1.0]);
    let few: [&[&[f64]]; 6] = [&[], &[&pair], &[&pair, &[]], &[&[1.0], &[2.0]], &[&[1.0, 1.0], &[2.0, 2.0]], &[&nan, &[1.0]]];
    for groups in few {
        assert_eq!(brown_forsythe(groups), None);
    }
}

#[test]
fn families_agree() {
    let families = fixtures::<Fixtures>().families;
    for case in families.holm {
        let ours = holm(&case.p).unwrap();
        assert!(ours.iter().zip(&case.adjusted).all(|(a, b)| (a - b).abs() < 1e-15), "{ours:?}");
    }
    assert_eq!((holm(&[]), holm(&[0.1, 1.5]), holm(&[f64::NAN])), (Some(vec![]), None, None));
    for case in families.tasks {
        let ours = interquartile_mean(&case.scores, RESAMPLES, 3).unwrap();
        assert!((ours.value - case.iqm).abs() < 1e-12 && (ours.value - case.trimmed).abs() < 1e-12);
        let (low, high) = case.interval;
        // rliable's 50,000 resamples bring an error of their own; half the width is about two standard errors.
        let theirs = Ends { low, high, error: (high - low) / 3.92 };
        assert!(agree(ours.interval.unwrap(), &theirs, 0.15, 0.0), "{ours:?} {low} {high}");
        let profile = performance_profile(&case.scores, &case.thresholds, RESAMPLES, 3).unwrap();
        let step = 1.0 / case.scores.concat().len() as f64;
        for (i, point) in profile.iter().enumerate() {
            assert!((point.value - case.profile[i]).abs() < 1e-12);
            // A quantile of a share falls on one of its steps, or on the next.
            let theirs = Ends { low: case.band.0[i], high: case.band.1[i], error: 0.0 };
            assert!(agree(point.interval.unwrap(), &theirs, 0.0, step + 1e-12), "{point:?} {} {}", theirs.low, theirs.high);
        }
    }
}

#[test]
fn tasks_that_cannot_be_put_together() {
    assert!(interquartile_mean(&[], 10, 1).is_none() && interquartile_mean(&[vec![]], 10, 1).is_none());
    assert!(performance_profile(&[vec![f64::INFINITY]], &[0.0], 10, 1).is_none());
    let one_each = interquartile_mean(&[vec![0.2], vec![0.4]], 10, 1).unwrap();
    assert!((one_each.value - 0.3).abs() < 1e-15 && one_each.interval.is_none());
    // UltraFeedback, P1-F1: none 0.39, tuned 1.12, oracle 1.37.
    assert!((Scale::between(0.39, 1.37).unwrap().apply(1.12) - 0.744_897_959_183_673_5).abs() < 1e-12);
    assert_eq!(Scale::min_max(&[3.0, 1.0, 2.0]).map(|s| [1.0, 2.0, 3.0].map(|r| s.apply(r))), Some([0.0, 0.5, 1.0]));
    assert!(Scale::between(1.0, 1.0).is_none() && Scale::min_max(&[]).is_none() && Scale::min_max(&[f64::NAN, 1.0]).is_none());
}

#[test]
fn wins_agree() {
    let choice = |c: usize| [Choice::First, Choice::Second, Choice::Tie][c];
    for case in fixtures::<Fixtures>().wins {
        let pair = |p: &(usize, usize, usize, Option<bool>)| JudgedPair {
            prompt: p.0,
            cluster: p.0,
            arm_first: choice(p.1),
            arm_second: choice(p.2),
            arm_is_longer: p.3,
        };
        let pairs: Vec<JudgedPair> = case.pairs.iter().map(pair).collect();
        let ours = wins(&pairs, RESAMPLES, 3);
        assert_eq!(ours.pairs, case.pairs.len());
        for (ours, theirs) in [
            (ours.win_rate, case.win_rate),
            (ours.first_position, case.first_position),
            (ours.agreement, case.agreement),
            (ours.longer, case.longer),
        ] {
            let ours = ours.unwrap();
            assert!((ours.share - theirs.share).abs() < 1e-12);
            // Shares of sums of whole numbers move in steps: half of one verdict.
            assert!(agree(ours.interval.unwrap(), &theirs.interval, 0.12, 0.5 / case.pairs.len() as f64), "{ours:?}");
        }
    }
}

#[test]
fn a_judge_who_looks_at_the_position_alone() {
    let pair = |prompt: usize| JudgedPair {
        prompt,
        cluster: prompt,
        arm_first: Choice::First,
        arm_second: Choice::First,
        arm_is_longer: Some(prompt.is_multiple_of(2)),
    };
    let ours = wins(&(0..8).map(pair).collect::<Vec<_>>(), 100, 1);
    assert_eq!((ours.win_rate, ours.prompts), (Some(Share { share: 0.5, interval: None }), 8));
    assert_eq!((ours.first_position.unwrap().share, ours.agreement.unwrap().share), (1.0, 0.0));
    assert_eq!(ours.longer.unwrap().share, 0.5);
    let tie = JudgedPair { prompt: 0, cluster: 0, arm_first: Choice::Tie, arm_second: Choice::Tie, arm_is_longer: None };
    let ties = wins(&[tie], 100, 1);
    assert!(ties.first_position.is_none() && ties.longer.is_none() && ties.agreement.unwrap().share == 1.0);
    assert!(wins(&[], 100, 1).win_rate.is_none());
}
