//! Models and data sets from a hub, and models that other programs have brought.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tests::hub::{COMMIT, Faults, Repository, TOKEN, hub};
use tests::serving::Server;
use tests::{Lab, MODEL, argument, said};

fn lab() -> Lab {
    Lab::empty(env!("CARGO_BIN_EXE_alignpro"))
}

/// In a home without other programs' models and without a keychain, whatever the machine has.
fn command(lab: &Lab, arguments: &[&str]) -> Command {
    let mut command = lab.command(arguments);
    command.env("HOME", lab.path("person")).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    for variable in
        ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "OLLAMA_MODELS", "HF_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT"]
    {
        command.env_remove(variable);
    }
    command
}

fn asking(lab: &Lab, server: &Server, arguments: &[&str]) -> Command {
    let mut command = command(lab, arguments);
    command.env("HF_ENDPOINT", server.address());
    command
}

fn document(mut command: Command) -> Value {
    let output = command.arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)))
}

fn refused(output: &Output, exit_code: i32) -> String {
    assert_eq!(output.status.code(), Some(exit_code), "{}", said(output));
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A small model of ours.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures").join(name)
}

#[test]
fn a_model_is_shown_brought_and_loaded() {
    let lab = lab();
    let small = Repository { class: Some("Qwen2ForCausalLM"), ..Repository::of_folder("org/Tiny-Qwen2", &fixture("tiny-qwen2")) };
    let server = Server::start(hub(vec![small], Faults { portion: Some(40_000), ..Faults::default() }));
    let found = document(asking(&lab, &server, &["hub", "search", "tiny"]));
    assert_eq!(found["found"][0]["id"], "org/Tiny-Qwen2");
    let shown = document(asking(&lab, &server, &["hub", "show", "org/Tiny-Qwen2"]));
    assert!(shown["licence"] == "apache-2.0" && shown["fitness"].as_str().unwrap().contains("can be trained"), "{shown}");
    assert!(shown["problem"].is_null() && shown["left_out"].as_u64().unwrap() > 0, "{shown}");

    // Without a yes nothing is brought, but all is said.
    let asked = refused(&asking(&lab, &server, &["hub", "get", "org/Tiny-Qwen2"]).output().unwrap(), 2);
    assert!(["apache-2.0", "goes to", "size", "--yes"].iter().all(|part| asked.contains(part)), "{asked}");
    assert!(!lab.path("home/models").exists() && server.seen().iter().all(|seen| seen.path.contains("/api/")));

    let brought = document(asking(&lab, &server, &["hub", "get", "org/Tiny-Qwen2", "--yes"]));
    assert!(brought["name"] == "Tiny-Qwen2" && brought["revision"] == COMMIT && brought["bytes"] == shown["bytes"], "{brought}");
    let folder = lab.path("home/models/Tiny-Qwen2");
    let model = lm::ModelFolder::open(&folder).unwrap();
    lm::Llama::load(&model, &lm::Device::Cpu, lm::Precision::F32).unwrap();
    assert_eq!(lm::seal::verify(&model).unwrap(), lm::seal::State::Whole);
    let listed = document(command(&lab, &["models", "list"]));
    assert!(listed[0]["name"] == "Tiny-Qwen2" && listed[0]["is_trainable"] == true && listed[0]["place"] == "installed", "{listed}");
    // What was asked of this machine is no connection to another.
    assert!(!lab.path("home/connections.jsonl").exists());

    let again = asking(&lab, &server, &["hub", "get", "org/Tiny-Qwen2"]).output().unwrap();
    assert!(again.status.success() && said(&again).contains("here already"), "{}", said(&again));
}

