//! Designs of several seeds, prompts, rewrites and answers: variance components, means over seeds, gap closed and power, against NumPy,
//! SciPy and statsmodels (`scripts/fixtures_statistics.py`).
#![allow(clippy::unwrap_used)] // a test may panic; clippy knows that only inside #[test]
mod references;

use analysis::{
    Component, Components, Noise, OverSeeds, Plan, Resampled, TestPrompts, Withheld, bootstrap_mean, components, doubling, gap, over_seeds,
    power, smallest_detectable,
};
use references::{Ends, RESAMPLES, agree, fixtures};
use serde::Deserialize;

#[derive(Deserialize)]
struct ComponentsCase {
    rewards: Vec<Vec<Vec<Vec<f64>>>>,
    components: Vec<Option<f64>>,
    total: f64,
    intervals: Option<Vec<Ends>>,
}

#[derive(Deserialize)]
struct SeedsCase {
    values: Vec<Vec<f64>>,
    mean: f64,
    deviation: f64,
    /// Shared prompts, prompts per seed.
    student: [(f64, f64); 2],
    p_values: [f64; 2],
    crossed: Ends,
    nested: Ends,
}

#[derive(Deserialize)]
struct GapCase {
    tuned: Vec<Vec<f64>>,
    baseline: Vec<Vec<f64>>,
    oracle: Vec<Vec<f64>>,
    width: f64,
    share: f64,
    interval: Ends,
    width_interval: Ends,
}

#[derive(Deserialize)]
struct PowerCase {
    noise: [f64; 5],
    plan: [usize; 4],
    alpha: f64,
    power: f64,
    difference: f64,
    solved: Option<f64>,
    error: f64,
    freedom: f64,
}

#[derive(Deserialize)]
struct Fixtures {
    components: Vec<ComponentsCase>,
    over_seeds: Vec<SeedsCase>,
    gap: Vec<GapCase>,
    power: Vec<PowerCase>,
}

fn parts(c: &Components) -> [&Option<Component>; 5] {
    [&c.seed, &c.prompt, &c.interaction, &c.rewrite, &c.answer]
}

#[test]
fn components_agree_with_all_pairs() {
    for case in fixtures::<Fixtures>().components {
        let resamples = if case.intervals.is_some() { RESAMPLES } else { 50 };
        let ours = components(&case.rewards, resamples, 3);
        for (i, (ours, theirs)) in parts(&ours).into_iter().zip(&case.components).enumerate() {
            assert_eq!(ours.is_some(), theirs.is_some(), "component {i}");
            // Sums about the mean against differences pair by pair.
            assert!((ours.map_or(0.0, |c| c.variance) - theirs.unwrap_or(0.0)).abs() < 1e-12, "component {i}: {ours:?} {theirs:?}");
            if let Some(intervals) = &case.intervals {
                // Both have 20,000 resamples, and variances have long tails: twice what a mean needs.
                assert!(agree(ours.unwrap().interval.unwrap(), &intervals[i], 0.2, 0.0), "component {i}: {ours:?} {}", intervals[i].low);
            }
        }
        assert!((ours.total.unwrap().variance - case.total).abs() < 1e-12);
        let sum: f64 = parts(&ours).into_iter().flatten().map(|c| c.variance).sum();
        assert!((sum - case.total).abs() < 1e-12, "they add up");
    }
}

