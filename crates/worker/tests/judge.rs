//! The embedded model as a judge of the shipped example: a bad one, on which everything but its taste can be tested.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
use contract::Code;
use contract::endpoint::Endpoint;
use contract::judged::{JudgeProgress, ToJudge};
use desk::Desk;
use home::Home;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use store::{Judging, Store};
use tests::{Lab, MODEL, argument, said, signal};

const PROGRAM: &str = env!("CARGO_BIN_EXE_alignpro");

/// A home with the example's run, finished and with its texts, as run 1 of the default database.
fn lab() -> Lab {
    let lab = Lab::new(PROGRAM);
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/finished.alignpro");
    lab.text(&["import", argument(&example)]);
    lab
}

/// What is kept of run 1 in `database`.
fn kept(database: &Path) -> Vec<Judging> {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Store::open_existing(database).await.unwrap();
        let judgings = store.judgings(1).await.unwrap();
        store.close().await;
        judgings
    })
}

#[test]
fn a_run_is_judged_shown_and_shared() {
    let lab = lab();
    let judge = ["judge", "1", "--judge", MODEL, "--pairs", "4"];
    let judged = lab.json(&judge);
    assert_eq!((judged["judge"].as_str(), judged["arm"].as_str(), judged["baseline"].as_str()), (Some(MODEL), Some("tuned"), Some("raw")));
    let count = |key: &str| judged[key].as_u64().unwrap();
    assert_eq!((count("pairs") + count("unparsed"), count("too_long"), count("available")), (4, 0, 192));
    assert_eq!(judged["template"], experiment::judge::TEMPLATE);
    assert!(!lab.path("home/runs.db-wal").exists(), "the file holds the verdicts, and may be mailed alone");
    assert!(judged["engine"].as_str().unwrap().starts_with("built-in engine"), "{judged}");

    let [judging] = &kept(&lab.path("home/runs.db"))[..] else { panic!() };
    assert_eq!((&judging.asked.checksum, judging.judgements.len()), (&judged["checksum"].as_str().unwrap().to_owned(), 4));
    assert!(judging.judgements.iter().enumerate().all(|(i, j)| (j.prompt_index, j.answer_index) == (i, 0)), "a pair of each prompt");
    assert!(judging.judgements.iter().all(|j| j.arm_first_text.as_ref().is_some_and(|text| !text.is_empty())));

    // Asked the same, it has nothing to do; by a path, it is the same model.
    assert_eq!(lab.json(&judge), judged);
    let folder = format!("home/models/{MODEL}");
    assert_eq!(lab.json(&["judge", "1", "--judge", &folder, "--pairs", "3"]), judged);
    let shown = lab.json(&["show", "1"]);
    assert_eq!(shown["judged"], serde_json::json!([judged]));
    let text = lab.text(&["show", "1"]);
    assert!(text.contains("win rate [95 % interval]") && text.contains(&format!("tuned over raw, {MODEL}")), "{text}");
    assert!(!kept(&lab.path("home/runs.db"))[0].asked.judge.contains('/'), "no folder of this machine");

    // Verdicts go with a shared run; what the judge wrote goes with its texts.
    lab.text(&["export", "numbers.alignpro", "1", "--without-texts"]);
    lab.text(&["import", "numbers.alignpro", "--db", "other.db"]);
    assert_eq!(lab.json(&["show", "1", "--db", "other.db"])["judged"], shown["judged"]);
    assert!(kept(&lab.path("other.db"))[0].judgements.iter().all(|j| j.arm_first_text.as_deref() == Some("")));
    let refused = lab.error(&["judge", "1", "--judge", MODEL, "--db", "other.db"], 1, "run");
    assert!(refused.contains("without its texts"), "{refused}");
}

