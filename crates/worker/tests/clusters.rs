//! An experiment whose prompts belong together, on the real model, through the command line: from the file to a colleague's figures.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::{Lab, said};

const IN_FOURS: &str = "8 in 4 clusters";

/// Ten people who ask two questions each; 8 test prompts are those of four of them, in the order that `split_seed` says.
fn lab() -> (Lab, String) {
    let lab = Lab::new(env!("CARGO_BIN_EXE_alignpro"));
    let spec = lab.tiny_spec("tiny.toml", |text| {
        text.replace("[data]", "[data]\ncluster_column = \"user\"")
            .replace("train = 8", "train = 6")
            .replace("iterations = 3", "iterations = 1")
    });
    lab.write("prompts.jsonl", prompts(|user| json!(user)));
    (lab, spec)
}

fn prompts(user: impl Fn(usize) -> Value) -> String {
    let ask = ["What should I know about", "Why do people like"];
    let subject = ["bread", "rivers", "old maps", "cats", "the moon", "chess", "bicycles", "rain", "libraries", "soup"];
    let line = |i: usize| json!({ "prompt": format!("{} {}?", ask[i / 10], subject[i % 10]), "user": user(i % 10) }).to_string() + "\n";
    (0..20).map(line).collect()
}

#[test]
fn clusters_reach_every_figure_and_every_copy_of_the_run() {
    let (lab, spec) = lab();
    let output = lab.run(&["run", &spec, "--db", "a.db"]);
    assert!(output.status.success(), "{}", said(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    for expected in [IN_FOURS, "On 8 test prompts in 4 clusters", "Intervals and tests count clusters of prompts"] {
        assert!(printed.contains(expected), "{expected:?} is not in\n{printed}");
    }
    let shown = lab.json(&["show", "1", "--db", "a.db"]);
    for counted in shown["arms"].as_array().unwrap().iter().chain(shown["comparisons"].as_array().unwrap()) {
        assert_eq!((counted["prompts"].as_u64(), counted["clusters"].as_u64()), (Some(8), Some(4)), "{counted}");
    }
    // Four clusters have sixteen sign patterns.
    let p = shown["comparisons"][0]["p_value"].as_f64().unwrap();
    assert!((16.0 * p).fract() == 0.0 && p >= 0.125, "{p}");
    assert!(shown["comparisons"][0]["variance"]["p_value"].is_null());
    // Both questions of a person are in the test, or neither is.
    let rows = rows(&lab, "a.db");
    let of = |cluster: usize| rows.iter().filter(|(_, c)| *c == Some(cluster)).map(|(prompt, _)| prompt.clone()).collect::<BTreeSet<_>>();
    for cluster in 0..4 {
        let subjects: BTreeSet<String> = of(cluster)
            .iter()
            .map(|p| p.trim_start_matches("What should I know about ").trim_start_matches("Why do people like ").into())
            .collect();
        assert_eq!((of(cluster).len(), subjects.len()), (2, 1), "{cluster}: {:?}", of(cluster));
    }

    // A colleague has the file without its texts, and no data file: from the rows alone.
    lab.json(&["export", "mailed.alignpro", "1", "--without-texts", "--db", "a.db"]);
    lab.json(&["import", "mailed.alignpro", "--db", "b.db"]);
    assert_eq!(lab.json(&["show", "1", "--db", "b.db"])["comparisons"], shown["comparisons"]);
    let analysed = lab.json(&["analyse", "1", "--db", "b.db"]);
    assert_eq!(analysed["experiments"][0]["report"]["clusters"], 4, "{analysed}");
    assert_eq!(analysed, lab.json(&["analyse", "1", "--db", "a.db"]));
    let text = lab.text(&["analyse", "1", "--db", "b.db"]);
    assert!(
        text.contains("8 test prompts in 4 clusters, 2 answers each") && text.contains("With one seed, on 8 test prompts in 4 clusters")
    );
    // What a design could find is told by its clusters.
    let text = lab.text(&["estimate", &spec, "--db", "a.db"]);
    assert!(text.contains("with 4 clusters of test prompts,") && text.contains("Counted are clusters of prompts"), "{text}");
}

/// Test prompts of run 1, with their clusters.
fn rows(lab: &Lab, database: &str) -> Vec<(String, Option<usize>)> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = store::Store::open_existing(&lab.path(database)).await.unwrap();
        let rows = store.evaluation(1, Some(store::Split::Test)).await.unwrap();
        rows.into_iter().map(|row| (row.prompt, row.cluster)).collect()
    })
}

#[test]
fn what_is_wrong_with_clusters_is_said_before_anything_is_written() {
    let (lab, spec) = lab();
    let with = |content: String| {
        lab.write("prompts.jsonl", content);
        lab.error(&["run", &spec, "--db", "a.db"], 1, "data")
    };
    let message = with(prompts(|user| if user >= 3 { Value::Null } else { json!(user) }));
    assert!(message.contains("line 4: \"user\" holds null") && message.contains("a name that no other has"), "{message}");
    let message = with(prompts(|_| json!("the same")));
    assert!(message.contains("are left of the 2 that data.validation asks for"), "{message}");
    let shipped = lab.tiny_spec("shipped.toml", |text| text.replace("\"prompts.jsonl\"", "\"shipped\"\ncluster_column = \"topic\""));
    let message = lab.error(&["run", &shipped, "--db", "a.db"], 2, "spec");
    assert!(message.contains("data.cluster_column is for a file of your own"), "{message}");
    assert!(!lab.path("a.db").exists());
}
