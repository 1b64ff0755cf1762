//! The process of a command: its pipes, its limits, its end.
use crate::protocol::{Asked, Awaited};
use contract::reward::RewardCommand;
use lm::Message;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
#[cfg(unix)]
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No line with a score is longer.
const LONGEST_LINE: u64 = 64 << 10;
/// Lines that may lie unread; then the command waits.
const UNREAD: usize = 1024;
/// What it said last on standard error: so many lines, each so long.
const LAST_LINES: usize = 20;
const LAST_LENGTH: u64 = 500;
/// To end by itself when its input is at an end.
const GRACE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(10);

/// Why a batch has no scores.
pub enum Trouble {
    /// A sentence about why it does not run.
    Start(String),
    Ended {
        how: String,
        scored: usize,
        pairs: usize,
    },
    Slow {
        scored: usize,
        pairs: usize,
    },
    /// What a line is, as a clause, and its beginning.
    Nonsense {
        what: String,
        line: String,
    },
}

/// A line of its standard output.
enum Line {
    Whole(Vec<u8>),
    TooLong(Vec<u8>),
}

/// A command that runs.
pub struct Process {
    child: Child,
    /// To the thread that writes to it. None once its input is at an end.
    input: Option<Sender<Vec<u8>>>,
    lines: Receiver<Line>,
    said: Arc<Mutex<VecDeque<String>>>,
    listening: Option<JoinHandle<()>>,
    /// Number of the next pair.
    next: u64,
}

impl Process {
    /// Starts it, in a process group of its own, with what it may take. A sentence where it does not run.
    pub fn start(invocation: &RewardCommand, memory_mb: u64) -> Result<Self, String> {
        let Some((program, arguments)) = invocation.command.split_first() else { return Err("it names no program.".into()) };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&invocation.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Python keeps what it prints to a pipe to itself otherwise.
        command.env("PYTHONUNBUFFERED", "1");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ALIGNPRO_KEY_")) {
            command.env_remove(name);
        }
        limit(&mut command, memory_mb);
        let (tell, told) = channel();
        let (send, lines) = sync_channel(UNREAD);
        // On Linux it is ended with the thread that started it, which therefore lives as long as it.
        std::thread::spawn(move || read_from(command, &tell, &send));
        let started = told.recv().map_err(|_| "its thread ended.".to_owned())?;
        let mut child = started.map_err(|e| why(program, &e))?;
        let (Some(stdin), Some(stderr)) = (child.stdin.take(), child.stderr.take()) else { return Err("it has no pipes.".into()) };
        let (input, batches) = channel();
        std::thread::spawn(move || write_to(stdin, &batches));
        let said: Arc<Mutex<VecDeque<String>>> = Arc::default();
        let heard = said.clone();
        let listening = std::thread::spawn(move || listen_to(stderr, &heard));
        Ok(Self { child, input: Some(input), lines, said, listening: Some(listening), next: 0 })
    }

    /// Scores of the last messages of conversations, all of them within `limit`.
    pub fn score(&mut self, conversations: &[Vec<Message>], limit: Duration) -> Result<Vec<f64>, Trouble> {
        let (deadline, pairs) = (Instant::now() + limit, conversations.len());
        let mut awaited = Awaited::new(self.next, pairs);
        let mut batch = Vec::new();
        for (id, (i, conversation)) in (self.next..).zip(conversations.iter().enumerate()) {
            let asked = Asked { left: Some(pairs - 1 - i), ..Asked::of(id, conversation) };
            // Writing texts and numbers into memory cannot fail.
            let _ = serde_json::to_writer(&mut batch, &asked);
            batch.push(b'\n');
        }
        self.next += pairs as u64;
        // Where nobody takes it any more, the output is at an end as well.
        let _ = self.input.as_ref().map(|input| input.send(batch));
        while awaited.missing() > 0 {
            let scored = pairs - awaited.missing();
            let line = match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Line::Whole(line)) => line,
                Ok(Line::TooLong(line)) => return Err(nonsense(&line, format!("is longer than {LONGEST_LINE} bytes"))),
                Err(RecvTimeoutError::Timeout) => return Err(Trouble::Slow { scored, pairs }),
                Err(RecvTimeoutError::Disconnected) => return Err(Trouble::Ended { how: String::new(), scored, pairs }),
            };
            let Ok(text) = std::str::from_utf8(&line) else { return Err(nonsense(&line, "is not text in UTF-8".into())) };
            if !text.trim().is_empty() {
                awaited.take_text(text).map_err(|what| nonsense(&line, what))?;
            }
        }
        awaited.whole().ok_or(Trouble::Slow { scored: 0, pairs })
    }

    /// Ends it after trouble, with how it ended and what it said last.
    pub fn end(mut self, trouble: Trouble) -> (Trouble, String) {
        let status = self.wait(if matches!(trouble, Trouble::Ended { .. }) { GRACE } else { Duration::ZERO });
        let trouble = match trouble {
            Trouble::Ended { scored, pairs, .. } => Trouble::Ended { how: status.map_or_else(closed, how), scored, pairs },
            other => other,
        };
        // What it said is in the pipe until it is read; a process of its own that lives on may keep that open.
        let until = Instant::now() + GRACE;
        while self.listening.as_ref().is_some_and(|thread| !thread.is_finished()) && Instant::now() < until {
            std::thread::sleep(TICK);
        }
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect::<Vec<_>>().join("\n");
        (trouble, said)
    }

    /// Waits for its own end for as long as `grace`, then ends it and all that it started. None where it had to be ended.
    fn wait(&mut self, grace: Duration) -> Option<ExitStatus> {
        self.input = None;
        let until = Instant::now() + grace;
        let status = loop {
            // It may wait for somebody to read what it prints.
            while self.lines.try_recv().is_ok() {}
            match self.child.try_wait() {
                Ok(None) if Instant::now() < until => std::thread::sleep(TICK),
                Ok(status) => break status,
                Err(_) => break None,
            }
        };
        end_group(&mut self.child);
        // It cannot outlive that; what it leaves is taken, so that the system forgets it.
        let _ = self.child.wait();
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.wait(GRACE);
    }
}

