//! Second processes: this test program again, told by environment variables to play a part.
use super::rows::{checkpoint, episodes, iteration};
use crate::Store;
use contract::arm::TUNED;
use contract::event::Event;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const PART: &str = "STORE_TEST_PART";
const DATABASE: &str = "STORE_TEST_DATABASE";
/// Marks the lines that are ours among the test harness's.
const MARK: &str = "child says: ";

pub const EPISODES: usize = 16;

/// A child process that plays `part` on a database; what it says comes through [`Part::next`]. Killed when dropped.
pub struct Part {
    child: Child,
    output: std::io::Lines<BufReader<ChildStdout>>,
}

impl Part {
    pub fn start(part: &str, database: &Path) -> Self {
        Self::start_with(&std::env::current_exe().unwrap(), part, database, |_| {})
    }

    pub fn start_with(program: &Path, part: &str, database: &Path, adjust: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(program);
        command.args(["--exact", "tests::children::play", "--nocapture", "--test-threads=1"]).env(PART, part).env(DATABASE, database);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        adjust(&mut command);
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, output }
    }

    /// The next thing it says; `None` once it has ended.
    pub fn next(&mut self) -> Option<String> {
        self.output.by_ref().map_while(Result::ok).find_map(|line| Some(line.split_once(MARK)?.1.to_owned()))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGKILL, and wait until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(text: impl std::fmt::Display) {
    // One write for a line, so that a kill does not cut it; not println!, which the harness may capture.
    std::io::stdout().write_all(format!("\n{MARK}{text}\n").as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}

/// The child's side. Without a part to play this is an ordinary test that has nothing to do.
#[tokio::test]
async fn play() {
    let (Ok(part), Some(database)) = (std::env::var(PART), std::env::var_os(DATABASE)) else { return };
    let database = Path::new(&database);
    match part.as_str() {
        "open" => match Store::open(database).await {
            Ok(_) => say("opened"),
            Err(e) => say(format!("{:?}: {}", e.code, e.message)),
        },
        // Commits iterations for ever, and says each one once it is committed.
        "commit" => {
            let store = Store::open(database).await.unwrap();
            let _lock = store.lock(1).unwrap();
            let first = store.run(1).await.unwrap().iterations_done + 1;
            for number in first.. {
                let event = Event::Iteration { iteration: number, reward_mean: 0.5, kl: 0.1 };
                let (iteration, episodes) = (iteration(number), episodes(number, EPISODES));
                store.commit_iteration(1, TUNED, &iteration, &episodes, &[event], Some(&checkpoint(number))).await.unwrap();
                say(number);
            }
        }
        // Takes the run's lock and keeps it until it is killed or its standard input is closed.
        "hold" => {
            let store = Store::open(database).await.unwrap();
            let lock = store.lock(1);
            say(if lock.is_ok() { "held" } else { "refused" });
            let _ = std::io::stdin().read_line(&mut String::new());
        }
        other => panic!("unknown part {other}"),
    }
}
