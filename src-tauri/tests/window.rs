//! The real window, the real worker and the real model: an experiment set up by clicks, watched, stopped, gone on with, and read.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::window::{Key, Window};
use tests::{Lab, MODEL};

const PROGRAM: &str = env!("CARGO_BIN_EXE_align-pro-studio");

/// The worker beside the window's program.
fn worker() -> PathBuf {
    let worker = Path::new(PROGRAM).with_file_name("alignpro");
    assert!(worker.exists(), "{} is not built: run `make test`", worker.display());
    worker
}

/// Keeps a picture of the page for a person to look at, and lets axe-core look, which must find nothing serious.
async fn picture(window: &Window, name: &str) {
    // The web view paints later than its page has changed.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let folder =
        std::env::var_os("ALIGNPRO_SCREENSHOTS").map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots"), PathBuf::from);
    window.screenshot(&folder.join(format!("{name}.png"))).await.unwrap();
    let violations = window.violations().await;
    assert!(violations.is_empty(), "axe-core at the picture {name}:\n{}", violations.join("\n"));
}

/// A page in both themes.
async fn in_both_themes(window: &Window, page: &str) {
    for theme in ["Dark", "Light"] {
        window.click(theme).await;
        picture(window, &format!("{page}-{}", theme.to_lowercase())).await;
    }
}

/// From the first step to running experiments of few small steps, one for each seed.
async fn set_up(window: &Window, name: &str, iterations: &str, seeds: &str) {
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
    window.follow("new/evaluation").await;
    window.fill("seeds", seeds).await;
    window.follow("new/review").await;
    window.sees("Every setting is valid").await;
}

/// Files that the window has saved, by their extension.
fn saved(lab: &Lab, extension: &str) -> Vec<PathBuf> {
    let home = lab.path("home");
    let folders = [home.join("Downloads"), home];
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == extension)).collect()
}

/// The finished experiment that comes with the program.
fn example() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/finished.alignpro")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_experiment_by_clicks() {
    let lab = Lab::new(worker().to_str().unwrap());
    let window = Window::open(&lab, PROGRAM, (1280, 800), &[]).await;
    window.sees("How much can a better prompt do?").await;
    window.sees(MODEL).await;
    in_both_themes(&window, "first-start").await;
    window.click("Set up my own").await;
    for step in ["data", "models", "reward", "training", "evaluation"] {
        window.follow(&format!("new/{step}")).await;
        in_both_themes(&window, &format!("new-{step}")).await;
    }
    window.follow("new/data").await;
    set_up(&window, "clicked", "6", "1").await;
    window.sees("In all").await;
    in_both_themes(&window, "new-review").await;
    window.click("Start the run").await;

    let words = " of 6 iterations";
    let first = window.number(words, None).await;
    assert!(window.number(words, Some(first)).await > first);
    window.click("Stop").await;
    window.sees("Stopped after iteration").await;
    assert_eq!(lab.json(&["show", "1"])["status"], "stopped");
    in_both_themes(&window, "live-stopped").await;
    window.click("Resume").await;
    lab.wait_for("home/runs.db", 1, "its end", |run| run["status"] == "finished");
    window.sees("Finished").await;

    window.click("Training").await;
    in_both_themes(&window, "training").await;
    window.click("Results").await;
    window.sees("Paired differences").await;
    in_both_themes(&window, "results").await;
    // A figure goes into the downloads folder; there is none in this home yet.
    window.click("SVG").await;
    window.sees("Saved as").await;
    let [figure] = &saved(&lab, "svg")[..] else { panic!("{:?}", saved(&lab, "svg")) };
    let svg = std::fs::read_to_string(figure).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("Untuned"), "{svg}");
    window.click("Samples").await;
    window.sees("tuned − raw").await;
    in_both_themes(&window, "samples").await;
    window.click("Try it").await;
    window.fill("Your prompt", "How do owls see at night?").await;
    window.click("Answer with every arm").await;
    window.sees("after 6 iterations").await;
    in_both_themes(&window, "try").await;
    window.click("Spec and facts").await;
    window.sees("Facts of the run").await;
    in_both_themes(&window, "spec").await;
    window.follow("compare?runs").await;
    window.sees("Training reward").await;
    in_both_themes(&window, "compare-one").await;
    window.follow("machine").await;
    window.sees("Nothing leaves this machine").await;
    in_both_themes(&window, "machine").await;
    the_theory_follows_its_slider(&window).await;
    window.follow("#/settings").await;
    window.sees("Copy diagnosis").await;
    in_both_themes(&window, "settings").await;
    window.follow("experiments").await;
    window.sees("6/6").await;
    in_both_themes(&window, "experiments").await;

    window.click("Actions for clicked").await;
    picture(&window, "menu").await;
    window.click("Export …").await;
    window.click("Trained prompters (to try prompts with)").await;
    picture(&window, "export").await;
    window.click("Export").await;
    window.sees("Exported 1 run").await;
    window.close().await;
    let [file] = &saved(&lab, "alignpro")[..] else { panic!("{:?}", saved(&lab, "alignpro")) };
    in_a_second_profile(file).await;
}

