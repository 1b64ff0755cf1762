//! Experiments whose reward is a command of the user's own.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
mod kept;

use contract::Code;
use contract::event::Status;
use contract::spec::RewardProgram;
use desk::Desk;
use home::Home;
use kept::{assert_equal, kept};
use serde_json::Value;
use tests::{Lab, said, signal};

/// Leaves a mark where it has run, and scores an answer by its letters, always alike.
const SCORE: &str = "
import json, os, sys
open('has-run', 'a').write(f'{os.getpid()}\\n')
for line in sys.stdin:
    pair = json.loads(line)
    print(json.dumps({'id': pair['id'], 'score': (sum(map(ord, pair['answer'])) % 97) / 97 + len(pair['prompt']) / 1000}))
";

fn lab() -> Lab {
    let lab = Lab::new(env!("CARGO_BIN_EXE_alignpro"));
    lab.write("score.py", SCORE);
    lab
}

/// A short experiment with the command beside a program.
fn spec(lab: &Lab, name: &str) -> String {
    lab.tiny_spec(name, |text| {
        let part = "[[reward.parts]]\nkind = \"command\"\nname = \"mine\"\ncommand = [\"python3\", \"score.py\"]\ntimeout_seconds = 100\n\n[training]";
        text.replace("[training]", part).replace("test = 8", "test = 3").replace("answers_per_prompt = 2", "answers_per_prompt = 1")
    })
}

fn has_run(lab: &Lab) -> Vec<String> {
    std::fs::read_to_string(lab.path("has-run")).unwrap_or_default().lines().map(String::from).collect()
}

/// Also one that has ended is there until somebody asks how.
fn is_alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

#[test]
fn nothing_is_run_that_nobody_has_agreed_to() {
    let lab = lab();
    let spec = spec(&lab, "a.toml");
    lab.write("pairs.jsonl", "{\"prompt\": \"x\", \"chosen\": \"long answer\", \"rejected\": \"no\"}\n");
    for arguments in [&["run", &spec, "--db", "a.db"][..], &["reward", "bench", &spec, "pairs.jsonl"]] {
        let refused = lab.error(arguments, 1, "reward");
        assert!(refused.contains("\"mine\"") && refused.contains("python3 score.py") && refused.contains("--allow-commands"), "{refused}");
    }
    let estimate = lab.json(&["estimate", &spec]);
    assert!(estimate["basis"].as_str().unwrap().contains("What scores \"mine\" is not in these times"), "{estimate}");
    assert!(has_run(&lab).is_empty() && !lab.path("a.db").exists());

    // Agreed to once, it may be run by all of them, until something changes.
    let bench = lab.json(&["reward", "bench", &spec, "pairs.jsonl", "--allow-commands"]);
    let mine = bench["rewards"].as_array().unwrap().iter().find(|part| part["name"] == "mine").unwrap();
    assert_eq!((&mine["repeat"]["answers"], &mine["repeat"]["differ"]), (&Value::from(2), &Value::from(0)), "{bench}");
    let runs = has_run(&lab).len();
    assert!(!lab.json(&["estimate", &spec])["basis"].as_str().unwrap().contains("What scores"));
    lab.text(&["run", &spec, "--db", "a.db"]);
    lab.text(&["try", "1", "What is tea?", "--db", "a.db"]);
    assert_eq!(has_run(&lab).len(), runs + 3);
    let shown = lab.json(&["show", "1", "--db", "a.db"]);
    assert_eq!(shown["facts"]["reward.mine.command"], "python3 score.py");
    lab.write("score.py", format!("{SCORE}# changed\n"));
    for arguments in [&["try", "1", "What is tea?", "--db", "a.db"][..], &["run", &spec, "--db", "b.db"]] {
        assert!(lab.error(arguments, 1, "reward").contains("has changed since"));
    }
    assert_eq!(has_run(&lab).len(), runs + 3);
}

