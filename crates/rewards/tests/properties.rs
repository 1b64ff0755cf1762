//! What must hold for any text: ranges, no panic, and sums that are sums.
#![allow(clippy::unwrap_used)] // a test may panic; clippy knows that only inside #[test]
use contract::spec::{Reward as Spec, RewardPart, RewardProgram};
use proptest::prelude::*;
use rewards::{Pair, Reward, closeness, topicality};

fn part(program: RewardProgram) -> RewardPart {
    RewardPart { name: None, weight: 1.0, program }
}

fn all_programs() -> Spec {
    let regex = RewardProgram::Regex { pattern: "(?i)please".into(), forbid: true };
    let band = RewardProgram::LengthBand { min_words: 5, max_words: 20 };
    let parts = [RewardProgram::Sentiment, RewardProgram::Topicality, band, regex, RewardProgram::Readability];
    Spec { parts: parts.into_iter().zip([1.0, 0.5, 0.25, -2.0, 3.0]).map(|(p, weight)| RewardPart { weight, ..part(p) }).collect() }
}

#[test]
fn parts_are_kept_unweighted_and_summed_with_their_weights() {
    let reward = Reward::new(&all_programs()).unwrap();
    let answer = "Paris is the lovely capital of France.";
    let scores = reward
        .score(&[Pair { system: None, prompt: "What is the capital of France?", answer }, Pair { system: None, prompt: "", answer: "" }])
        .unwrap();
    let parts = &scores[0].parts;
    assert_eq!(parts.keys().collect::<Vec<_>>(), ["length_band", "readability", "regex", "sentiment", "topicality"]);
    assert_eq!((parts["topicality"], parts["regex"], parts["length_band"]), (1.0, 1.0, 1.0));
    let sum =
        parts["sentiment"] + 0.5 * parts["topicality"] + 0.25 * parts["length_band"] - 2.0 * parts["regex"] + 3.0 * parts["readability"];
    assert!((scores[0].total - sum).abs() < 1e-12);
    assert_eq!(scores[1].parts["topicality"], 0.0);
    assert!(reward.score(&[]).unwrap().is_empty());
}

#[test]
fn regex_matches_or_forbids() {
    let reward = |forbid| Reward::new(&Spec { parts: vec![part(RewardProgram::Regex { pattern: r"^\d+\.".into(), forbid })] }).unwrap();
    let score = |forbid, answer| reward(forbid).score(&[Pair { system: None, prompt: "", answer }]).unwrap()[0].total;
    assert_eq!((score(false, "1. one"), score(false, "one"), score(true, "1. one"), score(true, "one")), (1.0, 0.0, 0.0, 1.0));
}

#[test]
fn bad_specs_are_named_by_their_key() {
    let bad = |program| Reward::new(&Spec { parts: vec![part(RewardProgram::Sentiment), part(program)] }).unwrap_err();
    let error = bad(RewardProgram::Regex { pattern: "(unclosed".into(), forbid: false });
    assert_eq!(error.code, contract::Code::Spec);
    assert!(error.message.contains("reward.parts[1].pattern") && error.message.contains("(unclosed") && error.detail.is_some(), "{error}");
    // A pattern that would need more memory than the library grants is refused in the same words.
    assert!(bad(RewardProgram::Regex { pattern: r"(\w{500}){500}".into(), forbid: false }).message.contains("reward.parts[1].pattern"));
    assert!(bad(RewardProgram::Sentiment).message.contains("reward.parts[1].name"));
    let nan = Spec { parts: vec![RewardPart { weight: f64::NAN, ..part(RewardProgram::Sentiment) }] };
    assert!(Reward::new(&nan).unwrap_err().message.contains("reward.parts[0].weight"));
    assert!(Reward::new(&Spec { parts: vec![] }).unwrap_err().message.contains("reward.parts is empty"));
}

#[test]
fn very_long_text_is_scored() {
    let reward = Reward::new(&all_programs()).unwrap();
    for text in [
        "good but ".repeat(4_000),
        "x".repeat(200_000),
        "é!? ".repeat(20_000),
        "日本語".repeat(10_000),
        "😀".repeat(10_000),
        "\n".repeat(20_000),
    ] {
        reward.score(&[Pair { system: None, prompt: &text, answer: &text }]).unwrap();
        assert!((0.0..=1.0).contains(&closeness(&text, &text)));
    }
}

/// Any characters, and sentences of words that the rules know.
fn text() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "no", "not", "GOOD", "bad", "so", "this", "never", "least", "at", "but", "kind", "of", "the", "shit", "don't", "volcano",
        "Explain", "tips", "3", "1,000", ":)", "😀", "!", "?", "…", "\n", "'", "’t", "n't", "e", "le", "ed", "queueing",
    ]);
    prop_oneof![any::<String>(), "\\PC*", prop::collection::vec(words, 0..30).prop_map(|w| w.join(" "))]
}

proptest! {
    #[test]
    fn scores_stay_in_their_ranges(prompt in text(), answer in text()) {
        let scores = Reward::new(&all_programs()).unwrap().score(&[Pair { system: None, prompt: &prompt, answer: &answer }]).unwrap();
        for (label, value) in &scores[0].parts {
            let least = if label == "sentiment" { -1.0 } else { 0.0 };
            prop_assert!((least..=1.0).contains(value), "{} is {}", label, value);
        }
        prop_assert!((0.0..=1.0).contains(&closeness(&prompt, &answer)));
    }

    #[test]
    fn a_batch_scores_like_its_pairs(texts in prop::collection::vec((text(), text()), 0..5)) {
        let reward = Reward::new(&all_programs()).unwrap();
        let pairs: Vec<Pair<'_>> = texts.iter().map(|(prompt, answer)| Pair { system: None, prompt, answer }).collect();
        let together = reward.score(&pairs).unwrap();
        for (pair, score) in pairs.iter().zip(together) {
            prop_assert_eq!(&reward.score(&[*pair]).unwrap()[0], &score);
        }
    }

    #[test]
    fn a_prompt_is_close_to_itself_and_its_echo_is_not_topical(prompt in text()) {
        prop_assert_eq!(closeness(&prompt, &prompt), 1.0);
        let echo = topicality(&prompt, &prompt);
        prop_assert!(echo == 0.0 || echo == rewards::NEUTRAL, "{}", echo);
    }

    #[test]
    fn saying_more_never_lowers_closeness(prompt in text(), rewrite in text(), more in text()) {
        let longer = format!("{rewrite}\n{more}");
        prop_assert!(closeness(&prompt, &longer) >= closeness(&prompt, &rewrite) - 1e-12);
    }
}