/// Keys move λ, and with it every figure.
async fn the_theory_follows_its_slider(window: &Window) {
    window.follow("#/theory").await;
    window.sees("What it does not say").await;
    in_both_themes(window, "theory").await;
    window.press("lambda", Key::Home).await;
    window.sees("At λ = 0.01 the bound is").await;
    window.press("lambda", Key::Right).await;
    window.sees("At λ = 0.0106 the bound is").await;
    window.click("Random world").await;
    window.fill("Prompts", "20").await;
    window.sees("A random world has 1 to 6 prompts, not 20.").await;
    picture(window, "theory-refused").await;
    window.fill("Prompts", "2").await;
    window.sees("What it does not say").await;
    in_both_themes(window, "theory-random").await;
}

/// A colleague's window, who has nothing yet: the file is looked at, merged, and its run kept in order.
async fn in_a_second_profile(file: &Path) {
    let lab = Lab::empty(worker().to_str().unwrap());
    let window = Window::open(&lab, PROGRAM, (1280, 800), &[file.to_str().unwrap()]).await;
    let name = file.file_name().unwrap().to_str().unwrap();
    window.sees(&format!("From {name} · read-only · 1 run")).await;
    in_both_themes(&window, "experiments-with-a-file").await;
    window.click("clicked").await;
    window.sees(&format!("In {name}, read-only")).await;
    window.sees("On 6 test prompts").await;
    in_both_themes(&window, "results-of-a-file").await;
    window.click("Samples").await;
    window.sees("tuned − raw").await;
    window.click("Try it").await;
    in_both_themes(&window, "try-of-a-file").await;
    window.click("Experiments").await;
    for outcome in ["1 run added.", "Nothing to add: the run was here already."] {
        window.click("Merge into mine").await;
        window.sees(outcome).await;
    }
    picture(&window, "merged").await;
    window.click(&format!("Close {name}")).await;
    assert_eq!(lab.json(&["runs"]).as_array().unwrap().len(), 1);

    window.click("Actions for clicked").await;
    window.click("Rename").await;
    window.fill("Name of clicked", &format!("renamed{}", Key::Enter)).await;
    window.click("Actions for renamed").await;
    window.click("Tags").await;
    window.fill("Add a tag", &format!("paper{0}{0}", Key::Enter)).await;
    window.click("paper").await;
    picture(&window, "tagged").await;
    window.click("paper").await;
    assert_eq!(lab.json(&["show", "1"])["name"], "renamed");
    window.click("Actions for renamed").await;
    window.click("Archive").await;
    window.sees("Archived “renamed”.").await;
    window.sees("Every run is archived or deleted").await;
    window.click("Undo").await;
    window.click("Select renamed").await;
    picture(&window, "selected").await;
    window.click("Delete").await;
    window.sees("Deleted “renamed”.").await;
    window.click("Deleted 1").await;
    in_both_themes(&window, "deleted").await;
    window.click("Actions for renamed").await;
    window.click("Restore").await;
    window.misses("Deleted 1").await;
    window.click("renamed").await;
    window.sees("On 6 test prompts").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_outlive_their_window() {
    let lab = Lab::new(worker().to_str().unwrap());
    let window = Window::open(&lab, PROGRAM, (1920, 1080), &[]).await;
    window.click("Set up my own").await;
    set_up(&window, "left-alone", "4", "2").await;
    picture(&window, "review-of-two-seeds").await;
    window.click("Start 2 runs").await;
    window.sees("1 waits for its turn").await;
    window.sees("Waiting for its turn").await;
    picture(&window, "waiting").await;
    window.click("Seeds of left-alone").await;
    window.click("Seed 1").await;
    window.sees(" an iteration").await;
    in_both_themes(&window, "live").await;
    // As a crash would end it: killed, not closed.
    drop(window);

    let again = Window::open(&lab, PROGRAM, (1920, 1080), &[]).await;
    again.sees("Under way").await;
    lab.wait_for("home/runs.db", 2, "the end of both", |run| run["status"] == "finished");
    again.sees("8/8").await;
    again.click("left-alone").await;
    in_both_themes(&again, "experiments-of-two-seeds").await;
    again.click("compare").await;
    again.sees("Where their specs differ").await;
    in_both_themes(&again, "compare").await;
    again.click("Experiments").await;
    again.click("Seeds of left-alone").await;
    again.click("Seed 2").await;
    again.sees("On 6 test prompts").await;
    in_both_themes(&again, "results-large").await;
    again.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_run_database_is_refused() {
    let lab = Lab::new(worker().to_str().unwrap());
    let notes = lab.write("notes.txt", "not a database");
    let window = Window::open(&lab, PROGRAM, (1280, 800), &["--db", notes.to_str().unwrap()]).await;
    window.sees("notes.txt").await;
    in_both_themes(&window, "refused").await;
    window.close().await;
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "not a database");

    let mut corrupt = example();
    corrupt.truncate(corrupt.len() / 2);
    let corrupt = lab.write("corrupt.alignpro", corrupt);
    // One index has another name: a whole database whose schema no version of the program made.
    let mut hostile = example();
    for at in 0..hostile.len() {
        if hostile[at..].starts_with(b"events_by_run") {
            hostile[at..][..13].copy_from_slice(b"events_by_fun");
        }
    }
    let hostile = lab.write("hostile.alignpro", hostile);
    lab.write("home/runs.db", example());

    let window = Window::open(&lab, PROGRAM, (1280, 800), &[notes.to_str().unwrap()]).await;
    window.sees("notes.txt is not a run database (not SQLite at all)").await;
    window.sees("quickstart").await;
    // From now on as double clicks on files, which open in the window that is there.
    for (file, reason) in [(&corrupt, "corrupt.alignpro is damaged"), (&hostile, "hostile.alignpro holds the index \"events_by_fun\"")] {
        window.start_again(PROGRAM, &[file.to_str().unwrap()]);
        window.sees(reason).await;
        picture(&window, reason.split('.').next().unwrap()).await;
    }
    let whole = lab.write("whole.alignpro", example());
    window.start_again(PROGRAM, &[whole.to_str().unwrap()]);
    window.sees("From whole.alignpro").await;
    assert!(!window.text().await.contains("From hostile.alignpro"), "a refused file is open");
    window.close().await;
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_display_it_says_so() {
    let lab = Lab::new(worker().to_str().unwrap());
    let start = |display: Option<&str>| {
        let mut command = std::process::Command::new(PROGRAM);
        command.env("ALIGNPRO_HOME", lab.path("home")).env("GDK_BACKEND", "x11").env_remove("WAYLAND_DISPLAY").env_remove("DISPLAY");
        let output = command.envs(display.map(|display| ("DISPLAY", display))).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (display, named) in [(None, "neither WAYLAND_DISPLAY nor DISPLAY names one"), (Some(":4711"), "DISPLAY=:4711 does not answer")] {
        let (code, said) = start(display);
        assert!(code == Some(1) && said.contains("There is no display for a window") && said.contains(named), "{code:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
