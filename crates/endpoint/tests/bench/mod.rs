//! An endpoint before a server that does as it is told.
use contract::endpoint::Endpoint as Settings;
use contract::{Error, Result};
use endpoint::{BudgetOf, Endpoint, Opening};
use inference::{Answer, AnswerDecoding, AnswerRequest, FrozenModel};
use network::Secret;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use tests::serving::{Act, Seen, Server, models};
use tokio::runtime::Runtime;

pub const KEY: &str = "sk-a-very-secret-key-4711";

pub fn settings(server: &Server) -> Settings {
    Settings { timeout_seconds: 1, patience_seconds: 3, ..Settings::at(&server.url()) }
}

pub struct Bench {
    runtime: Runtime,
    pub said: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    pub fn new() -> Self {
        Self { runtime: Runtime::new().unwrap(), said: Arc::default() }
    }

    pub fn open(&self, settings: &Settings, model: &str) -> Result<Endpoint> {
        let said = self.said.clone();
        let say = Box::new(move |line: &str| said.lock().unwrap().push(line.into()));
        let (secret, handle) = (settings.key.as_ref().map(|_| Secret::new(KEY).unwrap()), self.runtime.handle().clone());
        Endpoint::open(Opening { settings, budget: BudgetOf::Frozen, model, secret, handle, say, stop: Box::new(|| false) })
    }
}

pub fn go_on(_done: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub fn requests(n: u64) -> Vec<AnswerRequest> {
    (0..n).map(|i| AnswerRequest::new(format!("Question {i}"), i << 40)).collect()
}

pub const DECODING: AnswerDecoding = AnswerDecoding { max_tokens: 8, temperature: 0.7, top_p: 1.0, top_k: 0 };

pub fn ask(endpoint: &mut Endpoint, n: u64) -> Result<Vec<Answer>> {
    endpoint.answer(&requests(n), &DECODING, &mut go_on)
}

/// A server of one model that does this with every question.
pub fn server(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Server {
    Server::start(move |seen| if seen.path.ends_with("/models") { models(&["small"]) } else { act(seen) })
}

pub fn error_of(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Error {
    let (bench, server) = (Bench::new(), server(act));
    let mut endpoint = bench.open(&settings(&server), "small").unwrap();
    ask(&mut endpoint, 1).unwrap_err()
}