#[test]
fn a_gguf_file_is_chosen_and_named_as_a_model() {
    let lab = lab();
    let file = std::fs::read(fixture("import/qwen2.gguf")).unwrap();
    let repository = Repository::new("models", "org/x-GGUF", &[("x-Q4.gguf", &file), ("x-Q8.gguf", &file), ("x.bin", b"pickle")]);
    let server = Server::start(hub(vec![repository], Faults::default()));
    let which = refused(&asking(&lab, &server, &["hub", "get", "org/x-GGUF", "--yes"]).output().unwrap(), 1);
    assert!(which.contains("choose one with --file") && which.contains("x-Q8.gguf"), "{which}");
    let pickle = refused(&asking(&lab, &server, &["hub", "get", "org/x-GGUF", "--file", "*.bin", "--yes"]).output().unwrap(), 1);
    assert!(pickle.contains("can run any program"), "{pickle}");
    document(asking(&lab, &server, &["hub", "get", "org/x-GGUF", "--file", "*Q8*", "--name", "x", "--yes"]));
    let listed = document(command(&lab, &["models", "list"]));
    assert!(
        listed[0]["name"] == "x" && listed[0]["architecture"] == "qwen2" && listed[0]["path"].as_str().unwrap().ends_with("x/x-Q8.gguf"),
        "{listed}"
    );
}

/// Weights in FP8, which only mistral.rs reads.
#[test]
fn a_model_that_is_published_quantised_can_be_frozen_and_not_trained() {
    let lab = lab();
    let folder = lab.path("home/models/small-fp8");
    std::fs::create_dir_all(&folder).unwrap();
    let packed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../inference-mistralrs/tests/fixtures/llama3-fp8");
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(packed.join(file), folder.join(file)).unwrap();
    }
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(fixture(&format!("tiny-llama3/{file}")), folder.join(file)).unwrap();
    }
    let listed = document(command(&lab, &["models", "list"]));
    let found = listed.as_array().unwrap().iter().find(|model| model["name"] == "small-fp8").unwrap();
    assert!(found["problem"].is_null() && found["is_trainable"] == false && found["architecture"] == "LlamaForCausalLM", "{found}");
    lab.link_model(tests::MODEL, &[]);
    let spec = |of: &str| {
        lab.tiny_spec("a.toml", |text| {
            text.replace(&format!("[{of}]\nmodel = \"{}\"", tests::MODEL), &format!("[{of}]\nmodel = \"small-fp8\""))
        })
    };
    let trained = lab.error(&["run", &spec("prompter"), "--db", "a.db"], 1, "model");
    assert!(trained.contains("`quantization_config`"), "{trained}");
    // Loaded, it holds 64 tokens.
    let asked = lab.error(&["run", &spec("frozen"), "--db", "a.db"], 1, "data");
    assert!(asked.contains("64"), "{asked}");
}

/// In a folder of its own, as such repositories have them.
#[test]
fn a_gguf_model_in_several_files_comes_and_is_used_as_one() {
    let lab = lab();
    let names = [1, 2, 3].map(|number| format!("bytes-{number:05}-of-00003.gguf"));
    let parts = names.each_ref().map(|name| std::fs::read(fixture(&format!("import/{name}"))).unwrap());
    let paths = names.each_ref().map(|name| format!("Q4/{name}"));
    let mut files: Vec<(&str, &[u8])> = paths.iter().map(String::as_str).zip(parts.iter().map(Vec::as_slice)).collect();
    files.push(("x-Q8.gguf", b"GGUF"));
    let server = Server::start(hub(vec![Repository::new("models", "org/x-GGUF", &files)], Faults::default()));
    let shown = document(asking(&lab, &server, &["hub", "show", "org/x-GGUF"]));
    let bytes: usize = parts.iter().map(Vec::len).sum();
    assert!(shown["choices"][0]["path"] == *paths[0] && shown["choices"][0]["bytes"] == bytes, "{shown}");
    assert!(shown["problem"].as_str().unwrap().contains("in 3 files"), "{shown}");
    let brought = document(asking(&lab, &server, &["hub", "get", "org/x-GGUF", "--file", &paths[0], "--name", "x", "--yes"]));
    assert_eq!(brought["files"].as_array().unwrap().len(), 3);
    let listed = document(command(&lab, &["models", "list"]));
    assert!(
        listed[0]["path"].as_str().unwrap().ends_with(&paths[0]) && listed[0]["is_trainable"] == true && listed[0]["bytes"] == bytes,
        "{listed}"
    );
    let path = std::path::PathBuf::from(listed[0]["path"].as_str().unwrap());
    assert!(hub::origin_of(&path).unwrap().starts_with("org/x-GGUF at "));
    let imported = document(command(&lab, &["models", "import", listed[0]["path"].as_str().unwrap()]));
    assert!(imported["name"] == "bytes" && imported["is_trainable"] == true, "{imported}");
    std::fs::remove_file(lab.path("home/models/x").join(&paths[2])).unwrap();
    let listed = document(command(&lab, &["models", "list"]));
    let damaged = listed.as_array().unwrap().iter().find(|model| model["name"] == "x").unwrap();
    assert!(damaged["problem"].as_str().unwrap().contains("bytes-00003-of-00003.gguf is part 3 of the 3"), "{listed}");
}

