//! The real window, the real worker and the real model: an experiment set up by clicks, watched, stopped, gone on with, and read.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::window::Window;
use tests::{Lab, MODEL};

const PROGRAM: &str = env!("CARGO_BIN_EXE_align-pro-studio");

/// The worker beside the window's program.
fn worker() -> PathBuf {
    let worker = Path::new(PROGRAM).with_file_name("alignpro");
    assert!(worker.exists(), "{} is not built: run `make test`", worker.display());
    worker
}

/// Pictures for a person to look at.
async fn picture(window: &Window, name: &str) {
    // The web view paints later than its page has changed.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let folder =
        std::env::var_os("ALIGNPRO_SCREENSHOTS").map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots"), PathBuf::from);
    window.screenshot(&folder.join(format!("{name}.png"))).await.unwrap();
}

/// From the pages' first words to a running experiment of few small steps.
async fn set_up(window: &Window, name: &str, iterations: &str) {
    window.fill("name", name).await;
    window.fill("data.train", "8").await;
    window.fill("data.validation", "0").await;
    window.fill("data.test", "6").await;
    window.follow("new/models").await;
    window.fill("frozen.max_answer_tokens", "8").await;
    window.follow("new/training").await;
    window.fill("training.iterations", iterations).await;
    window.fill("training.group_size", "1").await;
    window.sees("use 2 or more").await;
    picture(window, &format!("{name}-a-problem-at-its-field")).await;
    window.fill("training.group_size", "2").await;
    window.fill("prompter.max_rewrite_tokens", "6").await;
    window.follow("new/review").await;
    window.sees("Every setting is valid").await;
    picture(window, &format!("{name}-review")).await;
    window.click("Start the run").await;
}

/// Files that the window has saved, by their extension.
fn saved(lab: &Lab, extension: &str) -> Vec<String> {
    let home = lab.path("home");
    let folders = [home.join("Downloads"), home];
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == extension)).map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_experiment_by_clicks() {
    let lab = Lab::new(worker().to_str().unwrap());
    let window = Window::open(&lab, PROGRAM, (1280, 800), &[]).await;
    window.sees("How much can a better prompt do?").await;
    window.sees(MODEL).await;
    picture(&window, "first-start").await;
    window.click("Set up my own").await;
    set_up(&window, "clicked", "12").await;

    window.sees(" an iteration").await;
    picture(&window, "live").await;
    window.click("Stop").await;
    window.sees("Stopped after iteration").await;
    assert_eq!(lab.json(&["show", "1"])["status"], "stopped");
    window.click("Resume").await;
    window.sees("Finished").await;

    window.click("Results").await;
    window.sees("Paired differences").await;
    picture(&window, "results").await;
    // A figure goes into the downloads folder; there is none in this home yet.
    window.click("SVG").await;
    window.sees("Saved as").await;
    let saved: Vec<_> = saved(&lab, "svg");
    assert!(matches!(&saved[..], [svg] if svg.starts_with("<svg") && svg.contains("Untuned")), "{saved:?}");
    window.click("Dark").await;
    picture(&window, "results-dark").await;
    window.click("Samples").await;
    picture(&window, "samples-dark").await;
    window.click("Light").await;
    picture(&window, "samples").await;
    window.follow("experiments").await;
    window.sees("12/12").await;
    picture(&window, "experiments").await;
    window.follow("machine").await;
    window.sees("Nothing leaves this machine").await;
    picture(&window, "machine").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_outlives_its_window() {
    let lab = Lab::new(worker().to_str().unwrap());
    let window = Window::open(&lab, PROGRAM, (1920, 1080), &[]).await;
    window.click("Set up my own").await;
    set_up(&window, "left-alone", "6").await;
    window.sees(" an iteration").await;
    // As a crash would end it: killed, not closed.
    drop(window);
    lab.wait_for("home/runs.db", 1, "its end", |run| run["status"] == "finished");

    let again = Window::open(&lab, PROGRAM, (1920, 1080), &[]).await;
    again.sees("6/6").await;
    again.click("left-alone").await;
    again.sees("On 6 test prompts").await;
    picture(&again, "results-large").await;
    again.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_none_is_refused() {
    let lab = Lab::new(worker().to_str().unwrap());
    let file = lab.write("notes.txt", "not a database");
    let window = Window::open(&lab, PROGRAM, (1280, 800), &[file.to_str().unwrap()]).await;
    window.sees("notes.txt").await;
    picture(&window, "refused").await;
    window.close().await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a database");
}
