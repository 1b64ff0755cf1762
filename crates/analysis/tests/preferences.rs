//! A reward against people's choices: against NumPy and SciPy (`scripts/fixtures_preferences.py`).
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
use analysis::{Interval, Margin, Preferred, Share, calibration, preferences};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    share: f64,
    low: f64,
    high: f64,
    /// Spread of SciPy's resamples.
    error: f64,
}

#[derive(Deserialize)]
struct ExpectedCorrelation {
    value: f64,
    low: f64,
    high: f64,
}

#[derive(Deserialize)]
struct Case {
    pairs: Vec<[f64; 4]>,
    ties: usize,
    accuracy: Expected,
    where_shorter: Expected,
    where_longer: Expected,
    with_length: ExpectedCorrelation,
}

const RESAMPLES: usize = 20_000;

fn preferred(prompt: usize, [chosen, rejected, chosen_length, rejected_length]: &[f64; 4]) -> Preferred {
    Preferred { prompt, chosen: *chosen, rejected: *rejected, chosen_length: *chosen_length, rejected_length: *rejected_length }
}

/// Pairs of a prompt each.
fn all(pairs: &[[f64; 4]]) -> Vec<Preferred> {
    pairs.iter().enumerate().map(|(prompt, pair)| preferred(prompt, pair)).collect()
}

fn margins(margins: &[f64]) -> Vec<Margin> {
    margins.iter().enumerate().map(|(prompt, &margin)| Margin { prompt, margin }).collect()
}

fn agrees(ours: Option<Share>, expected: &Expected, pairs: usize) {
    let ours = ours.unwrap();
    assert!((ours.share - expected.share).abs() < 1e-12, "{ours:?}");
    let Interval { low, high } = ours.interval.unwrap();
    // Five Monte-Carlo standard errors of 20,000 resamples are 0.095 of the spread; a share moves in steps of half a pair.
    let tolerance = 0.12 * expected.error + 0.5 / pairs as f64;
    assert!(
        (low - expected.low).abs() < tolerance && (high - expected.high).abs() < tolerance,
        "{ours:?}, {} to {}",
        expected.low,
        expected.high
    );
}

#[test]
fn shares_and_correlations_are_those_of_scipy() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("fixtures/preferences.json")).unwrap();
    for case in cases {
        let mut pairs: Vec<Preferred> = all(&case.pairs);
        let ours = preferences(&pairs, RESAMPLES, 3);
        assert_eq!((ours.pairs, ours.ties), (pairs.len(), case.ties));
        agrees(ours.accuracy, &case.accuracy, pairs.len());
        agrees(ours.where_shorter, &case.where_shorter, pairs.len() / 3);
        agrees(ours.where_longer, &case.where_longer, pairs.len() / 3);
        let (correlation, expected) = (ours.with_length.unwrap(), &case.with_length);
        let interval = correlation.interval.unwrap();
        for (ours, expected) in [(correlation.value, expected.value), (interval.low, expected.low), (interval.high, expected.high)] {
            assert!((ours - expected).abs() < 1e-12, "{correlation:?}");
        }
        pairs.reverse();
        let reversed = preferences(&pairs, RESAMPLES, 3);
        assert_eq!((reversed.accuracy, reversed.where_shorter), (ours.accuracy, ours.where_shorter), "the order of pairs changes nothing");
    }
}

#[test]
fn what_cannot_be_told_is_none() {
    let nothing = preferences(&[], 100, 1);
    assert!(nothing.accuracy.is_none() && nothing.with_length.is_none() && nothing.pairs == 0);
    let broken = preferences(&all(&[[f64::NAN, 0.0, 1.0, 2.0]]), 100, 1);
    assert!(broken.accuracy.is_none() && broken.pairs == 1);
    // All as long as each other: nothing goes with length, and there is neither a shorter nor a longer one.
    let equal: Vec<Preferred> = all(&(0..12).map(|i| [f64::from(i), 3.5, 5.0, 5.0]).collect::<Vec<_>>());
    let found = preferences(&equal, 100, 1);
    assert!(found.with_length.is_none() && found.where_shorter.is_none() && found.where_longer.is_none() && found.accuracy.is_some());
    // Ranks that are the same leave no room for an interval.
    let same: Vec<Preferred> = all(&(0..12).map(|i| [f64::from(i), 0.0, f64::from(i), 0.0]).collect::<Vec<_>>());
    let correlation = preferences(&same, 100, 1).with_length.unwrap();
    assert!((correlation.value - 1.0).abs() < 1e-12 && correlation.interval.is_none_or(|i| i.low > 0.99), "{correlation:?}");
    assert!(preferences(&same[..5], 100, 1).with_length.unwrap().interval.is_none(), "too few");
}

