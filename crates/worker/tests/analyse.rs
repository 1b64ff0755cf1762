//! Several seeds of one experiment, through the command line and as the window asks.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests
use contract::event::Status;
use contract::{Code, Spec};
use desk::Desk;
use home::Home;
use std::path::Path;
use store::{NewRun, Split, Store};
use tests::{Lab, argument};

const PROGRAM: &str = env!("CARGO_BIN_EXE_alignpro");

/// A database with the shipped finished run as run 1, two more seeds of it that did better and worse, one that failed, and one that was
/// trained with another λ.
async fn seeds(lab: &Lab) -> Store {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/finished.alignpro");
    lab.text(&["import", argument(&example), "--db", "a.db"]);
    let store = Store::open(&lab.path("a.db")).await.unwrap();
    let (first, rows) = (store.run(1).await.unwrap(), store.evaluation(1, Some(Split::Test)).await.unwrap());
    let new = |spec: Spec| NewRun { spec_hash: experiment::spec::hash(&spec).unwrap(), spec, program_version: "1".into(), facts: vec![] };
    for (seed, gain) in [(2, 0.05), (3, -0.02)] {
        let run = store.create_run(&new(Spec { seed, ..first.spec.clone() })).await.unwrap();
        let mut moved = rows.clone();
        for row in moved.iter_mut().filter(|row| row.arm == "tuned") {
            row.reward += gain * (1 + row.prompt_index % 3) as f64;
        }
        store.commit_evaluation(run, &moved, &[]).await.unwrap();
        store.set_status(run, Status::Finished, None).await.unwrap();
    }
    let failed = store.create_run(&new(Spec { seed: 4, ..first.spec.clone() })).await.unwrap();
    store.set_status(failed, Status::Failed, Some("The disk is full.")).await.unwrap();
    let mut other = first.spec.clone();
    other.training.kl_coefficient = 0.5;
    store.create_run(&new(other)).await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn seeds_are_analysed_together() {
    let lab = Lab::empty(PROGRAM);
    let store = seeds(&lab).await;
    let analysis = lab.json(&["analyse", "1", "2", "3", "4", "--db", "a.db"]);
    assert_eq!((analysis["profiles"].is_null(), analysis["gains"].as_array().map(Vec::len)), (true, Some(0)), "{analysis}");
    let report = &analysis["experiments"][0]["report"];
    let tuned = &report["comparisons"][0]["difference"];
    assert_eq!((tuned["seeds"].as_i64(), tuned["failed"].as_i64()), (Some(4), Some(1)), "{report}");
    let one = lab.json(&["show", "1", "--db", "a.db"])["comparisons"][0]["mean_difference"].as_f64().unwrap();
    // Every third of the 96 prompts gains once, twice and three times as much: twice 0.05 − 0.02 on average, over four seeds.
    let expected = (3.0 * one + 2.0 * (0.05 - 0.02)) / 4.0;
    assert!((tuned["mean"].as_f64().unwrap() - expected).abs() < 1e-12, "{tuned} is not {expected}");
    assert!(tuned["student"]["low"].is_number() && tuned["bootstrap"]["high"].is_number() && tuned["components"]["seed"].is_object());
    assert!(report["comparisons"][0]["power"]["twice_seeds"].is_number());

    let text = lab.text(&["analyse", "1", "2", "3", "4", "--db", "a.db"]);
    for expected in
        ["quickstart · runs 1, 2, 3, 4 · seeds 1, 2, 3, 4 · 96 test prompts, 2 answers each", "Student's t", "seed × prompt", "p    Holm"]
    {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    assert!(
        text.contains("Over 4 seeds on 96 test prompts") && text.contains("Warning: Run 4, seed 4, failed (The disk is full)"),
        "{text}"
    );

    assert!(lab.error(&["analyse", "5", "--db", "a.db"], 1, "run").contains("None of these runs has finished"));
    assert!(lab.error(&["analyse", "1", "1", "--db", "a.db"], 1, "run").contains("Run 1 is named twice"));
    assert!(lab.error(&["analyse", "1", "77", "--db", "a.db"], 1, "run").contains("77"));

    let desk = Desk::new(Home::at(&lab.path("home")), Some(lab.path("a.db")), PROGRAM.into());
    let asked = desk.analyse(&[4, 3, 2, 1]).await.unwrap();
    assert_eq!(&serde_json::to_value(&asked).unwrap(), report, "the window is told what the command prints");
    desk.close().await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_design_is_told_what_it_finds_by_the_seeds_that_are_there() {
    let lab = Lab::empty(PROGRAM);
    let store = seeds(&lab).await;
    let desk = Desk::new(Home::at(&lab.path("home")), Some(lab.path("a.db")), PROGRAM.into());
    let spec = store.run(1).await.unwrap().spec;
    let design = desk.design(spec.clone(), 3, None).await.unwrap();
    assert_eq!(design.learned.clone().unwrap().runs, [1, 2, 3], "{design:?}");
    let after = desk.analyse(&[1, 2, 3]).await.unwrap();
    for (pair, comparison) in design.pairs.iter().zip(&after.comparisons) {
        assert_eq!((&pair.arm, &pair.baseline, pair.power), (&comparison.arm, &comparison.baseline, comparison.power));
    }
    let assumed = desk.design(spec.clone(), 3, Some(0.3)).await.unwrap();
    assert!(assumed.learned.is_none() && assumed.assumed.is_some_and(|a| a.deviation == 0.3));
    assert_eq!(desk.design(spec, 0, None).await.unwrap_err().code, Code::Spec);
    desk.close().await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn experiments_on_several_data_sets_are_put_on_one_scale() {
    let lab = Lab::empty(PROGRAM);
    let store = seeds(&lab).await;
    let (mut spec, rows) = (store.run(1).await.unwrap().spec, store.evaluation(1, Some(Split::Test)).await.unwrap());
    spec.data.source = "/data/other.jsonl".into();
    let new = NewRun { spec_hash: experiment::spec::hash(&spec).unwrap(), spec, program_version: "1".into(), facts: vec![] };
    let other = store.create_run(&new).await.unwrap();
    store.commit_evaluation(other, &rows, &[]).await.unwrap();
    store.set_status(other, Status::Finished, None).await.unwrap();
    let desk = Desk::new(Home::at(&lab.path("home")), Some(lab.path("a.db")), PROGRAM.into());
    let found = desk.profiles(&[1, 2, 3, 4, other]).await.unwrap();
    assert_eq!(
        (found.withheld.as_deref(), found.tasks.len(), found.tasks[0].runs.as_slice()),
        (None, 2, [1, 2, 3, 4].as_slice()),
        "{found:?}"
    );
    assert_eq!(found.arms.iter().map(|arm| (arm.arm.as_str(), arm.runs)).collect::<Vec<_>>(), [("raw", 4), ("untuned", 4), ("tuned", 5)]);
    assert!(found.warnings.iter().any(|w| w.contains("Run 4, seed 4, failed")) && found.warnings.iter().any(|w| w.contains("one seed")));
    let named = ["analyse", "1", "2", "3", "4", "5", &other.to_string(), "--db", "a.db"];
    let printed = lab.json(&named);
    assert_eq!(serde_json::to_value(&found.arms).unwrap(), printed["profiles"]["arms"], "the window is told what the command prints");
    let of = |place: usize| printed["experiments"][place]["report"]["runs"].as_array().map(Vec::len);
    assert_eq!([of(0), of(1), of(2)], [Some(4), None, Some(1)], "{printed}");
    assert!(printed["experiments"][1]["failure"].as_str().unwrap().contains("None of these runs has finished"));
    // Two comparisons have a p, those of the experiment with several seeds, and are adjusted for each other alone.
    let [raw, untuned] =
        [0, 1].map(|i| (printed["gains"][i]["p_value"].as_f64().unwrap(), printed["gains"][i]["p_holm"].as_f64().unwrap()));
    let (less, more) = if raw.0 < untuned.0 { (raw, untuned) } else { (untuned, raw) };
    assert_eq!((less.1, more.1), ((2.0 * less.0).min(1.0), more.0.max(2.0 * less.0).min(1.0)));
    assert_eq!((printed["gains"].as_array().unwrap().len(), printed["gains"][2]["p_holm"].as_f64()), (4, None));
    let text = lab.text(&named);
    for expected in [
        "Over all 3 experiments",
        "training.kl_coefficient is 0.5 in run 5",
        "data.source is \"/data/other.jsonl\" in run 6",
        "Runs 5: None of these runs has finished",
        "quickstart: tuned − untuned",
        "Holm over all",
        "runs above",
        "normalised by its own range",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    let alone = desk.profiles(&[1, 2]).await.unwrap();
    assert!(alone.withheld.is_some_and(|why| why.contains("two experiments")) && alone.arms.is_empty());
    assert!(desk.profiles(&[77]).await.unwrap_err().message.contains("77"));
    desk.close().await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_an_earlier_version_is_shown_with_todays_figures() {
    let lab = Lab::empty(PROGRAM);
    let store = seeds(&lab).await;
    // The shipped file was written before there were such figures.
    let stored = store.report(1).await.unwrap().unwrap();
    let shown = lab.json(&["show", "1", "--db", "a.db"]);
    let desk = Desk::new(Home::at(&lab.path("home")), Some(lab.path("a.db")), PROGRAM.into());
    let paged = desk.run(1).await.unwrap().summary.report.unwrap();
    for (i, old) in stored.comparisons.iter().enumerate() {
        let new = &paged.comparisons[i];
        assert_eq!(
            (new.mean_difference, new.ci_low, new.ci_high, new.p_value),
            (old.mean_difference, old.ci_low, old.ci_high, old.p_value)
        );
        assert!(new.p_holm.is_some() && new.bca.is_some() && new.variance.is_some_and(|v| v.interval.is_some()), "{new:?}");
        assert_eq!(serde_json::to_value(new).unwrap(), shown["comparisons"][i]);
    }
    assert!(paged.verdict.starts_with(&stored.verdict) && paged.verdict.contains("The variance of the tuned prompter's rewards"));
    desk.close().await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_one_file_of_one_run_or_of_several() {
    let lab = Lab::empty(PROGRAM);
    let store = seeds(&lab).await;
    let written = lab.json(&["report", "one.html", "1", "--db", "a.db"]);
    let one = std::fs::read_to_string(lab.path("one.html")).unwrap();
    assert_eq!(written["bytes"].as_u64(), Some(one.len() as u64), "{written}");
    let record = store.run(1).await.unwrap();
    let report = store.report(1).await.unwrap().unwrap();
    for expected in
        ["<!doctype html>", "<h1", &record.name, "Reward mean", "Paired differences", "Distribution of rewards", "BCa", "@article{"]
    {
        assert!(one.contains(expected), "{expected:?} is not in the report");
    }
    // As the pages write numbers.
    let mean = format!("{:.3} [", report.arms[0].reward_mean);
    assert!(one.contains(&mean), "{mean:?} is not in the report");
    assert!(!one.contains("<script"), "a report has no script");
    for row in store.evaluation(1, Some(Split::Test)).await.unwrap() {
        for text in [Some(row.prompt), row.rewrite, Some(row.answer)].into_iter().flatten().filter(|text| text.len() > 20) {
            assert!(!one.contains(&text), "a report goes to people who were not given {text:?}");
        }
    }

    let several = lab.text(&["report", "all.html", "1", "2", "3", "4", "--db", "a.db"]);
    assert!(several.contains("the report of 4 runs"), "{several}");
    let all = std::fs::read_to_string(lab.path("all.html")).unwrap();
    for expected in ["4 runs of 1 experiment: quickstart, seeds 1, 2, 3, 4", "Over 4 seeds on 96 test prompts", "Differences over seeds"] {
        assert!(all.contains(expected), "{expected:?} is not in the report");
    }

    let there = lab.error(&["report", "one.html", "1", "--db", "a.db"], 1, "io");
    assert!(there.contains("one.html") && there.contains("there already"), "{there}");
    assert_eq!(std::fs::read_to_string(lab.path("one.html")).unwrap(), one, "what was there stays");
    assert!(lab.error(&["report", "no/folder.html", "1", "--db", "a.db"], 1, "io").contains("its folder is not there"));
    let unfinished = lab.error(&["report", "two.html", "4", "--db", "a.db"], 1, "run");
    assert!(unfinished.contains("Run 4 has no report") && unfinished.contains("failed"), "{unfinished}");
    assert!(lab.error(&["report", "two.html", "77", "--db", "a.db"], 1, "run").contains("77"));
    assert!(lab.error(&["report", "two.html", "1", "--db", "none.db"], 1, "database").contains("none.db"));
    assert!(!lab.path("two.html").exists() && !lab.path("none.db").exists(), "nothing is left of what failed");

    let desk = Desk::new(Home::at(&lab.path("home")), Some(lab.path("a.db")), PROGRAM.into());
    let downloads = lab.path("downloads");
    let saved = [desk.save_report(&[1], &downloads).await.unwrap(), desk.save_report(&[1], &downloads).await.unwrap()];
    assert_eq!(saved, ["quickstart-seed-1-report.html", "quickstart-seed-1-report-2.html"].map(|name| downloads.join(name)));
    assert_eq!(std::fs::read_to_string(&saved[0]).unwrap(), one, "the window writes what the command writes");
    desk.close().await;
    store.close().await;
}
