//! `alignpro run SPEC` and `alignpro resume RUN`.
use super::Context;
use super::estimate::too_large;
use super::queue::{Queue, goes_on};
use super::show::print;
use crate::brought;
use crate::cli::EXIT_STOPPED;
use crate::energy::joules;
use crate::engine::{self, Admission, Admitted, ENGINE, Loaded, PROOF, proof_fact};
use crate::machine::{CPU, Machine, THREADS};
use crate::output::{Output, note, printable};
use crate::progress::Bars;
use crate::served::{self, Budgets};
use crate::signals;
use contract::endpoint::EndpointFindings;
use contract::event::{Event, Phase, Status};
use contract::{Code, Error, Result, arm};
use endpoint::Account;
use experiment::StopSignal;
use experiment::prepare::{Prepared, base_folder, from_spec};
use experiment::runner::{Inputs, Outcome, Progress, Runner};
use home::{Home, read_error};
use inference::Proof;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use store::{Fact, NewRun, Run, RunLock, Store};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

/// A run that this process holds.
struct Held {
    id: i64,
    store: Store,
    _lock: RunLock,
}

/// Runs a spec file, with as many seeds from its own on. Everything that can be checked is checked before the first row is written.
pub async fn start(context: &Context, file: &Path, with: &With, seeds: u64) -> Result<ExitCode> {
    signals::listen();
    let mut bars = Bars::new();
    let (prepared, more, loaded) = block_in_place(|| {
        let prepared = read_spec(&context.home, file, with)?;
        let first = prepared.spec.seed;
        let more = (1..seeds).map(|n| read_spec(&context.home, file, &With { seed: Some(first.saturating_add(n)), ..with.clone() }));
        let more = more.collect::<Result<Vec<_>>>()?;
        bars.say("Loading the models …");
        let found = engine::find(&context.home, &prepared.spec, with.folder(file), context.consent)?;
        if let Some(sentence) = too_large(&found, &prepared)? {
            note(&format!("warning: {sentence}"));
        }
        let loaded = found.load(&context.home, &prepared.spec)?;
        loaded.check_all_lengths(&prepared)?;
        Ok::<_, Error>((prepared, more, loaded))
    })?;
    if signals::stop_requested() {
        return Err(Error::stopped("Stopped before the run began; nothing was written."));
    }
    let store = context.open_or_create().await?;
    let origin = hub::origin_of_data(&with.folder(file).join(&prepared.spec.data.source))
        .map(|origin| Fact { key: "data.origin".into(), value: origin });
    let known: Vec<Fact> = loaded.facts.iter().cloned().chain(Machine::look().facts()).chain(origin).collect();
    let new = |prepared: &Prepared| NewRun {
        spec: prepared.spec.clone(),
        spec_hash: prepared.spec_hash.clone(),
        program_version: env!("CARGO_PKG_VERSION").into(),
        facts: prepared.facts.iter().chain(&known).cloned().collect(),
    };
    let id = store.create_run(&new(&prepared)).await?;
    let lock = store.lock(id)?;
    let mut behind = Vec::new();
    for prepared in &more {
        behind.push(store.create_run(&new(prepared)).await?);
    }
    let queue = Queue::take(store.clone(), &behind).await?;
    bars.say(&format!("Run {id} of {}", store.path().display()));
    let first = work(context, Held { id, _lock: lock, store: store.clone() }, prepared, loaded, &mut bars).await;
    match first {
        Ok(code) => work_off(context, &store, queue, code, &Budgets::default()).await,
        // The others would use the same models.
        Err(e) => queue.stop().await.and(Err(e)),
    }
}

/// The newest run of a spec file and its data, as they are now, that the database holds and that did not fail, if there is one: what failed
/// would fail again, and what began with other prompts cannot be gone on with.
pub async fn earlier(context: &Context, file: &Path, with: &With) -> Result<Option<i64>> {
    let prepared = block_in_place(|| read_spec(&context.home, file, with))?;
    if !context.database().exists() {
        return Ok(None);
    }
    let store = context.open().await?;
    for run in
        store.runs().await?.into_iter().filter(|run| run.is_kept() && run.spec_hash == prepared.spec_hash && run.status != Status::Failed)
    {
        if prepared.check_unchanged(&store.facts(run.id).await?).is_ok() {
            return Ok(Some(run.id));
        }
    }
    Ok(None)
}

/// Goes on with runs, one after another, or begins those that were only written.
pub async fn resume(context: &Context, runs: &[i64], budgets: &Budgets) -> Result<ExitCode> {
    signals::listen();
    let store = context.open().await?;
    let mut left = Vec::new();
    for run in runs {
        if store.run(*run).await?.status == Status::Finished {
            note(&format!("Run {run} is finished; there is nothing to go on with."));
            print(context, &store, *run).await?;
        } else {
            left.push(*run);
        }
    }
    match left[..] {
        [] => Ok(ExitCode::SUCCESS),
        [run] => resume_held(context, Held { id: run, _lock: store.lock(run)?, store: store.clone() }, budgets).await,
        _ => work_off(context, &store, Queue::take(store.clone(), &left).await?, ExitCode::SUCCESS, budgets).await,
    }
}

