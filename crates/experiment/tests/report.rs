//! The report from rows whose figures are known by hand.
#![allow(clippy::expect_used)] // A helper that fails should fail its test.

use contract::event::{Event, Status};
use experiment::report;
use std::collections::BTreeMap;
use store::{EvaluationAnswer, Run, Split, StoredEvent};

fn run() -> Run {
    let text = "name = \"r\"\ndata.test = 6\nprompter.model = \"m\"\nfrozen.model = \"m\"\nreward.parts = [{ kind = \"sentiment\" }]\n\
                evaluation = { bootstrap_resamples = 500, permutations = 500 }";
    let spec = experiment::spec::parse(text, "r.toml").expect("a good spec");
    Run {
        id: 3,
        name: "r".into(),
        status: Status::Finished,
        message: None,
        spec,
        spec_hash: "hash".into(),
        program_version: "1".into(),
        created_at_ms: 0,
        started_at_ms: None,
        finished_at_ms: None,
        uid: "the same everywhere".into(),
        tags: Vec::new(),
        notes: String::new(),
        archived: false,
        deleted_at_ms: None,
        has_adapter: true,
        without_texts: false,
        iterations_done: 7,
    }
}

fn row(arm: &str, iteration: usize, prompt: usize, answer: usize, reward: f64) -> EvaluationAnswer {
    let rewrites = arm != "raw";
    EvaluationAnswer {
        split: Split::Test,
        iteration,
        arm: arm.into(),
        prompt_index: prompt,
        answer_index: answer,
        prompt: "p".into(),
        rewrite: rewrites.then(|| "w".into()),
        answer: "a".into(),
        reward,
        reward_parts: BTreeMap::from([("sentiment".into(), reward)]),
        kl: rewrites.then_some(0.0),
        closeness: rewrites.then_some(0.5),
        rewrite_tokens: rewrites.then_some(4),
        answer_tokens: 6,
        rewrite_truncated: rewrites.then_some(answer == 0),
        answer_truncated: false,
        rewrite_seed: rewrites.then_some(1),
        answer_seed: 2,
    }
}

/// Six prompts with two answers each; the arm's reward is its base ± 0.1.
fn rows(arm: &str, iteration: usize, base: f64) -> Vec<EvaluationAnswer> {
    (0..6).flat_map(|p| [row(arm, iteration, p, 0, base - 0.1), row(arm, iteration, p, 1, base + 0.1)]).collect()
}

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
