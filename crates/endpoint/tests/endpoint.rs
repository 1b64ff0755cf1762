//! Endpoints that behave, and endpoints that do not.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
mod bench;

use bench::{Bench, DECODING, KEY, ask, error_of, go_on, requests, server, settings};
use contract::endpoint::{Endpoint as Settings, Seeds};
use contract::{Code, Error};
use endpoint::sent_seed;
use inference::{AnswerDecoding, AnswerRequest, FrozenModel};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tests::serving::{Act, Seen, Server, builtin, completion, embedded, well_behaved, worded, words};

/// A server with an answer that depends on how many questions are under way when one comes, itself included; and the most that there were.
fn crowded(pause: Duration, answer: impl Fn(&Seen, usize) -> serde_json::Value + Send + Sync + 'static) -> (Server, Arc<AtomicUsize>) {
    let (under_way, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let most_seen = most.clone();
    let server = server(move |seen| {
        let now = under_way.fetch_add(1, Ordering::SeqCst) + 1;
        most_seen.fetch_max(now, Ordering::SeqCst);
        std::thread::sleep(pause);
        under_way.fetch_sub(1, Ordering::SeqCst);
        Act::json(&answer(seen, now))
    });
    (server, most)
}

#[test]
fn the_embedded_model_behind_an_address_gives_the_answers_of_the_engine() {
    let (bench, server) = (Bench::new(), Server::start(embedded()));
    let patient = Settings { timeout_seconds: 600, ..Settings::at(&server.url()) };
    let mut endpoint = bench.open(&patient, "smollm2").unwrap();
    let (found, proof) = endpoint.probe(&mut go_on).unwrap();
    assert!(proof.batched && proof.texts_differ == 0 && proof.max_log_prob_difference == Some(0.0), "{proof:?}");
    assert_eq!((found.seeds, found.log_probs, found.usage, found.repeats, found.together), (Seeds::Kept, true, true, true, true));
    assert_eq!(found.remarks, Vec::<String>::new());
    assert!(found.version.unwrap().contains("root weights/7") && found.spent.requests == 19);

    let requests: Vec<AnswerRequest> = ["Why is the sky blue?", "Name a river.", "Name a river."]
        .into_iter()
        .enumerate()
        .map(|(i, prompt)| AnswerRequest::new(prompt, u64::MAX / (i as u64 + 2)))
        .collect();
    let mut engine = builtin();
    for temperature in [0.0, 0.8] {
        let decoding = AnswerDecoding { max_tokens: 12, temperature, top_p: 0.9, top_k: 0 };
        let through = endpoint.answer(&requests, &decoding, &mut go_on).unwrap();
        for (request, through) in requests.iter().zip(through) {
            let request = AnswerRequest { seed: sent_seed(request.seed).into(), ..request.clone() };
            let own = engine.answer(&[request], &decoding, &mut go_on).unwrap().remove(0);
            assert_eq!((own.text, own.truncated, own.tokens.len()), (through.text, through.truncated, through.tokens.len()));
            assert_eq!(own.log_probs, through.log_probs);
        }
    }
}

#[test]
fn an_answer_is_asked_for_once_and_outlives_the_worker() {
    let (bench, server) = (Bench::new(), Server::start(well_behaved));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers");
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    endpoint.keep_in(&file).unwrap();
    let twice: Vec<AnswerRequest> = requests(3).into_iter().chain(requests(3)).collect();
    let first = endpoint.answer(&twice, &DECODING, &mut go_on).unwrap();
    assert_eq!((first[..3].to_vec(), server.questions().len()), (first[3..].to_vec(), 3));
    let spent = endpoint.account().spent();
    drop(endpoint);
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    endpoint.keep_in(&file).unwrap();
    assert_eq!(endpoint.account().spent(), spent);
    assert_eq!(ask(&mut endpoint, 3).unwrap(), first[..3]);
    assert_eq!(server.questions().len(), 3);
}

#[test]
fn what_passes_is_waited_for() {
    let failed = Arc::new(AtomicUsize::new(0));
    let count = failed.clone();
    let server = server(move |seen| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Act::Say(429, vec![("Retry-After", "1".into())], "{\"error\":\"slow down\"}".into()),
        1 => Act::error(500, "out of order", ""),
        2 => Act::BreakOff,
        3 => Act::Say(200, Vec::new(), "<html>a gateway's page</html>".into()),
        _ => Act::json(&words(seen)),
    });
    let bench = Bench::new();
    let begun = Instant::now();
    let mut endpoint = bench.open(&Settings { patience_seconds: 60, ..settings(&server) }, "small").unwrap();
    assert_eq!(ask(&mut endpoint, 1).unwrap().len(), 1);
    assert!(begun.elapsed() >= Duration::from_secs(1), "it was asked to wait a second");
    assert_eq!(server.questions().len(), 5);
    assert!(!bench.said.lock().unwrap().is_empty(), "who waits is told");
}