/// All runs of a queue. What is wrong with one is said, and the next has its turn; the first error is returned in the end.
async fn work_off(context: &Context, store: &Store, queue: Queue, first: ExitCode, budgets: &Budgets) -> Result<ExitCode> {
    let (mut code, mut failed) = (first, None);
    while let Some((run, lock)) = queue.next().await? {
        if signals::stop_requested() {
            store.withdraw(run).await?;
            queue.stop().await?;
            code = ExitCode::from(EXIT_STOPPED);
            break;
        }
        match resume_held(context, Held { id: run, _lock: lock, store: store.clone() }, budgets).await {
            Ok(ended) if ended == ExitCode::SUCCESS => {}
            Ok(ended) => code = ended,
            Err(e) if goes_on(&e) => {
                note(&format!("Run {run}: {}", e.message));
                failed.get_or_insert(e);
            }
            Err(e) => {
                queue.stop().await?;
                return Err(e);
            }
        }
    }
    failed.map_or(Ok(code), Err)
}

async fn resume_held(context: &Context, held: Held, budgets: &Budgets) -> Result<ExitCode> {
    let mut bars = Bars::new();
    let run = held.id;
    // What it was before it was put into a queue.
    let has_begun = held.store.checkpoint(run, arm::TUNED).await?.is_some();
    let record = held.store.run(run).await?;
    held.store.clear_stop(run).await?;
    // Loading takes a while: whoever watches sees that it goes on.
    held.store.set_status(run, Status::Running, None).await?;
    let before = match record.status {
        Status::Created => Status::Failed,
        Status::Waiting if has_begun => Status::Stopped,
        Status::Waiting => Status::Failed,
        other => other,
    };
    match block_in_place(|| load_again(context, &held, record, budgets, &mut bars)) {
        Ok((prepared, loaded)) => work(context, held, prepared, loaded, &mut bars).await,
        Err(e) => {
            // The first error says more than one about noting it.
            let _ = held.store.set_status(run, before, Some(&e.message)).await;
            Err(e)
        }
    }
}

/// Data and models of a run, which must be those that it began with. What the run does not yet know of them and of the machine is noted;
/// what is different now, and may show in the last digits, is said.
fn load_again(context: &Context, held: &Held, record: Run, budgets: &Budgets, bars: &mut Bars) -> Result<(Prepared, Loaded)> {
    let handle = Handle::current();
    let facts = handle.block_on(held.store.facts(held.id))?;
    let base = base_folder(&facts);
    let mut prepared = from_spec(record.spec, &base)?;
    prepared.check_unchanged(&facts)?;
    let larger = budgets.put_into(&mut prepared.spec, held.id, &facts)?;
    handle.block_on(held.store.set_facts(held.id, &larger))?;
    bars.say("Loading the models …");
    let loaded = engine::find(&context.home, &prepared.spec, &base, context.consent)?.load(&context.home, &prepared.spec)?;
    loaded.check_unchanged(&facts)?;
    loaded.check_lengths(&prepared)?;
    let now: Vec<Fact> = loaded.facts.iter().cloned().chain(Machine::look().facts()).collect();
    if facts.iter().all(|fact| fact.key != ENGINE) {
        handle.block_on(held.store.set_facts(held.id, &now))?;
        return Ok((prepared, loaded));
    }
    let version = |version: &str| Fact { key: VERSION.into(), value: version.into() };
    let began: Vec<Fact> = facts.into_iter().chain([version(&record.program_version)]).collect();
    let now: Vec<Fact> = now.into_iter().chain([version(env!("CARGO_PKG_VERSION"))]).collect();
    for difference in differences(&began, &now) {
        remark(&handle, &held.store, held.id, &difference)?;
    }
    Ok((prepared, loaded))
}

/// Key under which the program's own version is compared.
const VERSION: &str = "program.version";

/// What differs from how the run began, where it can show in the last digits: results are equal bit for bit only where the same
/// sums are done in the same order.
fn differences(stored: &[Fact], now: &[Fact]) -> Vec<String> {
    let value = |facts: &[Fact], key: &str| facts.iter().find(|fact| fact.key == key).map(|fact| fact.value.clone());
    let watched = [(CPU, "processor"), (THREADS, "number of threads"), (ENGINE, "engine"), (VERSION, "version of alignpro")];
    let changed = |(key, what): (&str, &str)| {
        let (before, after) = (value(stored, key)?, value(now, key)?);
        (before != after).then(|| {
            format!("The run began with another {what} ({before}; now {after}): its figures may differ from an uninterrupted run's in the last digits.")
        })
    };
    let is_judge = |fact: &&Fact| fact.key.starts_with("model.judge.") && fact.key.ends_with(".engine");
    let judges = stored.iter().filter(is_judge).map(|fact| (&*fact.key, "engine of a judge"));
    watched.into_iter().chain(judges).filter_map(changed).collect()
}

