//! Experiments whose frozen model is behind an OpenAI-compatible address.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
mod kept;

use kept::{assert_equal, kept};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::serving::{Act, Seen, Server, models, well_behaved, worded};
use tests::{Lab, MODEL, said};

const KEY: &str = "sk-a-very-secret-key-4711";
/// Of the proof: three draws, eight answers one by one and eight together.
const PROOF: usize = 19;

fn lab() -> Lab {
    Lab::new(env!("CARGO_BIN_EXE_alignpro"))
}

/// A short experiment with the frozen model at `url`; `more` stands in its table.
fn spec(lab: &Lab, name: &str, url: &str, more: &str) -> String {
    lab.tiny_spec(name, |text| {
        text.replace(
            &format!("[frozen]\nmodel = \"{MODEL}\"\nmax_answer_tokens = 6"),
            &format!(
                "[frozen]\nmodel = \"small\"\nengine = \"endpoint\"\nmax_answer_tokens = 6\n\n[frozen.endpoint]\nurl = \"{url}\"\ntimeout_seconds = 5\n{more}"
            ),
        )
    })
}

/// No keychain is there, whatever the machine has.
fn command(lab: &Lab, arguments: &[&str]) -> Command {
    let mut command = lab.command(arguments);
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    command
}

fn paused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(3), "{}", said(output));
    assert!(output.stdout.is_empty(), "{}", said(output));
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What tells one question from another.
fn question(seen: &Seen) -> (String, u64, String) {
    (seen.prompt().into(), seen.body["seed"].as_u64().unwrap_or(0), seen.body["temperature"].to_string())
}

#[test]
fn an_endpoint_that_goes_in_the_middle_pauses_the_run_which_then_ends_as_if_nothing_had_been() {
    let lab = lab();
    let mut server = Server::start(well_behaved);
    let spec = spec(&lab, "a.toml", &server.url(), "patience_seconds = 1\n");
    lab.text(&["run", &spec, "--db", "whole.db"]);
    let (whole, asked) = (kept(&lab.path("whole.db")), server.questions().len());
    let shown = lab.json(&["show", "1", "--db", "whole.db"]);
    let fact = |shown: &Value, key: &str| shown["facts"][key].as_str().unwrap_or_default().to_owned();
    assert!(fact(&shown, "engine").starts_with("small behind http://127.0.0.1"), "{shown}");
    assert!(fact(&shown, "endpoint.seeds").starts_with("kept") && fact(&shown, "endpoint.log_probs") == "given", "{shown}");
    assert!(
        fact(&shown, "endpoint.version").contains("weights/7") && fact(&shown, "endpoint.spent").starts_with(&format!("{asked} requests"))
    );
    assert!(!lab.path("whole.db.run-1.answers").exists(), "all that is made of it is in the database");

    // In the middle of the baselines, of the training and of the evaluation.
    for (attempt, allowed) in [PROOF + 10, PROOF + 33 - 10, PROOF + 20].into_iter().enumerate() {
        server.stop();
        let count = AtomicUsize::new(0);
        server.start_again(move |seen| match seen.path.ends_with("/models") || count.fetch_add(1, Ordering::Relaxed) < allowed {
            true => well_behaved(seen),
            false => Act::BreakOff,
        });
        let arguments = if attempt == 0 { ["run", &spec, "--db", "parts.db"] } else { ["resume", "1", "--db", "parts.db"] };
        let said = paused(&lab.run(&arguments));
        assert!(said.contains("Run 1 is paused and kept") && said.contains("broke off") && said.contains("patience_seconds = 1"), "{said}");
        let shown = lab.json(&["show", "1", "--db", "parts.db"]);
        assert!(shown["status"] == "stopped" && shown["message"].as_str().is_some_and(|m| m.contains("broke off")), "{shown}");
    }
    server.stop();
    let said = String::from_utf8(lab.run(&["resume", "1", "--db", "parts.db"]).stderr).unwrap();
    assert!(said.contains("cannot be reached"), "{said}");
    let before = server.questions().len();
    server.start_again(well_behaved);
    lab.text(&["resume", "1", "--db", "parts.db"]);
    assert_equal(&whole, &kept(&lab.path("parts.db")), "the endpoint went three times");
    assert!(server.questions().len() - before < asked, "what was answered is not asked again");
}

#[test]
fn without_seeds_a_killed_run_asks_nothing_twice_and_says_that_it_cannot_be_repeated() {
    let lab = lab();
    let drawn = AtomicUsize::new(0);
    let server = Server::start(move |seen| {
        if seen.path.ends_with("/models") {
            return models(&["small"]);
        }
        let is_greedy = seen.body["temperature"] == 0.0;
        Act::json(&worded(seen, if is_greedy { 0 } else { drawn.fetch_add(1, Ordering::Relaxed) as u64 }))
    });
    let spec = spec(&lab, "a.toml", &server.url(), "");
    let mut child = lab.spawn(&["run", &spec, "--db", "a.db"]);
    // After the first iteration, which no checkpoint holds.
    lab.wait_for("a.db", 1, "the first iteration", |run| run["iterations_done"].as_i64() >= Some(1));
    child.kill().unwrap();
    child.wait().unwrap();
    let first: HashSet<_> = server.questions().iter().skip(PROOF).map(question).collect();
    let begun = server.questions().len();
    lab.text(&["resume", "1", "--db", "a.db"]);
    let second: Vec<_> = server.questions().iter().skip(begun + PROOF).map(question).collect();
    assert!(second.iter().all(|question| !first.contains(question)) && !second.is_empty());
    let shown = lab.json(&["show", "1", "--db", "a.db"]);
    assert!(shown["facts"]["endpoint.seeds"].as_str().unwrap().starts_with("ignored"), "{shown}");
    assert_eq!(shown["warnings"].to_string().matches("does not keep seeds").count(), 1, "{shown}");
}

