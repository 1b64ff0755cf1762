//! Frozen models behind an address: opening them, what a run keeps of them, where their answers lie.
use crate::connections::note_connection;
use crate::output::{note, printable};
use crate::signals;
use contract::endpoint::{Endpoint as Settings, EndpointFindings, EndpointSpent, is_this_machine};
use contract::{Error, Result};
use endpoint::{Endpoint, Opening, estimated_prompt};
use home::Home;
use inference::{Answer, AnswerDecoding, AnswerRequest, FrozenModel, UNKNOWN_TOKEN};
use network::{Secret, keys};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use store::{Fact, Store};
use tokio::runtime::Handle;

/// Key of the fact that says how the answers call the model.
pub const SERVED: &str = "endpoint.served";
/// Key of the fact that says what an endpoint has cost.
const SPENT: &str = "endpoint.spent";
/// Keys of the facts that hold larger budgets than the spec's.
pub const BUDGET_TOKENS: &str = "endpoint.budget_tokens";
pub const BUDGET_MONEY: &str = "endpoint.budget_money";

/// The key that settings name.
pub fn secret(settings: &Settings) -> Result<Option<Secret>> {
    settings.key.as_deref().map(keys::find).transpose()
}

/// Notes a connection that is about to be made, and says so.
pub fn announce(home: &Home, settings: &Settings, what: &str) -> Result<()> {
    let what = format!("{what} at {}", settings.url);
    note(&format!("network: {}", printable(&what)));
    if is_this_machine(&settings.url) { Ok(()) } else { note_connection(home, &what) }
}

/// Opens an endpoint that a spec, or the command line, names.
pub fn open(home: &Home, settings: &Settings, model: &str) -> Result<Endpoint> {
    let secret = secret(settings)?;
    announce(home, settings, &format!("answers of {model}"))?;
    let say = Box::new(|line: &str| note(&format!("network: {}", printable(line))));
    let (handle, stop) = (Handle::current(), Box::new(signals::stop_requested));
    Endpoint::open(Opening { settings, model, secret, handle, say, stop })
}

/// Whether a run was asked to stop, by a signal or in the store; for the thread that waits for answers.
pub fn stop_of(store: Store, handle: Handle, run: i64) -> Box<dyn Fn() -> bool + Send> {
    let (asked, seen) = (Cell::new(Instant::now()), Cell::new(false));
    Box::new(move || {
        if !seen.get() && asked.get().elapsed() > Duration::from_secs(1) {
            asked.set(Instant::now());
            // A store that cannot be read ends the work as well; the next query says why.
            seen.set(handle.block_on(store.stop_requested(run)).unwrap_or(true));
        }
        seen.get() || signals::stop_requested()
    })
}

/// The file that a run's answers lie in until it is finished, beside the database.
pub fn answers(store: &Store, run: i64) -> PathBuf {
    desk::answers_of(store.path(), run)
}

/// What was found, as facts of a run.
pub fn facts(found: &EndpointFindings) -> Vec<Fact> {
    let fact = |key: &str, value: String| Fact { key: key.into(), value };
    let given = |is_given: bool| if is_given { "given" } else { "not given" }.to_owned();
    let repeats =
        if found.repeats { "the same question gets the same greedy answer" } else { "the same question gets different greedy answers" };
    let mut facts = vec![
        fact(SERVED, found.served.clone()),
        fact("endpoint.seeds", found.seeds.in_words().into()),
        fact("endpoint.log_probs", given(found.log_probs)),
        fact("endpoint.usage", given(found.usage)),
        fact("endpoint.repeats", repeats.into()),
    ];
    facts.extend(found.version.as_ref().map(|version| fact("endpoint.version", version.clone())));
    facts.extend(found.context.map(|context| fact("endpoint.context", format!("{context} tokens"))));
    facts
}

/// What an endpoint has cost, as a fact of a run.
pub fn spent_fact(spent: &EndpointSpent) -> Fact {
    Fact { key: SPENT.into(), value: spent.in_words() }
}

/// Refuses an endpoint that answers as another model than when the run began.
pub fn check_served(before: &[Fact], found: &EndpointFindings) -> Result<()> {
    match before.iter().find(|fact| fact.key == SERVED) {
        Some(fact) if fact.value != found.served => Err(Error::paused(format!(
            "The endpoint {} answers as the model \"{}\", and as \"{}\" when the run began. Let it serve the model from then, then go on; or start a \
             new run.",
            found.url, found.served, fact.value
        ))),
        _ => Ok(()),
    }
}

/// Larger budgets that were given for a run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budgets {
    pub tokens: Option<u64>,
    pub money: Option<f64>,
}

impl Budgets {
    /// With those that were given for the run before.
    pub fn or_kept(self, facts: &[Fact]) -> Self {
        let kept = |key: &str| facts.iter().find(|fact| fact.key == key).map(|fact| fact.value.as_str());
        Self {
            tokens: self.tokens.or_else(|| kept(BUDGET_TOKENS)?.parse().ok()),
            money: self.money.or_else(|| kept(BUDGET_MONEY)?.parse().ok()),
        }
    }

    pub fn facts(self) -> Vec<Fact> {
        let fact = |key: &str, value: String| Fact { key: key.into(), value };
        let tokens = self.tokens.map(|tokens| fact(BUDGET_TOKENS, tokens.to_string()));
        tokens.into_iter().chain(self.money.map(|money| fact(BUDGET_MONEY, money.to_string()))).collect()
    }

    /// In the place of the spec's.
    pub fn put_into(self, settings: &mut Settings) {
        settings.budget_tokens = self.tokens.or(settings.budget_tokens);
        settings.budget_money = self.money.or(settings.budget_money);
    }
}

/// Answers in the place of an endpoint that is not to be asked: at once, and as long as an answer may be.
pub struct StandIn;

impl FrozenModel for StandIn {
    fn describe(&self) -> String {
        "a stand-in for the endpoint".into()
    }

    fn identity(&self) -> &str {
        "stand-in"
    }

    fn context(&self) -> usize {
        usize::MAX
    }

    fn prompt_tokens(&self, system: Option<&str>, prompt: &str) -> Result<usize> {
        Ok(usize::try_from(estimated_prompt(system, prompt)).unwrap_or(usize::MAX))
    }

    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        decoding: &AnswerDecoding,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        let n = decoding.max_tokens;
        let answer = Answer { text: "It was not asked.".into(), tokens: vec![UNKNOWN_TOKEN; n], log_probs: vec![0.0; n], truncated: false };
        match on_progress(requests.len()) {
            ControlFlow::Continue(()) => Ok(vec![answer; requests.len()]),
            ControlFlow::Break(()) => Err(Error::stopped("stopped")),
        }
    }
}
