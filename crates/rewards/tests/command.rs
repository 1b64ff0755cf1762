//! Commands as parts of a reward, with real processes.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use contract::Code;
use contract::spec::{RewardPart, RewardProgram};
use lm::Message;
use rewards::{CommandScorer, Limits, Pair, Reward, Scorer, Scorers, conversation, described};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LIMITS: Limits = Limits { batch: Duration::from_secs(60), memory_mb: 4096 };
/// Scores an answer by its length.
const LENGTH: &str = "
import json, sys
for line in sys.stdin:
    pair = json.loads(line)
    print(json.dumps({'id': pair['id'], 'score': len(pair['answer'])}))
";
/// The beginning of a script that is to fail in the second batch: the first is the trial.
const AFTER_TRIAL: &str = "
import json, os, sys, time
print(json.dumps({'id': json.loads(sys.stdin.readline())['id'], 'score': 0}), flush=True)
";

/// A folder with `script` as `score.py`.
fn folder(script: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("score.py"), script).unwrap();
    folder
}

fn start(folder: &Path, command: &[&str], limits: Limits) -> contract::Result<CommandScorer> {
    let words: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    CommandScorer::start(described("mine", &words, folder).unwrap(), limits)
}

fn python(folder: &TempDir, limits: Limits) -> contract::Result<CommandScorer> {
    start(folder.path(), &["python3", "score.py"], limits)
}

fn answers(answers: &[&str]) -> Vec<Vec<Message>> {
    answers.iter().map(|answer| conversation(Pair { system: None, prompt: "x", answer })).collect()
}

/// What a script that fails after its trial comes to.
fn failure(script: &str, limits: Limits) -> contract::Error {
    let folder = folder(&format!("{AFTER_TRIAL}{script}"));
    python(&folder, limits).unwrap().score(&answers(&["a", "b", "c"])).unwrap_err()
}

#[test]
fn one_process_scores_batch_after_batch_in_any_order_within_one() {
    let folder = folder(
        "
import json, os, sys
batch = []
for line in sys.stdin:
    batch.append(json.loads(line))
    if batch[-1]['left'] == 0:
        print('so many:', len(batch), file=sys.stderr)
        for pair in reversed(batch):
            print(json.dumps({'id': pair['id'], 'score': os.getpid() + len(pair['answer'])}))
        batch = []
",
    );
    let scorer = python(&folder, LIMITS).unwrap();
    let first = scorer.score(&answers(&["", "aa", "é"])).unwrap();
    assert_eq!([first[1] - first[0], first[2] - first[0]], [2.0, 1.0]);
    assert_eq!(scorer.score(&answers(&[""])).unwrap(), first[..1], "another process would have another number");
    assert_eq!(scorer.score(&[]).unwrap(), [0.0; 0]);
}

#[test]
fn it_is_a_part_like_any_other_and_is_named_where_it_fails() {
    let folder = folder(&format!("{LENGTH}    sys.exit('enough') if pair['answer'] == 'end' else None\n"));
    let command = vec!["python3".to_owned(), "score.py".to_owned()];
    let program = RewardProgram::Command { command, timeout_seconds: 60, memory_mb: 0 };
    let part = |name: &str, weight| RewardPart { name: Some(name.into()), weight, program: program.clone() };
    let reward = Reward::new(&contract::spec::Reward { parts: vec![part("mine", 0.5), part("watched", 0.0)] }).unwrap();
    let pair = |answer| Pair { system: None, prompt: "x", answer };
    assert!(reward.score(&[pair("y")]).unwrap_err().message.contains("is the command python3 score.py, which is not loaded"));
    let scorer: Arc<dyn Scorer> = Arc::new(python(&folder, LIMITS).unwrap());
    let reward = reward.with_scorers(&Scorers::from([("mine".into(), scorer.clone()), ("watched".into(), scorer)]));
    let scores = reward.score(&[pair("abcd"), pair("")]).unwrap();
    assert_eq!((scores[0].total, scores[0].parts["watched"], scores[1].total), (2.0, 4.0, 0.0));
    let error = reward.score(&[pair("a"), pair("end"), pair("b")]).unwrap_err();
    assert!(error.message.starts_with("The part \"mine\" of the reward: its command python3 score.py ended (exit code 1)"), "{error}");
    assert!(error.message.contains("2 of 3") && error.detail.unwrap().contains("enough"));
    // The next batch starts it anew.
    assert_eq!(reward.score(&[pair("abcd")]).unwrap()[0].total, 2.0);
}

#[test]
fn what_cannot_be_started_is_said_before_anything_depends_on_it() {
    let folder = folder(LENGTH);
    let message = |command: &[&str]| {
        let error = start(folder.path(), command, LIMITS).err().unwrap();
        assert_eq!(error.code, Code::Reward);
        error.message
    };
    assert!(message(&["no-such-program"]).contains("there is no program \"no-such-program\""));
    assert!(message(&["./score.py"]).contains("may not be executed. Make it executable"));
    let absent = start(folder.path(), &["python3", "absent.py"], LIMITS).err().unwrap();
    assert!(absent.message.contains("ended (exit code 2) with none of 1 answers scored"), "{absent}");
    assert!(absent.detail.unwrap().contains("absent.py"));
}