/// It would be there, and nothing could use it.
#[test]
fn a_model_that_nothing_here_can_use_is_not_brought() {
    let lab = lab();
    let folder = fixture("tiny-tied");
    let unfit = Repository { class: Some("MambaForCausalLM"), ..Repository::of_folder("org/mamba", &folder) };
    let server = Server::start(hub(vec![unfit], Faults::default()));
    let shown = document(asking(&lab, &server, &["hub", "show", "org/mamba"]));
    assert_eq!(shown["is_fit"], false, "{shown}");
    let said = refused(&asking(&lab, &server, &["hub", "get", "org/mamba", "--yes"]).output().unwrap(), 1);
    assert!(said.contains("\"MambaForCausalLM\" is neither trained nor run here. Nothing was brought"), "{said}");
    assert!(!lab.path("home/models/mamba").exists());
    document(asking(&lab, &server, &["hub", "get", "org/mamba", "--yes", "--anyway"]));
    let config = lab.path("home/models/mamba/config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("LlamaForCausalLM", "MambaForCausalLM").replace("\"llama\"", "\"mamba\"")).unwrap();
    let checks = lab.run(&["doctor", "--json"]);
    let checks: Value = serde_json::from_slice(&checks.stdout).unwrap();
    let check = checks["checks"].as_array().unwrap().iter().find(|check| check["name"] == "model mamba").unwrap();
    assert!(check["health"] == "missing" && check["fix"].as_str().unwrap().contains("can be removed"), "{check}");
}

#[test]
fn a_data_set_comes_by_its_short_name() {
    let lab = lab();
    let rows: [(&str, &[u8]); 3] = [("train.jsonl.gz", b"rows"), ("validation.jsonl.gz", b"more"), ("README.md", b"#")];
    let gated = Repository { is_gated: true, ..Repository::new("datasets", "nvidia/HelpSteer2", &rows) };
    let server = Server::start(hub(vec![gated], Faults::default()));
    let arguments = ["hub", "get", "helpsteer2", "--yes"];
    let closed = refused(&asking(&lab, &server, &arguments).output().unwrap(), 1);
    assert!(closed.contains("Agree to them on") && closed.contains("HF_TOKEN"), "{closed}");
    let mut with_token = asking(&lab, &server, &arguments);
    let brought = document({
        with_token.env("HF_TOKEN", TOKEN);
        with_token
    });
    assert_eq!(brought["column"], "prompt");
    let files: Vec<&str> = brought["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    assert_eq!(
        files,
        [argument(&lab.path("home/data/helpsteer2/train.jsonl.gz")), argument(&lab.path("home/data/helpsteer2/validation.jsonl.gz"))]
    );
    assert_eq!(std::fs::read(files[0]).unwrap(), b"rows");
    // Or with that of a login with another program.
    let mut logged_in = asking(&lab, &server, &["hub", "get", "helpsteer2", "--yes", "--name", "again"]);
    logged_in.env("HF_TOKEN_PATH", lab.write("token", format!("{TOKEN}\n")));
    assert_eq!(document(logged_in)["column"], "prompt");
    // The token is nowhere.
    for file in ["origin.toml", "train.jsonl.gz"] {
        assert!(!String::from_utf8_lossy(&std::fs::read(lab.path("home/data/helpsteer2").join(file)).unwrap()).contains(TOKEN));
    }
    let asked = server.seen().len();
    let known = document(asking(&lab, &server, &["hub", "data"]));
    assert!(known["data"].as_array().unwrap().iter().any(|one| one["id"] == "Open-Orca/OpenOrca"));
    document(asking(&lab, &server, &["models", "list"]));
    assert_eq!(server.seen().len(), asked, "neither asks anybody");
}