#[test]
fn a_run_goes_on_after_a_kill_and_after_a_crash_of_its_command_as_if_nothing_had_been() {
    let lab = lab();
    let spec = spec(&lab, "a.toml");
    lab.text(&["run", &spec, "--db", "whole.db", "--allow-commands"]);
    let whole = kept(&lab.path("whole.db"));
    let mut child = lab.spawn(&["run", &spec, "--db", "killed.db"]);
    lab.wait_for("killed.db", 1, "the first iteration", |run| run["iterations_done"].as_i64() >= Some(1));
    child.kill().unwrap();
    child.wait().unwrap();
    let pid = has_run(&lab).pop().unwrap();
    let begun = std::time::Instant::now();
    while is_alive(&pid) {
        assert!(begun.elapsed().as_secs() < 60, "the command outlives its worker");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    lab.text(&["resume", "1", "--db", "killed.db"]);
    assert_equal(&whole, &kept(&lab.path("killed.db")), "killed");

    // The command ends in the middle of the training, as one does that the system ends.
    let child = lab.spawn(&["run", &spec, "--db", "crashed.db"]);
    lab.wait_for("crashed.db", 1, "the first iteration", |run| run["iterations_done"].as_i64() >= Some(1));
    // Frozen meanwhile: it must not come to its end before.
    signal(&child, "STOP");
    let pid = has_run(&lab).pop().unwrap();
    std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
    signal(&child, "CONT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("Run 1 is paused and kept") && said(&output).contains("ended (signal 9)"), "{}", said(&output));
    let shown = lab.json(&["show", "1", "--db", "crashed.db"]);
    assert!(shown["status"] == "stopped" && shown["message"].as_str().unwrap().contains("python3 score.py ended"), "{shown}");
    lab.text(&["resume", "1", "--db", "crashed.db"]);
    assert_equal(&whole, &kept(&lab.path("crashed.db")), "its command crashed");
}

#[test]
fn a_run_from_elsewhere_does_not_go_on_with_another_command_or_without_a_yes() {
    let lab = lab();
    let spec = spec(&lab, "a.toml");
    let child = lab.spawn(&["run", &spec, "--db", "a.db", "--allow-commands"]);
    lab.wait_for("a.db", 1, "the first iteration", |run| run["iterations_done"].as_i64() >= Some(1));
    signal(&child, "STOP");
    signal(&child, "INT");
    signal(&child, "CONT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(3));
    // As on a machine where nobody has agreed to anything.
    std::fs::remove_file(lab.path("home/commands.jsonl")).unwrap();
    let runs = has_run(&lab).len();
    assert!(lab.error(&["resume", "1", "--db", "a.db"], 1, "reward").contains("nobody has agreed to"));
    assert_eq!((has_run(&lab).len(), &lab.json(&["show", "1", "--db", "a.db"])["status"]), (runs, &"stopped".into()));
    // Agreed to, but not what the run began with.
    lab.write("score.py", SCORE.replace("% 97", "% 89"));
    let other = lab.error(&["resume", "1", "--db", "a.db", "--allow-commands"], 1, "run");
    assert!(other.contains("reward.mine.command.checksum is not what it was when the run began"), "{other}");
    lab.write("score.py", SCORE);
    // Agreed to on the run's page, where it is shown as its worker would run it.
    std::fs::remove_file(lab.path("home/commands.jsonl")).unwrap();
    let desk = Desk::new(Home::at(&lab.path("home")), Some(lab.path("a.db")), env!("CARGO_BIN_EXE_alignpro").into());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let reward = desk.run(1).await.unwrap().spec.reward;
        let shown = desk.commands(reward.clone(), Some(1)).await.unwrap();
        assert_eq!((shown[0].agreed, shown[0].files.len(), lab.path(".").join(&shown[0].folder)), (false, 1, lab.path("")), "{shown:?}");
        desk.agree(reward, vec![shown[0].digest.clone()], Some(1)).await.unwrap();
    });
    lab.text(&["resume", "1", "--db", "a.db"]);
}

#[test]
fn keys_are_not_told_to_commands_and_wrong_settings_are_refused() {
    let lab = lab();
    lab.write("score.py", format!("import os\nopen('seen', 'w').write(str(dict(os.environ)))\n{SCORE}"));
    let spec = spec(&lab, "a.toml");
    lab.write("pairs.jsonl", "{\"prompt\": \"x\", \"chosen\": \"long answer\", \"rejected\": \"no\"}\n");
    let mut command = lab.command(&["reward", "bench", &spec, "pairs.jsonl", "--allow-commands"]);
    let output = command.env("ALIGNPRO_KEY_HOSTED", "sk-secret-4711").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let seen = std::fs::read_to_string(lab.path("seen")).unwrap();
    assert!(seen.contains("PYTHONUNBUFFERED") && !seen.contains("4711") && !seen.contains("ALIGNPRO_KEY"), "{seen}");

    let wrong = |part: &str, words: &str| {
        let spec = lab.tiny_spec("wrong.toml", |text| text.replace("[training]", &format!("[[reward.parts]]\n{part}\n\n[training]")));
        let message = lab.error(&["run", &spec, "--db", "none.db"], 2, "spec");
        assert!(message.contains(words), "{message}");
    };
    wrong("kind = \"command\"", "command");
    wrong("kind = \"command\"\ncommand = []", "reward.parts[2].command names no program");
    wrong("kind = \"command\"\ncommand = [\"x\"]\nmodel = \"m\"", "model");
    wrong("kind = \"command\"\ncommand = [\"x\"]\ntimeout_seconds = 0", "reward.parts[2].timeout_seconds is 0");
    wrong("kind = \"command\"\ncommand = [\"x\"]\nmemory_mb = 3", "reward.parts[2].memory_mb is 3");
    wrong("kind = \"http\"\nurl = \"http://example.com/score\"", "reward.parts[2].url speaks without encryption");
    wrong("kind = \"http\"\nurl = \"https://example.com/score\"\nkey = \"sk-Secret\"", "reward.parts[2].key is no name of a key");
    wrong("kind = \"http\"\nurl = \"https://example.com/score\"\npairs_per_request = 0", "reward.parts[2].pairs_per_request");
    wrong("kind = \"judge\"\nmodel = \"m\"\nrubric = \"Kind.\"\nlowest = 5\nhighest = 5", "reward.parts[2].lowest is 5");
    wrong("kind = \"judge\"\nmodel = \"m\"\nrubric = \"Kind.\"\nhighest = 10", "reward.parts[2].highest is 10");
    wrong("kind = \"judge\"\nmodel = \"m\"\nrubric = \" \"", "reward.parts[2].rubric is empty");
    assert!(!lab.path("none.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_shows_a_command_and_starts_it_after_a_yes_alone() {
    let lab = lab();
    let desk = Desk::new(Home::at(&lab.path("home")), None, env!("CARGO_BIN_EXE_alignpro").into());
    let mut spec = experiment::spec::parse(&std::fs::read_to_string(spec(&lab, "a.toml")).unwrap(), "a.toml").unwrap();
    spec.data.source = lab.path("prompts.jsonl").to_str().unwrap().into();
    let script = lab.path("score.py").to_str().unwrap().to_owned();
    let part = spec.reward.parts.iter_mut().find(|part| part.label() == "mine").unwrap();
    let mark = format!("open('{}'", lab.path("has-run").display());
    lab.write("score.py", SCORE.replace("open('has-run'", &mark));
    part.program = RewardProgram::Command { command: vec!["python3".into(), script.clone()], timeout_seconds: 100, memory_mb: 4096 };
    let shown = desk.commands(spec.reward.clone(), None).await.unwrap();
    assert_eq!((shown.len(), shown[0].agreed, &shown[0].files[0].path), (1, false, &script));
    let refused = desk.start(spec.clone(), 1).await.unwrap_err();
    assert!(refused.code == Code::Reward && refused.message.contains("Review"), "{refused}");
    assert!(desk.estimate(spec.clone()).await.unwrap().basis.contains("What scores \"mine\""));
    // What was shown is not what is there any more.
    lab.write("score.py", SCORE.replace("open('has-run'", &mark) + "# changed");
    let digests = vec![shown[0].digest.clone()];
    assert!(desk.agree(spec.reward.clone(), digests, None).await.unwrap_err().message.contains("has changed since it was shown"));
    assert!(has_run(&lab).is_empty() && desk.runs().await.unwrap().is_empty());

    let digests = desk.commands(spec.reward.clone(), None).await.unwrap().into_iter().map(|command| command.digest).collect();
    desk.agree(spec.reward.clone(), digests, None).await.unwrap();
    assert!(desk.commands(spec.reward.clone(), None).await.unwrap()[0].agreed);
    assert!(!desk.estimate(spec.clone()).await.unwrap().basis.contains("What scores"));
    let run = desk.start(spec, 1).await.unwrap()[0];
    let begun = std::time::Instant::now();
    while desk.run(run).await.unwrap().summary.status != Status::Finished {
        assert!(begun.elapsed().as_secs() < 600);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(has_run(&lab).len(), 2, "of the estimate and of the run");
}