/// Ends a command and all that it started.
#[cfg(unix)]
fn end_group(child: &mut Child) {
    let group = i32::try_from(child.id()).unwrap_or(0);
    if group > 1 {
        // SAFETY: a system call on numbers. The group is the one that was made for the command; where none of it is left, nothing happens.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}

/// Elsewhere there are no groups.
#[cfg(not(unix))]
fn end_group(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
}

/// Elsewhere no limit is kept.
#[cfg(not(unix))]
fn limit(_command: &mut Command, _memory_mb: u64) {}

/// A process group of its own, and the limits that a command takes into its process.
#[cfg(unix)]
fn limit(command: &mut Command, memory_mb: u64) {
    command.process_group(0);
    let bytes = memory_mb.saturating_mul(1_000_000);
    // SAFETY: between fork and exec only system calls are made that may be called there, and nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            // Whatever ends this program ends it.
            #[cfg(target_os = "linux")]
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            if bytes > 0 {
                let most = libc::rlimit { rlim_cur: bytes as libc::rlim_t, rlim_max: bytes as libc::rlim_t };
                if libc::setrlimit(libc::RLIMIT_AS, &raw const most) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
}

/// Starts the command and reads its lines until it has no more to say, or nobody reads them.
fn read_from(mut command: Command, tell: &Sender<std::io::Result<Child>>, send: &SyncSender<Line>) {
    let (output, told) = match command.spawn() {
        Ok(mut child) => (child.stdout.take(), tell.send(Ok(child))),
        Err(e) => (None, tell.send(Err(e))),
    };
    let (Some(output), Ok(())) = (output, told) else { return };
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        let line = match output.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line.len() as u64 == LONGEST_LINE && line.last() != Some(&b'\n') => Line::TooLong(line),
            Ok(_) => Line::Whole(line),
        };
        if send.send(line).is_err() {
            return;
        }
    }
}

/// Writes batches until there are no more, which ends the command's input.
fn write_to(mut stdin: ChildStdin, batches: &Receiver<Vec<u8>>) {
    for batch in batches {
        // Why it takes no more shows at its output.
        if stdin.write_all(&batch).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

/// Keeps the last lines of its standard error.
fn listen_to(stderr: ChildStderr, said: &Mutex<VecDeque<String>>) {
    let mut stderr = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        match stderr.by_ref().take(LAST_LENGTH).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                said.push_back(String::from_utf8_lossy(&line).trim_end().to_owned());
                if said.len() > LAST_LINES {
                    said.pop_front();
                }
            }
        }
    }
}

/// Why a program does not run.
fn why(program: &str, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            format!("there is no program \"{program}\", or what its first line names is not there. Install it, or correct command.")
        }
        ErrorKind::PermissionDenied => format!(
            "\"{program}\" may not be executed. Make it executable (chmod +x), or name the program that reads it: [\"python3\", \"score.py\"]."
        ),
        _ => format!("the system refuses \"{program}\" ({error}). Does it run in a terminal, and with memory_mb = 0?"),
    }
}

fn nonsense(line: &[u8], what: String) -> Trouble {
    let text = String::from_utf8_lossy(line);
    Trouble::Nonsense { what, line: text.trim_end().chars().take(200).collect() }
}

fn how(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = status.signal() {
        return format!("signal {signal}");
    }
    status.code().map_or_else(closed, |code| format!("exit code {code}"))
}

fn closed() -> String {
    "it closed its standard output".into()
}