#[test]
fn the_budget_pauses_a_run_and_a_larger_one_lets_it_go_on() {
    let lab = lab();
    let server = Server::start(well_behaved);
    let prices = "price_in_per_million = 1.0\nprice_out_per_million = 4.0\n";
    let spec = spec(&lab, "a.toml", &server.url(), &format!("budget_tokens = 900\n{prices}"));
    let said = paused(&lab.run(&["run", &spec, "--db", "a.db"]));
    assert!(said.contains("frozen.endpoint.budget_tokens") && said.contains("--budget-tokens"), "{said}");
    assert!(said.contains("network: the endpoint has cost"), "{said}");
    let asked = server.questions().len();
    assert!(paused(&lab.run(&["resume", "1", "--db", "a.db"])).contains("900 tokens"));
    assert_eq!(server.questions().len(), asked, "nothing more is asked");
    lab.text(&["resume", "1", "--db", "a.db", "--budget-tokens", "1000000", "--budget-money", "5"]);
    let shown = lab.json(&["show", "1", "--db", "a.db"]);
    assert_eq!((&shown["status"], &shown["facts"]["endpoint.budget_tokens"]), (&"finished".into(), &"1000000".into()), "{shown}");
    let spent = shown["facts"]["endpoint.spent"].as_str().unwrap();
    assert!(spent.starts_with(&format!("{} requests", server.questions().len())) && spent.ends_with("of money"), "{spent}");
}

fn assert_without_key(path: &Path) {
    let found = std::fs::read(path).unwrap();
    assert!(!found.windows(KEY.len()).any(|part| part == KEY.as_bytes()), "{} holds the key", path.display());
}

#[test]
fn a_key_is_nowhere_but_in_the_requests() {
    let lab = lab();
    // It repeats the key wherever it can.
    let server = Server::start(|seen| {
        if seen.header("authorization") != Some(&format!("Bearer {KEY}")) {
            return Act::error(401, &format!("wrong key: {}", seen.header("authorization").unwrap_or("none")), "");
        }
        match well_behaved(seen) {
            Act::Say(status, headers, body) => Act::Say(status, headers, body.replace("lovely", KEY).replace("fp_tests", KEY)),
            other => other,
        }
    });
    let spec = spec(&lab, "a.toml", &server.url(), "key = \"my-host\"\nbudget_tokens = 1000\n");
    let run = |arguments: &[&str], key: Option<&str>| {
        let mut command = command(&lab, arguments);
        if let Some(key) = key {
            command.env("ALIGNPRO_KEY_MY_HOST", key);
        }
        let output = command.output().unwrap();
        assert!(!said(&output).contains(KEY), "{}", said(&output));
        output
    };
    let missing = run(&["run", &spec, "--db", "a.db"], None);
    assert!(missing.status.code() == Some(1) && said(&missing).contains("set ALIGNPRO_KEY_MY_HOST to the key"), "{}", said(&missing));
    let wrong = run(&["run", &spec, "--db", "a.db"], Some("sk-wrong"));
    assert!(said(&wrong).contains("does not accept the key \"my-host\"") && !said(&wrong).contains("sk-wrong"), "{}", said(&wrong));
    let right = run(&["run", &spec, "--db", "a.db"], Some(KEY));
    assert_eq!(right.status.code(), Some(3), "{}", said(&right));
    assert_without_key(&lab.path("a.db.run-1.answers"));
    let rest = run(&["resume", "1", "--db", "a.db", "--budget-tokens", "1000000"], Some(KEY));
    assert!(rest.status.success(), "{}", said(&rest));
    run(&["show", "1", "--db", "a.db", "--json"], None);
    run(&["export", "shared.alignpro", "1", "--db", "a.db"], None);
    run(&["report", "report.html", "1", "--db", "a.db"], None);
    for file in ["a.db", "shared.alignpro", "report.html", "a.toml"] {
        assert_without_key(&lab.path(file));
    }
    assert!(said(&run(&["key", "list"], Some(KEY))).contains("my_host"));
}

