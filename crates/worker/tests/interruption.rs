//! Stopping, killing and resuming: a resumed run must equal one left alone, bit for bit.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
mod kept;

use kept::{assert_equal, kept};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};
use tests::{Lab, said, signal};

fn lab() -> Lab {
    Lab::new(env!("CARGO_BIN_EXE_alignpro"))
}

/// A few pseudo-random fractions of 1 (a linear congruential generator with Knuth's constants).
fn fractions(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    })
}

#[test]
fn killed_or_stopped_anywhere_it_ends_as_if_left_alone() {
    let lab = lab();
    let spec = lab.tiny_spec("tiny.toml", |text| text.replace("[training]", "[training]\nvalidate_every_iterations = 2"));
    let begun = Instant::now();
    lab.text(&["run", &spec, "--db", "whole.db"]);
    let length = begun.elapsed();
    let whole = kept(&lab.path("whole.db"));
    assert_eq!(whole.checkpoint.as_ref().map(|c| c.iteration), Some(3));

    killed_at_random(&lab, &spec, length);
    assert_equal(&whole, &kept(&lab.path("killed.db")), "killed at random moments");
    stopped_politely(&lab, &spec);
    assert_equal(&whole, &kept(&lab.path("stopped.db")), "stopped by Ctrl-C and by `stop`");
}

/// `kill -9` at random moments of what an uninterrupted run takes, until one attempt comes to the end.
fn killed_at_random(lab: &Lab, spec: &str, length: Duration) {
    let mut kills = 0;
    for (attempt, fraction) in fractions(20_261).enumerate().take(6) {
        // A run that was killed before its row was written begins anew.
        let exists = lab.run(&["show", "1", "--db", "killed.db"]).status.success();
        let arguments = if exists { ["resume", "1", "--db", "killed.db"] } else { ["run", spec, "--db", "killed.db"] };
        let mut child = lab.spawn(&arguments);
        // The first attempt dies early, while models load or the run's row is written.
        std::thread::sleep(length.mul_f64(if attempt == 0 { 0.2 * fraction } else { 0.1 + 0.8 * fraction }));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        // It may have come to its end before it was killed.
        if status.success() {
            break;
        }
        assert_eq!(status.signal(), Some(9), "attempt {attempt} ended by itself");
        kills += 1;
    }
    assert!(kills > 0, "no attempt was killed");
    let runs = lab.json(&["runs", "--db", "killed.db"]);
    assert_eq!(runs.as_array().unwrap().len(), 1);
    if runs[0]["status"] != "finished" {
        assert!(matches!(runs[0]["status"].as_str(), Some("interrupted" | "created")), "{runs}");
        let output = lab.run(&["resume", "1", "--db", "killed.db"]);
        assert!(output.status.success(), "{}", said(&output));
    }
}

/// Ctrl-C after the first iteration, `alignpro stop` while it goes on, then to the end. A second worker is refused meanwhile.
fn stopped_politely(lab: &Lab, spec: &str) {
    let child = lab.spawn(&["run", spec, "--db", "stopped.db"]);
    lab.wait_for("stopped.db", 1, "the first iteration", |run| run["iterations_done"].as_i64() >= Some(1));
    // Frozen meanwhile: it must not come to its end before it hears of Ctrl-C.
    signal(&child, "STOP");
    let refused = lab.error(&["resume", "1", "--db", "stopped.db"], 1, "busy");
    assert!(refused.contains(&child.id().to_string()), "the worker is named: {refused}");
    signal(&child, "INT");
    signal(&child, "CONT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(output.stdout.is_empty() && String::from_utf8_lossy(&output.stderr).contains("alignpro resume 1"), "{}", said(&output));
    let stopped = lab.json(&["show", "1", "--db", "stopped.db"]);
    assert_eq!(stopped["status"], "stopped", "{stopped}");
    assert!(lab.error(&["stop", "1", "--db", "stopped.db"], 1, "run").contains("alignpro resume 1"));

    let child = lab.spawn(&["resume", "1", "--db", "stopped.db"]);
    lab.wait_for("stopped.db", 1, "the run to go on", |run| run["status"] == "running");
    lab.text(&["stop", "1", "--db", "stopped.db"]);
    let output = child.wait_with_output().unwrap();
    // It may have come to its end before it heard.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", said(&output));
    let output = lab.run(&["resume", "1", "--db", "stopped.db"]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_second_signal_ends_at_once_and_nothing_is_lost() {
    let lab = lab();
    let spec = lab.tiny_spec("tiny.toml", |text| text.replace("iterations = 3", "iterations = 200"));
    let child = lab.spawn(&["run", &spec, "--db", "a.db"]);
    let before = lab.wait_for("a.db", 1, "the second iteration", |run| run["iterations_done"].as_i64() >= Some(2));
    signal(&child, "TERM");
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    // 3: it was quick enough to stop after the first.
    assert!(matches!(output.status.code(), Some(128..=143 | 3)), "{}", said(&output));
    let after = lab.json(&["show", "1", "--db", "a.db"]);
    assert!(after["iterations_done"].as_i64() >= before["iterations_done"].as_i64(), "{after}");
    assert!(matches!(after["status"].as_str(), Some("interrupted" | "stopped")), "{after}");
}