#[test]
fn what_a_design_cannot_tell_apart_is_absent() {
    let known = |rewards: Vec<Vec<Vec<Vec<f64>>>>| parts(&components(&rewards, 20, 1)).map(|c| c.map(|c| (c.variance * 1e6).round() / 1e6));
    let (a, b) = (vec![0.0, 2.0], vec![1.0, 5.0]);
    // One seed, one prompt, one rewrite; then two rewrites; then one answer each.
    assert_eq!(known(vec![vec![vec![a.clone()]]]), [None, None, None, None, Some(2.0)]);
    assert_eq!(known(vec![vec![vec![a.clone(), b.clone()]]]), [None, None, None, Some(-0.5), Some(5.0)]);
    assert_eq!(known(vec![vec![vec![vec![1.0], vec![3.0]]]]), [None, None, None, Some(2.0), None]);
    // One prompt for two seeds: the interaction is part of the seed. Prompts of their own: of the prompt.
    assert_eq!(known(vec![vec![vec![vec![1.0]]], vec![vec![vec![3.0]]]]), [Some(2.0), None, None, None, None]);
    let own = vec![vec![vec![vec![1.0]], vec![vec![3.0]], vec![], vec![]], vec![vec![], vec![], vec![vec![5.0]], vec![vec![7.0]]]];
    assert_eq!(known(own), [Some(7.0), Some(2.0), None, None, None]);
    // Every seed one prompt of its own: all in one.
    assert_eq!(known(vec![vec![vec![vec![1.0]], vec![]], vec![vec![], vec![vec![3.0]]]]), [None, None, Some(2.0), None, None]);
    for nothing in [vec![], vec![vec![]], vec![vec![vec![vec![f64::NAN, 1.0]]]], vec![vec![vec![a.clone()]], vec![]]] {
        assert_eq!(known(nothing), [None; 5]);
    }
    let two_seeds = components(&[vec![vec![a.clone()], vec![b.clone()], vec![a.clone()]], vec![vec![b.clone()], vec![a], vec![b]]], 50, 1);
    assert!(!two_seeds.seeds_resampled && two_seeds.seed.unwrap().interval.is_none() && two_seeds.prompt.unwrap().interval.is_some());
}

#[test]
fn means_over_seeds_agree() {
    for case in fixtures::<Fixtures>().over_seeds {
        let designs = [(TestPrompts::Shared, &case.crossed), (TestPrompts::PerSeed, &case.nested)];
        for (((prompts, theirs), (low, high)), p) in designs.into_iter().zip(case.student).zip(case.p_values) {
            let ours = over_seeds(&case.values, prompts, 0.0, RESAMPLES, 3);
            assert!((ours.mean.unwrap() - case.mean).abs() < 1e-12 && (ours.deviation.unwrap() - case.deviation).abs() < 1e-12);
            // As for the mean of prompts in scipy.rs.
            assert!(agree(ours.interval.unwrap(), theirs, 0.12, 0.0), "{prompts:?} {ours:?} {} {}", theirs.low, theirs.high);
            // The t quantile by bisection against SciPy's.
            let student = ours.student.unwrap();
            assert!((student.low - low).abs() < 1e-9 && (student.high - high).abs() < 1e-9, "{student:?} {low} {high}");
            // The incomplete beta function against SciPy's: 1e-12 where it is not near 1.
            assert!((ours.p_value.unwrap() - p).abs() < 1e-12, "{ours:?} {p}");
            assert_eq!((ours.seeds, ours.diverged, ours.resampled), (case.values.len(), 0, Resampled::SeedsAndPrompts));
        }
    }
}

#[test]
fn diverged_seeds_count_and_one_seed_says_so() {
    let values = vec![vec![0.2, 0.4], vec![f64::NAN, 0.9], vec![]];
    let ours = over_seeds(&values, TestPrompts::Shared, -1.0, 200, 1);
    assert_eq!((ours.seeds, ours.diverged), (3, 2));
    assert!((ours.mean.unwrap() - (0.3 - 2.0) / 3.0).abs() < 1e-12 && ours.interval.unwrap().low == -1.0);
    let table = [vec![0.2, 0.4], vec![-1.0; 2], vec![-1.0; 2]];
    assert_eq!(ours, OverSeeds { diverged: 2, ..over_seeds(&table, TestPrompts::Shared, 0.0, 200, 1) });
    let unknown = over_seeds(&values, TestPrompts::PerSeed, f64::NAN, 200, 1);
    assert!(unknown.diverged == 2 && unknown.mean.is_none() && unknown.interval.is_none());
    let one = over_seeds(&values[..1], TestPrompts::Shared, 0.0, 200, 1);
    assert_eq!((one.resampled, one.interval), (Resampled::PromptsOnly, Some(bootstrap_mean(&values[0], 200, 1))));
    assert!(one.student.is_none() && one.deviation.is_none() && one.p_value.is_none());
    assert!(over_seeds(&[vec![0.1], vec![0.1, 0.2]], TestPrompts::Shared, 0.0, 200, 1).mean.is_none());
    assert!(over_seeds(&[vec![0.1], vec![0.1, 0.2]], TestPrompts::PerSeed, 0.0, 200, 1).interval.is_some());
    assert!(over_seeds(&[], TestPrompts::PerSeed, 0.0, 200, 1).mean.is_none());
    assert!(over_seeds(&[vec![0.1]], TestPrompts::PerSeed, 0.0, 200, 1).interval.is_none());
}