#[test]
fn how_far_it_is_is_told_a_line_each() {
    let lab = lab();
    let small = Repository::of_folder("org/tiny", &fixture("tiny-tied"));
    let server = Server::start(hub(vec![small], Faults::default()));
    let output = asking(&lab, &server, &["hub", "get", "org/tiny", "--yes", "--json", "--each"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let last: Value = serde_json::from_str(text.lines().take_while(|line| *line != "{").last().unwrap()).unwrap();
    assert!(last["done_bytes"] == last["bytes"] && last["bytes"].as_u64() > Some(0), "{text}");
}

/// Puts the embedded model into folders as other programs have them.
fn furnish(lab: &Lab) {
    let link = |from: &Path, to: PathBuf| {
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(from, to).unwrap();
    };
    let cache = lab.path("person/.cache/huggingface/hub/models--org--smol");
    for entry in std::fs::read_dir(tests::model()).unwrap().map(|entry| entry.unwrap()) {
        // What this program notes is in no cache.
        if entry.file_name() != "alignpro.json" {
            link(&entry.path(), cache.join("snapshots").join(COMMIT).join(entry.file_name()));
        }
    }
    lab.write("person/.cache/huggingface/hub/models--org--smol/refs/main", COMMIT);
    let hex = "5f".repeat(32);
    link(&tests::gguf(), lab.path("person/.ollama/models/blobs").join(format!("sha256-{hex}")));
    let manifest = json!({ "layers": [{ "mediaType": "application/vnd.ollama.image.model", "digest": format!("sha256:{hex}") }] });
    lab.write("person/.ollama/models/manifests/registry.ollama.ai/library/smol/135m", manifest.to_string());
    link(&tests::gguf(), lab.path("person/.lmstudio/models/publisher/smol/smol-Q4_1.gguf"));
    lab.write("person/.lmstudio/models/publisher/damaged/x.gguf", "GGUF");
    lab.write("models of mine/old/config.json", "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\"}");
    lab.write("models of mine/old/pytorch_model.bin", "pickle");
}

#[test]
fn models_of_other_programs_are_listed_with_what_they_can_be() {
    let lab = lab();
    furnish(&lab);
    let mine = lab.path("models of mine");
    document(command(&lab, &["models", "folders", "--add", argument(&mine)]));
    let listed = document(command(&lab, &["models", "list"]));
    let listed: Vec<&Value> = listed.as_array().unwrap().iter().collect();
    let of = |name: &str| listed.iter().find(|model| model["name"] == name).unwrap_or_else(|| panic!("{name} is not in {listed:?}"));
    assert!(
        of("org/smol")["is_trainable"] == true && of("org/smol")["place"] == "hugging_face" && of("org/smol")["parameters"] == 134_515_008
    );
    assert!(of("smol:135m")["architecture"] == "llama" && of("smol:135m")["place"] == "ollama" && of("smol:135m")["is_trainable"] == true);
    assert_eq!(of("publisher/smol")["place"], "lm_studio");
    assert!(of("publisher/damaged")["problem"].as_str().unwrap().contains("x.gguf"));
    let old = of(argument(&mine.join("old")));
    assert!(old["place"] == "folder" && old["is_trainable"] == false && !old["problem"].is_null(), "{old}");
    let folders = document(command(&lab, &["models", "folders", "--remove", argument(&mine)]));
    assert_eq!(folders["named"], json!([]));
    assert_eq!(document(command(&lab, &["models", "list"])).as_array().unwrap().len(), listed.len() - 1);
    let unknown = refused(&command(&lab, &["models", "folders", "--remove", argument(&mine)]).output().unwrap(), 1);
    assert!(unknown.contains("none of the folders"), "{unknown}");
}

#[test]
fn a_run_uses_models_of_other_programs_where_they_are() {
    let lab = lab();
    furnish(&lab);
    let spec = lab.tiny_spec("a.toml", |text| {
        text.replacen(&format!("model = \"{MODEL}\""), "model = \"org/smol\"", 1).replacen(
            &format!("model = \"{MODEL}\""),
            "model = \"smol:135m\"",
            1,
        )
    });
    let output = command(&lab, &["run", &spec, "--db", "runs.db"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let shown = document(command(&lab, &["show", "1", "--db", "runs.db"]));
    let fact = |key: &str| shown["facts"][key].as_str().unwrap_or_default().to_owned();
    assert_eq!(fact("model.prompter.origin"), format!("org/smol at {COMMIT}"));
    assert!(fact("model.prompter.path").ends_with(COMMIT), "{shown}");
    assert!(!fact("model.frozen.checksum").is_empty());
    // The cache is as it was.
    assert!(!lab.path("person/.cache/huggingface/hub/models--org--smol/snapshots").join(COMMIT).join("alignpro.json").exists());

    let nowhere = lab.tiny_spec("b.toml", |text| text.replacen(&format!("model = \"{MODEL}\""), "model = \"org/none\"", 1));
    let message = refused(&command(&lab, &["run", &nowhere, "--db", "runs.db"]).output().unwrap(), 1);
    assert!(message.contains("alignpro hub get org/none"), "{message}");
}

#[test]
fn an_address_that_is_none_is_not_asked() {
    let lab = lab();
    for address in ["huggingface.co", "http://example.com", "https://user:secret@example.com"] {
        let mut asked = command(&lab, &["hub", "search", "x"]);
        let message = refused(&asked.env("HF_ENDPOINT", address).output().unwrap(), 1);
        assert!(message.contains("HF_ENDPOINT") && !message.contains("secret"), "{message}");
    }
    let message = refused(&command(&lab, &["hub", "show", "../x"]).output().unwrap(), 2);
    assert!(message.contains("owner/name"), "{message}");
}

/// A limit on the size of files stands for a disk that is full: writing fails in the middle of the weights.
#[cfg(unix)]
#[test]
fn a_download_that_the_disk_cannot_hold_keeps_what_has_arrived() {
    let lab = lab();
    let small = Repository { class: Some("Qwen2ForCausalLM"), ..Repository::of_folder("org/Tiny-Qwen2", &fixture("tiny-qwen2")) };
    let server = Server::start(hub(vec![small], Faults::default()));
    let get = asking(&lab, &server, &["hub", "get", "org/Tiny-Qwen2", "--yes"]);
    let mut limited = Command::new("bash");
    // So many blocks of 1024 bytes; the signal is ignored, and writing says why it fails.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 20; exec \"$0\" \"$@\""]).arg(get.get_program()).args(get.get_args());
    limited.current_dir(get.get_current_dir().unwrap()).envs(get.get_envs().filter_map(|(key, value)| Some((key, value?))));
    for (key, _) in get.get_envs().filter(|(_, value)| value.is_none()) {
        limited.env_remove(key);
    }
    let message = refused(&limited.output().unwrap(), 1);
    assert!(message.contains("model.safetensors") && message.contains("limit"), "{message}");
    assert!(!lab.path("home/models/Tiny-Qwen2").exists(), "nothing that looks like a model");

    let before = server.seen().len();
    let brought = document(asking(&lab, &server, &["hub", "get", "org/Tiny-Qwen2", "--yes"]));
    assert_eq!(brought["name"], "Tiny-Qwen2");
    let weights = server.seen()[before..]
        .iter()
        .find(|seen| seen.path.ends_with("model.safetensors"))
        .map(|seen| seen.header("range").map(String::from));
    assert_eq!(weights, Some(Some("bytes=20480-".into())), "it goes on from what has arrived");
    lm::ModelFolder::open(&lab.path("home/models/Tiny-Qwen2")).unwrap();
}
