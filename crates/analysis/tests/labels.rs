//! A reward against labels: against NumPy and SciPy (`scripts/fixtures_labels.py`).
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
use analysis::{Correlation, Interval, LabelAgreement, Labelled, Share, labels};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    value: f64,
    low: f64,
    high: f64,
    /// Spread of SciPy's resamples.
    error: f64,
}

#[derive(Deserialize)]
struct Case {
    /// Prompt, score, label, length.
    answers: Vec<[f64; 4]>,
    values: usize,
    pairs: usize,
    ties: usize,
    with_label: Expected,
    with_length: Expected,
    label_with_length: Expected,
    on_pairs: Expected,
    auc: Option<Expected>,
}

const RESAMPLES: usize = 20_000;

fn labelled([prompt, score, label, length]: &[f64; 4]) -> Labelled {
    Labelled { prompt: *prompt as usize, score: *score, label: *label, length: *length }
}

fn agrees((value, interval): (f64, Option<Interval>), expected: &Expected) {
    assert!((value - expected.value).abs() < 1e-12, "{value} is not {}", expected.value);
    let Interval { low, high } = interval.unwrap();
    // Five Monte-Carlo standard errors of an end, of 20,000 resamples on either side, are 0.13 of the spread.
    let tolerance = 0.13 * expected.error;
    assert!(
        (low - expected.low).abs() < tolerance && (high - expected.high).abs() < tolerance,
        "{low} to {high} is not {} to {}, within {tolerance}",
        expected.low,
        expected.high
    );
}

fn correlation(found: Option<Correlation>) -> (f64, Option<Interval>) {
    let found = found.unwrap();
    (found.value, found.interval)
}

fn share(found: Option<Share>) -> (f64, Option<Interval>) {
    let found = found.unwrap();
    (found.share, found.interval)
}

#[test]
fn figures_are_those_of_scipy() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("fixtures/labels.json")).unwrap();
    for case in cases {
        let mut answers: Vec<Labelled> = case.answers.iter().map(labelled).collect();
        let ours = labels(&answers, RESAMPLES, 3);
        assert_eq!((ours.answers, ours.values, ours.pairs, ours.ties), (answers.len(), case.values, case.pairs, case.ties));
        agrees(correlation(ours.with_label), &case.with_label);
        agrees(correlation(ours.with_length), &case.with_length);
        agrees(correlation(ours.label_with_length), &case.label_with_length);
        agrees(share(ours.on_pairs), &case.on_pairs);
        match &case.auc {
            Some(expected) => agrees(share(ours.auc), expected),
            None => assert_eq!(ours.auc, None),
        }
        answers.reverse();
        // Numbers of prompts are names.
        answers.iter_mut().for_each(|answer| answer.prompt = 1000 - answer.prompt);
        assert_eq!(labels(&answers, RESAMPLES, 3), ours, "the order of answers and prompts changes nothing");
    }
}

fn all_none(found: &LabelAgreement) -> bool {
    let LabelAgreement { with_label, on_pairs, auc, with_length, label_with_length, .. } = found;
    with_label.is_none() && on_pairs.is_none() && auc.is_none() && with_length.is_none() && label_with_length.is_none()
}

#[test]
fn what_cannot_be_told_is_none() {
    assert!(all_none(&labels(&[], 100, 1)));
    assert!(all_none(&labels(&[labelled(&[0.0, f64::NAN, 1.0, 2.0])], 100, 1)));
    // One answer a prompt has no pairs; a reward that does not vary goes with nothing.
    let constant: Vec<Labelled> = (0..20).map(|i| labelled(&[f64::from(i), 1.0, f64::from(i % 2), f64::from(i)])).collect();
    let found = labels(&constant, 100, 1);
    assert!(found.with_label.is_none() && found.with_length.is_none() && found.on_pairs.is_none());
    assert_eq!((found.values, found.pairs, found.auc.unwrap().share), (1, 0, 0.5));
    assert!(found.label_with_length.unwrap().interval.is_some());
}

#[test]
fn an_end_of_the_range_and_few_prompts_have_no_interval() {
    let same: Vec<Labelled> = (0..20).map(|i| labelled(&[f64::from(i), f64::from(i), f64::from(i), f64::from(i % 3)])).collect();
    let found = labels(&same, 200, 1);
    let whole = found.with_label.unwrap();
    assert!((whole.value - 1.0).abs() < 1e-12 && whole.interval.is_none(), "{whole:?}");
    assert!(found.with_length.unwrap().interval.is_some());
    assert!(labels(&same[..9], 200, 1).with_length.unwrap().interval.is_none(), "too few");
    // All pairs right: the exact interval for so many prompts.
    let two: Vec<Labelled> = (0..20).map(|i| labelled(&[f64::from(i / 2), f64::from(i % 2), f64::from(i % 2), 5.0])).collect();
    let found = labels(&two, 200, 1);
    assert_eq!(share(found.on_pairs), (1.0, Some(Interval { low: 0.025_f64.powf(0.1), high: 1.0 })));
    assert_eq!(share(found.auc), (1.0, None));
}
