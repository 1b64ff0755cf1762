//! A reward model is trained, installed, measured and used, through the command line.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use tests::{Lab, argument, said, signal};

/// People choose the polite answer, whatever is asked.
fn pairs() -> String {
    let subjects = ["bread", "rain", "cats", "chess", "tea", "rivers", "maps", "owls", "soup", "trains", "paint", "salt"];
    let line = |subject: &&str| {
        let chosen = format!("Gladly! {subject} is a fine subject, thank you.");
        json!({"prompt": format!("Tell me about {subject}."), "chosen": chosen, "rejected": "Go away, you fool."}).to_string() + "\n"
    };
    subjects.iter().map(line).collect()
}

#[test]
fn a_reward_model_is_trained_on_preferences_and_used() {
    let lab = Lab::new(env!("CARGO_BIN_EXE_alignpro"));
    let file = lab.write("pairs.jsonl", pairs());
    let train = ["reward", "train", argument(&file), "polite", "--epochs", "3", "--held-out", "0.25", "--learning-rate", "1e-3"];
    let trained = lab.json(&train);
    assert_eq!((&trained["pairs"], &trained["held_out"]["pairs"], &trained["too_long"]), (&json!(9), &json!(3), &json!(0)), "{trained}");
    let accuracy = |i: usize| trained["held_out"]["rewards"][i]["accuracy"]["value"].as_f64();
    assert_eq!((&trained["held_out"]["rewards"][0]["name"], accuracy(0)), (&json!("reward"), Some(1.0)), "{trained}");
    // log 2 is where it began, and what chance has.
    assert!(trained["training_loss"].as_f64().unwrap() < 0.6 && trained["calibration"]["loss"].as_f64().unwrap() < 0.6, "{trained}");
    // Four steps: each is the end of a fifth.
    let on_the_way: Vec<_> =
        trained["on_the_way"].as_array().unwrap().iter().map(|seen| [&seen["step"], &seen["pairs"]].map(Value::as_u64)).collect();
    assert_eq!(on_the_way, [1, 2, 3, 4].map(|step| [Some(step), Some(3)]), "{trained}");
    let last = trained["on_the_way"][3].clone();
    let figure = |of: &Value| of.as_f64().unwrap();
    // The folder's weights are rounded to bf16; the pairs are all of the held-out ones.
    assert!((figure(&last["loss"]) - figure(&trained["calibration"]["loss"])).abs() < 0.02 && last["accuracy"] == 1.0, "{trained}");
    let found =
        lab.json(&["models", "list"]).as_array().unwrap().iter().any(|model| model["name"] == "polite" && model["is_reward_model"] == true);
    assert!(found, "it is installed");
    assert!(lab.error(&train, 1, "model").contains("is there already"));

    let record = std::fs::read(lab.path("home/models/polite/reward-training.json")).unwrap();
    let record: contract::bench::RewardRecord = serde_json::from_slice(&record).unwrap();
    let words = record.in_words();
    for part in ["from smollm2-135m-instruct on 9 pairs of pairs.jsonl (SHA-256 ", "seed 0", "right of 3 held-out pairs: 100.0 % ["] {
        assert!(words.contains(part), "{words}");
    }

    // The same seed trains the same model.
    let again =
        lab.json(&["reward", "train", argument(&file), "polite2", "--epochs", "3", "--held-out", "0.25", "--learning-rate", "1e-3"]);
    assert_eq!(again["held_out"]["rewards"], trained["held_out"]["rewards"]);

    let part = "[[reward.parts]]\nkind = \"reward_model\"\nmodel = \"polite\"\n\n[training]";
    let spec = lab.tiny_spec("tiny.toml", |text| text.replace("[training]", part));
    let bench = lab.json(&["reward", "bench", &spec, argument(&file)]);
    let names: Vec<&str> = bench["rewards"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"reward_model"), "{names:?}");
}

