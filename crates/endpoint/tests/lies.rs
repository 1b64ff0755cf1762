//! Endpoints that answer with success and mean something else, or refuse one question of many.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
mod bench;

use bench::{Bench, DECODING, KEY, ask, error_of, go_on, requests, server, settings};
use contract::Code;
use contract::endpoint::Endpoint as Settings;
use inference::FrozenModel;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::serving::{Act, Seen, Server, completion, models, words};

/// An answer of success with this body.
fn success(body: Value) -> impl Fn(&Seen) -> Act + Send + Sync + 'static {
    move |_| Act::json(&body)
}

#[test]
fn an_error_in_the_place_of_an_answer_is_told_in_the_servers_words() {
    let credit = error_of(success(json!({ "error": { "message": "no credits left" } })));
    assert!(credit.code == Code::Paused && credit.message.contains("out of money"), "{credit:?}");
    assert_eq!(credit.detail.as_deref(), Some("no credits left"));
    let memory = error_of(success(json!({ "error": "model requires more system memory (9 GiB) than is available" })));
    assert!(memory.code == Code::Paused && memory.message.contains("\"model requires more system memory (9 GiB)"), "{memory:?}");
    assert!(memory.message.contains("It was tried") && !memory.message.contains("Check the url"), "{memory:?}");
    let quota = error_of(success(json!({ "error": { "message": "No.", "code": "insufficient_quota" } })));
    assert!(quota.message.contains("quota is used up"), "{quota:?}");
    let refused = error_of(success(json!({ "error": { "message": "no top_k", "type": "invalid_request_error" } })));
    assert!(refused.code == Code::Engine && refused.message.contains("refuses the request"), "{refused:?}");
    // Of the list of models as well, and without the key.
    let list = Server::start(success(json!({ "error": { "message": format!("wrong key {KEY}"), "code": 401 } })));
    let with_key = Settings { key: Some("mine".into()), ..settings(&list) };
    let error = Bench::new().open(&with_key, "small").err().unwrap();
    assert!(error.message.contains("does not accept the key \"mine\"") && !format!("{error:?}").contains(KEY), "{error:?}");
}

#[test]
fn money_that_is_gone_pauses_whatever_the_status() {
    let anthropic = json!({ "type": "error", "error": {
        "type": "invalid_request_error",
        "message": "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
    } });
    let error = error_of(move |_| Act::Say(400, Vec::new(), anthropic.to_string()));
    assert!(error.code == Code::Paused && error.message.contains("out of money. Top it up"), "{error:?}");
    let google = json!([{ "error": { "code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED" } }]);
    let error = error_of(move |_| Act::Say(429, Vec::new(), google.to_string()));
    assert!(error.code == Code::Paused && error.message.contains("asked too often"), "{error:?}");
    assert_eq!(error.detail.as_deref(), Some("You exceeded your current quota."));
}

#[test]
fn a_prompt_that_is_too_long_is_told_with_the_way_out() {
    let error = error_of(|_| Act::error(400, "This model's maximum context length is 512 tokens.", "context_length_exceeded"));
    assert!(error.code == Code::Paused && error.message.contains("(data.max_words) or a smaller max_answer_tokens"), "{error:?}");
    assert_eq!(error.detail.as_deref(), Some("This model's maximum context length is 512 tokens."));
}

#[test]
fn answers_that_a_content_filter_withholds_are_empty_counted_and_told() {
    let server = server(|seen| match seen.prompt() {
        "Question 0" => Act::error(400, "The response was filtered.", "content_filter"),
        "Question 1" => {
            let mut answer = completion(seen, "", None, 0, false);
            answer["choices"][0]["message"]["content"] = Value::Null;
            answer["choices"][0]["finish_reason"] = json!("content_filter");
            Act::json(&answer)
        }
        _ => Act::json(&words(seen)),
    });
    let (bench, folder) = (Bench::new(), tempfile::tempdir().unwrap());
    let file = folder.path().join("answers");
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    endpoint.keep_in(&file).unwrap();
    let answers = ask(&mut endpoint, 4).unwrap();
    assert_eq!(answers.iter().map(|answer| answer.text.is_empty()).collect::<Vec<_>>(), [true, true, false, false]);
    let remarks = endpoint.remarks();
    assert!(remarks.len() == 1 && remarks[0].contains("withheld 2 answers by its content filter: they count as empty"), "{remarks:?}");
    assert!(bench.said.lock().unwrap().iter().any(|line| *line == remarks[0]));
    // Who goes on with the run counts them as well, and does not ask again.
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    endpoint.keep_in(&file).unwrap();
    assert_eq!((ask(&mut endpoint, 4).unwrap(), endpoint.remarks(), server.questions().len()), (answers, remarks, 4));
}

#[test]
fn a_judge_whose_answer_is_withheld_says_nothing() {
    let server = server(|seen| match seen.prompt() {
        "Rate 1." => Act::error(400, "The response was filtered.", "content_filter"),
        _ => {
            let mut answer = completion(seen, "5", None, 1, true);
            let top = json!([{ "token": "5", "logprob": -0.1 }]);
            answer["choices"][0]["logprobs"] = json!({ "content": [{ "token": "5", "logprob": -0.1, "top_logprobs": top }] });
            Act::json(&answer)
        }
    });
    let bench = Bench::new();
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    let prompts = ["Rate 0.", "Rate 1."].map(String::from);
    let likely = endpoint.first_words(&prompts, &["5".into()]).unwrap();
    assert!(likely[0][0] > 0.9 && likely[1][0] == 0.0, "{likely:?}");
    assert!(endpoint.remarks()[0].contains("withheld an answer by its content filter"), "{:?}", endpoint.remarks());
}