#[test]
fn what_ends_or_hangs_may_pass_and_pauses_a_run() {
    let killed = failure("os.kill(os.getpid(), 9)", LIMITS);
    assert!(killed.code == Code::Paused && killed.message.contains("ended (signal 9) with none of 3"), "{killed}");
    let silent = failure("print(json.dumps({'id': 1, 'score': 1}), flush=True)\ntime.sleep(100)", short());
    assert!(silent.code == Code::Paused && silent.message.contains("1 of 3 answers after timeout_seconds = 5"), "{silent}");
    assert!(silent.message.contains("flush=True"), "{silent}");
    let deaf = failure("os.close(1)\ntime.sleep(100)", LIMITS);
    assert!(deaf.code == Code::Paused && deaf.message.contains("with none of 3"), "{deaf}");
}

#[test]
fn nonsense_is_shown_and_is_the_commands_own_fault() {
    let score = |score: &str| format!("print('{{\"id\": 1, \"score\": {score}}}', flush=True)\ntime.sleep(100)");
    for (script, said) in [
        ("print('Loading the model')\ntime.sleep(100)".to_owned(), "is not JSON"),
        (score("NaN"), "not a finite number"),
        (score("1e999"), "not a finite number"),
        (score("\"high\""), "not a finite number"),
        (score("1}\\n{\"id\": 1, \"score\": 1"), "scores id 1 for the second time"),
        ("print('{\"id\": 9, \"score\": 1}')\ntime.sleep(100)".into(), "the id 9, which is none of this batch"),
        ("print('{\"score\": 1}')\ntime.sleep(100)".into(), "has no \"id\""),
        ("print('x' * 100000)\ntime.sleep(100)".into(), "is longer than 65536 bytes"),
        ("sys.stdout.buffer.write(b'\\xff\\xfe\\n')\nsys.stdout.flush()\ntime.sleep(100)".into(), "is not text in UTF-8"),
        ("while True: print('{\"id\": 1, \"score\": 1}')".into(), "for the second time"),
    ] {
        let error = failure(&script, LIMITS);
        assert!(error.code == Code::Reward && error.message.contains(said), "{script}: {error}");
        assert!(error.detail.unwrap().starts_with("It printed: "), "{script}");
    }
}

#[test]
fn it_is_ended_with_all_that_it_started_when_its_time_is_up() {
    let folder = folder(&format!(
        "{AFTER_TRIAL}
import subprocess
child = subprocess.Popen(['sleep', '1000'])
open('child', 'w').write(str(child.pid))
time.sleep(1000)
"
    ));
    let scorer = python(&folder, short()).unwrap();
    let begun = Instant::now();
    assert_eq!(scorer.score(&answers(&["a"])).unwrap_err().code, Code::Paused);
    assert!(begun.elapsed() < Duration::from_secs(30));
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    // Killed, though perhaps not yet fetched by its new parent.
    let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z"), "{state}");
}

#[test]
fn memory_beyond_its_limit_is_refused_and_named() {
    let take = "
block = bytearray(600 * 1000 * 1000)
print(json.dumps({'id': 1, 'score': 1}), flush=True)
print(json.dumps({'id': 2, 'score': 1}), flush=True)
print(json.dumps({'id': 3, 'score': 1}), flush=True)
time.sleep(1000)
";
    let error = failure(take, Limits { memory_mb: 300, ..LIMITS });
    assert!(error.message.contains("memory_mb = 300") && error.detail.unwrap().contains("MemoryError"), "{}", error.message);
    let folder = folder(&format!("{AFTER_TRIAL}{take}"));
    for memory_mb in [2000, 0] {
        assert_eq!(python(&folder, Limits { memory_mb, ..LIMITS }).unwrap().score(&answers(&["a", "b", "c"])).unwrap(), [1.0; 3]);
    }
}

#[test]
fn what_it_reads_late_or_never_holds_nothing_up() {
    let long = "y".repeat(1 << 20);
    // A batch that no pipe holds, to one that reads all of it before it answers, and to one that reads nothing.
    let folder = folder(LENGTH);
    assert_eq!(python(&folder, LIMITS).unwrap().score(&answers(&[&long, &long])).unwrap(), [1_048_576.0; 2]);
    let folder = self::folder(&format!("{AFTER_TRIAL}time.sleep(1000)"));
    let scorer = python(&folder, short()).unwrap();
    assert!(scorer.score(&answers(&[&long, &long])).unwrap_err().message.contains("none of 2 answers after timeout_seconds = 5"));
}

#[test]
fn it_runs_in_the_specs_folder_and_leaves_with_its_scorer() {
    let folder = folder(&format!("import os\nopen('pid', 'w').write(str(os.getpid()))\n{LENGTH}\nopen('ended', 'w').close()\n"));
    drop(python(&folder, LIMITS).unwrap());
    assert!(folder.path().join("ended").exists(), "it ends by itself when its input does");
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    assert!(!Path::new("/proc").join(pid).exists());
}

fn short() -> Limits {
    Limits { batch: Duration::from_secs(5), ..LIMITS }
}
