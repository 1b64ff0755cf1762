//! A whole small experiment on the real model, through the command line.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests
use serde_json::Value;
use tests::{Lab, MODEL, argument, said};

fn lab() -> Lab {
    Lab::new(env!("CARGO_BIN_EXE_alignpro"))
}

fn numbers<'a>(value: &'a Value, keys: &[&str]) -> impl Iterator<Item = f64> + 'a {
    keys.iter().map(|key| value[*key].as_f64().unwrap_or_else(|| panic!("{key} is no number in {value}"))).collect::<Vec<_>>().into_iter()
}

#[test]
fn from_a_spec_to_the_printed_result() {
    let lab = lab();
    let spec = lab.tiny_spec("tiny.toml", |text| text);
    let output = lab.run(&["run", &spec, "--db", "a.db"]);
    assert!(output.status.success(), "{}", said(&output));
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    for expected in
        ["raw", "untuned", "tuned", "answers (n)", "between prompts", "part topicality", "tuned − raw", "tuned − untuned", "a.db"]
    {
        assert!(printed.contains(expected), "{expected:?} is not in\n{printed}");
    }
    // Not a terminal: standard error has warnings at most.
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(stderr.lines().all(|line| line.starts_with("warning: ")), "{}", said(&output));

    let shown = lab.json(&["show", "1", "--db", "a.db"]);
    assert_eq!(shown["spec"]["training"]["learning_rate"], 5e-4, "defaults are written out");
    let arms = shown["arms"].as_array().unwrap();
    assert_eq!(arms.iter().map(|arm| arm["name"].as_str().unwrap()).collect::<Vec<_>>(), ["raw", "untuned", "tuned"]);
    for arm in arms {
        assert_eq!(arm["n"], 16);
        assert!(numbers(arm, &["reward_mean", "reward_variance", "between_prompt_variance", "within_prompt_variance"]).all(f64::is_finite));
        let parts = arm["reward_parts"].as_object().unwrap();
        assert_eq!(parts.keys().collect::<Vec<_>>(), ["sentiment", "topicality"]);
        let sum = parts["sentiment"].as_f64().unwrap() + 0.5 * parts["topicality"].as_f64().unwrap();
        assert!((sum - arm["reward_mean"].as_f64().unwrap()).abs() < 1e-9, "the reward is the weighted sum of its parts: {arm}");
    }
    let comparisons = shown["comparisons"].as_array().unwrap();
    for pair in [("tuned", "raw"), ("tuned", "untuned")] {
        let c = comparisons.iter().find(|c| (c["arm"].as_str(), c["baseline"].as_str()) == (Some(pair.0), Some(pair.1))).unwrap();
        let [difference, low, high, p] = numbers(c, &["mean_difference", "ci_low", "ci_high", "p_value"]).collect::<Vec<_>>()[..] else {
            panic!()
        };
        assert!(low <= difference && difference <= high && (0.0..=1.0).contains(&p), "{c}");
    }
    assert_eq!(shown["status"], "finished");
    for key in ["model.prompter.checksum", "model.frozen.checksum", "data.test.checksum", "machine.threads", "engine", "engine.proof"] {
        assert!(shown["facts"][key].as_str().is_some_and(|fact| !fact.is_empty()), "no fact {key} in {shown}");
    }

    let runs = lab.json(&["runs", "--db", "a.db"]);
    assert_eq!(
        (runs[0]["run"].as_i64(), runs[0]["status"].as_str(), runs[0]["iterations_done"].as_i64()),
        (Some(1), Some("finished"), Some(3))
    );
    assert!(lab.text(&["runs", "--db", "a.db"]).contains("finished"));

    let tried = lab.json(&["try", "1", "Why is bread good?", "--db", "a.db"]);
    assert_eq!(tried, lab.json(&["try", "1", "Why is bread good?", "--db", "a.db"]), "the same seed draws the same");
    assert_ne!(tried, lab.json(&["try", "1", "Why is bread good?", "--db", "a.db", "--seed", "1"]));
    let arms = tried["arms"].as_array().unwrap();
    assert!(arms[0]["rewrite"].is_null() && arms[1]["rewrite"].is_string() && arms[2]["rewrite"].is_string(), "{tried}");
    assert!(arms.iter().all(|arm| arm["reward_parts"]["topicality"].is_number()), "{tried}");

    // Nothing is left to do: the result is shown again.
    for again in [&["resume", "1", "--db", "a.db"][..], &["run", &spec, "--continue", "--db", "a.db"]] {
        let again = lab.run(again);
        assert_eq!((again.status.code(), String::from_utf8(again.stdout).unwrap()), (Some(0), printed.clone()));
    }
    adapter_becomes_a_folder(&lab);
}

