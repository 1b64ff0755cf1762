//! Experiments whose frozen model mistral.rs runs, from a folder and from a GGUF file, and runs that go on elsewhere than they began.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
use serde_json::{Value, json};
use store::{Fact, Store};
use tests::{Lab, MODEL, argument, said};

fn lab() -> Lab {
    Lab::new(env!("CARGO_BIN_EXE_alignpro"))
}

/// One iteration and few short answers: mistral.rs gives them one by one on the CPU.
fn short_spec(lab: &Lab, name: &str, frozen: &str) -> String {
    let short = [("iterations = 3", "iterations = 1"), ("test = 8", "test = 2")];
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

#[test]
fn a_judge_that_only_mistralrs_reads_scores_as_the_built_in_engine_does() {
    let lab = lab();
    // The embedded model in the clothes of an architecture that is computed alike: with a position in every layer, SmolLM3 is a Llama.
    let (installed, other) = (lab.path("home/models").join(MODEL), lab.path("other"));
    std::fs::create_dir(&other).unwrap();
    for file in std::fs::read_dir(&installed).unwrap().map(|entry| entry.unwrap().path()) {
        std::os::unix::fs::symlink(&file, other.join(file.file_name().unwrap())).unwrap();
    }
    let mut config: Value = serde_json::from_slice(&std::fs::read(installed.join("config.json")).unwrap()).unwrap();
    let layers = config["num_hidden_layers"].as_u64().unwrap();
    config["architectures"] = json!(["SmolLM3ForCausalLM"]);
    config["model_type"] = json!("smollm3");
    config["no_rope_layers"] = json!(vec![1; layers as usize]);
    config["no_rope_layer_interval"] = json!(4);
    std::fs::remove_file(other.join("config.json")).unwrap();
    lab.write("other/config.json", config.to_string());
    let pair =
        |chosen: &str, rejected: &str| json!({ "prompt": "How do I bake bread?", "chosen": chosen, "rejected": rejected }).to_string();
    lab.write("pairs.jsonl", [pair("With love! You can do it.", "No."), pair("Find an oven.", "I hate bread.")].join("\n"));
    let bench = |name: &str, model: &str| {
        let part = format!(
            "[[reward.parts]]\nname = \"mine\"\nkind = \"judge\"\nmodel = \"{model}\"\nrubric = \"The answer is friendly.\"\n\n[training]"
        );
        let spec = lab.tiny_spec(name, |text| text.replace("[training]", &part));
        let bench = lab.json(&["reward", "bench", &spec, "pairs.jsonl"]);
        bench["rewards"].as_array().unwrap().iter().find(|part| part["name"] == "mine").unwrap().clone()
    };
    let (ours, theirs) = (bench("ours.toml", MODEL), bench("theirs.toml", "./other"));
    assert_eq!((&theirs["accuracy"], &theirs["ties"]), (&ours["accuracy"], &ours["ties"]), "{ours} {theirs}");
    let mass = |part: &Value, what: &str| part["repeat"]["score_mass"][what].as_f64().unwrap();
    for what in ["mean", "least"] {
        // Sums of probabilities, each of which may be off by a token's tolerance.
        assert!((mass(&ours, what) / mass(&theirs, what) - 1.0).abs() < 2e-3, "{what}: {ours} {theirs}");
    }
}