#[test]
fn limits_are_honoured_before_they_are_broken() {
    let server = server(|seen| {
        let headers = vec![("x-ratelimit-remaining-requests", "0".into()), ("x-ratelimit-reset-requests", "700ms".into())];
        Act::Say(200, headers, words(seen).to_string())
    });
    let bench = Bench::new();
    let mut endpoint = bench.open(&Settings { requests_at_once: 1, ..settings(&server) }, "small").unwrap();
    let begun = Instant::now();
    ask(&mut endpoint, 3).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(1400) && server.questions().len() == 3);
}

#[test]
fn what_does_not_pass_pauses_the_run_with_a_way_out() {
    let cases: [(&str, Error, Code); 7] = [
        ("patience_seconds = 3", error_of(|_| Act::error(503, "loading", "")), Code::Paused),
        ("timeout_seconds = 1", error_of(|_| Act::Hang(Duration::from_secs(2))), Code::Paused),
        ("broke off", error_of(|_| Act::BreakOff), Code::Paused),
        ("HTML", error_of(|_| Act::Say(200, Vec::new(), "<!DOCTYPE html>".into())), Code::Paused),
        ("not of this protocol", error_of(|_| Act::Say(200, Vec::new(), "{\"answer\":\"Yes\"}".into())), Code::Paused),
        ("longer than patience_seconds", error_of(|_| Act::Say(429, vec![("Retry-After", "3600".into())], String::new())), Code::Paused),
        ("refuses the request", error_of(|_| Act::error(400, "no such parameter", "")), Code::Engine),
    ];
    for (words, error, code) in cases {
        assert!(error.code == code && error.message.contains(words), "{words}: {error:?}");
    }
}

#[test]
fn what_a_person_must_mend_is_not_tried_again() {
    for (status, code, words) in [
        (401, "", "does not accept the key \"mine\""),
        (403, "", "forbids"),
        (404, "", "does not know this model"),
        (402, "", "out of money"),
        (429, "insufficient_quota", "quota is used up"),
        (308, "", "another address"),
    ] {
        let server = server(move |_| Act::error(status, &format!("no, not with {KEY}"), code));
        let bench = Bench::new();
        let mut endpoint = bench.open(&Settings { key: Some("mine".into()), ..settings(&server) }, "small").unwrap();
        let error = ask(&mut endpoint, 1).unwrap_err();
        assert!(error.code == Code::Paused && error.message.contains(words), "{status}: {error:?}");
        assert!(!format!("{error:?}").contains(KEY), "{error:?}");
        assert_eq!(server.questions().len(), 1, "{status}");
        assert_eq!(server.questions()[0].header("authorization").unwrap(), format!("Bearer {KEY}"));
    }
}

#[test]
fn opening_says_what_is_wrong() {
    let bench = Bench::new();
    let mut gone = Server::start(well_behaved);
    gone.stop();
    let refused = |settings: &Settings, model: &str| bench.open(settings, model).err().unwrap();
    let error = refused(&settings(&gone), "small");
    assert!(error.code == Code::Network && error.message.contains("cannot be reached"), "{error:?}");
    let other = Server::start(well_behaved);
    let error = refused(&settings(&other), "large");
    assert!(error.message.contains("\"large\"; it serves \"small\""), "{error:?}");
    let locked = Server::start(|_| Act::error(401, "key, please", ""));
    let error = refused(&settings(&locked), "small");
    assert!(error.code == Code::Network && error.message.contains("alignpro key set NAME"), "{error:?}");
    let page = Server::start(|_| Act::Say(200, Vec::new(), "<html>".into()));
    assert!(refused(&settings(&page), "small").message.contains("HTML"));
    // Who has no list may still have the model.
    let listless = Server::start(|seen| if seen.path.ends_with("/models") { Act::error(404, "", "") } else { Act::json(&words(seen)) });
    assert_eq!(ask(&mut bench.open(&settings(&listless), "small").unwrap(), 2).unwrap().len(), 2);
}