/// The adapter of run 1 as a PEFT folder: what the checkpoint holds, made once, never over something else.
fn adapter_becomes_a_folder(lab: &Lab) {
    let made = lab.json(&["adapter", "1", "out/peft", "--db", "a.db"]);
    assert_eq!((made["iteration"].as_i64(), made["folder"].as_str()), (Some(3), Some("out/peft")));
    let model = lm::ModelFolder::open(&tests::model()).unwrap();
    let model = lm::Llama::load(&model, &lm::Device::Cpu, lm::Precision::F32).unwrap();
    let adapter = lm::Adapter::load_peft(&model, &lab.path("out/peft")).unwrap();
    assert_eq!((adapter.config.rank, adapter.config.alpha, adapter.config.targets.len()), (4, 8.0, 2));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let checkpoint = runtime.block_on(async {
        store::Store::open_existing(&lab.path("a.db")).await.unwrap().checkpoint(1, contract::arm::TUNED).await.unwrap().unwrap()
    });
    assert_eq!(adapter.to_bytes().unwrap(), checkpoint.adapter);
    assert_eq!(std::fs::read_dir(lab.path("out")).unwrap().count(), 1, "no draft is left");
    assert!(lab.error(&["adapter", "1", "out/peft", "--db", "a.db"], 1, "io").contains("not empty"));
    assert!(lab.error(&["adapter", "1", "/proc/none/peft", "--db", "a.db"], 1, "io").contains("MB free"));
}

#[test]
fn the_same_seed_gives_the_same_numbers_and_another_seed_others() {
    let lab = lab();
    let spec = lab.tiny_spec("tiny.toml", |text| text.replace("iterations = 3", "iterations = 1").replace("test = 8", "test = 4"));
    let arms = |db: &str, extra: &[&str]| lab.json(&[&["run", spec.as_str(), "--db", db], extra].concat())["arms"].clone();
    let first = arms("a.db", &[]);
    assert_eq!(first, arms("a.db", &["--seed", "3"]), "3 is the spec's seed");
    assert_ne!(first, arms("a.db", &["--seed", "4"]));
}

#[test]
fn models_are_listed_imported_and_found_by_path() {
    let lab = lab();
    let listed = lab.json(&["models", "list"]);
    assert_eq!((listed[0]["name"].as_str(), listed[0]["parameters"].as_i64()), (Some(MODEL), Some(134_515_008)));
    assert!(lab.text(&["models", "list"]).contains("134.5 M"));

    let imported = lab.json(&["models", "import", argument(&tests::gguf()), "--name", "mine"]);
    assert_eq!((imported["name"].as_str(), imported["parameters"].as_i64()), (Some("mine"), Some(134_515_008)));
    for file in std::fs::read_dir(tests::model()).unwrap().map(|entry| entry.unwrap().file_name()) {
        let (theirs, ours) =
            (std::fs::read(tests::model().join(&file)).unwrap(), std::fs::read(lab.path("home/models/mine").join(&file)).unwrap());
        assert!(theirs == ours, "{} differs from the embedded model's", file.display());
    }
    // A fetch finds what is there, without a network.
    let fetched = lab.command(&["models", "fetch", "--json"]).env("PATH", "").output().unwrap();
    assert!(fetched.status.success(), "{}", said(&fetched));
}

