//! The endpoint as a frozen model.
use crate::client::Client;
use crate::completion::{self, Alternative, Reply};
use crate::failure::{Failure, Outcome, Remedy};
use crate::first_words::MOST_ALTERNATIVES;
use crate::journal::{Journal, Question, hex, unknown};
use crate::ledger::{Account, BudgetOf, Tokens, estimated_prompt, estimated_tokens};
use crate::noticed::Noticed;
use crate::protocol::Protocol;
use crate::wire::{Dialect, Served, body};
use contract::endpoint::Endpoint as Settings;
use contract::{Error, Result};
use inference::{Answer, AnswerDecoding, AnswerRequest, FrozenModel, UNKNOWN_TOKEN};
use network::Secret;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// How often it is looked whether to stop while nothing comes.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// For so long a stop waits for answers that are under way, which are paid for.
const GRACE: Duration = Duration::from_secs(10);
/// Attempts to reach an endpoint before it is said that it is not there, and the time between them.
pub(crate) const ATTEMPTS: usize = 3;
pub(crate) const BETWEEN: Duration = Duration::from_millis(500);

/// What an endpoint is opened with.
pub struct Opening<'a> {
    pub settings: &'a Settings,
    /// Whose budget the settings hold.
    pub budget: BudgetOf,
    /// The name that it serves the model under.
    pub model: &'a str,
    pub secret: Option<Secret>,
    /// The runtime that requests run on (multi-threaded). The endpoint blocks: call it from a plain thread, or in `block_in_place`.
    pub handle: Handle,
    /// Hears of every longer wait, a sentence each.
    pub say: Box<dyn Fn(&str) + Send + Sync>,
    /// Whether to stop, asked from the thread that waits for answers.
    pub stop: Box<dyn Fn() -> bool + Send>,
}

/// A model behind an OpenAI-compatible address.
pub struct Endpoint {
    pub(crate) asker: Asker,
    pub(crate) journal: Journal,
    pub(crate) dialect: Dialect,
    /// As its list has it.
    pub(crate) listed: Option<Served>,
    /// The server, as it calls itself.
    pub(crate) program: Option<String>,
    /// As the first answers called the model.
    pub(crate) served: Option<String>,
    /// Requests under way at a time.
    pub(crate) at_once: usize,
    /// Likely first tokens that are asked for, where any are.
    pub(crate) alternatives: usize,
    /// With which answers will be asked for, where that is known before.
    pub(crate) decoding: Option<AnswerDecoding>,
    /// Whether it was tried if these are the same for questions that are asked together.
    pub(crate) has_proved_firsts: bool,
    pub(crate) identity: String,
    /// What was noticed in the middle, a sentence each.
    told: Vec<String>,
    /// Answers that a content filter kept back, when that was said.
    told_withheld: usize,
}

/// Identity of a model behind an address: of what it is asked by, since its files cannot be seen.
pub fn identity(url: &str, model: &str) -> String {
    let text = format!("endpoint\n{}\n{model}", url.trim_end_matches('/'));
    hex(Sha256::new_with_prefix(text))
}

impl Endpoint {
    /// Looks whether the endpoint is there and serves the model; no answer is asked for yet.
    ///
    /// # Errors
    /// [`contract::Code::Network`] where it is not there, wants another key or does not know the model.
    pub fn open(opening: Opening<'_>) -> Result<Self> {
        let Opening { settings, budget, model, secret, handle, say, stop } = opening;
        let client = Arc::new(Client::new(settings, Protocol::Answers, model, secret, say)?);
        let listed = reach(&handle, &client).map_err(Failure::of_command)?;
        let (listed, program) = match listed {
            Some((models, program)) => (Some(named(&client, models)?), program),
            None => (None, None),
        };
        let (account, timeout) = (Account::new(settings, budget), Duration::from_secs(settings.timeout_seconds));
        let noticed = Noticed::new(client.who());
        let asker = Asker { client, handle, stop, account, noticed, timeout };
        Ok(Self {
            asker,
            journal: Journal::unnamed()?,
            dialect: Dialect::WHOLE,
            listed,
            program,
            served: None,
            at_once: settings.requests_at_once,
            alternatives: MOST_ALTERNATIVES,
            decoding: None,
            has_proved_firsts: false,
            identity: identity(&settings.url, model),
            told: Vec::new(),
            told_withheld: 0,
        })
    }

    /// Keeps answers in a file from now on, and knows those that are in it already, with what they have cost.
    pub fn keep_in(&mut self, path: &Path) -> Result<()> {
        let account = &self.asker.account;
        // What a trial has cost belongs to the run as well.
        let before = account.spent();
        self.journal = Journal::open(path, &mut |cost| account.open().add(cost))?;
        let trial = Tokens { read: before.tokens_in, written: before.tokens_out, estimated: before.tokens_estimated };
        if before.requests > 0 { self.journal.keep(None, trial) } else { Ok(()) }
    }