#[test]
fn p_over_seeds_and_its_interval_agree_at_five_per_cent() {
    for shift in (-40..=40).map(|i| f64::from(i) / 50.0) {
        let table: Vec<Vec<f64>> =
            (0..4).map(|s| (0..6).map(|p| shift + f64::from(s * 7 % 5 + p * 5 % 7) / 20.0 - 0.2).collect()).collect();
        for prompts in [TestPrompts::Shared, TestPrompts::PerSeed] {
            let ours = over_seeds(&table, prompts, 0.0, 0, 1);
            assert_eq!(ours.p_value.unwrap() < 0.05, !ours.student.unwrap().holds(0.0), "{ours:?}");
        }
    }
    // Two seeds with one prompt each: t of (0.1, 0.5) is 0.3 / 0.2 = 1.5 with one degree of freedom, Cauchy's distribution.
    let cauchy = over_seeds(&[vec![0.1], vec![0.5]], TestPrompts::Shared, 0.0, 0, 1);
    assert!((cauchy.p_value.unwrap() - (1.0 - 2.0 / std::f64::consts::PI * 1.5_f64.atan())).abs() < 1e-12, "{cauchy:?}");
    let constant = |value: f64| over_seeds(&[vec![value; 3], vec![value; 3]], TestPrompts::Shared, 0.0, 0, 1).p_value;
    assert_eq!((constant(0.25), constant(0.0)), (Some(0.0), None));
}

#[test]
fn gaps_agree() {
    for case in fixtures::<Fixtures>().gap {
        let ours = gap(&case.tuned, &case.baseline, &case.oracle, RESAMPLES, 3);
        let closed = ours.closed.unwrap();
        assert!((closed.share - case.share).abs() < 1e-12 && (ours.width.unwrap() - case.width).abs() < 1e-12);
        // As for the mean of prompts in scipy.rs; a ratio has somewhat longer tails.
        assert!(agree(closed.interval, &case.interval, 0.15, 0.0), "{closed:?} {} {}", case.interval.low, case.interval.high);
        assert!(agree(ours.width_interval.unwrap(), &case.width_interval, 0.12, 0.0));
    }
}

#[test]
fn gaps_are_withheld_with_a_reason() {
    let (none, much) = (vec![vec![0.0, 0.1, 0.2, 0.3]], vec![vec![1.0, 1.2, 1.1, 1.3]]);
    let reason = |t: &[Vec<f64>], b: &[Vec<f64>], o: &[Vec<f64>]| gap(t, b, o, 500, 1).closed.unwrap_err();
    assert_eq!(reason(&none, &none, &none), Withheld::NoGap);
    assert_eq!(reason(&none, &none, &[vec![1.0, -1.2, 1.1, -0.9]]), Withheld::NoGap);
    assert_eq!(reason(&none, &much, &none), Withheld::OracleWorse);
    assert_eq!(reason(&none, &none, &[vec![1.0]]), Withheld::Unpaired);
    assert_eq!(reason(&[none.concat(), none.concat(), none.concat()], &none, &[much.concat(), much.concat()]), Withheld::Unpaired);
    assert_eq!(reason(&[], &[], &[]), Withheld::NotFinite);
    assert_eq!(reason(&[vec![f64::NAN, 1.0]], &[vec![0.0, 0.0]], &[vec![1.0, 1.0]]), Withheld::NotFinite);
    assert_eq!(reason(&[vec![0.5]], &[vec![0.0]], &[vec![1.0]]), Withheld::NoInterval);
    assert!(gap(&none, &none, &none, 500, 1).width.unwrap() == 0.0 && !Withheld::NoGap.to_string().is_empty());
}

