//! The sentiment score against Python's `vaderSentiment` 3.3.2 (`scripts/fixtures_rewards.py`).

#[test]
fn agrees_with_python_to_the_last_decimal() {
    let fixtures: Vec<(String, f64)> = serde_json::from_str(include_str!("fixtures/vader.json")).unwrap();
    assert!(fixtures.len() >= 300);
    // Python rounds to four decimals and so do we; half a unit of the last one allows for nothing but the parsing of JSON.
    let wrong: Vec<_> =
        fixtures.iter().map(|(t, s)| (t, rewards::vader::compound(t), *s)).filter(|(_, ours, s)| (ours - s).abs() > 5e-5).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), fixtures.len());
}
