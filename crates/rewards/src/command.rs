//! A command of the user's own as a part of a reward: one process, which lives as long as its scorer.
use crate::invocation::in_words;
use crate::process::{Process, Trouble};
use crate::{Pair, Scorer, conversation};
use contract::reward::RewardCommand;
use contract::{Code, Error, Result};
use lm::Message;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a command may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a batch; the first includes the start.
    pub batch: Duration,
    /// Megabytes of address space of each process; 0: no limit.
    pub memory_mb: u64,
}

/// Scores by a command that somebody has agreed to. After a failure the next batch starts it anew.
pub struct CommandScorer {
    invocation: RewardCommand,
    limits: Limits,
    process: Mutex<Option<Process>>,
}

/// What a command scores before anything depends on it.
const TRIAL: Pair<'static> = Pair { system: None, prompt: "What is the capital of France?", answer: "Paris." };

impl CommandScorer {
    /// Starts it and lets it score one pair: what cannot work is found before a run begins.
    ///
    /// # Errors
    /// [`Code::Reward`], with what to do.
    pub fn start(invocation: RewardCommand, limits: Limits) -> Result<Self> {
        let scorer = Self { invocation, limits, process: Mutex::default() };
        match scorer.score(&[conversation(TRIAL)]) {
            Ok(_) => Ok(scorer),
            Err(e) => Err(Error {
                code: Code::Reward,
                message: format!("The part \"{}\" of the reward: {}", scorer.invocation.part, e.message),
                ..e
            }),
        }
    }

    /// What ends by itself, or hangs, may do so for a cause that passes; what it prints is its own fault.
    fn failed(&self, trouble: Trouble, said: &str) -> Error {
        let command = in_words(&self.invocation.command);
        let memory = self.limits.memory_mb;
        let is_short = memory > 0 && ["memory", "Memory", "alloc"].iter().any(|word| said.contains(word));
        let short =
            if is_short { format!(" Memory seems to be short: it may take memory_mb = {memory}; raise that.") } else { String::new() };
        let begun = |scored: usize, pairs: usize| if scored == 0 { format!("none of {pairs}") } else { format!("{scored} of {pairs}") };
        let (code, sentence) = match trouble {
            Trouble::Start(sentence) => (Code::Paused, format!("its command {command} cannot be started: {sentence}")),
            Trouble::Ended { how, scored, pairs } => {
                let scored = begun(scored, pairs);
                (
                    Code::Paused,
                    format!("its command {command} ended ({how}) with {scored} answers scored.{short} What it said last stands below."),
                )
            }
            Trouble::Slow { scored, pairs } => {
                let (scored, limit) = (begun(scored, pairs), self.limits.batch.as_secs());
                let sentence = format!(
                    "its command {command} had scored {scored} answers after timeout_seconds = {limit}, and was ended. Does it print a line for each at \
                     once (in Python, print(…, flush=True))? If it only needs longer, raise timeout_seconds."
                );
                (Code::Paused, sentence)
            }
            Trouble::Nonsense { what, .. } => {
                let sentence = format!(
                    "its command {command} printed a line that {what}. On standard output it must print one JSON object a line, \
                     {{\"id\": …, \"score\": …}}, and nothing else; what else it has to say belongs on standard error."
                );
                (Code::Reward, sentence)
            }
        };
        Error::new(code, sentence)
    }
}

impl Scorer for CommandScorer {
    fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
        if conversations.is_empty() {
            return Ok(Vec::new());
        }
        // What it guards is a process or none, whole at any moment.
        let mut held = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let started = match held.take() {
            Some(process) => Ok(process),
            None => Process::start(&self.invocation, self.limits.memory_mb),
        };
        let mut process = started.map_err(|sentence| self.failed(Trouble::Start(sentence), ""))?;
        match process.score(conversations, self.limits.batch) {
            Ok(scores) => {
                *held = Some(process);
                Ok(scores)
            }
            Err(trouble) => {
                let printed = if let Trouble::Nonsense { line, .. } = &trouble { format!("It printed: {line}\n") } else { String::new() };
                let (trouble, said) = process.end(trouble);
                let error = self.failed(trouble, &said);
                let detail = format!("{printed}{said}");
                Err(if detail.trim().is_empty() { error } else { error.with_detail(detail.trim_end()) })
            }
        }
    }
}
