//! Frozen models behind an address: opening them, what a run keeps of them, where their answers lie.
use crate::connections::note_connection;
use crate::output::{note, printable};
use crate::signals;
use contract::endpoint::{Endpoint as Settings, EndpointFindings, is_this_machine};
use contract::spec::{RewardProgram, Spec};
use contract::{Error, Result};
use endpoint::{BudgetOf, Endpoint, Opening, estimated_prompt};
use home::Home;
use inference::{Answer, AnswerDecoding, AnswerRequest, FrozenModel, UNKNOWN_TOKEN};
use network::{Secret, keys};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::time::{Duration, Instant};
use store::{Fact, Store};
use tokio::runtime::Handle;

/// Key of the fact that says how the answers call the model.
pub const SERVED: &str = "endpoint.served";
/// Key of the fact that holds what the server says of itself.
pub const VERSION: &str = "endpoint.version";
/// Key of the fact that says what an endpoint has cost.
pub const SPENT: &str = "endpoint.spent";

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
pub fn open(home: &Home, settings: &Settings, budget: BudgetOf, model: &str) -> Result<Endpoint> {
    let secret = secret(settings)?;
    announce(home, settings, &format!("answers of {model}"))?;
    let say = Box::new(|line: &str| note(&format!("network: {}", printable(line))));
    let (handle, stop) = (Handle::current(), Box::new(signals::stop_requested));
    Endpoint::open(Opening { settings, budget, model, secret, handle, say, stop })
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

/// What was found, as facts of a run.
pub fn facts(found: &EndpointFindings) -> Vec<Fact> {
    let fact = |key: &str, value: String| Fact { key: key.into(), value };
    let given = |is_given: bool| if is_given { "given" } else { "not given" }.to_owned();
    let repeats = match (found.greedy, found.repeats) {
        _ if !found.compared => "not known: short answers hold no text",
        (true, true) => "the same question gets the same greedy answer",
        (true, false) => "the same question gets different greedy answers",
        (false, true) => "nothing is greedy; the same seed gets the same answer",
        (false, false) => "nothing is greedy; every answer is drawn anew",
    };
    let mut facts = vec![
        fact(SERVED, found.served.clone()),
        fact("endpoint.seeds", found.seeds.in_words().into()),
        fact("endpoint.log_probs", given(found.log_probs)),
        fact("endpoint.usage", given(found.usage)),
        fact("endpoint.repeats", repeats.into()),
    ];
    facts.extend(found.version.as_ref().map(|version| fact(VERSION, version.clone())));
    facts.extend(found.context.map(|context| fact("endpoint.context", format!("{context} tokens"))));
    facts
}

/// Refuses an endpoint that answers as another model than when the run began.
pub fn check_served(before: &[Fact], key: &str, url: &str, served: &str) -> Result<()> {
    match before.iter().find(|fact| fact.key == key) {
        Some(fact) if fact.value != served => Err(Error::paused(format!(
            "The endpoint {url} answers as the model \"{served}\", and as \"{}\" when the run began. Let it serve the model from then, then go on; or \
             start a new run.",
            fact.value
        ))),
        _ => Ok(()),
    }
}

/// Budgets that were given for a run, in the place of the spec's.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Larger {
    pub tokens: Option<u64>,
    pub money: Option<f64>,
}

impl Larger {
    fn put_into(self, settings: &mut Settings) {
        settings.budget_tokens = self.tokens.or(settings.budget_tokens);
        settings.budget_money = self.money.or(settings.budget_money);
    }
}

/// Of the frozen model, and of judges that are parts of the reward, by their labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Budgets(BTreeMap<Option<String>, Larger>);

impl Budgets {
    /// As the command line gives them.
    pub fn of(tokens: Vec<Given<u64>>, money: Vec<Given<f64>>) -> Self {
        let mut budgets = Self::default();
        tokens.into_iter().for_each(|given| budgets.0.entry(given.part).or_default().tokens = Some(given.amount));
        money.into_iter().for_each(|given| budgets.0.entry(given.part).or_default().money = Some(given.amount));
        budgets
    }

    /// Puts them, and those that were given for the run before, into its spec. Returns what is to be kept of them.
    ///
    /// # Errors
    /// Where one is given for what is not behind an address.
    pub fn put_into(&self, spec: &mut Spec, run: i64, facts: &[Fact]) -> Result<Vec<Fact>> {
        let mut kept = Vec::new();
        let mut places: BTreeMap<Option<String>, &mut Settings> = BTreeMap::new();
        if let Some(settings) = &mut spec.frozen.endpoint {
            places.insert(None, settings);
        }
        for part in &mut spec.reward.parts {
            let label = part.label();
            if let RewardProgram::Judge { endpoint: Some(settings), .. } = &mut part.program {
                places.insert(Some(label), settings);
            }
        }
        if let Some(stranger) = self.0.keys().find(|of| !places.contains_key(*of)) {
            return Err(no_budget(run, stranger.as_deref(), places.into_keys()));
        }
        for (of, settings) in places {
            let key = |name: &str| of.as_ref().map_or_else(|| format!("endpoint.{name}"), |label| format!("reward.{label}.{name}"));
            let (tokens, money) = (key("budget_tokens"), key("budget_money"));
            let before = |key: &str| facts.iter().find(|fact| fact.key == key).map(|fact| fact.value.as_str());
            let given = self.0.get(&of).copied().unwrap_or_default();
            let larger = Larger {
                tokens: given.tokens.or_else(|| before(&tokens)?.parse().ok()),
                money: given.money.or_else(|| before(&money)?.parse().ok()),
            };
            larger.put_into(settings);
            kept.extend(larger.tokens.map(|n| Fact { key: tokens, value: n.to_string() }));
            kept.extend(larger.money.map(|sum| Fact { key: money, value: sum.to_string() }));
        }
        Ok(kept)
    }
}

/// A budget was given for what has none; `places` have one.
fn no_budget(run: i64, stranger: Option<&str>, places: impl Iterator<Item = Option<String>>) -> Error {
    let judges: Vec<String> = places.flatten().map(|label| format!("\"{label}=N\"")).collect();
    let others = match judges.as_slice() {
        [] => "resume it without one".into(),
        judges => format!("a judge of its reward has one: write {}", judges.join(" or ")),
    };
    Error::run(match stranger {
        None => format!("Run {run} asks no endpoint for answers, so that these have no budget; {others}."),
        Some(label) => format!("The reward of run {run} has no judge \"{label}\" behind an address, so that it has no budget; {others}."),
    })
}

/// An amount of the command line: `N`, or `PART=N` for a judge of the reward.
#[derive(Debug, Clone, PartialEq)]
pub struct Given<T> {
    part: Option<String>,
    amount: T,
}

impl<T: FromStr> FromStr for Given<T> {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (part, amount) = text.rsplit_once('=').map_or((None, text), |(part, amount)| (Some(part.to_owned()), amount));
        let amount =
            amount.trim().parse().map_err(|_| format!("\"{amount}\" is not a number; write N, or PART=N for a judge of the reward"))?;
        Ok(Self { part, amount })
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
