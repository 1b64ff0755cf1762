//! Services that score, and services that do not.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
use contract::endpoint::Endpoint as Settings;
use contract::{Code, Error, Result};
use endpoint::{Scores, ScoresOpening};
use lm::Message;
use network::Secret;
use rewards::{Pair, Scorer, conversation};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tests::serving::{Act, Seen, Server};
use tokio::runtime::Runtime;

const KEY: &str = "sk-a-very-secret-key-4711";

fn open(runtime: &Runtime, server: &Server, stop: impl Fn() -> bool + Send + 'static) -> Result<Scores> {
    let settings = Settings { timeout_seconds: 1, patience_seconds: 2, key: Some("hosted".into()), ..Settings::at(&server.url()) };
    let (secret, handle) = (Some(Secret::new(KEY).unwrap()), runtime.handle().clone());
    Scores::open(ScoresOpening { settings: &settings, pairs_per_request: 2, secret, handle, say: Box::new(|_| ()), stop: Box::new(stop) })
}

fn answers(answers: &[&str]) -> Vec<Vec<Message>> {
    answers.iter().map(|answer| conversation(Pair { system: None, prompt: "x", answer })).collect()
}

fn pairs(seen: &Seen) -> Vec<Value> {
    seen.body["pairs"].as_array().unwrap().clone()
}

/// The length of each answer, from the last to the first.
fn lengths(seen: &Seen) -> Act {
    let score = |pair: &Value| json!({ "id": pair["id"], "score": pair["answer"].as_str().unwrap().len() });
    Act::json(&json!({ "scores": pairs(seen).iter().rev().map(score).collect::<Vec<_>>() }))
}

/// What a service comes to that does this with every batch after the trial.
fn error_of(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Error {
    let (runtime, count) = (Runtime::new().unwrap(), AtomicUsize::new(0));
    let server = Server::start(move |seen| if count.fetch_add(1, Ordering::Relaxed) == 0 { lengths(seen) } else { act(seen) });
    open(&runtime, &server, || false).unwrap().score(&answers(&["a", "b"])).unwrap_err()
}

#[test]
fn batches_are_cut_and_scores_put_back_in_order() {
    let (runtime, server) = (Runtime::new().unwrap(), Server::start(lengths));
    let scores = open(&runtime, &server, || false).unwrap();
    assert_eq!(scores.score(&answers(&["a", "bb", "ccc"])).unwrap(), [1.0, 2.0, 3.0]);
    assert_eq!(scores.score(&[]).unwrap(), [0.0; 0]);
    let seen = server.seen();
    let ids: Vec<Vec<u64>> = seen.iter().map(|seen| pairs(seen).iter().map(|pair| pair["id"].as_u64().unwrap()).collect()).collect();
    // After a trial of one pair.
    assert_eq!(ids, [vec![0], vec![1, 2], vec![3]]);
    assert_eq!(pairs(&seen[1])[0], json!({ "id": 1, "prompt": "x", "answer": "a" }));
    assert_eq!(seen[1].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
}

#[test]
fn what_passes_is_waited_for() {
    let runtime = Runtime::new().unwrap();
    let count = AtomicUsize::new(0);
    let server = Server::start(move |seen| match count.fetch_add(1, Ordering::Relaxed) {
        1 => Act::error(503, "starting", ""),
        2 => Act::BreakOff,
        _ => lengths(seen),
    });
    assert_eq!(open(&runtime, &server, || false).unwrap().score(&answers(&["abc"])).unwrap(), [3.0]);
}

#[test]
fn what_does_not_pass_pauses_with_the_way_out() {
    for (error, said) in [
        (error_of(|_| Act::BreakOff), "broke off"),
        (
            error_of(|_| Act::Hang(Duration::from_secs(3))),
            "did not answer within timeout_seconds = 1. Is it overloaded? Raise timeout_seconds, or lower pairs_per_request",
        ),
        (error_of(|_| Act::error(500, "Traceback", "")), "status 500"),
        (error_of(|_| Act::error(401, &format!("wrong key {KEY}"), "")), "alignpro key set hosted"),
        (error_of(|_| Act::error(429, "over", "insufficient_quota")), "quota is used up"),
        (error_of(|_| Act::error(404, "", "")), "takes no batches at this address"),
        (error_of(|_| Act::Say(200, Vec::new(), "<html>".into())), "does not answer with scores: it is a web page"),
        (error_of(|_| Act::json(&json!({ "score": 1 }))), "it has no list \"scores\""),
        (error_of(|_| Act::json(&json!({ "scores": [{ "id": 1, "score": 1 }] }))), "1 of 2 scores are missing"),
        (error_of(|_| Act::json(&json!({ "scores": [{ "id": 9, "score": 1 }] }))), "the id 9, which is none of this batch"),
        (error_of(|_| Act::json(&json!({ "scores": [{ "id": 1, "score": 1 }, { "id": 1, "score": 2 }] }))), "for the second time"),
        (error_of(|_| Act::Say(200, Vec::new(), "{\"scores\": [{\"id\": 1, \"score\": NaN}]}".into())), "not a finite number"),
    ] {
        assert!(error.code == Code::Paused && error.message.contains(said), "{said}: {error}");
        assert!(!format!("{error:?}").contains(KEY) && error.message.starts_with("The scoring service http://127.0.0.1"), "{error:?}");
    }
    let refused = error_of(|_| Act::error(400, "no pairs", ""));
    assert!(
        refused.code == Code::Reward && refused.message.contains("refuses the request") && refused.detail.unwrap().contains("no pairs")
    );
}

#[test]
fn who_is_not_there_is_found_before_anything_depends_on_it() {
    let (runtime, mut server) = (Runtime::new().unwrap(), Server::start(lengths));
    server.stop();
    let error = open(&runtime, &server, || false).err().unwrap();
    assert!(error.code == Code::Network && error.message.contains("cannot be reached. Is it running"), "{error}");
}

#[test]
fn a_stop_is_heard_while_a_service_is_waited_for() {
    let (runtime, count) = (Runtime::new().unwrap(), AtomicUsize::new(0));
    let server = Server::start(move |seen| match count.fetch_add(1, Ordering::Relaxed) {
        0 => lengths(seen),
        _ => Act::Say(503, vec![("Retry-After", "1".into())], String::new()),
    });
    let (scores, begun) = (open(&runtime, &server, || true).unwrap(), Instant::now());
    assert_eq!(scores.score(&answers(&["a"])).unwrap_err().code, Code::Stopped);
    assert!(begun.elapsed() < Duration::from_secs(20));
}
