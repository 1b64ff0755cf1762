//! Experiments whose frozen model mistral.rs runs, from a folder and from a GGUF file, and runs that go on elsewhere than they began.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
use serde_json::Value;
use store::{Fact, Store};
use tests::{Lab, MODEL, argument, said};

fn lab() -> Lab {
    Lab::new(env!("CARGO_BIN_EXE_alignpro"))
}

/// One iteration and few short answers: mistral.rs gives them one by one on the CPU.
fn short_spec(lab: &Lab, name: &str, frozen: &str) -> String {
    let short = [("iterations = 3", "iterations = 1"), ("test = 8", "test = 2"), ("max_answer_tokens = 10", "max_answer_tokens = 6")];
    lab.tiny_spec(name, |text| {
        let text = short.iter().fold(text, |text, (long, short)| text.replace(long, short));
        text.replace(&format!("[frozen]\nmodel = \"{MODEL}\""), &format!("[frozen]\n{frozen}"))
    })
}

fn assert_ran_through_mistralrs(shown: &Value) {
    assert_eq!(shown["status"], "finished", "{shown}");
    let engine = shown["facts"]["engine"].as_str().unwrap();
    assert!(engine.starts_with("mistral.rs"), "{engine}");
    let proof: Value = serde_json::from_str(shown["facts"]["engine.proof"].as_str().unwrap()).unwrap();
    assert!(proof["batched"].is_boolean() && proof["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{proof}");
    for arm in shown["arms"].as_array().unwrap() {
        assert_eq!(arm["n"], 4, "{arm}");
    }
}

#[test]
fn mistralrs_answers_from_a_folder_and_from_a_gguf_file() {
    let lab = lab();
    let folder = short_spec(&lab, "folder.toml", &format!("model = \"{MODEL}\"\nengine = \"mistralrs\""));
    let through_mistralrs = lab.json(&["run", &folder, "--db", "a.db"]);
    assert_ran_through_mistralrs(&through_mistralrs);
    // The engines differ by rounding only, and so do the rewards: what is drawn is the same.
    let built_in = short_spec(&lab, "built_in.toml", &format!("model = \"{MODEL}\"\nengine = \"builtin\""));
    let built_in = lab.json(&["run", &built_in, "--db", "a.db"]);
    let mean = |shown: &Value| shown["arms"][0]["reward_mean"].as_f64().unwrap();
    assert!((mean(&built_in) - mean(&through_mistralrs)).abs() < 1e-9, "{} and {}", mean(&built_in), mean(&through_mistralrs));

    let file = short_spec(&lab, "gguf.toml", &format!("model = \"{}\"\nengine = \"mistralrs\"", argument(&tests::gguf())));
    assert_ran_through_mistralrs(&lab.json(&["run", &file, "--db", "a.db"]));
}

#[test]
fn a_run_that_goes_on_elsewhere_says_so() {
    let lab = lab();
    let spec = lab.tiny_spec("tiny.toml", |text| text.replace("iterations = 3", "iterations = 40"));
    let child = lab.spawn(&["run", &spec, "--db", "a.db"]);
    lab.wait_for("a.db", 1, "the first iteration", |run| run["iterations_done"].as_i64() >= Some(1));
    lab.text(&["stop", "1", "--db", "a.db"]);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    // The file as if it had come from a machine that has another processor and runs the model with another engine.
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Store::open_existing(&lab.path("a.db")).await.unwrap();
        let fact = |key: &str, value: &str| Fact { key: key.into(), value: value.into() };
        store.set_facts(1, &[fact("engine", "mistral.rs 0.0, one by one"), fact("machine.cpu", "Abacus")]).await.unwrap();
        store.close().await;
    });
    let mut child = lab.spawn(&["resume", "1", "--db", "a.db"]);
    let shown = lab.wait_for("a.db", 1, "the notes", |run| run["warnings"].to_string().matches("The run began with another").count() >= 2);
    assert!(shown["warnings"].to_string().contains("Abacus"), "{shown}");
    assert!(shown["warnings"].to_string().contains("mistral.rs 0.0"), "{shown}");
    child.kill().unwrap();
    child.wait().unwrap();
}
