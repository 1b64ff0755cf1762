//! Prompts that belong together, from stored rows to figures: every interval and test counts their clusters.
#![allow(clippy::expect_used)] // A helper that fails should fail its test.

mod rows;

use analysis::{bootstrap_mean_in_clusters, equal_length_in_clusters, paired_in_clusters, spread_in_clusters};
use contract::{Code, Spec};
use experiment::analyse::{Seed, compute as analyse};
use experiment::report;
use experiment::streams::Streams;
use rows::{row, run};
use store::{EvaluationAnswer, Run};

/// Two answers of every arm to each of six prompts, which differ by another amount each.
fn uneven(gain: f64) -> Vec<EvaluationAnswer> {
    let arm = |name: &'static str, iteration: usize, spread: f64, base: f64| {
        (0..12).map(move |i| {
            let noise = [0.9, -1.0, 0.3, 0.7, -0.4, -0.5, 1.1, -0.2, -0.8, 0.1, 0.6, -0.9][i];
            let answer_tokens = 6 + (7 * i + iteration) % 5;
            let row = row(name, iteration, i / 2, i % 2, base + spread * (noise + (i / 2) as f64));
            EvaluationAnswer { answer_tokens, ..row }
        })
    };
    arm("raw", 0, 0.2, 0.1).chain(arm("untuned", 0, 0.22, 0.2)).chain(arm("tuned", 7, 0.1, gain)).collect()
}

/// Puts prompts 0, 1 and 2 together, and 3 and 4.
const CLUSTERS: [usize; 6] = [4, 4, 4, 7, 7, 9];

fn clustered(rows: Vec<EvaluationAnswer>) -> Vec<EvaluationAnswer> {
    rows.into_iter().map(|row| EvaluationAnswer { cluster: Some(CLUSTERS[row.prompt_index]), ..row }).collect()
}

/// An arm's rewards by prompt.
fn rewards(rows: &[EvaluationAnswer], arm: &str) -> Vec<Vec<f64>> {
    (0..6).map(|p| rows.iter().filter(|r| r.arm == arm && r.prompt_index == p).map(|r| r.reward).collect()).collect()
}

fn means(prompts: &[Vec<f64>]) -> Vec<f64> {
    prompts.iter().map(|answers| answers.iter().sum::<f64>() / answers.len() as f64).collect()
}

#[test]
fn every_figure_of_a_run_counts_clusters() {
    let (run, rows) = (run(), clustered(uneven(0.9)));
    let report = report::compute(&run, &rows, &[]);
    let streams = Streams::new(run.spec.seed);
    let [tuned, raw] = ["tuned", "raw"].map(|arm| rewards(&rows, arm));
    let comparison = &report.comparisons[0];
    assert_eq!((comparison.prompts, comparison.clusters), (6, Some(3)));
    let paired = paired_in_clusters(&means(&tuned), &means(&raw), &CLUSTERS, 500, 500, streams.statistics("tuned-raw"));
    assert_eq!((comparison.ci_low, comparison.ci_high, comparison.p_value), (paired.interval.low, paired.interval.high, paired.p_value));
    assert_eq!(comparison.p_value, 0.25, "three clusters have eight sign patterns, of which two are as extreme as the one seen");
    assert_eq!(comparison.bca.map(|i| (i.low, i.high)), paired.accelerated.map(|i| (i.low, i.high)));
    let better = comparison.improvement.expect("six prompts").interval.expect("clusters");
    assert_eq!(Some((better.low, better.high)), paired.improvement.and_then(|s| s.interval).map(|i| (i.low, i.high)));
    assert!(comparison.watched.is_empty());

    let variance = comparison.variance.expect("two arms");
    let spread = spread_in_clusters(&tuned, &raw, &CLUSTERS, 500, streams.statistics("tuned-raw variance"));
    assert_eq!(variance.interval.map(|i| i.low), spread.interval.map(|i| i.low.exp()));
    assert_eq!(variance.p_value, None, "the test of Brown and Forsythe takes prompts as independent");
    let lengths = |arm: &str| -> Vec<Vec<[f64; 2]>> {
        let of = |p| rows.iter().filter(move |r| r.arm == arm && r.prompt_index == p).map(|r| [r.reward, r.answer_tokens as f64]);
        (0..6).map(|p| of(p).collect()).collect()
    };
    let seed = streams.statistics("tuned-raw length");
    let equal = equal_length_in_clusters(&lengths("tuned"), &lengths("raw"), &CLUSTERS, 500, seed).expect("lengths vary");
    assert_eq!(comparison.at_equal_length.expect("lengths vary").interval.map(|i| i.high), equal.interval.map(|i| i.high));

    let arm = &report.arms[2];
    let interval = bootstrap_mean_in_clusters(&means(&tuned), &CLUSTERS, 500, streams.statistics("tuned"));
    assert_eq!((arm.reward_ci_low, arm.reward_ci_high, arm.clusters), (interval.low, interval.high, Some(3)));
    let parts = arm.components.expect("there are answers");
    let prompt = parts.prompt.expect("six prompts");
    assert!(prompt.interval.is_none() && parts.rewrite.is_some_and(|c| c.interval.is_none()), "{parts:?}");
    assert_eq!(
        Some(prompt.variance),
        report::compute(&run, &uneven(0.9), &[]).arms[2].components.and_then(|c| c.prompt).map(|c| c.variance)
    );
    assert!(report.verdict.starts_with("On 6 test prompts in 3 clusters the tuned prompter "), "{}", report.verdict);
}

