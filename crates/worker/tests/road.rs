//! From names of the hub to a result, by the command line alone: a Qwen2 as prompter, a gated Llama 3 as frozen model, UltraFeedback as data, a reward
//! model to train on. Small random models and an excerpt stand for what a machine with a network would bring.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tests::hub::{COMMIT, Faults, Repository, TOKEN, hub};
use tests::serving::Server;
use tests::{Lab, said};

const PROMPTER: &str = "Qwen/Qwen2.5-1.5B-Instruct";
const FROZEN: &str = "meta-llama/Llama-3.1-8B-Instruct";
const REWARD: &str = "Skywork/Skywork-Reward-V2-Llama-3.2-1B";
const DATA: &str = "HuggingFaceH4/ultrafeedback_binarized";

/// A small model under a great name, with room for whole prompts.
fn stand_in(id: &'static str, class: &'static str, fixture: &str) -> Repository {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures").join(fixture);
    let mut repository = Repository { class: Some(class), ..Repository::of_folder(id, &folder) };
    for (_, content) in repository.files.iter_mut().filter(|(name, _)| name == "config.json") {
        let mut config: Value = serde_json::from_slice(content).unwrap();
        config["max_position_embeddings"] = json!(4096);
        *content = config.to_string().into_bytes();
    }
    repository
}

fn asking(lab: &Lab, server: &Server, arguments: &[&str]) -> Command {
    let mut command = lab.command(arguments);
    command.env("HOME", lab.path("person")).env("HF_ENDPOINT", server.address()).env("HF_TOKEN", TOKEN);
    command
}

fn document(mut command: Command) -> Value {
    let output = command.arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)))
}

#[test]
fn nothing_is_typed_but_names() {
    let lab = Lab::empty(env!("CARGO_BIN_EXE_alignpro"));
    let rows = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/fixtures/ultrafeedback.parquet")).unwrap();
    let files: [(&str, &[u8]); 2] = [("data/train_prefs-00000-of-00001.parquet", &rows), ("data/test_prefs-00000-of-00001.parquet", &rows)];
    let server = Server::start(hub(
        vec![
            stand_in(PROMPTER, "Qwen2ForCausalLM", "tiny-qwen2"),
            Repository { is_gated: true, ..stand_in(FROZEN, "LlamaForCausalLM", "tiny-llama3") },
            stand_in(REWARD, "LlamaForSequenceClassification", "reward-llama3"),
            Repository::new("datasets", DATA, &files),
        ],
        Faults::default(),
    ));
    let bring = |name: &str| document(asking(&lab, &server, &["hub", "get", name, "--yes"]));
    let [prompter, frozen, reward] = [PROMPTER, FROZEN, REWARD].map(|id| bring(id)["name"].as_str().unwrap().to_owned());
    let data = bring("ultrafeedback");
    let (source, column) = (data["files"][0].as_str().unwrap(), data["column"].as_str().unwrap());

    let spec = lab.tiny_spec("road.toml", |text| {
        let mut models = [&prompter, &frozen].into_iter();
        let named = |line: &str| match line {
            "source = \"prompts.jsonl\"" => format!("source = \"{source}\"\ncolumn = \"{column}\""),
            "model = \"smollm2-135m-instruct\"" => format!("model = \"{}\"", models.next().unwrap()),
            "kind = \"sentiment\"" => format!("kind = \"reward_model\"\nmodel = \"{reward}\""),
            other => other.to_owned(),
        };
        text.lines().map(named).collect::<Vec<_>>().join("\n") + "\n"
    });
    // First whether the reward is worth training on, by the pairs of the same data, and whether it all fits.
    let bench = document(asking(&lab, &server, &["reward", "bench", &spec, source]));
    assert_eq!((&bench["kind"], &bench["pairs"]), (&json!("pairs"), &json!(60)), "{bench}");
    assert_eq!(document(asking(&lab, &server, &["estimate", &spec]))["memory"]["fits"], true);
    let run = document(asking(&lab, &server, &["run", &spec, "--db", "runs.db"]));
    assert_eq!((&run["status"], run["arms"].as_array().unwrap().len()), (&json!("finished"), 3), "{run}");
    let fact = |key: &str| run["facts"][key].as_str().unwrap_or_default().to_owned();
    let of_reward = format!("model.reward.{reward}.origin");
    for (key, id) in [("model.prompter.origin", PROMPTER), ("model.frozen.origin", FROZEN), (&of_reward, REWARD), ("data.origin", DATA)] {
        assert_eq!(fact(key), format!("{id} at {COMMIT}, licence apache-2.0"), "{key}");
    }
    assert!(!fact("data.test.checksum").is_empty());
    let tuned = &run["arms"][2];
    assert!(tuned["reward_parts"]["reward_model"].is_number() && tuned["n"] == 16, "{tuned}");
}