#[test]
fn answers_that_came_before_the_endpoint_went_are_kept() {
    let (bench, mut server) = (Bench::new(), Server::start(well_behaved));
    let whole = ask(&mut bench.open(&settings(&server), "small").unwrap(), 8).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    server.stop();
    let counted = count.clone();
    server.start_again(move |seen| match seen.path.ends_with("/models") || counted.fetch_add(1, Ordering::Relaxed) < 5 {
        true => well_behaved(seen),
        false => Act::error(500, "gone", ""),
    });
    let one_by_one = Settings { requests_at_once: 1, ..settings(&server) };
    let mut endpoint = bench.open(&one_by_one, "small").unwrap();
    assert_eq!(ask(&mut endpoint, 8).unwrap_err().code, Code::Paused);
    server.stop();
    let before = server.questions().len();
    server.start_again(well_behaved);
    assert_eq!(ask(&mut endpoint, 8).unwrap(), whole);
    assert_eq!(server.questions().len() - before, 3, "five were there");
}

#[test]
fn the_budget_is_never_passed() {
    let (bench, server) = (Bench::new(), Server::start(well_behaved));
    let mut endpoint = bench.open(&Settings { budget_tokens: Some(100), ..settings(&server) }, "small").unwrap();
    let error = ask(&mut endpoint, 20).unwrap_err();
    assert!(error.code == Code::Paused && error.message.contains("frozen.endpoint.budget_tokens"), "{error:?}");
    let spent = endpoint.account().spent();
    assert!(spent.tokens() <= 100 && spent.tokens() > 60 && spent.requests as usize == server.questions().len(), "{spent:?}");
}

#[test]
fn what_an_endpoint_cannot_do_is_found_and_said() {
    let (bench, drawn) = (Bench::new(), AtomicUsize::new(0));
    // No seeds, no log-probabilities, no count of tokens, another name, and a newer parameter.
    let server = server(move |seen| {
        if !seen.body["logprobs"].is_null() {
            return Act::error(400, "logprobs are not supported", "");
        }
        if !seen.body["max_tokens"].is_null() {
            return Act::error(400, "Use 'max_completion_tokens' instead.", "");
        }
        let is_greedy = seen.body["temperature"] == json!(0.0);
        let seed = if is_greedy { 0 } else { drawn.fetch_add(1, Ordering::Relaxed) as u64 };
        let mut answer = worded(seen, seed);
        answer["usage"] = json!(null);
        answer["model"] = json!("small-2026-11-01");
        Act::json(&answer)
    });
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    let (found, proof) = endpoint.probe(&mut go_on).unwrap();
    assert_eq!((found.seeds, found.log_probs, found.usage, found.repeats, found.together), (Seeds::Ignored, false, false, true, true));
    assert_eq!((found.served.as_str(), found.remarks.len()), ("small-2026-11-01", 4));
    assert!(proof.batched && proof.max_log_prob_difference.is_none() && found.spent.tokens_estimated == found.spent.tokens());
    assert_eq!(ask(&mut endpoint, 4).unwrap()[0].log_probs, Vec::<f32>::new());
}

/// As hosted models that reason do.
#[test]
fn who_takes_no_temperature_draws_all_answers_and_is_not_asked_for_others() {
    let server = server(move |seen| {
        let is = |name: &str, value: f64| seen.body[name].as_f64().is_none_or(|sent| sent == value);
        match () {
            () if !seen.body["max_tokens"].is_null() => Act::error(400, "Use 'max_completion_tokens' instead.", "unsupported_parameter"),
            () if !seen.body["top_p"].is_null() => Act::error(400, "Unsupported parameter: 'top_p'", "unsupported_parameter"),
            () if !seen.body["logprobs"].is_null() => Act::error(403, "You are not allowed to request logprobs from this model", ""),
            () if !is("temperature", 1.0) => Act::error(400, "'temperature' does not support 0 with this model.", "unsupported_value"),
            () => Act::json(&words(seen)),
        }
    });
    let bench = Bench::new();
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    let (found, proof) = endpoint.probe(&mut go_on).unwrap();
    assert_eq!((found.greedy, found.seeds, found.repeats), (false, Seeds::Kept, true));
    assert!(found.remarks.iter().any(|remark| remark.contains("takes no temperature") && remark.contains("temperature = 1")), "{found:?}");
    assert!(proof.batched, "the same seed gets the same answer, so that they can be compared: {proof:?}");
    let error = ask(&mut endpoint, 1).unwrap_err();
    assert!(error.code == Code::Engine && error.message.contains("0.7 was asked for. Set temperature = 1"), "{error:?}");
    let mut of_a_run = bench.open(&settings(&server), "small").unwrap();
    of_a_run.set_decoding(DECODING);
    assert_eq!(of_a_run.probe(&mut go_on).unwrap_err().message, error.message, "said before the run asks anything");
    let before = server.questions().len();
    let drawn = AnswerDecoding { temperature: 1.0, ..DECODING };
    assert_eq!(endpoint.answer(&requests(2), &drawn, &mut go_on).unwrap().len(), 2);
    assert!(server.questions()[before..].iter().all(|seen| seen.body["temperature"].is_null()), "what it would refuse is not sent");
    let error = endpoint.answer(&requests(1), &AnswerDecoding { top_p: 0.9, ..drawn }, &mut go_on).unwrap_err();
    assert!(error.message.contains("takes no top_p") && error.message.contains("Set top_p = 1"), "{error:?}");
}

