//! A service that scores batches of pairs over HTTP, as a part of a reward.
use crate::client::Client;
use crate::failure::{Failure, Outcome, Remedy};
use crate::model::{ATTEMPTS, BETWEEN, TICK};
use crate::protocol::Protocol;
use crate::wire::not_the_protocol;
use contract::endpoint::Endpoint as Settings;
use contract::{Code, Error, Result};
use lm::Message;
use network::Secret;
use rewards::protocol::{Asked, Awaited};
use rewards::{Pair, Scorer, conversation};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// What it scores before anything depends on it.
const TRIAL: Pair<'static> = Pair { system: None, prompt: "What is the capital of France?", answer: "Paris." };
/// For so long a stop waits for a batch that is under way.
const GRACE: Duration = Duration::from_secs(10);

/// What a service is opened with.
pub struct ScoresOpening<'a> {
    pub settings: &'a Settings,
    pub pairs_per_request: usize,
    pub secret: Option<Secret>,
    /// The runtime that requests run on (multi-threaded). Scoring blocks: score in a plain thread, or in `block_in_place`.
    pub handle: Handle,
    /// Hears of every longer wait, a sentence each.
    pub say: Box<dyn Fn(&str) + Send + Sync>,
    /// Whether to stop, asked by the thread that waits for scores.
    pub stop: Box<dyn Fn() -> bool + Send>,
}

/// Scores by a service, a request after another.
pub struct Scores {
    client: Arc<Client>,
    handle: Handle,
    pairs_per_request: usize,
    stop: Mutex<Box<dyn Fn() -> bool + Send>>,
    /// Number of the next pair.
    next: AtomicU64,
}

impl Scores {
    /// Lets it score one pair: what cannot work is found before a run begins.
    ///
    /// # Errors
    /// [`Code::Network`] where it is not there, wants another key, or does not answer with scores.
    pub fn open(opening: ScoresOpening<'_>) -> Result<Self> {
        let ScoresOpening { settings, pairs_per_request, secret, handle, say, stop } = opening;
        let client = Arc::new(Client::new(settings, Protocol::Scores, "", secret, say)?);
        let scores = Self { client, handle, pairs_per_request, stop: Mutex::new(stop), next: AtomicU64::default() };
        let trial = [conversation(TRIAL)];
        let (first, body) = scores.body(&trial);
        let mut attempt = 1;
        loop {
            let read = |text: &str| read(text, first, trial.len());
            match scores.handle.block_on(scores.client.attempt("", &body, &read)) {
                Ok(_) => return Ok(scores),
                Err(Failure { remedy: Remedy::Again { .. }, .. }) if attempt < ATTEMPTS => std::thread::sleep(BETWEEN),
                Err(failure) => return Err(failure.of_command()),
            }
            attempt += 1;
        }
    }

    /// Whether to stop, from now on.
    pub fn set_stop(&self, stop: Box<dyn Fn() -> bool + Send>) {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = stop;
    }

    /// A batch as it is sent, with the number of its first pair.
    fn body(&self, conversations: &[Vec<Message>]) -> (u64, Value) {
        let first = self.next.fetch_add(conversations.len() as u64, Ordering::Relaxed);
        let pairs: Vec<Asked<'_>> = (first..).zip(conversations).map(|(id, conversation)| Asked::of(id, conversation)).collect();
        (first, json!({ "pairs": pairs }))
    }

    /// One batch, sent again for as long as the spec is patient.
    fn batch(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
        let (first, body) = self.body(conversations);
        let (client, pairs, (send, receive)) = (self.client.clone(), conversations.len(), channel());
        let task = self.handle.spawn(async move {
            let outcome: Outcome<Vec<f64>> = client.ask("", &body, &|text: &str| read(text, first, pairs)).await;
            // Nobody listens any more where it was given up.
            let _ = send.send(outcome);
        });
        // What it guards is a function, whole at any moment.
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stopped: Option<Instant> = None;
        let outcome = loop {
            match receive.recv_timeout(TICK) {
                Ok(outcome) => break outcome.map_err(of_run),
                Err(RecvTimeoutError::Disconnected) => break Err(Error::internal("A request ended without a word.")),
                Err(RecvTimeoutError::Timeout) if stopped.is_some_and(|since| since.elapsed() > GRACE) => {
                    break Err(Error::stopped("stopped"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if stopped.is_none() && stop() {
                stopped = Some(Instant::now());
                self.client.set_stopping(true);
            }
        };
        task.abort();
        self.client.set_stopping(false);
        match (outcome, stopped) {
            (Err(_), Some(_)) => Err(Error::stopped("stopped")),
            (outcome, _) => outcome,
        }
    }
}

impl Scorer for Scores {
    fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
        let mut scores = Vec::with_capacity(conversations.len());
        for batch in conversations.chunks(self.pairs_per_request.max(1)) {
            scores.extend(self.batch(batch)?);
        }
        Ok(scores)
    }
}

/// The scores in an answer, or a clause about it.
fn read(text: &str, first: u64, pairs: usize) -> std::result::Result<Vec<f64>, String> {
    let answer: Value = serde_json::from_str(text).map_err(|e| match rewards::protocol::not_json(text, &e) {
        clause if clause.starts_with("holds") => format!("it {clause}"),
        _ => not_the_protocol(text, &e),
    })?;
    let Some(given) = answer.get("scores").and_then(Value::as_array) else { return Err("it has no list \"scores\"".into()) };
    let mut awaited = Awaited::new(first, pairs);
    for score in given {
        awaited.take(score).map_err(|clause| format!("one of its scores {clause}"))?;
    }
    let missing = awaited.missing();
    awaited.whole().ok_or_else(|| format!("{missing} of {pairs} scores are missing"))
}

/// As a run hears it: what is wrong with a score is the reward's fault, not an engine's.
fn of_run(failure: Failure) -> Error {
    let error = failure.of_run();
    if error.code == Code::Engine { Error { code: Code::Reward, ..error } } else { error }
}