    /// Whether to stop, from now on.
    pub fn set_stop(&mut self, stop: Box<dyn Fn() -> bool + Send>) {
        self.asker.stop = stop;
    }

    pub fn url(&self) -> &str {
        self.asker.client.url()
    }

    /// Answers will be asked for with this; [`Self::probe`] finds out whether it is taken.
    pub fn set_decoding(&mut self, decoding: AnswerDecoding) {
        self.decoding = Some(decoding);
    }

    /// Whether it was found to take such a decoding.
    ///
    /// # Errors
    /// [`contract::Code::Engine`] with what to write instead.
    pub(crate) fn check_decoding(&self, decoding: &AnswerDecoding) -> Result<()> {
        self.dialect.says(decoding).map_err(|key| {
            let asked = if key == "temperature" { decoding.temperature } else { decoding.top_p };
            Error::engine(format!(
                "{} takes no {key}: the model draws with its own, as those do that reason before they answer; {asked} was asked for. Set {key} = 1, in a \
                 spec under [frozen], or choose another model.",
                self.asker.client.who()
            ))
        })
    }

    /// How its answers call the model, after the first.
    pub fn served(&self) -> Option<&str> {
        self.served.as_deref()
    }

    /// Tells what was noticed of the answers since the last time; of those withheld, whenever they are twice as many.
    pub(crate) fn tell_news(&mut self) {
        let news = self.asker.noticed.take_news();
        news.iter().for_each(|sentence| self.asker.client.tell(sentence));
        self.told.extend(news);
        let withheld = self.journal.withheld();
        if withheld > 0 && withheld >= 2 * self.told_withheld {
            self.told_withheld = withheld;
            self.withheld().iter().for_each(|sentence| self.asker.client.tell(sentence));
        }
    }

    /// That answers were withheld, if any were.
    fn withheld(&self) -> Option<String> {
        let answers = match self.journal.withheld() {
            0 => return None,
            1 => "an answer by its content filter: it counts as empty, or as far as it came".into(),
            n => format!("{n} answers by its content filter: they count as empty, or as far as they came"),
        };
        let who = self.asker.client.who();
        Some(format!(
            "{who} withheld {answers}, and figures say something of the filter as well. Set it otherwise there, or leave such prompts out."
        ))
    }

    /// What it costs.
    pub fn account(&self) -> Account {
        self.asker.account.clone()
    }
}

/// The list of models, tried a few times: a server that was started a moment ago may not be up.
pub(crate) fn reach(handle: &Handle, client: &Client) -> Outcome<Option<(Vec<Served>, Option<String>)>> {
    let mut attempt = 1;
    loop {
        match handle.block_on(client.models()) {
            Err(Failure { remedy: Remedy::Again { .. }, .. }) if attempt < ATTEMPTS => std::thread::sleep(BETWEEN),
            other => return other,
        }
        attempt += 1;
    }
}

/// The model in a list, or which ones there are.
fn named(client: &Client, models: Vec<Served>) -> Result<Served> {
    let model = &client.model;
    // Ollama leaves out ":latest".
    let is_it = |served: &Served| served.id == *model || served.id.strip_prefix(model.as_str()) == Some(":latest");
    let names: Vec<String> = models.iter().take(12).map(|served| format!("\"{}\"", served.id)).collect();
    let left = models.len().saturating_sub(names.len());
    models.into_iter().find(is_it).ok_or_else(|| {
        let more = if left > 0 { format!(" and {left} more") } else { String::new() };
        let there = if names.is_empty() { "no model".into() } else { format!("{}{more}", names.join(", ")) };
        let way_out = if names.is_empty() { "Load the model there, then ask again." } else { "Write one of these names as the model." };
        Error::network(format!("{} does not serve a model \"{model}\"; it serves {there}. {way_out}", client.who()))
    })
}

/// A question on its way.
pub(crate) struct Ask<'a> {
    pub request: &'a AnswerRequest,
    pub decoding: &'a AnswerDecoding,
    pub dialect: Dialect,
    /// Likeliest tokens to tell of each place.
    pub alternatives: usize,
}

/// Why a batch did not come to its end.
#[derive(Debug)]
pub(crate) enum Trouble {
    Failed(Failure),
    Other(Error),
}

impl Trouble {
    pub fn of_run(self) -> Error {
        match self {
            Self::Failed(failure) => failure.of_run(),
            Self::Other(error) => error,
        }
    }
}

/// Asks several questions at a time, within the budget.
pub(crate) struct Asker {
    pub client: Arc<Client>,
    handle: Handle,
    stop: Box<dyn Fn() -> bool + Send>,
    pub account: Account,
    pub noticed: Noticed,
    timeout: Duration,
}

