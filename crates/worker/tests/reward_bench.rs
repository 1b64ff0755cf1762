//! A reward held against preferences, through the command line.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use serde_json::{Value, json};
use tests::{Lab, argument};

fn pair(chosen: &str, rejected: &str) -> Value {
    json!({"prompt": "How do I bake bread?", "chosen": chosen, "rejected": rejected})
}

/// People like what is cheerful; in three of four pairs that is the longer answer too.
fn pairs() -> String {
    let cheerful = "What a wonderful question, I love bread and I am happy to help you";
    let lines = [
        pair(cheerful, "No."),
        pair(cheerful, "Bread is bad and I hate it."),
        pair(cheerful, "Find an oven."),
        pair("Wonderful!", "This is a long and sad and terrible answer about horrible bread, which nobody likes."),
    ];
    lines.iter().map(|line| line.to_string() + "\n").collect::<String>() + "not a pair\n"
}

#[test]
fn a_reward_is_held_against_peoples_choices() {
    let lab = Lab::empty(env!("CARGO_BIN_EXE_alignpro"));
    let (spec, file) = (lab.tiny_spec("tiny.toml", |text| text), lab.write("pairs.jsonl", pairs()));
    let found = lab.json(&["reward", "bench", &spec, argument(&file)]);
    assert_eq!((&found["pairs"], &found["skipped"], &found["unscored"]), (&json!(4), &json!(1), &json!(0)), "{found}");
    let names: Vec<&str> = found["rewards"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["reward", "sentiment", "topicality", "length"]);
    let accuracy = |i: usize| found["rewards"][i]["accuracy"]["value"].as_f64().unwrap();
    assert_eq!([accuracy(1), accuracy(3)], [1.0, 0.75], "{found}");
    assert_eq!(found["rewards"][3]["where_shorter"]["value"], 0.0);
    assert_eq!(found["rewards"][3]["with_length"], Value::Null);
    assert!(found["reasons"][0].as_str().unwrap().starts_with("line 5 is not valid JSON"), "{found}");
    let text = lab.text(&["reward", "bench", &spec, argument(&file)]);
    for expected in ["agrees [95 % interval]", "sentiment", "75.0 % [", "4 pairs", "1 lines of the file hold no pair: line 5"] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn what_is_no_file_of_preferences_is_refused() {
    let lab = Lab::empty(env!("CARGO_BIN_EXE_alignpro"));
    let spec = lab.tiny_spec("tiny.toml", |text| text);
    assert!(lab.error(&["reward", "bench", &spec, "absent.jsonl"], 1, "data").contains("absent.jsonl"));
    assert!(lab.error(&["reward", "bench", &spec, "prompts.jsonl"], 1, "data").contains("has no \"chosen\""));
    assert!(lab.error(&["reward", "bench", "absent.toml", "prompts.jsonl"], 2, "spec").contains("absent.toml"));
    let model = lab.tiny_spec("model.toml", |text| text.replace("kind = \"sentiment\"", "kind = \"reward_model\"\nmodel = \"absent\""));
    let file = lab.write("pairs.jsonl", pairs());
    assert!(lab.error(&["reward", "bench", &model, argument(&file)], 1, "model").contains("reward.parts[0].model"));
}
