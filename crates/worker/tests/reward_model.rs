//! A reward model in an experiment: the embedded model with one number in the place of its vocabulary.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tests::{Lab, argument};

/// Width of the embedded model.
const WIDTH: usize = 576;

/// A folder of safetensors with this one tensor, [1, width].
fn score_file(path: &Path, weight: impl Fn(usize) -> f32) {
    let header = json!({"score.weight": {"dtype": "F32", "shape": [1, WIDTH], "data_offsets": [0, 4 * WIDTH]}}).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend((0..WIDTH).flat_map(|i| weight(i).to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

/// Installs the embedded model as a reward model, its weights linked.
fn reward_model(lab: &Lab, name: &str) -> PathBuf {
    let folder = lab.link_model(name, &["config.json", "model.safetensors", "alignpro.json"]);
    let mut config: Value = serde_json::from_slice(&std::fs::read(tests::model().join("config.json")).unwrap()).unwrap();
    config["architectures"] = json!(["LlamaForSequenceClassification"]);
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    std::os::unix::fs::symlink(tests::model().join("model.safetensors"), folder.join("base.safetensors")).unwrap();
    score_file(&folder.join("score.safetensors"), |i| if i % 2 == 0 { 0.01 } else { -0.01 });
    let index = json!({"weight_map": {"model.norm.weight": "base.safetensors", "score.weight": "score.safetensors"}});
    std::fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
    folder
}

fn spec(lab: &Lab, model: &str) -> String {
    lab.tiny_spec("tiny.toml", |text| {
        let text = text.replace("iterations = 3", "iterations = 2").replace("test = 8", "test = 4");
        let part =
            format!("[[reward.parts]]\nkind = \"reward_model\"\nname = \"preferred\"\nmodel = \"{model}\"\nweight = 0.5\n\n[training]");
        text.replace("[training]", &part) + "\n[arms]\noracle = true\n"
    })
}

#[test]
fn a_reward_model_scores_answers_beside_programs() {
    let lab = Lab::new(env!("CARGO_BIN_EXE_alignpro"));
    let folder = reward_model(&lab, "scorer");
    let listed = lab.json(&["models", "list"]);
    let found = listed.as_array().unwrap().iter().find(|model| model["name"] == "scorer").unwrap();
    assert_eq!((&found["is_reward_model"], &found["problem"], &found["architecture"]), (&json!(true), &Value::Null, &json!("llama")));
    assert_eq!(found["parameters"], 134_515_008 + WIDTH);

    // As a training here leaves it.
    let of_file = json!({"base": "small", "base_checksum": "cd", "file": "pairs.jsonl", "file_checksum": "ab", "origin": null});
    let mut record =
        json!({"program_version": "0.1.0", "pairs": 9, "steps": 3, "seed": 1, "epochs": 1, "learning_rate": 1e-4, "held_out": null});
    record.as_object_mut().unwrap().extend(of_file.as_object().unwrap().clone());
    std::fs::write(folder.join("reward-training.json"), record.to_string()).unwrap();

    let shown = lab.json(&["run", &spec(&lab, "scorer"), "--db", "a.db"]);
    assert_eq!(shown["status"], "finished", "{shown}");
    let origin = shown["facts"]["model.reward.scorer.origin"].as_str().unwrap();
    assert!(origin.contains("from small on 9 pairs of pairs.jsonl (SHA-256 ab), seed 1"), "{origin}");
    for arm in shown["arms"].as_array().unwrap() {
        let part = |label: &str| arm["reward_parts"][label].as_f64().unwrap();
        let sum = part("sentiment") + 0.5 * part("topicality") + 0.5 * part("preferred");
        assert!((arm["reward_mean"].as_f64().unwrap() - sum).abs() < 1e-9 && part("preferred") != 0.0, "{arm}");
    }
    assert!(shown["arms"].as_array().unwrap().iter().any(|arm| arm["name"] == "oracle"));
    assert_eq!(shown["facts"]["model.reward.scorer.checksum"].as_str().map(str::len), Some(64), "{}", shown["facts"]);
    let tried = lab.json(&["try", "1", "Why do people like tea?", "--db", "a.db"]);
    assert!(tried["arms"][0]["reward_parts"]["preferred"].is_number(), "{tried}");

    // Another model under the same name is another reward.
    score_file(&folder.join("score.safetensors"), |i| i as f32 * 1e-4);
    let refused = lab.error(&["try", "1", "Why do people like tea?", "--db", "a.db"], 1, "run");
    assert!(refused.contains("model.reward.scorer.checksum is not what it was"), "{refused}");
}

/// What a run's arms and iterations came to, times aside, and the most memory of its own that it held.
fn run_to_the_end(lab: &Lab, spec: &str, database: &str) -> (Value, u64) {
    let mut child = lab.spawn(&["run", spec, "--db", database, "--json"]);
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let held = text.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB")?.parse().ok());
        most = most.max(held.unwrap_or(0) << 10);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let shown = lab.json(&["show", "1", "--db", database]);
    assert_eq!(shown["status"], "finished", "{shown}");
    (json!([shown["arms"], shown["comparisons"], shown["facts"]["model.frozen.checksum"]]), most)
}

/// Three models of a size: two of them are in memory only while they compute, one at a time.
#[test]
fn offloading_changes_nothing_but_memory() {
    let lab = Lab::new(env!("CARGO_BIN_EXE_alignpro"));
    reward_model(&lab, "scorer");
    let frozen = lab.link_model("frozen", &["generation_config.json", "alignpro.json"]);
    let mut settings: Value = serde_json::from_slice(&std::fs::read(tests::model().join("generation_config.json")).unwrap()).unwrap();
    // Another model for whoever looks at its files, so that its weights are not the prompter's.
    settings["note"] = json!("another");
    std::fs::write(frozen.join("generation_config.json"), settings.to_string()).unwrap();
    let judge = "[[reward.parts]]\nkind = \"judge\"\nmodel = \"frozen\"\nrubric = \"kind\"\nweight = 0.1\n\n[training]";
    let text = std::fs::read_to_string(spec(&lab, "scorer")).unwrap().replace("oracle = true\n", "").replace("[training]", judge);
    let text = text.replacen("[frozen]\nmodel = \"smollm2-135m-instruct\"", "[frozen]\nmodel = \"frozen\"", 1);
    assert!(text.contains("model = \"frozen\""), "{text}");
    let held = lab.write("held.toml", &text);
    let offloaded = lab.write("offloaded.toml", format!("offload = true\n{text}"));
    let (held, offloaded) = (run_to_the_end(&lab, argument(&held), "held.db"), run_to_the_end(&lab, argument(&offloaded), "offloaded.db"));
    assert_eq!(held.0, offloaded.0);
    // Weights in bf16, 270 MB: one of three less, and what a step computes with beside the rest.
    let less = held.1 as f64 - offloaded.1 as f64;
    assert!(less > 180e6, "{} and {} bytes", held.1, offloaded.1);
}

#[test]
fn what_is_no_reward_model_is_refused_with_what_would_be_one() {
    let lab = Lab::new(env!("CARGO_BIN_EXE_alignpro"));
    let refused =
        |model: &str, code: &str| lab.error(&["run", &spec(&lab, model), "--db", "none.db"], if code == "spec" { 2 } else { 1 }, code);
    assert!(refused("smollm2-135m-instruct", "model").contains("is no reward model"));
    let missing = refused("absent", "model");
    assert!(missing.contains("reward.parts[2].model") && missing.contains("absent"), "{missing}");
    assert!(refused(argument(&tests::gguf()), "model").contains("has to be a folder of safetensors"));
    assert!(refused("", "spec").contains("reward.parts[2].model"));
    let folder = reward_model(&lab, "scorer");
    std::fs::remove_file(folder.join("score.safetensors")).unwrap();
    assert!(refused("scorer", "model").contains("score.safetensors"));
    assert!(!lab.path("none.db").exists());
}

/// Installs the small encoder of lm's fixtures, which reads so many tokens.
fn encoder(lab: &Lab, name: &str, longest: usize) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures/deberta-v3");
    let mut config: Value = serde_json::from_slice(&std::fs::read(fixture.join("config.json")).unwrap()).unwrap();
    config["max_position_embeddings"] = json!(longest);
    lab.write(&format!("home/models/{name}/config.json"), config.to_string());
    for file in ["model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        lab.write(&format!("home/models/{name}/{file}"), std::fs::read(fixture.join(file)).unwrap());
    }
}

#[test]
fn an_encoder_scores_answers_too() {
    let lab = Lab::new(env!("CARGO_BIN_EXE_alignpro"));
    encoder(&lab, "reader", 64);
    let listed = lab.json(&["models", "list"]);
    let found = listed.as_array().unwrap().iter().find(|model| model["name"] == "reader").unwrap();
    let shown = (&found["is_reward_model"], &found["is_trainable"], &found["problem"], &found["architecture"]);
    assert_eq!(shown, (&json!(true), &json!(false), &Value::Null, &json!("deberta-v2")));

    // By transformers the first answer is worth 2.61, the second 1.82 (reference.json), the third less still; the last pair does not fit.
    let pair =
        |chosen: &str, rejected: &str| json!({"prompt": "what is a sea?", "chosen": chosen, "rejected": rejected}).to_string() + "\n";
    let (good, bad) = ("the sea is water.", "A wide, warm place!");
    let file = lab.write("pairs.jsonl", pair(good, bad) + &pair(good, "It is dry.") + &pair(bad, good) + &pair(good, &"b ".repeat(60)));
    let bench = lab.json(&["reward", "bench", &spec(&lab, "reader"), argument(&file)]);
    let preferred = bench["rewards"].as_array().unwrap().iter().find(|reward| reward["name"] == "preferred").unwrap();
    assert!((preferred["accuracy"]["value"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9, "{bench}");
    assert_eq!((&bench["pairs"], &bench["unscored"]), (&json!(3), &json!(1)), "{bench}");
    assert!(bench["unscored_because"].as_str().unwrap().contains("the reward model reads 64"), "{bench}");
    let refused = lab.error(&["run", &spec(&lab, "reader"), "--db", "b.db"], 1, "data");
    assert!(refused.contains("max_position_embeddings"), "{refused}");

    encoder(&lab, "far-reader", 4096);
    let shown = lab.json(&["run", &spec(&lab, "far-reader"), "--db", "a.db"]);
    assert_eq!(shown["status"], "finished", "{shown}");
    assert!(shown["arms"].as_array().unwrap().iter().all(|arm| arm["reward_parts"]["preferred"] != 0.0), "{shown}");
    assert_eq!(shown["facts"]["model.reward.far-reader.checksum"].as_str().map(str::len), Some(64));
    let refused = lab.error(&["run", &lab.tiny_spec("frozen.toml", |text| text.replace("smollm2-135m-instruct", "reader"))], 1, "model");
    assert!(refused.contains("reads and does not write"), "{refused}");
}
