//! A run and its evaluation rows, whose figures are known by hand.
#![allow(dead_code, clippy::expect_used)] // Each test file uses a part of it; a helper that fails should fail its test.
use contract::event::Status;
use std::collections::BTreeMap;
use store::{EvaluationAnswer, Run, Split};

pub fn run() -> Run {
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

pub fn row(arm: &str, iteration: usize, prompt: usize, answer: usize, reward: f64) -> EvaluationAnswer {
    let rewrites = arm != "raw";
    EvaluationAnswer {
        split: Split::Test,
        iteration,
        arm: arm.into(),
        prompt_index: prompt,
        answer_index: answer,
        cluster: None,
        prompt: "p".into(),
        system: None,
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
pub fn rows(arm: &str, iteration: usize, base: f64) -> Vec<EvaluationAnswer> {
    (0..6).flat_map(|p| [row(arm, iteration, p, 0, base - 0.1), row(arm, iteration, p, 1, base + 0.1)]).collect()
}
