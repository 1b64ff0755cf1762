//! From names of the hub to a result, by the command line alone: a Qwen2 or a Phi-3 as prompter, a gated Llama 3 or another Qwen2 as frozen model, UltraFeedback,
//! HelpSteer and Orca as data, a reward model to train on. Small random models and excerpts stand for what a machine with a network would bring.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use tests::hub::{COMMIT, Faults, Repository, TOKEN, hub};
use tests::serving::Server;
use tests::{Lab, said};

const PROMPTER: &str = "Qwen/Qwen2.5-1.5B-Instruct";
const FROZEN: &str = "meta-llama/Llama-3.1-8B-Instruct";
const REWARD: &str = "Skywork/Skywork-Reward-V2-Llama-3.2-1B";
const PHI: &str = "microsoft/Phi-3.5-mini-instruct";
const LARGER: &str = "Qwen/Qwen2.5-7B-Instruct";
const FEEDBACK: &str = "HuggingFaceH4/ultrafeedback_binarized";
const STEER: &str = "nvidia/HelpSteer";
const ORCA: &str = "Intel/orca_dpo_pairs";

/// A small model under a great name, with room for whole prompts.
fn stand_in(id: &'static str, class: &'static str, fixture: &str) -> Repository {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures").join(fixture);
    let mut repository = Repository { class: Some(class), ..Repository::of_folder(id, &folder) };
    for (_, content) in repository.files.iter_mut().filter(|(name, _)| name == "config.json") {
        let mut config: Value = serde_json::from_slice(content).unwrap();
        config["max_position_embeddings"] = json!(4096);
        config["original_max_position_embeddings"] = json!(4096);
        config["sliding_window"] = Value::Null;
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

/// A spec that names all of it as the hub does, and a data set by its short name.
fn spec(lab: &Lab, [prompter, frozen, data, more]: [&str; 4]) -> String {
    lab.tiny_spec(&format!("{data}.toml"), |text| {
        let mut models = [prompter, frozen].into_iter();
        let named = |line: &str| match line {
            "source = \"prompts.jsonl\"" => format!("source = \"{data}\"\n{more}"),
            "model = \"smollm2-135m-instruct\"" => format!("model = \"{}\"", models.next().unwrap()),
            "kind = \"sentiment\"" => format!("kind = \"reward_model\"\nmodel = \"{REWARD}\""),
            "iterations = 3" => "iterations = 2".into(),
            other => other.to_owned(),
        };
        text.lines().map(named).collect::<Vec<_>>().join("\n") + "\n"
    })
}

fn gzipped(rows: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(rows.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Rows as HelpSteer's and Orca's: an answer with ratings, and a pair after a system prompt.
fn rows(row: impl Fn(usize) -> Value) -> String {
    (0..40).map(|i| row(i).to_string() + "\n").collect()
}

#[test]
fn nothing_is_typed_but_names() {
    let lab = Lab::empty(env!("CARGO_BIN_EXE_alignpro"));
    let feedback = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/fixtures/ultrafeedback.parquet")).unwrap();
    let files: [(&str, &[u8]); 2] =
        [("data/train_prefs-00000-of-00001.parquet", &feedback), ("data/test_prefs-00000-of-00001.parquet", &feedback)];
    let steer =
        gzipped(&rows(|i| json!({"prompt": format!("Tell me about {i}."), "response": "So.", "helpfulness": i % 5, "verbosity": 1})));
    let orca =
        rows(|i| json!({"system": "Be kind.", "question": format!("What is {i}?"), "chosen": format!("It is {i}."), "rejected": "No."}));
    let server = Server::start(hub(
        vec![
            stand_in(PROMPTER, "Qwen2ForCausalLM", "tiny-qwen2"),
            Repository { is_gated: true, ..stand_in(FROZEN, "LlamaForCausalLM", "tiny-llama3") },
            stand_in(PHI, "Phi3ForCausalLM", "tiny-phi3"),
            stand_in(LARGER, "Qwen2ForCausalLM", "tiny-qwen2-untied"),
            stand_in(REWARD, "LlamaForSequenceClassification", "reward-llama3"),
            Repository::new("datasets", FEEDBACK, &files),
            Repository::new("datasets", STEER, &[("train.jsonl.gz", &steer), ("validation.jsonl.gz", &steer)]),
            Repository::new("datasets", ORCA, &[("orca_rlhf.jsonl", orca.as_bytes())]),
        ],
        Faults::default(),
    ));
    let bring = |name: &str| document(asking(&lab, &server, &["hub", "get", name, "--yes"]));
    for id in [PROMPTER, FROZEN, PHI, LARGER, REWARD] {
        bring(id);
    }
    let roads = [
        (PROMPTER, FROZEN, "ultrafeedback", FEEDBACK, "column = \"prompt\""),
        (PHI, LARGER, "helpsteer", STEER, "column = \"prompt\""),
        (PROMPTER, LARGER, "orca-pairs", ORCA, "column = \"question\"\nsystem_column = \"system\""),
    ];
    for (prompter, frozen, data, id, more) in roads {
        let brought = bring(data);
        let spec = spec(&lab, [prompter, frozen, data, more]);
        // First whether the reward is worth training on, by the feedback in the same data, and whether it all fits.
        let label: &[&str] = if data == "helpsteer" { &["--label", "helpfulness"] } else { &[] };
        let file = brought["files"][0].as_str().unwrap();
        let bench = document(asking(&lab, &server, &[&["reward", "bench", &spec, file][..], label].concat()));
        let (kind, held) = if data == "helpsteer" { ("labelled", &bench["answers"]) } else { ("pairs", &bench["pairs"]) };
        assert_eq!((&bench["kind"], held), (&json!(kind), &json!(if data == "ultrafeedback" { 60 } else { 40 })), "{bench}");
        assert_eq!(document(asking(&lab, &server, &["estimate", &spec]))["memory"]["fits"], true);
        let run = document(asking(&lab, &server, &["run", &spec, "--db", &format!("{data}.db")]));
        assert_eq!((&run["status"], run["arms"].as_array().unwrap().len()), (&json!("finished"), 3), "{run}");
        let fact = |key: &str| run["facts"][key].as_str().unwrap_or_default().to_owned();
        let of_reward = format!("model.reward.{REWARD}.origin");
        for (key, id) in [("model.prompter.origin", prompter), ("model.frozen.origin", frozen), (&of_reward, REWARD), ("data.origin", id)] {
            assert_eq!(fact(key), format!("{id} at {COMMIT}, licence apache-2.0"), "{key}");
        }
        assert!(!fact("data.test.checksum").is_empty());
        let tuned = &run["arms"][2];
        assert!(tuned["reward_parts"]["reward_model"].is_number() && tuned["n"] == 16, "{tuned}");
    }
    let here = document(asking(&lab, &server, &["hub", "data"]));
    let names: Vec<&str> = here["here"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["helpsteer", "orca-pairs", "ultrafeedback"]);
}
