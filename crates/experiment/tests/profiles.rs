//! Arms over several experiments, held against `analysis` on scores that are known by hand.
#![allow(clippy::expect_used)] // A helper that fails should fail its test.

mod rows;

use analysis::{interquartile_mean, performance_profile};
use contract::Spec;
use contract::event::Status;
use contract::profiles::{Profiles, ScaledBy};
use experiment::analyse::Seed;
use experiment::profiles::compute;
use store::Run;

/// A run of an experiment named by its data, whose arms have these means: raw, untuned, tuned, and where there are four, the oracle.
fn seed(data: &str, number: u64, means: &[f64]) -> Seed {
    let run = rows::run();
    let mut spec = Spec { seed: number, ..run.spec.clone() };
    spec.data.source = data.into();
    // Where there are two, it failed before it.
    spec.arms.oracle = means.len() != 3;
    // Prompts differ, and all arms on them alike: 0 on average.
    let arm = |(name, mean): (&&str, &f64)| {
        let iteration = if *name == "raw" || *name == "untuned" { 0 } else { 7 };
        let row = |i: usize| rows::row(name, iteration, i / 2, i % 2, mean + 0.01 * ((i / 2) as f64 - 2.5));
        (0..12).map(row).collect::<Vec<_>>()
    };
    let rows = ["raw", "untuned", "tuned", "oracle"].iter().zip(means).flat_map(arm).collect();
    let id = data.len() as i64 * 100 + number as i64;
    Seed { run: Run { id, name: data.into(), spec, ..run }, rows }
}

