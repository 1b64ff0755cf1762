//! The prompts of an experiment, looked at and run with: kinds of files, what is left out, and what is kept of that with a run.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests
use serde_json::json;
use tests::{Lab, said};

fn line(prompt: &str) -> String {
    json!({ "messages": [{ "role": "user", "content": prompt }, { "role": "assistant", "content": "Gladly." }] }).to_string() + "\n"
}

#[test]
fn a_file_with_malformed_rows_is_run_with_and_says_so() {
    let lab = Lab::new(env!("CARGO_BIN_EXE_alignpro"));
    let subject = ["bread", "rivers", "old maps", "cats", "the moon", "chess", "bicycles", "rain", "libraries", "soup", "tea", "snow"];
    let mut lines: String =
        subject.iter().flat_map(|s| [line(&format!("What should I know about {s}?")), line(&format!("Why do people like {s}?"))]).collect();
    lines += &(line("why do people like SNOW?")
        + "nonsense\n"
        + &line("Was soll ich im Winter mit meinen Pflanzen im Garten am besten machen?"));
    lab.write("talks.jsonl", &lines);
    let spec = lab.tiny_spec("tiny.toml", |text| {
        text.replace(
            "source = \"prompts.jsonl\"",
            "source = \"talks.jsonl\"\ncolumn = \"messages\"\nlanguage = \"en\"\nnear_duplicates = 0.8",
        )
        .replace("iterations = 3", "iterations = 1")
    });
    let seen = lab.json(&["data", &spec]);
    let census = &seen["census"];
    assert_eq!(
        (census["rows"].as_u64(), census["distinct"].as_u64(), census["malformed"].as_u64()),
        (Some(27), Some(24), Some(1)),
        "{seen}"
    );
    assert_eq!((census["repeated"].as_u64(), census["wrong_language"].as_u64()), (Some(1), Some(1)), "{seen}");
    let text = lab.text(&["data", &spec]);
    for expected in [
        "of 24 distinct ones in 27 rows",
        "Left out: 1 without a prompt that can be read, 1 in another language, 1 equal",
        "line 26: is not valid JSON",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    let output = lab.run(&["run", &spec, "--db", "a.db"]);
    assert!(output.status.success(), "{}", said(&output));
    let facts = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = store::Store::open_existing(&lab.path("a.db")).await.unwrap();
        store.facts(1).await.unwrap()
    });
    let facts: Vec<_> = facts.iter().filter(|f| f.key.starts_with("data.") && !f.key.ends_with("checksum")).collect();
    let facts: Vec<_> = facts.iter().map(|f| format!("{}={}", f.key, f.value)).collect();
    assert_eq!(
        facts,
        ["data.left_out=1 without a prompt that can be read, 1 in another language, 1 equal to an earlier one", "data.rows=27"]
    );
}

#[test]
fn the_frozen_model_is_given_the_system_prompt_in_every_arm() {
    let lab = Lab::new(env!("CARGO_BIN_EXE_alignpro"));
    let spec = lab.tiny_spec("tiny.toml", |text| {
        text.replace("[data]", "[data]\nsystem_column = \"system\"")
            .replace("iterations = 3", "iterations = 1")
            .replace("test = 8", "test = 4")
            + "\n[arms]\noracle = true\n"
    });
    let with = |system: &str| {
        let line = |i: usize| json!({ "prompt": format!("What is number {i} good for?"), "system": system }).to_string() + "\n";
        lab.write("prompts.jsonl", (0..20).map(line).collect::<String>());
        let database = format!("{}.db", system.len());
        let output = lab.run(&["run", &spec, "--db", &database]);
        assert!(output.status.success(), "{}", said(&output));
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let store = store::Store::open_existing(&lab.path(&database)).await.unwrap();
            store.evaluation(1, Some(store::Split::Test)).await.unwrap()
        })
    };
    let (pirate, none) = (with("You are a pirate. Every sentence of yours begins with Arr."), with(""));
    assert!(pirate.iter().all(|row| row.system.as_deref().is_some_and(|system| system.starts_with("You are a pirate"))));
    assert!(none.iter().all(|row| row.system.is_none()));
    for arm in ["raw", "untuned", "oracle"] {
        let answers = |rows: &[store::EvaluationAnswer]| -> Vec<String> {
            rows.iter().filter(|row| row.arm == arm).map(|row| row.answer.clone()).collect()
        };
        let (pirate, none) = (answers(&pirate), answers(&none));
        assert!(
            pirate.len() == 8 && none.len() == 8 && pirate.iter().zip(&none).filter(|(a, b)| a != b).count() > 4,
            "{arm}: {pirate:?} {none:?}"
        );
    }
    // The prompter does not see it: the same rewrites of the same prompts.
    let rewrites = |rows: &[store::EvaluationAnswer]| -> Vec<Option<String>> {
        rows.iter().filter(|row| row.arm == "untuned").map(|row| row.rewrite.clone()).collect()
    };
    assert_eq!(rewrites(&pirate), rewrites(&none));
}