#[test]
fn wrong_settings_are_refused_with_the_way_out() {
    let lab = lab();
    let wrong = |more: &str, url: &str, words: &str| {
        let spec = spec(&lab, "wrong.toml", url, more);
        let message = lab.error(&["run", &spec, "--db", "a.db"], 2, "spec");
        assert!(message.contains(words) && !message.contains(KEY), "{message}");
    };
    wrong("", "http://api.example.com/v1", "frozen.endpoint.url speaks without encryption");
    wrong("", &format!("https://me:{KEY}@api.example.com/v1"), "frozen.endpoint.url has a user or a password");
    wrong(&format!("key = \"{KEY}\"\n"), "https://api.example.com/v1", "frozen.endpoint.key is no name of a key");
    wrong(&format!("api_key = \"{KEY}\"\n"), "https://api.example.com/v1", "api_key");
    wrong("budget_money = 1.0\n", "https://api.example.com/v1", "frozen.endpoint.budget_money needs price_in_per_million");
    wrong("requests_at_once = 0\n", "https://api.example.com/v1", "frozen.endpoint.requests_at_once");
    wrong("[arms]\noracle = true\n", "https://api.example.com/v1", "arms.oracle trains the frozen model's own weights");
    let half = lab.tiny_spec("half.toml", |text| text.replace("[frozen]", "[frozen]\nengine = \"endpoint\""));
    assert!(lab.error(&["run", &half], 2, "spec").contains("frozen.endpoint is not given"));

    let mut server = Server::start(well_behaved);
    let unknown = spec(&lab, "unknown.toml", &server.url(), "");
    std::fs::write(&unknown, std::fs::read_to_string(&unknown).unwrap().replace("\"small\"", "\"large\"")).unwrap();
    assert!(lab.error(&["run", &unknown, "--db", "a.db"], 1, "network").contains("it serves \"small\""));
    server.stop();
    assert!(lab.error(&["run", &unknown, "--db", "a.db"], 1, "network").contains("Is it running"));
    assert!(!lab.path("a.db").exists(), "nothing was written");
}

#[test]
fn an_endpoint_is_looked_at_and_judges_and_an_estimate_asks_nobody() {
    let lab = lab();
    let verdicts = Arc::new(AtomicUsize::new(0));
    let counted = verdicts.clone();
    let server = Server::start(move |seen| {
        if !seen.prompt().starts_with("You are an impartial judge") {
            return well_behaved(seen);
        }
        counted.fetch_add(1, Ordering::Relaxed);
        let mut answer = worded(seen, 0);
        answer["choices"][0]["message"]["content"] = "Both are short.\nA".into();
        Act::json(&answer)
    });
    assert_eq!(lab.json(&["endpoint", "models", &server.url()])["models"], serde_json::json!(["small"]));
    let found = lab.json(&["endpoint", "try", &server.url(), "--model", "small"]);
    assert_eq!((&found["seeds"], &found["together"], &found["log_probs"]), (&"kept".into(), &true.into(), &true.into()), "{found}");
    assert!(lab.error(&["endpoint", "models", "http://example.com/v1"], 2, "spec").contains("without encryption"));
    let asked = server.questions().len();

    let spec = spec(&lab, "a.toml", &server.url(), "price_in_per_million = 1.0\nprice_out_per_million = 2.0\n");
    let estimate = lab.json(&["estimate", &spec]);
    assert_eq!(server.questions().len(), asked, "an estimate asks nobody");
    lab.text(&["run", &spec, "--db", "a.db"]);
    let (most, was) = (estimate["endpoint"]["requests"].as_u64().unwrap() as usize, server.questions().len() - asked);
    assert!(was <= most && most <= was + 40, "{was} of at most {most}");
    assert!(estimate["endpoint"]["money"].as_f64() > Some(0.0), "{estimate}");

    lab.text(&["judge", "1", "--judge", "small", "--url", &server.url(), "--pairs", "3", "--db", "a.db"]);
    assert_eq!(verdicts.load(Ordering::Relaxed), 6, "three pairs in both orders");
    let url = server.url();
    let within = |sum: &'static str| {
        let prices = ["--price-in-per-million", "10", "--price-out-per-million", "10", "--requests-at-once", "1", "--budget-money", sum];
        [&["judge", "1", "--judge", "small", "--url", &url, "--pairs", "4", "--db", "a.db"], &prices[..]].concat()
    };
    let paused = lab.error(&within("0.001"), 3, "paused");
    assert!(paused.contains("0.001 in money (--budget-money) is used up"), "{paused}");
    assert_eq!(verdicts.load(Ordering::Relaxed), 6, "nothing is asked that might cost more");
    lab.text(&within("1"));
    assert_eq!(verdicts.load(Ordering::Relaxed), 8);
    let unpriced = lab.error(&["judge", "1", "--judge", "small", "--url", &url, "--budget-money", "1", "--db", "a.db"], 2, "spec");
    assert!(unpriced.contains("--budget-money needs --price-in-per-million and --price-out-per-million"), "{unpriced}");
    let asked = server.questions().len();
    let tried = lab.json(&["try", "1", "What is tea?", "--db", "a.db"]);
    // Two arms may write the same, which is not asked twice.
    let texts: HashSet<&str> =
        tried["arms"].as_array().unwrap().iter().map(|arm| arm["rewrite"].as_str().unwrap_or("What is tea?")).collect();
    assert_eq!(server.questions().len() - asked, 1 + texts.len(), "one to learn what it takes, and an answer to each text: {tried}");
}