fn noise([seed, prompt, interaction, rewrite, answer]: [f64; 5]) -> Noise {
    Noise { seed, prompt, interaction, rewrite, answer }
}

#[test]
fn smallest_differences_agree_with_statsmodels() {
    for case in fixtures::<Fixtures>().power {
        let [seeds, prompts, rewrites, answers] = case.plan;
        let plan = Plan { seeds, prompts, rewrites, answers };
        let ours = smallest_detectable(&noise(case.noise), plan, case.alpha, case.power).unwrap();
        assert!((ours.standard_error - case.error).abs() < 1e-12 && (ours.freedom - case.freedom).abs() < 1e-9);
        // Two integrals of the noncentral t, ours good to 1e-9; statsmodels' search for the root stops at 3e-5 of it at worst here.
        assert!(case.solved.is_none_or(|solved| (ours.difference / solved - 1.0).abs() < 3e-5), "{ours:?} {:?}", case.solved);
        assert!((ours.difference / case.difference - 1.0).abs() < 1e-8, "{ours:?} {}", case.difference);
        assert!((power(&noise(case.noise), plan, -ours.difference, case.alpha).unwrap() - case.power).abs() < 1e-8);
        assert!((power(&noise(case.noise), plan, 0.0, case.alpha).unwrap() - case.alpha).abs() < 1e-8);
    }
}

#[test]
fn doubling_prompts_buys_most_where_prompts_differ() {
    let plan = Plan { seeds: 1, prompts: 100, rewrites: 1, answers: 2 };
    let table = doubling(&noise([0.0, 0.1, 0.0, 0.0, 0.1]), plan, 0.05, 0.8).unwrap();
    let (prompts, answers) = (table.prompts.unwrap(), table.answers.unwrap());
    assert!(prompts.difference < answers.difference && answers.difference < table.now.difference);
    // √2, and a little for the t distribution.
    assert!((table.now.difference / prompts.difference - 1.42).abs() < 0.01 && table.seeds.is_none());
    // Where seeds differ most, doubling seeds buys most.
    let table = doubling(&noise([0.1, 0.1, 0.0, 0.0, 0.1]), Plan { seeds: 3, ..plan }, 0.05, 0.8).unwrap();
    assert!(
        table.seeds.unwrap().difference < 0.6 * table.now.difference && table.prompts.unwrap().difference > 0.98 * table.now.difference
    );
    let quiet = noise([0.0; 5]);
    assert!(smallest_detectable(&quiet, plan, 0.05, 0.8).is_none() && power(&quiet, plan, 0.1, 0.05).is_none());
    let some = noise([0.1; 5]);
    for (plan, alpha, wanted) in [
        (Plan { prompts: 1, ..plan }, 0.05, 0.8),
        (Plan { answers: 0, ..plan }, 0.05, 0.8),
        (plan, 0.0, 0.8),
        (plan, 0.05, 0.05),
        (plan, 0.05, 1.0),
        (plan, f64::NAN, 0.8),
    ] {
        assert!(smallest_detectable(&some, plan, alpha, wanted).is_none());
    }
}

#[test]
fn noise_of_a_pilot_has_no_negative_part() {
    let pilot = components(&fixtures::<Fixtures>().components[0].rewards, 0, 1);
    let noise = Noise::from(&pilot);
    assert!(parts(&pilot).into_iter().flatten().all(|c| c.interval.is_none()));
    assert_eq!(noise.prompt, pilot.prompt.unwrap().variance.max(0.0));
    let flat = Noise::from(&components(&[vec![vec![vec![0.0, 1.0]], vec![vec![0.0, 1.0]]]], 0, 1));
    assert_eq!((flat.prompt, flat.seed), (0.0, 0.0));
}