/// The folder that relative paths in a spec file start at.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What the command line says in the place of the spec.
#[derive(Debug, Clone, Default)]
pub struct With {
    pub seed: Option<u64>,
    /// The arms to run, and no others; empty: the spec's.
    pub arms: Vec<String>,
    /// Where relative paths start, in the place of the spec's folder.
    pub folder: Option<PathBuf>,
}

impl With {
    /// The folder that relative paths in a spec file start at.
    pub fn folder<'a>(&'a self, file: &'a Path) -> &'a Path {
        self.folder.as_deref().unwrap_or_else(|| folder_of(file))
    }
}

/// The spec in a file with what stands in its place, its data and its reward.
pub fn read_spec(home: &Home, file: &Path, with: &With) -> Result<Prepared> {
    let text = std::fs::read_to_string(file).map_err(|e| Error { code: Code::Spec, ..read_error(file, &e) })?;
    let origin = file.display().to_string();
    let mut spec = experiment::spec::parse(&text, &origin)?;
    if let Some(seed) = with.seed {
        spec.seed = seed;
        experiment::spec::check(&spec, &format!("{origin} with --seed {seed}"))?;
    }
    if !with.arms.is_empty() {
        spec.arms
            .set(&with.arms)
            .map_err(|unknown| Error::spec(format!("--arms: \"{unknown}\" is not an arm; choose from all, {}.", arm::ALL.join(", "))))?;
        experiment::spec::check(&spec, &format!("{origin} with --arms {}", with.arms.join(",")))?;
    }
    brought::resolve(home, &mut spec.data, with.folder(file))?;
    from_spec(spec, with.folder(file))
}

/// From loaded models to the printed result.
async fn work(context: &Context, held: Held, prepared: Prepared, loaded: Loaded, bars: &mut Bars) -> Result<ExitCode> {
    let (id, store) = (held.id, held.store.clone());
    let handle = Handle::current();
    let outcome = block_in_place(|| match admitted(&handle, &store, id, prepared, loaded, bars) {
        Ok((runner, accounts)) => run_and_account(runner, &accounts, &handle, &store, id, bars),
        Err(e) if e.code == Code::Stopped => handle.block_on(store.set_status(id, Status::Stopped, None)).map(|()| Outcome::Stopped),
        Err(e) => {
            let status = if e.code == Code::Paused { Status::Stopped } else { Status::Failed };
            // The first error says more than one about noting it.
            let _ = handle.block_on(store.set_status(id, status, Some(&e.message)));
            Err(e)
        }
    });
    bars.finish();
    match outcome {
        Ok(Outcome::Finished(_)) => print(context, &store, id).await.map(|()| ExitCode::SUCCESS),
        Ok(Outcome::Stopped) => {
            note(&format!("Run {id} is stopped and kept; `alignpro resume {id}` goes on with it."));
            let printed = if context.output == Output::Json { print(context, &store, id).await } else { Ok(()) };
            printed.map(|()| ExitCode::from(EXIT_STOPPED))
        }
        Err(e) if e.code == Code::Paused => {
            Err(Error { message: format!("Run {id} is paused and kept; `alignpro resume {id}` goes on with it. {}", e.message), ..e })
        }
        Err(e) => Err(e),
    }
}

/// What something behind an address costs a run: key of the fact that says so, words for what it is, and the account.
type Costs = (String, String, Account);