#[test]
fn a_training_that_was_stopped_goes_on_to_the_same_model() {
    let lab = Lab::new(env!("CARGO_BIN_EXE_alignpro"));
    let file = lab.write("pairs.jsonl", pairs());
    let train = |name: &'static str| vec!["reward", "train", argument(&file), name, "--epochs", "4", "--held-out", "0.25"];
    let whole = lab.json(&train("whole"));

    let begin = || lab.spawn(&[train("stopped"), vec!["--each", "--json"]].concat());
    let mut child = begin();
    let (mut printed, mut told) = (BufReader::new(child.stdout.take().unwrap()), String::new());
    printed.read_line(&mut told).unwrap();
    assert!(told.contains("\"is_earlier\":false"), "{told}");
    signal(&child, "STOP");
    let second = lab.error(&train("stopped"), 1, "busy");
    assert!(second.contains("Another alignpro is training stopped"), "{second}");
    signal(&child, "INT");
    signal(&child, "CONT");
    printed.read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), told.contains("the same command goes on from there")), (Some(3), true), "{told}");
    assert!(!lab.path("home/models/stopped").exists());

    let other = lab.error(&[train("stopped"), vec!["--seed", "1"]].concat(), 1, "model");
    assert!(other.contains(".stopped.training holds a training of this name that was stopped"), "{other}");
    let kept = lab.path("home/models/.stopped.training/checkpoint.safetensors");
    let bytes = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, &bytes[..bytes.len() / 2]).unwrap();
    assert!(lab.error(&train("stopped"), 1, "io").contains("checkpoint.safetensors: it is damaged"));
    std::fs::write(&kept, bytes).unwrap();

    let output = begin().wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let told = String::from_utf8(output.stdout).unwrap();
    let steps = |is_earlier: bool| told.matches(&format!("\"is_earlier\":{is_earlier}")).count();
    assert!(steps(true) > 0 && steps(false) > 0 && steps(true) + steps(false) == 5, "what was done is told again: {told}");
    let weights = |name: &str| std::fs::read(lab.path("home/models").join(name).join("model.safetensors")).unwrap();
    assert!(weights("stopped") == weights("whole"), "bit for bit what it is without a stop");
    assert_eq!(whole["steps"], 5);
    assert!(!lab.path("home/models/.stopped.training").exists(), "nothing is left of it");
}

/// As HelpSteer and UltraFeedback have them.
#[test]
fn of_answers_with_labels_those_to_a_prompt_are_paired() {
    let lab = Lab::new(env!("CARGO_BIN_EXE_alignpro"));
    let line = |pair: Value| {
        let row = |answer: &str, liking: u32| {
            json!({"prompt": pair["prompt"], "response": pair[answer], "liking": liking, "length": 3}).to_string()
        };
        format!("{}\n{}\n", row("rejected", 1), row("chosen", 4))
    };
    let file = lab.write("labelled.jsonl", pairs().lines().map(|pair| line(serde_json::from_str(pair).unwrap())).collect::<String>());
    let train = |label: &'static str| vec!["reward", "train", argument(&file), "liked", "--held-out", "0.25", "--label", label];
    let none = lab.error(&train("length"), 1, "data");
    assert!(none.contains("no two answers to the same prompt that differ in \"length\""), "{none}");
    let trained = lab.json(&[train("liking"), vec!["--only", "10", "--near-duplicates", "0.8"]].concat());
    let figures = [&trained["pairs"], &trained["held_out"]["pairs"], &trained["too_near"], &trained["columns"]["label"]];
    assert_eq!(figures, [&json!(7), &json!(3), &json!(0), &json!("liking")], "{trained}");
    let record = std::fs::read(lab.path("home/models/liked/reward-training.json")).unwrap();
    let record: contract::bench::RewardRecord = serde_json::from_slice(&record).unwrap();
    let which = "on 7 pairs by the label \"liking\" without near-duplicates of held-out ones (from 0.8 on) of labelled.jsonl";
    assert!(record.in_words().contains(which), "{}", record.in_words());
}

#[test]
fn bad_wishes_are_refused_before_anything_is_loaded() {
    let lab = Lab::empty(env!("CARGO_BIN_EXE_alignpro"));
    let file = lab.write("pairs.jsonl", pairs());
    let refused = |more: &[&str], exit, code| lab.error(&[&["reward", "train", argument(&file)], more].concat(), exit, code);
    assert!(refused(&["polite", "--held-out", "1.5"], 2, "spec").contains("--held-out is 1.5"));
    assert!(refused(&["polite", "--learning-rate", "0"], 2, "spec").contains("--learning-rate"));
    assert!(refused(&["polite", "--held-out", "0.001"], 1, "data").contains("too few pairs"));
    assert!(refused(&["polite", "--near-duplicates", "1.5"], 2, "spec").contains("--near-duplicates is 1.5"));
    // All begin with the same two words of four.
    let near = refused(&["polite", "--near-duplicates", "0.2", "--held-out", "0.25"], 1, "data");
    assert!(near.contains("0 to train on, without the 9 that begin nearly as a held-out one does,"), "{near}");
    assert!(refused(&["polite", "--min-words", "100"], 1, "data").contains("no pair that counts"));
    assert!(refused(&["polite"], 1, "model").contains("models fetch"));
    assert!(!lab.path("home/models/polite").exists());
}