#[test]
fn several_seeds_in_one_file_that_is_shared() {
    let lab = lab();
    let spec = lab.tiny_spec("tiny.toml", |text| text.replace("iterations = 3", "iterations = 1").replace("test = 8", "test = 4"));
    let output = lab.run(&["run", &spec, "--db", "a.db", "--seeds", "2"]);
    assert!(output.status.success(), "{}", said(&output));
    let runs = lab.json(&["runs", "--db", "a.db"]);
    let seeds: Vec<_> =
        runs.as_array().unwrap().iter().map(|run| (run["seed"].as_u64().unwrap(), run["status"].as_str().unwrap())).collect();
    assert_eq!(seeds, [(4, "finished"), (3, "finished")]);
    // The second is what it would have been alone.
    lab.text(&["run", &spec, "--db", "b.db", "--seed", "4"]);
    assert_eq!(lab.json(&["show", "2", "--db", "a.db"])["arms"], lab.json(&["show", "1", "--db", "b.db"])["arms"]);

    let exported = lab.json(&["export", "both.alignpro", "1", "2", "--db", "a.db"]);
    assert_eq!(exported["runs"], serde_json::json!([1, 2]));
    assert!(lab.error(&["export", "both.alignpro", "1", "--db", "a.db"], 1, "io").contains("there already"));
    assert!(lab.error(&["export", "c.alignpro", "9", "--db", "a.db"], 1, "run").contains("no run 9"));
    let merged = lab.json(&["import", "both.alignpro", "--db", "b.db"]);
    assert_eq!(merged["added"], serde_json::json!([2, 3]));
    assert!(lab.text(&["import", "both.alignpro", "--db", "b.db"]).contains("No run is new; 2 were here already"));
    assert_eq!(lab.json(&["show", "3", "--db", "b.db"])["comparisons"], lab.json(&["show", "2", "--db", "a.db"])["comparisons"]);
    assert!(lab.error(&["import", "tiny.toml", "--db", "b.db"], 1, "database").contains("tiny.toml"));
    assert!(lab.error(&["import", "b.db", "--db", "b.db"], 1, "database").contains("itself"));
    assert!(lab.error(&["try", "2", "Why?", "--db", "b.db"], 1, "run").contains("without its trained prompter"));
}

/// As the run's page tells it, all that the process holds included.
#[tokio::test]
async fn a_run_holds_what_it_was_said_to_hold() {
    let lab = lab();
    let large: &[(&str, &str)] = &[
        ("group_size = 3", "group_size = 32"),
        ("rewrites_per_pass = 3", "rewrites_per_pass = 64"),
        ("iterations = 3", "iterations = 1"),
        // So short that most are cut there: of texts that end by themselves the estimate knows nothing.
        ("max_rewrite_tokens = 6", "max_rewrite_tokens = 16"),
    ];
    // Of the others loading is the most, or another engine.
    let small = ("iterations = 3", "iterations = 1");
    let bf16 = ("seed = ", "precision = \"bf16\"\nseed = ");
    let mistralrs = ("[frozen]", "[frozen]\nengine = \"mistralrs\"\nquantisation = \"q8_0\"");
    let changes: [(&str, &[(&str, &str)]); 3] = [("large", large), ("bf16", &[small, bf16]), ("mistralrs", &[small, mistralrs])];
    let mut figures = Vec::new();
    for (name, changes) in changes {
        let change = |text: String| changes.iter().fold(text, |text, (from, to)| text.replacen(from, to, 1));
        let (spec, db) = (lab.tiny_spec(&format!("{name}.toml"), change), format!("{name}.db"));
        let said_bytes = lab.json(&["estimate", &spec])["memory"]["peak_bytes"].as_f64().unwrap();
        let output = lab.run(&["run", &spec, "--db", &db]);
        assert!(output.status.success(), "{}", said(&output));
        let store = store::Store::open(&lab.path(&db)).await.unwrap();
        let iterations = store.iterations(1, "tuned", 1).await.unwrap();
        let took_bytes = iterations.iter().filter_map(|iteration| iteration.metrics["peak_memory_bytes"]).fold(0.0, f64::max);
        figures.push((name, said_bytes, took_bytes));
    }
    let line = |(name, said, took): &(&str, f64, f64)| {
        format!("{name}: said {:.0} MB, took {:.0} MB, {:+.1} %", said / 1e6, took / 1e6, 100.0 * (said / took - 1.0))
    };
    let lines = figures.iter().map(line).collect::<Vec<_>>().join("\n");
    // As for the model alone (`lm/tests/footprint.rs`), and the same bound.
    assert!(figures.iter().all(|(_, said, took)| (said / took - 1.0).abs() < 0.15), "{lines}");
}