/// Lets the engine prove itself, notes the proof, and makes the runner.
fn admitted(
    handle: &Handle,
    store: &Store,
    run: i64,
    prepared: Prepared,
    mut loaded: Loaded,
    bars: &mut Bars,
) -> Result<(Runner, Vec<Costs>)> {
    loaded.keep_in(store.path(), run, &|| served::stop_of(store.clone(), handle.clone(), run))?;
    bars.say("The engine proves itself on eight prompts …");
    let stop = StopSignal::new(&signals::stop_requested, store.clone(), handle.clone(), run);
    // A store that cannot be read ends nothing here: the next query says why.
    let Admitted { prompter, frozen, oracle, parts, proof, endpoint, .. } = loaded.admit(&|| stop.requested().unwrap_or(false))?;
    let facts = handle.block_on(store.facts(run))?;
    if let Some(Admission { findings, .. }) = &endpoint {
        note_findings(handle, store, run, &facts, findings)?;
    }
    for part in &parts.kept {
        if let Some((url, served)) = part.served() {
            let key = format!("reward.{}.served", part.label);
            served::check_served(&facts, &key, &url, &served)?;
            handle.block_on(store.set_facts(run, &[Fact { key, value: served }]))?;
        }
    }
    let before = facts.iter().find(|fact| fact.key == PROOF).and_then(|fact| serde_json::from_str::<Proof>(&fact.value).ok());
    if before.as_ref().is_some_and(|before| before.batched != proof.batched) {
        let now = if proof.batched { "in batches, and did not" } else { "one by one, and did not" };
        remark(
            handle,
            store,
            run,
            &format!(
                "The frozen model answers {now} when the run began: its figures may differ from an uninterrupted run's in the last digits."
            ),
        )?;
    }
    let event = Event::EngineProof { engine: proof.engine.clone(), batched: proof.batched, detail: proof.detail.clone() };
    handle.block_on(async {
        store.set_facts(run, &[proof_fact(&proof)?]).await?;
        store.append(run, &event).await
    })?;
    let Prepared { spec, splits, reward, .. } = prepared;
    let reward = reward.with_scorers(&parts.scorers);
    let (store, handle, energy) = (store.clone(), handle.clone(), joules());
    let runner = Runner::new(Inputs { store, handle, run, spec, splits, reward, prompter, frozen, oracle, energy })?;
    let frozen = endpoint.map(|admission| (served::SPENT.to_owned(), "the endpoint".to_owned(), admission.account));
    let judges = parts.kept.iter().filter_map(|part| {
        let (key, who) = (format!("reward.{}.spent", part.label), format!("the judge \"{}\"", printable(&part.label)));
        Some((key, who, part.account()?))
    });
    Ok((runner, frozen.into_iter().chain(judges).collect()))
}

/// What an endpoint was found to do: kept with the run, and what a person should know said, once.
fn note_findings(handle: &Handle, store: &Store, run: i64, before: &[Fact], findings: &EndpointFindings) -> Result<()> {
    served::check_served(before, served::SERVED, &findings.url, &findings.served)?;
    let facts = served::facts(findings);
    let is_known = |fact: &Fact| before.iter().any(|known| known.key == fact.key && known.value == fact.value);
    let version = |facts: &[Fact]| facts.iter().find(|fact| fact.key == served::VERSION).map(|fact| fact.value.clone());
    if let (Some(began), Some(now)) = (version(before), version(&facts))
        && began != now
    {
        let changed =
            format!("The endpoint says of itself \"{now}\", and said \"{began}\" before: it may serve another model under the same name.");
        remark(handle, store, run, &changed)?;
    }
    if !facts.iter().all(is_known) {
        for message in &findings.remarks {
            remark(handle, store, run, message)?;
        }
    }
    handle.block_on(store.set_facts(run, &facts))
}

/// Runs, notes what was paid for, and removes what was kept of it where all that is made of it is in the store.
fn run_and_account(runner: Runner, accounts: &[Costs], handle: &Handle, store: &Store, run: i64, bars: &mut Bars) -> Result<Outcome> {
    let outcome = watch(runner, handle, store, run, bars);
    let mut spent = Vec::new();
    for (key, who, account) in accounts {
        let value = account.spent().in_words();
        note(&format!("network: {who} has cost {value}"));
        spent.push(Fact { key: key.clone(), value });
    }
    let noted = handle.block_on(store.set_facts(run, &spent));
    if matches!(outcome, Ok(Outcome::Finished(_))) {
        desk::remove_answers(store.path(), run);
    }
    // The run's own error says more.
    outcome.and_then(|outcome| noted.map(|()| outcome))
}

/// Something about a run that whoever reads it later should know: kept with it, and said.
fn remark(handle: &Handle, store: &Store, run: i64, message: &str) -> Result<()> {
    note(&format!("warning: {message}"));
    handle.block_on(store.append(run, &Event::Note { message: message.into() })).map(|_| ())
}

/// Runs to the end or to a stop, and shows what the store has heard.
fn watch(mut runner: Runner, handle: &Handle, store: &Store, run: i64, bars: &mut Bars) -> Result<Outcome> {
    let newest = handle.block_on(store.events_after(run, 0))?.last().map_or(0, |event| event.sequence);
    let (mut seen, mut shown) = (newest, None);
    let mut observe = |progress: &Progress| {
        bars.update(progress);
        // Guards speak at the end of an iteration.
        if progress.phase == Phase::Train && shown.replace(progress.done) != Some(progress.done) {
            // What cannot be read now is still in the report.
            for event in handle.block_on(store.events_after(run, seen)).unwrap_or_default() {
                seen = event.sequence;
                bars.event(&event.event);
            }
        }
    };
    runner.run(&signals::stop_requested, &mut observe)
}
