//! Experiments whose reward is a service behind an address, or a judge that scores by a rubric.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
mod kept;

use inference::PROOF_PROMPTS;
use kept::{assert_equal, kept};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tests::serving::{Act, Seen, Server, completion, models};
use tests::{Lab, MODEL, said};

fn lab() -> Lab {
    Lab::new(env!("CARGO_BIN_EXE_alignpro"))
}

/// A short experiment with this part of the reward beside a program.
fn spec(lab: &Lab, name: &str, part: &str) -> String {
    lab.tiny_spec(name, |text| text.replace("[training]", &format!("[[reward.parts]]\nname = \"mine\"\n{part}\n\n[training]")))
}

/// Scores by the length of an answer.
fn scores(seen: &Seen) -> Act {
    let score = |pair: &Value| json!({ "id": pair["id"], "score": pair["answer"].as_str().unwrap().len() as f64 / 10.0 });
    Act::json(&json!({ "scores": seen.body["pairs"].as_array().unwrap().iter().rev().map(score).collect::<Vec<_>>() }))
}

/// What is asked, a text each.
fn pairs(seen: &Seen) -> Vec<String> {
    let text = |pair: &Value| format!("{} {}", pair["prompt"].as_str().unwrap(), pair["answer"].as_str().unwrap());
    seen.body["pairs"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn a_service_scores_a_run_and_pauses_it_where_it_goes() {
    let lab = lab();
    let mut server = Server::start(scores);
    let part = format!("kind = \"http\"\nurl = \"{}/score\"\npairs_per_request = 4\npatience_seconds = 1", server.url());
    let spec = spec(&lab, "a.toml", &part);
    let estimate = lab.json(&["estimate", &spec]);
    assert!(server.seen().is_empty() && estimate["basis"].as_str().unwrap().contains("services are not asked"), "{estimate}");
    lab.text(&["run", &spec, "--db", "whole.db"]);
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.path == "/v1/score" && seen.body["pairs"].as_array().unwrap().len() <= 4));
    let whole = kept(&lab.path("whole.db"));

    server.stop();
    let message = lab.error(&["run", &spec, "--db", "none.db"], 1, "network");
    assert!(message.contains("\"mine\"") && message.contains("cannot be reached. Is it running"), "{message}");
    assert!(!lab.path("none.db").exists());
    let (count, scored) = (AtomicUsize::new(0), Arc::new(Mutex::new(Vec::new())));
    let note = |scored: &Arc<Mutex<Vec<String>>>| {
        let scored = scored.clone();
        move |seen: &Seen| {
            scored.lock().unwrap().extend(pairs(seen));
            scores(seen)
        }
    };
    let first = note(&scored);
    server.start_again(move |seen| if count.fetch_add(1, Ordering::Relaxed) < 12 { first(seen) } else { Act::BreakOff });
    let output = lab.run(&["run", &spec, "--db", "parts.db"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("Run 1 is paused and kept") && said(&output).contains("broke off"), "{}", said(&output));
    assert!(lab.path("parts.db.run-1.part-2.scores").exists());
    server.stop();
    server.start_again(note(&scored));
    lab.text(&["resume", "1", "--db", "parts.db"]);
    assert_equal(&whole, &kept(&lab.path("parts.db")), "the service went");
    let mut asked: Vec<String> = scored.lock().unwrap().drain(..).filter(|pair| !pair.starts_with("What is the capital")).collect();
    let all = asked.len();
    asked.sort_unstable();
    asked.dedup();
    assert!(all > 0 && asked.len() == all, "{all} pairs were scored, of which {} differ", asked.len());
    assert!(!lab.path("parts.db.run-1.part-2.scores").exists(), "a finished run needs it no more");
}

#[test]
fn a_judge_on_this_machine_scores_by_what_it_would_say() {
    let lab = lab();
    let spec = spec(&lab, "a.toml", &format!("kind = \"judge\"\nmodel = \"{MODEL}\"\nrubric = \"The answer is friendly.\"\nweight = 0.1"));
    let pair =
        |chosen: &str, rejected: &str| json!({ "prompt": "How do I bake bread?", "chosen": chosen, "rejected": rejected }).to_string();
    lab.write("pairs.jsonl", [pair("With love! You can do it.", "No."), pair("Find an oven.", "I hate bread.")].join("\n"));
    let bench = lab.json(&["reward", "bench", &spec, "pairs.jsonl"]);
    let repeat = &bench["rewards"].as_array().unwrap().iter().find(|part| part["name"] == "mine").unwrap()["repeat"];
    let mass = repeat["score_mass"]["mean"].as_f64().unwrap();
    assert!(mass > 0.0 && mass <= 1.0 && repeat["largest_difference"].as_f64().unwrap() < 1e-3, "{bench}");
    lab.text(&["run", &spec, "--db", "a.db"]);
    let shown = lab.json(&["show", "1", "--db", "a.db"]);
    assert_eq!(shown["facts"][format!("model.judge.{MODEL}.checksum")], shown["facts"]["model.prompter.checksum"], "{shown}");
}

/// A judge that finds answers kind which say so.
fn judged(seen: &Seen) -> Act {
    if seen.path.ends_with("/models") {
        return models(&["large"]);
    }
    assert_eq!((&seen.body["max_tokens"], &seen.body["temperature"]), (&json!(1), &json!(1.0)));
    let is_kind = seen.prompt().contains("kind answer");
    let alternative = |token: &str, p: f64| json!({ "token": token, "logprob": p.ln() });
    let top = if is_kind { [alternative("5", 0.6), alternative(" 4", 0.2)] } else { [alternative("1", 0.8), alternative("I", 0.1)] };
    let mut answer = completion(seen, "5", None, 1, true);
    answer["choices"][0]["logprobs"] = json!({ "content": [{ "token": "5", "logprob": -0.5, "top_logprobs": top }] });
    Act::json(&answer)
}

#[test]
fn a_judge_behind_an_address_is_paid_once_and_within_its_budget() {
    let lab = lab();
    let server = Server::start(judged);
    let part = |more: &str| {
        let endpoint = format!("[reward.parts.endpoint]\nurl = \"{}\"{more}", server.url());
        format!("kind = \"judge\"\nmodel = \"large\"\nrubric = \"Kind.\"\nweight = 0.1\n\n{endpoint}")
    };
    let whole = spec(&lab, "whole.toml", &part(""));
    lab.text(&["run", &whole, "--db", "whole.db"]);
    let of_the_run = || server.questions().iter().filter(|seen| !PROOF_PROMPTS.contains(&seen.prompt())).count();
    let asked = of_the_run();
    assert_eq!(server.questions().len() - asked, 16, "it has proved itself");
    let tight = spec(&lab, "tight.toml", &part("\nbudget_tokens = 2500"));
    let output = lab.run(&["run", &tight, "--db", "parts.db"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let used_up = "The budget of 2500 tokens (reward.parts[2].endpoint.budget_tokens) is used up";
    assert!(said(&output).contains(used_up) && said(&output).contains("--budget-tokens \"mine=N\""), "{}", said(&output));
    let refused = |budget: &str, sentence: &str| {
        let message = lab.error(&["resume", "1", "--db", "parts.db", "--budget-tokens", budget], 1, "run");
        assert!(message.contains(sentence), "{message}");
    };
    refused("100000", "asks no endpoint for answers, so that these have no budget; a judge of its reward has one: write \"mine=N\"");
    refused("other=100000", "has no judge \"other\" behind an address");
    // What it has cost before counts: the old budget does not go further.
    assert_eq!(lab.run(&["resume", "1", "--db", "parts.db"]).status.code(), Some(3));
    lab.text(&["resume", "1", "--db", "parts.db", "--budget-tokens", "mine=100000"]);
    assert_equal(&kept(&lab.path("whole.db")), &kept(&lab.path("parts.db")), "the budget was used up");
    // A trial question for each worker, of which there were three more (those refused end before), and all others once.
    assert_eq!(of_the_run() - asked, asked + 2);
    let facts = &lab.json(&["show", "1", "--db", "parts.db"])["facts"];
    assert!(facts["reward.mine.spent"].as_str().unwrap().contains("requests"), "{facts}");
    assert_eq!((&facts["reward.mine.served"], &facts["reward.mine.budget_tokens"]), (&json!("large"), &json!("100000")), "{facts}");
}

#[test]
fn a_judge_behind_an_address_scores_by_the_likeliest_tokens() {
    let lab = lab();
    let server = Server::start(judged);
    let part = |url: &str| format!("kind = \"judge\"\nmodel = \"large\"\nrubric = \"Kind.\"\n\n[reward.parts.endpoint]\nurl = \"{url}\"");
    let spec = spec(&lab, "a.toml", &part(&server.url()));
    lab.write("pairs.jsonl", json!({ "prompt": "x", "chosen": "A kind answer.", "rejected": "No." }).to_string());
    let bench = lab.json(&["reward", "bench", &spec, "pairs.jsonl"]);
    let mine = bench["rewards"].as_array().unwrap().iter().find(|part| part["name"] == "mine").unwrap();
    assert_eq!((&mine["accuracy"]["value"], &mine["repeat"]["differ"]), (&json!(1.0), &json!(0)), "{bench}");
    let mass = |what: &str| mine["repeat"]["score_mass"][what].as_f64().unwrap();
    assert!((mass("mean") - 0.8).abs() < 1e-6 && (mass("least") - 0.8).abs() < 1e-6, "{bench}");

    let silent = Server::start(tests::serving::well_behaved);
    let spec = self::spec(&lab, "b.toml", &part(&silent.url()).replace("large", "small"));
    assert!(lab.error(&["reward", "bench", &spec, "pairs.jsonl"], 1, "engine").contains("does not tell the likeliest tokens"));
}