#[test]
fn who_ignores_the_longest_answer_is_found_out_and_kept_within_the_budget() {
    let long = |seen: &Seen| Act::json(&completion(seen, &"word ".repeat(300), None, 300, false));
    let server = server(long);
    let bench = Bench::new();
    let (found, _) = bench.open(&settings(&server), "small").unwrap().probe(&mut go_on).unwrap();
    let too_long = |sentence: &&String| sentence.contains("one of 300 tokens came where 24 were to be the most");
    assert_eq!(found.remarks.iter().filter(too_long).count(), 1, "{found:?}");
    let mut proving = bench.open(&Settings { budget_tokens: Some(2000), ..settings(&server) }, "small").unwrap();
    assert_eq!(proving.probe(&mut go_on).unwrap_err().code, Code::Paused);
    assert!(proving.account().spent().tokens() <= 2000, "{:?}", proving.account().spent());
    // Each answer costs some 310 tokens.
    let one_by_one = Settings { budget_tokens: Some(2000), requests_at_once: 1, ..settings(&server) };
    let mut endpoint = bench.open(&one_by_one, "small").unwrap();
    let before = server.questions().len();
    let error = ask(&mut endpoint, 20).unwrap_err();
    let spent = endpoint.account().spent();
    assert!(error.code == Code::Paused && error.message.contains("frozen.endpoint.budget_tokens"), "{error:?}");
    assert!(spent.tokens() <= 2000 && spent.tokens() > 1200 && spent.requests as usize == server.questions().len() - before, "{spent:?}");
    let remarks = endpoint.remarks();
    assert!(remarks.len() == 1 && remarks[0].contains("one of 300 tokens came where 8 were to be the most"), "{remarks:?}");
    assert_eq!(bench.said.lock().unwrap().iter().filter(|line| **line == remarks[0]).count(), 1);
}

#[test]
fn another_configuration_in_the_middle_is_said_once() {
    let count = AtomicUsize::new(0);
    let server = server(move |seen| {
        let mut answer = words(seen);
        answer["system_fingerprint"] = json!(if count.fetch_add(1, Ordering::Relaxed) < 2 { "fp_1" } else { "fp_2" });
        Act::json(&answer)
    });
    let bench = Bench::new();
    let mut endpoint = bench.open(&Settings { requests_at_once: 1, ..settings(&server) }, "small").unwrap();
    ask(&mut endpoint, 2).unwrap();
    assert_eq!(endpoint.remarks(), Vec::<String>::new());
    ask(&mut endpoint, 6).unwrap();
    let remarks = endpoint.remarks();
    assert!(remarks.len() == 1 && remarks[0].contains("\"fp_2\"") && remarks[0].contains("\"fp_1\" before"), "{remarks:?}");
    assert_eq!(*bench.said.lock().unwrap(), remarks);
    // What the probe sees is among its findings, and not said again.
    let count = AtomicUsize::new(0);
    let server = bench::server(move |seen| {
        let mut answer = words(seen);
        answer["system_fingerprint"] = json!(format!("fp_{}", count.fetch_add(1, Ordering::Relaxed) % 2));
        Act::json(&answer)
    });
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    let (found, _) = endpoint.probe(&mut go_on).unwrap();
    assert!(found.remarks.len() == 1 && found.version.unwrap().contains("fingerprint fp_0"), "{:?}", found.remarks);
    endpoint.answer(&requests(4), &DECODING, &mut go_on).unwrap();
    assert_eq!(endpoint.remarks(), Vec::<String>::new());
}

#[test]
fn loose_answers_are_taken() {
    let server = server(|seen| {
        let mut answer = words(seen);
        let parts = json!([{ "type": "text", "text": answer["choices"][0]["message"]["content"] }]);
        answer["choices"][0]["message"]["content"] = parts;
        answer["choices"][0]["logprobs"] = json!({ "content": [{ "token": "x", "logprob": null }] });
        answer["usage"] = json!({ "prompt_tokens": 10.0, "completion_tokens": -1 });
        Act::json(&answer)
    });
    let bench = Bench::new();
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    let (found, _) = endpoint.probe(&mut go_on).unwrap();
    assert_eq!((found.log_probs, found.usage, found.repeats), (false, false, true));
    let answers = ask(&mut endpoint, 2).unwrap();
    assert!(answers.iter().all(|answer| answer.text.split(' ').count() == 6), "{answers:?}");
}

#[test]
fn sentences_say_what_there_is() {
    let bench = Bench::new();
    for empty in [models(&[]), Act::json(&json!({ "object": "list", "data": null }))] {
        let Act::Say(_, _, body) = empty else { unreachable!() };
        let server = Server::start(move |_| Act::Say(200, Vec::new(), body.clone()));
        let message = bench.open(&settings(&server), "small").err().unwrap().message;
        assert!(message.ends_with("it serves no model. Load the model there, then ask again."), "{message}");
    }
    let server = server(|_| Act::error(503, "loading", ""));
    let mut endpoint = bench.open(&Settings { patience_seconds: 0, ..settings(&server) }, "small").unwrap();
    let error = ask(&mut endpoint, 1).unwrap_err();
    assert!(error.message.contains("It was tried once, for up to patience_seconds = 0."), "{error:?}");
}