#[test]
fn what_cannot_be_judged_says_so() {
    let lab = lab();
    let refused = |arguments: &[&str], code: &str| lab.error(&[&["judge", "1"], arguments].concat(), 1, code);
    let missing = refused(&["--judge", "gpt-4"], "model");
    assert!(missing.contains("--judge") && missing.contains("gpt-4") && missing.contains(MODEL), "{missing}");
    let arm = refused(&["--judge", MODEL, "--arm", "oracle"], "run");
    assert!(arm.contains("\"oracle\"") && arm.contains("raw, untuned, tuned"), "{arm}");
    assert!(refused(&["--judge", MODEL, "--arm", "raw"], "run").contains("against itself"));
    assert!(lab.error(&["judge", "9", "--judge", MODEL], 1, "run").contains("no run 9"));
    let output = lab.run(&["judge", "1", "--judge", MODEL, "--pairs", "0"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert_eq!(kept(&lab.path("home/runs.db")), []);
}

#[test]
fn a_judging_that_is_stopped_goes_on_with_the_rest() {
    let lab = lab();
    let mut child = lab.spawn(&["judge", "1", "--judge", MODEL, "--each", "--json"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let done = |progress: &Value| progress["done"].as_u64().unwrap();
    let begun = lines.next().unwrap();
    assert_eq!((done(&begun), begun["total"].as_u64()), (0, Some(192)));
    let first = done(&lines.next().unwrap());
    assert!(first > 0 && kept(&lab.path("home/runs.db"))[0].judgements.len() as u64 >= first, "kept before it is told");
    signal(&child, "INT");
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(3));
    let [judging] = &kept(&lab.path("home/runs.db"))[..] else { panic!() };
    let before = judging.judgements.len();
    assert!(before < 192, "it was stopped on its way");

    let pairs = (before + 2).to_string();
    let text = lab.text(&["judge", "1", "--judge", MODEL, "--pairs", &pairs, "--each", "--json"]);
    let begun: JudgeProgress = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(begun, JudgeProgress { done: before, total: before + 2 });
    let [gone_on] = &kept(&lab.path("home/runs.db"))[..] else { panic!("it is the same judging") };
    assert_eq!((&gone_on.judgements[..before], gone_on.judgements.len()), (&judging.judgements[..], before + 2));
    assert_eq!((gone_on.began_at_ms, gone_on.ended_at_ms > judging.ended_at_ms), (judging.began_at_ms, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_asks_a_judge_and_stops_it() {
    let lab = lab();
    let desk = Desk::new(Home::at(&lab.path("home")), None, PROGRAM.into());
    let what = |pairs| ToJudge { judge: MODEL.into(), arm: "tuned".into(), baseline: "untuned".into(), pairs };
    let mut told = Vec::new();
    let judged = desk.judge(1, &what(Some(2)), None, |progress| told.push(progress)).await.unwrap();
    assert_eq!(told, [JudgeProgress { done: 0, total: 2 }, JudgeProgress { done: 2, total: 2 }]);
    let report = desk.run(1).await.unwrap().summary.report.unwrap();
    assert_eq!(report.judged, [judged]);

    let all = what(None);
    let stopped = desk.judge(1, &all, None, |progress| {
        if progress.done == 2 {
            desk.leave(&desk::Work::Judging);
        }
    });
    assert_eq!(stopped.await.unwrap_err().code, Code::Stopped);
    assert_eq!(desk.run(1).await.unwrap().summary.report.unwrap().judged, report.judged);
    let missing = desk.judge(1, &ToJudge { judge: "gpt-4".into(), ..what(None) }, None, |_| ()).await.unwrap_err();
    assert_eq!((missing.code, missing.message.contains("not installed")), (Code::Model, true), "{missing}");
    let open = desk.judge(1, &all, Some(&Endpoint::at("http://example.com/v1")), |_| ()).await.unwrap_err();
    assert_eq!((open.code, open.message.contains("The URL")), (Code::Spec, true), "{open}");
    let file = desk.export(&[1], contract::desk::Share { texts: true, prompters: false }, &lab.path("downloads")).await.unwrap();
    let theirs = desk.open_file(&file).await.unwrap().runs[0];
    assert_eq!(desk.run(theirs).await.unwrap().summary.report.unwrap().judged, report.judged);
    assert!(desk.judge(theirs, &all, None, |_| ()).await.unwrap_err().message.contains("merge"));
}