#[test]
fn calibration_is_by_how_sure_the_model_is() {
    // Probabilities of 0.5 (a tie), 0.88 twice, one of them wrong, and 0.998.
    let found = calibration(&margins(&[0.0, 2.0, -2.0, 6.0]), 1000, 1).unwrap();
    let sure = |margin: f64| 1.0 / (1.0 + (-margin).exp());
    let shown: Vec<(f64, usize, f64)> = found.bins.iter().map(|bin| (bin.low, bin.pairs, bin.observed.unwrap().share)).collect();
    assert_eq!(shown, [(0.5, 1, 0.5), (0.8, 2, 0.5), (0.9, 1, 1.0)]);
    let error = (0.0 + 2.0 * (sure(2.0) - 0.5) + (1.0 - sure(6.0))) / 4.0;
    assert!((found.error - error).abs() < 1e-12, "{} is not {error}", found.error);
    let loss = -(0.5f64.ln() + sure(2.0).ln() + sure(-2.0).ln() + sure(6.0).ln()) / 4.0;
    assert!((found.loss - loss).abs() < 1e-12, "{} is not {loss}", found.loss);
    assert!(calibration(&margins(&[]), 10, 1).is_none() && calibration(&margins(&[f64::NAN]), 10, 1).is_none());
    assert!(calibration(&margins(&[-2000.0]), 10, 1).unwrap().loss.is_finite());
}

#[test]
fn pairs_of_one_prompt_are_drawn_together() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("fixtures/preferences.json")).unwrap();
    let pairs = &cases[0].pairs;
    let of_own = preferences(&all(pairs), RESAMPLES, 3);
    // Each pair stands four times, as four opinions of one prompt that say the same: nothing is known better for that.
    let copies: Vec<Preferred> = pairs.iter().enumerate().flat_map(|(prompt, pair)| [preferred(prompt, pair); 4]).collect();
    let found = preferences(&copies, RESAMPLES, 3);
    assert_eq!((found.pairs, found.prompts, found.ties), (4 * pairs.len(), pairs.len(), 4 * of_own.ties));
    assert_eq!((found.accuracy, found.where_longer), (of_own.accuracy, of_own.where_longer));
    // As independent pairs they would seem twice as precise.
    let width = |share: Option<Share>| share.unwrap().interval.map(|i| i.high - i.low).unwrap();
    let naive = preferences(&all(&pairs.iter().flat_map(|pair| [*pair; 4]).collect::<Vec<_>>()), RESAMPLES, 3);
    let ratio = width(found.accuracy) / width(naive.accuracy);
    assert!((1.8..2.2).contains(&ratio), "{ratio}");
    // The bootstrap over prompts comes to about what Bonett and Wright compute of independent pairs.
    let (own, over) = (of_own.with_length.unwrap(), found.with_length.unwrap());
    let (a, b) = (own.interval.unwrap(), over.interval.unwrap());
    assert!((own.value - over.value).abs() < 1e-12 && (a.low - b.low).abs() < 0.05 && (a.high - b.high).abs() < 0.05, "{a:?} {b:?}");
    let sure = [1.0, 2.0, -1.0, 0.5, 3.0, -2.0, 1.5, 0.1, 2.5, -0.3, 0.7, 1.1];
    let copies: Vec<Margin> = margins(&sure).into_iter().flat_map(|margin| [margin; 4]).collect();
    let (once, four) = (calibration(&margins(&sure), RESAMPLES, 3).unwrap(), calibration(&copies, RESAMPLES, 3).unwrap());
    let observed = |of: &analysis::Calibration| of.bins.iter().map(|bin| bin.observed).collect::<Vec<_>>();
    assert_eq!(observed(&once), observed(&four));
}
