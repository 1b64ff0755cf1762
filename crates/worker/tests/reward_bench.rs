//! A reward held against feedback, through the command line.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use serde_json::{Value, json};
use tests::{Lab, argument};

fn pair(loaves: usize, chosen: &str, rejected: &str) -> Value {
    json!({"prompt": format!("How do I bake {loaves} loaves of bread?"), "chosen": chosen, "rejected": rejected})
}

/// People like what is cheerful; in three of four pairs that is the longer answer too.
fn pairs() -> String {
    let cheerful = "What a wonderful question, I love bread and I am happy to help you";
    let lines = [
        pair(1, cheerful, "No."),
        pair(2, cheerful, "Bread is bad and I hate it."),
        pair(3, cheerful, "Find an oven."),
        pair(4, "Wonderful!", "This is a long and sad and terrible answer about horrible bread, which nobody likes."),
    ];
    lines.iter().map(|line| line.to_string() + "\n").collect::<String>() + "not a pair\n"
}

#[test]
fn a_reward_is_held_against_peoples_choices() {
    let lab = Lab::empty(env!("CARGO_BIN_EXE_alignpro"));
    let (spec, file) = (lab.tiny_spec("tiny.toml", |text| text), lab.write("pairs.jsonl", pairs()));
    let found = lab.json(&["reward", "bench", &spec, argument(&file)]);
    assert_eq!((&found["pairs"], &found["left_out"]["rows"], &found["unscored"]), (&json!(4), &json!(1), &json!(0)), "{found}");
    assert_eq!(found["kind"], "pairs");
    let names: Vec<&str> = found["rewards"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["reward", "sentiment", "topicality", "length"]);
    let accuracy = |i: usize| found["rewards"][i]["accuracy"]["value"].as_f64().unwrap();
    assert_eq!([accuracy(1), accuracy(3)], [1.0, 0.75], "{found}");
    assert_eq!(found["rewards"][3]["where_shorter"]["value"], 0.0);
    assert_eq!(found["rewards"][3]["with_length"], Value::Null);
    assert!(found["left_out"]["reasons"][0].as_str().unwrap().starts_with("line 5 is not valid JSON"), "{found}");
    let text = lab.text(&["reward", "bench", &spec, argument(&file)]);
    for expected in [
        "agrees [95 % interval]",
        "sentiment",
        "75.0 % [",
        "4 pairs of 4 prompts",
        "Rows of the file without a pair: 1. line 5",
        "prompt \"prompt\", chosen \"chosen\"",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn only_answers_of_a_length_and_a_language_count() {
    let lab = Lab::empty(env!("CARGO_BIN_EXE_alignpro"));
    let spec = lab.tiny_spec("tiny.toml", |text| text);
    let german =
        pair(5, "Man braucht dafür vor allem gutes Mehl, frische Hefe und ein wenig Geduld beim Kneten des Teiges.", "Find an oven now.");
    let file = lab.write("pairs.jsonl", pairs() + &german.to_string());
    let found = lab.json(&["reward", "bench", &spec, argument(&file), "--min-words", "2", "--language", "en"]);
    assert_eq!(found["pairs"], 2, "\"No.\" and \"Wonderful!\" are of one word: {found}");
    assert_eq!([&found["left_out"]["wrong_length"], &found["left_out"]["wrong_language"]], [&json!(2), &json!(1)]);
    assert_eq!(found["filter"], json!({"min_words": 2, "max_words": null, "language": "en"}));
    let text = lab.text(&["reward", "bench", &spec, argument(&file), "--min-words", "2", "--language", "en"]);
    assert!(text.contains("Left out for the length of an answer: 2; as clearly in another language: 1."), "{text}");
    let none = lab.error(&["reward", "bench", &spec, argument(&file), "--min-words", "200"], 1, "data");
    assert!(none.contains("no pair that counts: 5 are of another length, 0 in another language"), "{none}");
    let both = lab.error(&["reward", "bench", &spec, argument(&file), "--min-words", "9", "--max-words", "3"], 1, "data");
    assert!(both.contains("9") && both.contains("3"), "{both}");
    assert!(lab.error(&["reward", "bench", &spec, argument(&file), "--language", "xx"], 1, "data").contains("\"xx\""));
}

#[test]
fn what_is_no_file_of_preferences_is_refused() {
    let lab = Lab::empty(env!("CARGO_BIN_EXE_alignpro"));
    let spec = lab.tiny_spec("tiny.toml", |text| text);
    assert!(lab.error(&["reward", "bench", &spec, "absent.jsonl"], 1, "data").contains("absent.jsonl"));
    assert!(lab.error(&["reward", "bench", &spec, "prompts.jsonl"], 1, "data").contains("neither pairs nor answers with labels"));
    assert!(lab.error(&["reward", "bench", "absent.toml", "prompts.jsonl"], 2, "spec").contains("absent.toml"));
    let model = lab.tiny_spec("model.toml", |text| text.replace("kind = \"sentiment\"", "kind = \"reward_model\"\nmodel = \"absent\""));
    let file = lab.write("pairs.jsonl", pairs());
    assert!(lab.error(&["reward", "bench", &model, argument(&file)], 1, "model").contains("reward.parts[0].model"));
}

/// People like what is cheerful, and answers to a prompt are of both kinds; a number that says nothing stands beside it.
fn labelled() -> String {
    let line = |(i, prompt): (usize, &&str)| {
        let answers =
            [("Wonderful! I love it and I am happy to help you.", 4), ("I hate this, it is a terrible and sad subject.", 1), ("Well.", 2)];
        let row = |(answer, liking)| {
            json!({"question": format!("Tell me about {prompt}."), "answer": answer, "liking": liking, "luck": i % 3}).to_string() + "\n"
        };
        answers.into_iter().map(row).collect::<String>()
    };
    let prompts = ["bread", "rain", "cats", "chess", "tea", "rivers", "maps", "owls", "soup", "trains", "paint", "salt"];
    prompts.iter().enumerate().map(line).collect::<String>() + "{\"question\": \"Why?\", \"answer\": \"So.\", \"luck\": 1}\n"
}

#[test]
fn a_reward_is_held_against_labels() {
    let lab = Lab::empty(env!("CARGO_BIN_EXE_alignpro"));
    let (spec, file) = (lab.tiny_spec("tiny.toml", |text| text), lab.write("labelled.jsonl", labelled()));
    let several = lab.error(&["reward", "bench", &spec, argument(&file)], 1, "data");
    assert!(several.contains("\"liking\" and \"luck\"") && several.contains("--label"), "{several}");

    let found = lab.json(&["reward", "bench", &spec, argument(&file), "--label", "liking"]);
    assert_eq!([&found["kind"], &found["label"]], [&json!("labelled"), &json!("liking")], "{found}");
    assert_eq!([&found["answers"], &found["prompts"], &found["pairs"]], [&json!(36), &json!(12), &json!(36)], "{found}");
    let read = json!({"prompt": "question", "input": null, "system": null, "chosen": null, "rejected": null, "response": "answer", "label": "liking"});
    assert_eq!([&found["columns"], &found["better"]], [&read, &Value::Null]);
    assert_eq!(found["left_out"], json!({"rows": 1, "reasons": ["line 37 has no \"liking\""], "wrong_length": 0, "wrong_language": 0}));
    let of = |name: &str| found["rewards"].as_array().unwrap().iter().find(|r| r["name"] == name).unwrap();
    let sentiment = of("sentiment");
    assert!(sentiment["with_label"]["value"].as_f64().unwrap() > 0.99, "{found}");
    assert_eq!(sentiment["on_pairs"]["value"], 1.0);
    assert!(sentiment["on_pairs"]["interval"]["low"].as_f64().unwrap() < 0.8, "so few prompts prove little: {found}");
    assert_eq!([&sentiment["auc"], &of("length")["with_length"]], [&Value::Null; 2]);
    // The answer that nobody likes is longer than the one between.
    assert!((of("length")["on_pairs"]["value"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-12, "{found}");

    let luck = lab.json(&[
        "reward",
        "bench",
        &spec,
        argument(&file),
        "--label",
        "luck",
        "--response-column",
        "answer",
        "--prompt-column",
        "question",
    ]);
    assert_eq!([&luck["pairs"], &luck["rewards"][0]["on_pairs"]], [&json!(0), &Value::Null], "{luck}");
    let text = lab.text(&["reward", "bench", &spec, argument(&file), "--label", "liking"]);
    for expected in [
        "36 answers to 12 prompts with the label \"liking\"",
        "100.0 % [",
        "prompt \"question\", answer \"answer\", label \"liking\"",
        "line 37 has no",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn columns_are_named_where_they_are_not_known() {
    let lab = Lab::empty(env!("CARGO_BIN_EXE_alignpro"));
    let spec = lab.tiny_spec("tiny.toml", |text| text);
    let row = json!({"q": "How do I bake bread?", "good": "Happily! I love bread.", "bad": "I hate bread."}).to_string() + "\n";
    let file = lab.write("named.jsonl", row.repeat(3));
    let named = ["--prompt-column", "q", "--chosen-column", "good", "--rejected-column", "bad"];
    let found = lab.json(&[&["reward", "bench", &spec, argument(&file)][..], &named].concat());
    assert_eq!([&found["kind"], &found["pairs"], &found["repeated"]], [&json!("pairs"), &json!(1), &json!(2)], "{found}");
    let wrong = lab.error(&["reward", "bench", &spec, argument(&file), "--chosen-column", "best", "--rejected-column", "bad"], 1, "data");
    assert!(wrong.contains("no column \"best\"") && wrong.contains("\"q\", \"good\" and \"bad\""), "{wrong}");
    let unnamed = lab.error(&["reward", "train", argument(&file), "mine"], 1, "data");
    assert!(unnamed.contains("--chosen-column"), "{unnamed}");
    let labels = lab.write("labelled.jsonl", labelled());
    let several = lab.error(&["reward", "train", argument(&labels), "mine"], 1, "data");
    assert!(several.contains("\"liking\" and \"luck\"") && several.contains("--label"), "{several}");
}
