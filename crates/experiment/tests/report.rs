//! The report from rows whose figures are known by hand.
#![allow(clippy::expect_used)] // A helper that fails should fail its test.

mod rows;

use contract::event::{Event, Status};
use contract::report::{Arm, Comparison, Report};
use experiment::report;
use rows::{row, rows, run};
use store::{EvaluationAnswer, Run, StoredEvent};

#[test]
fn figures_come_from_the_rows() {
    let rows = [rows("raw", 0, 0.2), rows("untuned", 0, 0.3), rows("tuned", 5, 9.0), rows("tuned", 7, 0.8)].concat();
    let guard = |iteration| StoredEvent {
        sequence: 1,
        run: 3,
        at_ms: 0,
        event: Event::Guard {
            iteration,
            guard: "length_drift".into(),
            cause: iteration.map_or("Cause after the evaluation.".into(), |iteration| format!("Cause {iteration}.")),
            remedy: "Remedy.".into(),
        },
    };
    let report = report::compute(&run(), &rows, &[guard(Some(2)), guard(Some(6)), guard(None), guard(None)]);
    let tuned = &report.arms[2];
    assert_eq!((tuned.name.as_str(), tuned.n, tuned.prompts), ("tuned", 12, 6), "only the latest iteration counts");
    assert!((tuned.reward_mean - 0.8).abs() < 1e-12 && (tuned.reward_parts["sentiment"] - 0.8).abs() < 1e-12);
    // Two answers 0.2 apart: variance 0.02 within prompts, and −0.01 between, for the means are all equal.
    assert!((tuned.within_prompt_variance.expect("two answers a prompt") - 0.02).abs() < 1e-12);
    assert!((tuned.between_prompt_variance.expect("six prompts") + 0.01).abs() < 1e-12);
    assert_eq!((tuned.truncated_rewrites, tuned.rewrite_tokens, tuned.answer_tokens), (Some(0.5), Some(4.0), 6.0));
    assert_eq!(report.arms[0].truncated_rewrites, None);
    let pairs: Vec<_> = report.comparisons.iter().map(|c| (c.arm.as_str(), c.baseline.as_str())).collect();
    assert_eq!(pairs, [("tuned", "raw"), ("tuned", "untuned"), ("untuned", "raw")]);
    assert!((report.comparisons[0].mean_difference - 0.6).abs() < 1e-12 && report.comparisons[0].ci_low > 0.0);
    assert!(report.verdict.contains("better"), "{}", report.verdict);
    assert_eq!(report.warnings, ["2 times, last at iteration 6: Cause 6. Remedy.", "Cause after the evaluation. Remedy."]);
}

#[test]
fn an_unfinished_run_reports_what_it_has() {
    let report = report::compute(&run(), &rows("raw", 0, 0.2), &[]);
    assert_eq!((report.arms.len(), report.comparisons.len()), (1, 0));
    assert!(report.verdict.contains("cannot be compared yet"));
    assert!(report::compute(&run(), &[], &[]).arms.is_empty());
    // Half of the tuned arm: what is said is said of so far, and warned of already.
    let mut rows = [rows("raw", 0, 0.2), rows("untuned", 0, 0.3), rows("tuned", 7, 0.8)[..6].to_vec()].concat();
    for row in &mut rows {
        row.prompt = "Where do swallows spend the winter?".into();
        row.answer = if row.arm == "tuned" { "I love it!".into() } else { "Swallows spend it in Africa.".into() };
    }
    let unfinished = Run { status: Status::Stopped, ..run() };
    let report = report::compute(&unfinished, &rows, &[]);
    let begin = "The evaluation is not finished (6 of 12 answers of the tuned arm are there). So far: On 3 test prompts";
    assert!(report.verdict.starts_with(begin), "{}", report.verdict);
    assert_eq!(report.arms[2].answer_topicality, Some(0.0));
    assert!(report.warnings.len() == 2 && report.warnings[0].contains("leaving the subject"), "{:?}", report.warnings);
}