fn failed(data: &str, number: u64) -> Seed {
    let whole = seed(data, number, &[0.5, 0.4]);
    Seed { run: Run { status: Status::Failed, ..whole.run }, rows: whole.rows }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

/// What `analysis` says of these normalised scores, with the stream that the profiles have.
fn agrees(profiles: &Profiles, arm: &str, scores: &[Vec<f64>]) {
    let ours = profiles.arms.iter().find(|one| one.arm == arm).expect("the arm");
    let stream = experiment::streams::Streams::new(1).statistics("profiles");
    let theirs = interquartile_mean(scores, 500, stream).expect("an IQM");
    assert_eq!(ours.runs, scores.iter().map(Vec::len).sum::<usize>());
    let interval = theirs.interval.expect("two runs");
    let (value, range) = (ours.interquartile_mean.value, ours.interquartile_mean.interval);
    assert!(close(value, theirs.value) && close(range.low, interval.low) && close(range.high, interval.high), "{arm}: {ours:?} {theirs:?}");
    // Scores that are sums of decimals lie a hair beside the thresholds' own.
    let profile = performance_profile(scores, &profiles.thresholds, 500, stream).expect("a profile");
    let off = ours.above.iter().zip(&profile).filter(|(a, b)| !close(a.value, b.value)).count();
    assert!(off == 0, "{arm}: {off} of {} thresholds differ", profile.len());
    assert_eq!((ours.above[0].value, ours.above.last().map(|a| a.value)), (1.0, Some(0.0)), "all are above the first, none above the last");
}

#[test]
fn rewards_are_put_between_the_raw_prompt_and_the_oracle() {
    // The second has ten times the unit and another zero.
    let profiles = compute(vec![
        seed("a", 1, &[0.2, 0.1, 0.6, 1.2]),
        seed("a", 2, &[0.2, 0.3, 0.8, 1.2]),
        seed("bb", 1, &[3.0, 2.0, 9.0, 13.0]),
        seed("bb", 2, &[3.0, 4.0, 12.0, 13.0]),
        seed("bb", 3, &[3.0, 3.0, 7.5, 13.0]),
    ])
    .expect("two experiments");
    assert_eq!((profiles.scaled_by, profiles.withheld.as_deref()), (ScaledBy::Arms, None));
    let tasks: Vec<_> = profiles.tasks.iter().map(|task| (task.name.as_str(), task.runs.len())).collect();
    assert_eq!(tasks, [("a", 2), ("bb", 3)]);
    assert!(close(profiles.tasks[1].zero, 3.0) && close(profiles.tasks[1].one, 13.0), "{:?}", profiles.tasks);
    agrees(&profiles, "tuned", &[vec![0.4, 0.6], vec![0.6, 0.9, 0.45]]);
    agrees(&profiles, "untuned", &[vec![-0.1, 0.1], vec![-0.1, 0.1, 0.0]]);
    // Baselines that do not vary have no spread, and their places are those of the scale.
    let flat = |arm: &str| profiles.arms.iter().find(|one| one.arm == arm).expect("the arm").interquartile_mean;
    assert!(close(flat("raw").value, 0.0) && close(flat("oracle").value, 1.0));
    assert_eq!(profiles.warnings, [""; 0]);
}

#[test]
fn without_an_oracle_everywhere_the_least_and_the_greatest_score_make_the_scale() {
    let profiles = compute(vec![
        seed("a", 1, &[0.2, 0.1, 0.6]),
        seed("a", 2, &[0.2, 0.3, 0.9]),
        seed("bb", 1, &[3.0, 2.0, 9.0, 13.0]),
        seed("ccc", 1, &[0.0, 0.5, 1.0]),
    ])
    .expect("three experiments");
    assert_eq!(profiles.scaled_by, ScaledBy::MinMax);
    let ends: Vec<_> = profiles.tasks.iter().map(|task| (task.zero, task.one)).collect();
    assert!(ends.iter().zip([(0.1, 0.9), (2.0, 9.0), (0.0, 1.0)]).all(|(a, b)| close(a.0, b.0) && close(a.1, b.1)), "{ends:?}");
    assert!(profiles.arms.iter().all(|arm| arm.arm != "oracle"));
    let said = |words: &str| profiles.warnings.iter().any(|warning| warning.contains(words));
    assert!(said("not shown over all of them: oracle") && said("2 of 3 experiments have one seed"), "{:?}", profiles.warnings);
    // An oracle that is no better than the raw prompt makes no scale.
    let worse = compute(vec![
        seed("a", 1, &[0.2, 0.1, 0.6, 1.2]),
        seed("a", 2, &[0.2, 0.1, 0.6, 1.2]),
        seed("bb", 1, &[0.5, 0.1, 0.6, 0.4]),
        seed("bb", 2, &[0.5, 0.1, 0.6, 0.4]),
    ]);
    assert_eq!(worse.expect("two experiments").scaled_by, ScaledBy::MinMax);
}

#[test]
fn a_failed_seed_counts_at_the_raw_prompts_mean() {
    let profiles = compute(vec![
        seed("a", 1, &[0.2, 0.1, 0.7, 1.2]),
        failed("a", 2),
        seed("bb", 1, &[0.0, 0.0, 0.5, 1.0]),
        seed("bb", 2, &[0.0, 0.0, 0.7, 1.0]),
    ])
    .expect("two experiments");
    let tuned = profiles.arms.iter().find(|arm| arm.arm == "tuned").expect("the tuned arm");
    assert_eq!((tuned.runs, profiles.tasks[0].runs.len()), (4, 2));
    assert!(profiles.warnings.iter().any(|warning| warning.contains("seed 2, failed")), "{:?}", profiles.warnings);
    // By least and greatest score, for the oracle's gain over both seeds is no longer clear.
    assert_eq!(profiles.scaled_by, ScaledBy::MinMax);
    let scaled = |reward: f64, task: usize| (reward - profiles.tasks[task].zero) / (profiles.tasks[task].one - profiles.tasks[task].zero);
    let raw = profiles.arms.iter().find(|arm| arm.arm == "raw").expect("the raw arm");
    assert!(raw.runs == 4 && tuned.above.iter().all(|point| (0.0..=1.0).contains(&point.value)));
    let expected = [vec![scaled(0.7, 0), scaled(0.35, 0)], vec![scaled(0.5, 1), scaled(0.7, 1)]];
    agrees(&profiles, "tuned", &expected);
}

#[test]
fn what_cannot_be_put_together_is_withheld_with_the_reason() {
    let why = |seeds: Vec<Seed>| {
        let profiles = compute(seeds).expect("no error");
        assert!(profiles.arms.is_empty() && profiles.thresholds.is_empty() && profiles.tasks.is_empty());
        (profiles.withheld.expect("a reason"), profiles.warnings)
    };
    let two = |data: &str| [seed(data, 1, &[0.2, 0.1, 0.6, 1.2]), seed(data, 2, &[0.2, 0.1, 0.7, 1.2])];
    assert!(why(two("a").into()).0.contains("two experiments"));
    assert!(why(vec![seed("a", 1, &[0.2, 0.1, 0.6, 1.2]), seed("bb", 1, &[0.2, 0.1, 0.6, 1.2])]).0.contains("run a second seed"));
    let flat = [seed("bb", 1, &[0.2, 0.2, 0.2]), seed("bb", 2, &[0.2, 0.2, 0.2])];
    assert_eq!(why([two("a"), flat].into_iter().flatten().collect()).0, "the mean rewards of bb do not differ, so that they have no scale");
    // Twice the same seed is no experiment of two.
    let twins = [seed("bb", 1, &[0.2, 0.1, 0.6, 1.2]), Seed { run: Run { id: 9, ..seed("bb", 1, &[]).run }, ..seed("bb", 1, &[0.1]) }];
    let (reason, warnings) = why([two("a"), twins].into_iter().flatten().collect());
    assert!(
        reason.contains("two experiments") && warnings[0].starts_with("bb is left out: Runs 9 and 201 have the same seed"),
        "{warnings:?}"
    );
    assert!(why(Vec::new()).0.contains("two experiments"));
}