#[test]
fn who_answers_otherwise_when_asked_together_is_asked_one_by_one() {
    let (server, most) =
        crowded(Duration::from_millis(100), |seen, now| worded(seen, if now > 1 { 99 } else { seen.body["seed"].as_u64().unwrap_or(0) }));
    let bench = Bench::new();
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    let (found, proof) = endpoint.probe(&mut go_on).unwrap();
    assert!(!found.together && found.repeats && !proof.batched && proof.detail.contains("one by one"), "{proof:?}");
    assert_eq!(most.swap(0, Ordering::SeqCst), 4);
    ask(&mut endpoint, 6).unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

/// Hosted models that reason answer with no text where what they think fills all the room.
#[test]
fn who_thinks_before_it_answers_is_given_room_and_nothing_is_made_of_silence() {
    let thinks = |room: u64| {
        server(move |seen| {
            let has_room = seen.body["max_tokens"].as_u64().unwrap() >= room;
            if has_room { Act::json(&words(seen)) } else { Act::json(&completion(seen, "", None, 16, true)) }
        })
    };
    let bench = Bench::new();
    let (found, proof) = bench.open(&settings(&thinks(500)), "small").unwrap().probe(&mut go_on).unwrap();
    assert_eq!((found.seeds, found.compared), (Seeds::Kept, false), "{found:?}");
    assert!(proof.batched && proof.detail.contains("nothing to compare"), "{proof:?}");
    assert!(found.remarks.iter().any(|remark| remark.contains("hold no text")) && found.remarks.len() == 1, "{found:?}");
    let (found, _) = bench.open(&settings(&thinks(5000)), "small").unwrap().probe(&mut go_on).unwrap();
    assert!(!found.compared && found.remarks.len() == 1, "different seeds are not said to be without effect: {found:?}");
}

/// Sure tokens that differ are no rounding.
#[test]
fn a_sure_answer_to_another_question_is_not_taken_for_rounding() {
    let (server, _) = crowded(Duration::from_millis(60), |seen, now| {
        let (token, log_prob) = if now > 1 { ("Hello", -0.05) } else { ("Paris", -0.02) };
        let mut answer = completion(seen, token, None, 1, true);
        answer["choices"][0]["logprobs"] = json!({ "content": [{ "token": token, "logprob": log_prob }] });
        answer
    });
    let (found, proof) = Bench::new().open(&settings(&server), "small").unwrap().probe(&mut go_on).unwrap();
    assert_eq!((found.together, found.repeats, proof.batched), (false, true, false), "{proof:?}");
}

/// A judge's answer with these likeliest first tokens, of which it says the first.
fn scored(seen: &Seen, likely: [(&str, f64); 2]) -> serde_json::Value {
    let top = likely.map(|(token, log_prob)| json!({ "token": token, "logprob": log_prob }));
    let mut answer = completion(seen, likely[0].0, None, 1, true);
    answer["choices"][0]["logprobs"] = json!({ "content": [{ "token": likely[0].0, "logprob": likely[0].1, "top_logprobs": top }] });
    answer
}

#[test]
fn a_judge_that_mixes_up_what_is_asked_together_is_asked_one_by_one() {
    let (server, most) = crowded(Duration::from_millis(60), |seen, now| {
        let (five, four) = if now > 1 { (0.1f64, 0.8f64) } else { (0.7, 0.2) };
        scored(seen, [("5", five.ln()), ("4", four.ln())])
    });
    let bench = Bench::new();
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    let prompts: Vec<String> = (0..6).map(|i| format!("Rate {i}.")).collect();
    let likely = endpoint.first_words(&prompts, &["4".into(), "5".into()]).unwrap();
    assert!(likely.iter().all(|words| (words[0] - 0.2).abs() < 1e-6 && (words[1] - 0.7).abs() < 1e-6), "{likely:?}");
    assert_eq!((most.swap(0, Ordering::SeqCst), server.questions().len()), (4, 24 + 6));
    assert!(bench.said.lock().unwrap().iter().any(|line| line.contains("so that it is asked one by one")));
    endpoint.first_words(&prompts, &["5".into()]).unwrap();
    assert_eq!((most.load(Ordering::SeqCst), server.questions().len()), (1, 24 + 12), "it has proved itself once");
}

#[test]
fn numbers_that_are_no_probabilities_give_no_score() {
    let server = server(|seen| Act::json(&scored(seen, [("5", 0.7f64.log10()), ("4", 0.2f64.log10())])));
    let error = Bench::new().open(&settings(&server), "small").unwrap().first_words(&["Rate.".into()], &["5".into()]).unwrap_err();
    assert!(error.code == Code::Engine && error.message.contains("sum up to 1.35"), "{error:?}");
}

/// As vLLM in half precision does: see `docs/adr/0011-endpoints.md` for what was measured.
#[test]
fn who_only_rounds_otherwise_when_asked_together_is_asked_together() {
    let (server, _) = crowded(Duration::from_millis(100), |seen, now| {
        let crowded = now > 1;
        // Behind "the" another token is as likely, after which all is otherwise.
        let (text, log_probs) = if crowded && seen.prompt().len() % 2 == 0 {
            ("the river flows", [-0.1 - 0.07, -1.5, -9.0])
        } else if crowded {
            ("the sea is", [-0.1 - 0.07, -1.48, -0.33])
        } else {
            ("the sea is", [-0.1, -1.45, -0.3])
        };
        let mut answer = completion(seen, text, None, 3, true);
        let tokens = text.split(' ').zip(log_probs).map(|(token, l)| json!({ "token": token, "logprob": l }));
        answer["choices"][0]["logprobs"] = json!({ "content": tokens.collect::<Vec<_>>() });
        answer
    });
    let bench = Bench::new();
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    let (found, proof) = endpoint.probe(&mut go_on).unwrap();
    assert_eq!((found.together, found.repeats, proof.batched), (true, false, true), "{proof:?}");
    assert!(proof.max_log_prob_difference.is_some_and(|d| (d - 0.07).abs() < 1e-6) && proof.texts_differ > 0, "{proof:?}");
    assert!(proof.detail.contains("but for rounding in half precision") && proof.detail.contains("up to 4"), "{proof:?}");
    assert!(found.remarks.iter().any(|remark| remark.contains("requests_at_once = 1")), "{found:?}");
    let one_by_one = Settings { requests_at_once: 1, ..settings(&server) };
    let (found, _) = bench.open(&one_by_one, "small").unwrap().probe(&mut go_on).unwrap();
    assert_eq!((found.together, found.repeats), (true, true), "nobody asks beside");
}

#[test]
fn another_model_in_the_middle_is_noticed() {
    let is_other = Arc::new(AtomicBool::new(false));
    let other = is_other.clone();
    let server = server(move |seen| {
        let mut answer = words(seen);
        answer["model"] = json!(if other.load(Ordering::Relaxed) { "other" } else { "small" });
        Act::json(&answer)
    });
    let bench = Bench::new();
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    ask(&mut endpoint, 2).unwrap();
    is_other.store(true, Ordering::Relaxed);
    let error = ask(&mut endpoint, 4).unwrap_err();
    assert!(error.code == Code::Paused && error.message.contains("\"other\"") && error.message.contains("\"small\""), "{error:?}");
}

#[test]
fn a_stop_ends_the_waiting() {
    let server = server(|_| Act::error(503, "loading", ""));
    let bench = Bench::new();
    let mut endpoint = bench.open(&Settings { patience_seconds: 600, ..settings(&server) }, "small").unwrap();
    let begun = Instant::now();
    let asked = begun + Duration::from_secs(2);
    endpoint.set_stop(Box::new(move || Instant::now() > asked));
    assert_eq!(ask(&mut endpoint, 4).unwrap_err().code, Code::Stopped);
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_key_that_an_endpoint_repeats_goes_no_further() {
    let server = server(|seen| {
        let mut answer = words(seen);
        answer["choices"][0]["message"]["content"] = json!(format!("Your key is {KEY}"));
        answer["system_fingerprint"] = json!(KEY);
        Act::json(&answer)
    });
    let bench = Bench::new();
    let mut endpoint = bench.open(&Settings { key: Some("mine".into()), ..settings(&server) }, "small").unwrap();
    let found = endpoint.probe(&mut go_on).unwrap();
    let answers = ask(&mut endpoint, 1).unwrap();
    assert_eq!(answers[0].text, "Your key is [key]");
    assert!(!format!("{found:?}").contains(KEY));
}