/// Six prompts on which the arms differ by another amount each; the tuned arm's rewards spread half as far.
fn uneven() -> Vec<EvaluationAnswer> {
    let arm = |name: &'static str, iteration: usize, spread: f64, base: f64| {
        (0..12).map(move |i| {
            let noise = [0.9, -1.0, 0.3, 0.7, -0.4, -0.5, 1.1, -0.2, -0.8, 0.1, 0.6, -0.9][i];
            row(name, iteration, i / 2, i % 2, base + spread * (noise + (i / 2) as f64))
        })
    };
    arm("raw", 0, 0.2, 0.1).chain(arm("untuned", 0, 0.22, 0.2)).chain(arm("tuned", 7, 0.1, 0.9)).collect()
}

#[test]
fn comparisons_carry_what_a_reviewer_asks_for() {
    let report = report::compute(&run(), &uneven(), &[]);
    let p: Vec<f64> = report.comparisons.iter().map(|c| c.p_value).collect();
    let holm: Vec<f64> = report.comparisons.iter().map(|c| c.p_holm.expect("a p")).collect();
    assert_eq!(holm, analysis::holm(&p).expect("three p values"));
    let tuned = &report.comparisons[0];
    let (bca, better) = (tuned.bca.expect("differences differ"), tuned.improvement.expect("six prompts"));
    assert!(bca.low < tuned.mean_difference && tuned.mean_difference < bca.high && (0.0..=1.0).contains(&better.share));
    assert!(tuned.effect_size.is_some_and(|d| d > 0.0), "{tuned:?}");
    let variance = tuned.variance.expect("two arms");
    assert!((variance.ratio.expect("they vary") - 0.25).abs() < 1e-12, "half the spread is a quarter of the variance: {variance:?}");
    assert!(variance.interval.is_some_and(|i| i.low < 0.25 && 0.25 < i.high) && variance.p_value.is_some());
    let claim = "The variance of the tuned prompter's rewards is less than the raw prompt's (ratio 0.25, 95 % interval ";
    assert!(report.verdict.contains(claim), "{}", report.verdict);
    for arm in &report.arms {
        let parts = arm.components.expect("there are answers");
        assert!((parts.prompt.expect("six prompts").variance - arm.between_prompt_variance.expect("six prompts")).abs() < 1e-12);
        let within = if arm.name == "raw" { parts.answer } else { parts.rewrite };
        assert!((within.expect("two answers").variance - arm.within_prompt_variance.expect("two answers")).abs() < 1e-12);
        assert_eq!((parts.seed, parts.interaction), (None, None));
    }
}

#[test]
fn a_report_of_an_earlier_version_is_completed_from_the_rows() {
    let (rows, whole) = (uneven(), report::compute(&run(), &uneven(), &[]));
    let old = |c: &Comparison| Comparison { p_holm: None, bca: None, effect_size: None, improvement: None, variance: None, ..c.clone() };
    let stored = Report {
        comparisons: whole.comparisons.iter().map(old).collect(),
        arms: whole.arms.iter().map(|arm| Arm { components: None, answer_topicality: Some(0.75), ..arm.clone() }).collect(),
        verdict: "As it was.".into(),
        warnings: vec!["Kept.".into()],
        ..whole.clone()
    };
    // As JSON an earlier version had no such keys at all.
    let mut json = serde_json::to_value(&stored).expect("JSON");
    for comparison in json["comparisons"].as_array_mut().expect("a list") {
        comparison.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    }
    let read: Report = serde_json::from_value(json).expect("a report of an earlier version");
    assert!(report::is_incomplete(&read) && !report::is_incomplete(&whole));
    let completed = report::complete(read, &run(), &rows);
    assert_eq!((&completed.comparisons, &completed.verdict), (&whole.comparisons, &whole.verdict));
    assert_eq!((completed.arms[0].components, completed.arms[0].answer_topicality), (whole.arms[0].components, Some(0.75)));
    assert_eq!(completed.warnings, ["Kept."]);
    assert_eq!(report::complete(stored.clone(), &run(), &[]), stored, "without rows it stays as it is");
}