#[test]
fn clusters_of_one_are_said_and_change_nothing() {
    let alone: Vec<EvaluationAnswer> =
        uneven(0.9).into_iter().map(|row| EvaluationAnswer { cluster: Some(20 - row.prompt_index), ..row }).collect();
    let (report, mut none) = (report::compute(&run(), &alone, &[]), report::compute(&run(), &uneven(0.9), &[]));
    assert!(none.arms.iter().all(|arm| arm.clusters.is_none()) && none.comparisons.iter().all(|c| c.clusters.is_none()));
    none.arms.iter_mut().for_each(|arm| arm.clusters = Some(6));
    none.comparisons.iter_mut().for_each(|c| c.clusters = Some(6));
    assert_eq!(report, none);
}

/// A seed of an experiment.
fn seed(number: u64, gain: f64, rows: fn(Vec<EvaluationAnswer>) -> Vec<EvaluationAnswer>) -> Seed {
    let run = run();
    Seed { run: Run { id: number as i64, spec: Spec { seed: number, ..run.spec.clone() }, ..run }, rows: rows(uneven(gain)) }
}

#[test]
fn seeds_are_crossed_with_clusters() {
    let seeds = |rows| vec![seed(1, 0.8, rows), seed(2, 0.95, rows), seed(3, 0.9, rows)];
    let (report, alone) = (analyse(seeds(clustered)).expect("three seeds"), analyse(seeds(|rows| rows)).expect("three seeds"));
    assert_eq!((report.prompts, report.clusters, alone.clusters), (6, Some(3), None));
    for (ours, theirs) in report.comparisons.iter().zip(&alone.comparisons) {
        assert!((ours.difference.mean - theirs.difference.mean).abs() < 1e-12);
        let width = |i: Option<contract::figures::Interval>| i.map(|i| i.high - i.low).expect("three seeds");
        // Later prompts gain more, and stand together.
        assert!(width(ours.difference.student) > width(theirs.difference.student), "{ours:?}");
        assert!(width(ours.difference.bootstrap) > width(theirs.difference.bootstrap), "{ours:?}");
        let parts = &ours.difference.components;
        assert!(parts.prompt.is_some_and(|c| c.interval.is_none()) && parts.seed.is_some_and(|c| c.interval.is_none()));
        let (power, as_prompts) = (ours.power.expect("differences vary"), theirs.power.expect("differences vary"));
        assert!(power.smallest > as_prompts.smallest && power.twice_answers.is_none() && power.twice_prompts.is_some(), "{power:?}");
    }
    assert!(report.verdict.starts_with("Over 3 seeds on 6 test prompts in 3 clusters the tuned prompter "), "{}", report.verdict);
    // Of one seed the smallest difference is that of the clusters' own t test, two degrees of freedom.
    let one = analyse(vec![seed(1, 0.8, clustered)]).expect("one seed");
    let rows = clustered(uneven(0.8));
    let differences: Vec<f64> = means(&rewards(&rows, "tuned")).iter().zip(means(&rewards(&rows, "raw"))).map(|(a, b)| a - b).collect();
    let values = analysis::one_a_cluster(&[differences], &CLUSTERS).concat();
    let mean = values.iter().sum::<f64>() / 3.0;
    let noise = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 2.0;
    let noise = analysis::Noise { seed: 0.0, prompt: noise, interaction: 0.0, rewrite: 0.0, answer: 0.0 };
    let plan = analysis::Plan { seeds: 1, prompts: 3, rewrites: 1, answers: 1 };
    let smallest = analysis::smallest_detectable(&noise, plan, 0.05, 0.8).expect("they vary").difference;
    let power = one.comparisons[0].power.expect("differences vary");
    assert!((power.smallest - smallest).abs() < 1e-9, "{power:?} {smallest}");

    let error = analyse(vec![seed(1, 0.8, clustered), seed(2, 0.8, |rows| rows)]).expect_err("other clusters");
    assert!(error.code == Code::Run && error.message.contains("were tested on different prompts"), "{error}");
}