/// What came of a question: its number, what was set aside for it, and the answer.
type Landed = (usize, Tokens, Outcome<Reply>);

/// Requests under way.
struct Flight {
    send: mpsc::Sender<Landed>,
    receive: mpsc::Receiver<Landed>,
    tasks: Vec<AbortHandle>,
    under_way: usize,
}

impl Asker {
    /// Asks all, at most `at_once` at a time. `on_reply` gets each answer the moment it is there, with the question's number and its cost; `on_progress`
    /// hears how many there are, and can break ([`contract::Code::Stopped`]). What is under way when something goes wrong is still waited for, for a
    /// while: it is paid for.
    pub fn ask(
        &mut self,
        asks: &[Ask<'_>],
        at_once: usize,
        on_reply: &mut dyn FnMut(usize, Reply, Tokens) -> Result<()>,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        let (send, receive) = mpsc::channel();
        let mut flight = Flight { send, receive, tasks: Vec::new(), under_way: 0 };
        let mut waiting: VecDeque<usize> = (0..asks.len()).collect();
        let (mut done, mut trouble, mut deadline) = (0, None, None);
        loop {
            if trouble.is_none() {
                trouble = self.launch(asks, &mut waiting, at_once, &mut flight).err().map(Trouble::Other);
            }
            if flight.under_way == 0 {
                break;
            }
            match flight.receive.recv_timeout(TICK) {
                Ok(landed) => {
                    flight.under_way -= 1;
                    match self.landed(&asks[landed.0], landed, on_reply) {
                        Ok(()) => done += 1,
                        Err(first) => trouble = trouble.or(Some(first)),
                    }
                }
                Err(_) if flight.tasks.iter().all(AbortHandle::is_finished) && flight.is_lost() => {
                    trouble = Some(Trouble::Other(Error::internal("A request ended without a word.")));
                    break;
                }
                Err(_) => {}
            }
            if trouble.is_none() && (on_progress(done).is_break() || (self.stop)()) {
                trouble = Some(Trouble::Other(Error::stopped("stopped")));
                deadline = Some(Instant::now() + GRACE);
            }
            if trouble.is_some() {
                self.client.set_stopping(true);
                if Instant::now() >= *deadline.get_or_insert_with(|| Instant::now() + self.timeout + GRACE) {
                    break;
                }
            }
        }
        flight.tasks.iter().for_each(AbortHandle::abort);
        self.client.set_stopping(false);
        trouble.map_or(Ok(()), Err)
    }

    /// Sends as many as may be under way and the budget holds.
    fn launch(&mut self, asks: &[Ask<'_>], waiting: &mut VecDeque<usize>, at_once: usize, flight: &mut Flight) -> Result<()> {
        while flight.under_way < at_once.max(1)
            && let Some(&index) = waiting.front()
        {
            let reserved = self.at_most(&asks[index]);
            match self.account.open().reserve(reserved) {
                Ok(()) => {}
                // Those under way may come to less than was set aside.
                Err(_) if flight.under_way > 0 => return Ok(()),
                Err(e) => return Err(e),
            }
            waiting.pop_front();
            let Ask { request, decoding, dialect, alternatives } = asks[index];
            let (client, send) = (self.client.clone(), flight.send.clone());
            let body = body(&client.model, request, decoding, dialect, alternatives);
            let task = self.handle.spawn(async move {
                let outcome = reply(&client, &body).await;
                // Nobody listens any more where the batch was given up.
                let _ = send.send((index, reserved, outcome));
            });
            flight.tasks.push(task.abort_handle());
            flight.under_way += 1;
        }
        Ok(())
    }

    fn landed(
        &mut self,
        ask: &Ask<'_>,
        (index, reserved, outcome): Landed,
        on_reply: &mut dyn FnMut(usize, Reply, Tokens) -> Result<()>,
    ) -> Result<(), Trouble> {
        match outcome {
            Ok(reply) => {
                let cost = cost(ask.request, &reply);
                self.account.open().settle(reserved, Some(cost));
                self.noticed.see(&reply, cost.written, ask.decoding.max_tokens as u64);
                on_reply(index, reply, cost).map_err(Trouble::Other)
            }
            Err(failure) => {
                self.account.open().settle(reserved, None);
                Err(Trouble::Failed(failure))
            }
        }
    }

    /// What a request may cost, by what answers have cost so far.
    fn at_most(&self, ask: &Ask<'_>) -> Tokens {
        let read = estimated_prompt(ask.request.system.as_deref(), &ask.request.prompt);
        Tokens { read, written: self.noticed.longest(ask.decoding.max_tokens as u64), estimated: 0 }
    }
}

/// An answer as it came, without the key.
async fn reply(client: &Client, body: &Value) -> Outcome<Reply> {
    let reply = match client.ask("/chat/completions", body, &completion::reply).await {
        // Others say the same in an answer without text.
        Err(Failure { remedy: Remedy::Withheld, .. }) => Reply::withheld(),
        other => other?,
    };
    let clean = |text: String| client.clean(text);
    let first = reply.first.into_iter().map(|one| Alternative { token: clean(one.token), ..one }).collect();
    Ok(Reply { text: clean(reply.text), model: reply.model.map(clean), fingerprint: reply.fingerprint.map(clean), first, ..reply })
}

impl Flight {
    /// Whether none of those under way has anything more to say.
    fn is_lost(&mut self) -> bool {
        match self.receive.try_recv() {
            Ok(late) => {
                // It came between two looks: back to where it is read.
                let _ = self.send.send(late);
                false
            }
            Err(_) => true,
        }
    }
}

/// What a request has cost, as the endpoint counts it, or else by an estimate.
fn cost(request: &AnswerRequest, reply: &Reply) -> Tokens {
    match reply.usage {
        Some(usage) => Tokens { read: usage.prompt_tokens, written: usage.completion_tokens, estimated: 0 },
        None => {
            let read = estimated_prompt(request.system.as_deref(), &request.prompt);
            let counted = reply.log_probs.len() as u64;
            let written = if counted > 0 { counted } else { estimated_tokens(&reply.text) };
            Tokens { read, written, estimated: read + if counted > 0 { 0 } else { written } }
        }
    }
}

/// An answer as the rest of the program knows it.
pub(crate) fn answer(reply: Reply, cost: Tokens) -> Answer {
    let tokens = vec![UNKNOWN_TOKEN; usize::try_from(cost.written).unwrap_or(usize::MAX).min(1 << 20)];
    // One for each token, or none: some servers count the end of the text and some do not.
    let log_probs = if reply.log_probs.len() == tokens.len() { reply.log_probs } else { Vec::new() };
    Answer { text: reply.text, tokens, log_probs, truncated: reply.truncated }
}

/// Refuses answers of another model than those before: a run would mix two.
pub(crate) fn check_served(who: &str, served: &mut Option<String>, reply: &Reply) -> Result<()> {
    let Some(model) = &reply.model else { return Ok(()) };
    let before = served.get_or_insert_with(|| model.clone());
    if before == model {
        return Ok(());
    }
    Err(Error::paused(format!(
        "{who} now answers as the model \"{model}\", and as \"{before}\" before. Let it serve the model from before, then go on; or start a new run."
    )))
}

impl FrozenModel for Endpoint {
    fn describe(&self) -> String {
        format!("{} behind {}", self.asker.client.model, self.asker.client.url())
    }

    fn identity(&self) -> &str {
        &self.identity
    }

    /// As the endpoint says; as good as endless where it does not.
    fn context(&self) -> usize {
        self.listed.as_ref().and_then(Served::context).unwrap_or(usize::MAX)
    }

    /// An estimate: its tokenizer is not here.
    fn prompt_tokens(&self, system: Option<&str>, prompt: &str) -> Result<usize> {
        Ok(usize::try_from(estimated_prompt(system, prompt)).unwrap_or(usize::MAX))
    }

    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        decoding: &AnswerDecoding,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        self.check_decoding(decoding)?;
        let questions: Vec<Question> = requests.iter().map(|request| Question::new(&self.identity, request, decoding)).collect();
        let missing = unknown(&questions, |question| self.journal.has(question));
        let known = requests.len() - missing.len();
        let asks: Vec<Ask<'_>> =
            missing.iter().map(|&i| Ask { request: &requests[i], decoding, dialect: self.dialect, alternatives: 0 }).collect();
        let (journal, served, who) = (&mut self.journal, &mut self.served, self.asker.client.who());
        let mut on_reply = |index: usize, reply: Reply, cost: Tokens| {
            journal.accept(check_served(&who, served, &reply), cost)?;
            let (question, withheld, answer) = (&questions[missing[index]], reply.withheld, answer(reply, cost));
            if withheld { journal.keep_withheld(question, &answer, cost) } else { journal.keep(Some((question, &answer)), cost) }
        };
        if on_progress(known).is_break() {
            return Err(Error::stopped("stopped"));
        }
        let asked = self.asker.ask(&asks, self.at_once, &mut on_reply, &mut |done| on_progress(known + done));
        self.tell_news();
        asked.map_err(Trouble::of_run)?;
        let lost = || Error::internal("A kept answer is gone.");
        questions.iter().map(|question| self.journal.recall(question)?.ok_or_else(lost)).collect()
    }

    fn first_words(&mut self, prompts: &[String], words: &[String]) -> Result<Vec<Vec<f64>>> {
        self.first_words_of(prompts, words)
    }
    fn remarks(&self) -> Vec<String> {
        self.told.iter().cloned().chain(self.withheld()).collect()
    }
}
