//! `alignpro estimate SPEC`: what a run will take on this machine, found by doing a small part of it, and how small a difference it can find, by
//! earlier runs. Nothing is kept.
use super::Context;
use super::run::{With, read_spec};
use crate::consent::Consent;
use crate::engine::{self, Admitted, Found};
use crate::machine::Machine;
use crate::output::printable;
use crate::progress::Bars;
use crate::seeds_table::smallest;
use crate::served::StandIn;
use crate::table::{absent, columns};
use contract::data::Prompt;
use contract::design::DesignPower;
use contract::desk::{EndpointEstimate, Estimate, Fit, FitStep, PhaseEstimate};
use contract::endpoint::Endpoint as Settings;
use contract::event::Phase;
use contract::seeds::Power;
use contract::{Result, Spec};
use endpoint::{PROBE_REQUESTS, estimated_prompt};
use experiment::design;
use experiment::fit::{Place, fit};
use experiment::metrics::resident_memory_bytes;
use experiment::prepare::{Longest, Prepared};
use experiment::streams::Streams;
use experiment::training::{self, Trainer};
use experiment::{Arm, Item, Pipeline};
use inference_mistralrs::{free_gpu_bytes, has_gpu};
use lm::LoadTime;
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use store::Split;

/// Tokens times parameters that the measured part of an iteration, or of an arm, may hold: some seconds of two cores, and of a GPU.
const BUDGET: f64 = 1.2e12;
const GPU_BUDGET: f64 = 1.5e14;
/// Tokens that a rewrite or an answer costs besides its own: its prompt, and the passes over it.
const AROUND: usize = 200;
/// What is asked of the design beside its spec.
pub struct Design {
    pub seeds: usize,
    /// Standard deviation over prompts of the paired difference, to be assumed.
    pub deviation: Option<f64>,
}

/// As `--json` prints it: an [`Estimate`] and what the design could find.
#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    estimate: Estimate,
    design: DesignPower,
}

pub async fn estimate(context: &Context, file: &Path, with: &With, asked: &Design) -> Result<ExitCode> {
    let prepared = tokio::task::block_in_place(|| read_spec(&context.home, file, with))?;
    let design = plan(context, &prepared, with.folder(file), asked).await?;
    let estimate = tokio::task::block_in_place(|| measure(context, with.folder(file), prepared))?;
    let whole = Whole { estimate, design };
    context.output.result(&whole, || text(&whole))?;
    Ok(ExitCode::SUCCESS)
}

/// How small a difference the design finds. Where there is no database yet, there is no run to learn from.
async fn plan(context: &Context, prepared: &Prepared, folder: &Path, asked: &Design) -> Result<DesignPower> {
    let (spec, clusters) = (&prepared.spec, prepared.splits.test_clusters());
    let precedent = if context.database().exists() {
        let store = context.open().await?;
        design::precedent(&store, spec, folder, asked.seeds).await?
    } else {
        None
    };
    tokio::task::block_in_place(|| design::compute(spec, asked.seeds, precedent.as_ref(), asked.deviation, clusters))
}

fn memory(found: &Found, prepared: &Prepared, longest: &Longest) -> Fit {
    fit(&prepared.spec, longest, &place(), &|spec| found.memory(spec))
}

/// A sentence where a run is larger than what is free here; whoever starts it may know better.
pub fn too_large(found: &Found, prepared: &Prepared) -> Result<Option<String>> {
    let memory = memory(found, prepared, &found.longest(prepared)?);
    let (peak, free) = (gigabytes(memory.peak_bytes), gigabytes(memory.free_bytes));
    Ok((!memory.fits).then(|| {
        format!(
            "The run may take up to {peak}, and {free} of {} are free: it may be ended by the system. `alignpro estimate` with the same file says what to change.",
            memory.place
        )
    }))
}

fn measure(context: &Context, folder: &Path, prepared: Prepared) -> Result<Estimate> {
    let bars = Bars::new();
    let found = engine::find(&context.home, &prepared.spec, folder, Consent::Known)?;
    let endpoint = found.endpoint().map(|settings| of_endpoint(&prepared, settings));
    let unmeasured = found.unmeasured_parts();
    let longest = found.longest(&prepared)?;
    let memory = memory(&found, &prepared, &longest);
    if !memory.fits {
        let basis = "Nothing was measured, for the run does not fit into memory.".into();
        let load = PhaseEstimate { phase: Phase::Load, seconds: None };
        let estimate = whole(vec![load], [None; 2], memory, basis, &longest);
        return Ok(Estimate { endpoint, ..estimate });
    }
    bars.say("Loading the models …");
    let begun = Instant::now();
    let parameters = found.parameters();
    let loaded = found.load_without_network(&prepared.spec, Box::new(StandIn))?;
    loaded.check_all_lengths(&prepared)?;
    let Admitted { prompter, frozen, oracle, parts, load_time, .. } = loaded.admit(&|| false)?;
    // Of a file that only mistral.rs reads it is known from here on.
    let longest = Longest { frozen_context: frozen.context(), ..longest };
    let load = PhaseEstimate { phase: Phase::Load, seconds: Some(begun.elapsed().as_secs_f64()) };

    bars.say("Trying a part of it …");
    let part = Part::of(&prepared, parameters as f64);
    let Prepared { spec, splits, reward, .. } = prepared;
    let reward = reward.with_scorers(&parts.scorers);
    let mut pipeline = Pipeline::new(&part.spec, prompter, frozen, reward.clone());
    let trainer = Trainer::start(&pipeline.prompter, &part.spec)?;
    let train = Step::of(&part, trainer, &mut pipeline, &part.spec, &splits.train, &load_time)?;
    let oracle = oracle.map(|policy| {
        let spec = experiment::oracle::training_spec(&part.spec);
        let mut pipeline = experiment::oracle::pipeline(&spec, policy, reward);
        let trainer = Trainer::start(&pipeline.prompter, &spec)?;
        Step::of(&part, trainer, &mut pipeline, &spec, &splits.train, &load_time)
    });
    let oracle = oracle.transpose()?;
    let mut arm = |arm: Arm<'_>| {
        let streams = Streams::new(spec.seed);
        let item = |i: usize| Item {
            prompt: &splits.test[i % splits.test.len()],
            rewrite_seed: streams.evaluation_rewrite(Split::Test, i, 0),
            // Not the seeds of the other arm: an answer that is remembered costs nothing.
            answer_seed: streams.evaluation_answer(Split::Test, i, usize::from(arm.name() != Arm::Raw.name())),
        };
        let items: Vec<Item<'_>> = (0..part.answers).map(item).collect();
        timed(&load_time, || pipeline.run(arm, &items, &mut |_| ControlFlow::Continue(())).map(drop))
    };
    let (raw, tuned) = (arm(Arm::Raw)?, arm(Arm::Tuned(train.trainer.adapter()))?);
    let each = part.answers as f64;
    // Where an answer is all but free, a rewrite may seem to cost less than nothing.
    let rewrite = ((tuned.computing - raw.computing) / each).max(0.0);
    let costs = Costs { answer: raw.computing / each, rewrite, load: raw.loading, batch: spec.evaluation.answers_per_batch };
    let phase = |phase, seconds: f64| PhaseEstimate { phase, seconds: Some(seconds) };
    let (a, iterations) = (&spec.arms, spec.training.iterations as f64);
    let mut phases = vec![load];
    if a.raw || a.untuned {
        phases.push(phase(Phase::Baselines, costs.baselines(&spec, splits.test.len())));
    }
    if a.tuned {
        let seconds = train.seconds * iterations + costs.validation(&spec, splits.validation.len());
        phases.push(phase(Phase::Train, seconds));
    }
    if a.instruction {
        let round = costs.answers(spec.training.prompts_per_iteration * spec.training.group_size);
        phases.push(phase(Phase::Search, iterations * round));
    }
    if let Some(oracle) = oracle {
        phases.push(phase(Phase::Oracle, oracle.seconds * iterations));
    }
    phases.push(phase(Phase::Evaluate, costs.evaluation(&spec, splits.test.len())));
    let more = [costs.tested(&spec, splits.test.len()), costs.twice_answers(&spec, splits.test.len(), splits.validation.len())].map(Some);
    let basis = format!("{}{}", part.basis, left_out(&unmeasured));
    let estimate = whole(phases, more, memory, basis, &longest);
    Ok(match endpoint {
        None => estimate,
        Some(_) => Estimate {
            basis: format!("{} What the endpoint takes is not in these times: it was not asked.", estimate.basis),
            frozen_context: None,
            endpoint,
            ..estimate
        },
    })
}

/// What of the reward was not computed, in a sentence behind another.
fn left_out(parts: &[String]) -> String {
    if parts.is_empty() {
        return String::new();
    }
    format!(
        " What scores {} is not in these times: services are not asked, and commands not run that nobody has agreed to.",
        parts.iter().map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(", ")
    )
}

/// What a run will ask of its endpoint, at most.
fn of_endpoint(prepared: &Prepared, settings: &Settings) -> EndpointEstimate {
    let Prepared { spec, splits, .. } = prepared;
    // An answer is one request, whatever stands before it.
    let (count, arms) = (Costs { answer: 1.0, rewrite: 0.0, load: 0.0, batch: 1 }, &spec.arms);
    let trained = if arms.tuned { episodes(spec) as f64 + count.validation(spec, splits.validation.len()) } else { 0.0 };
    let searched = if arms.instruction { episodes(spec) as f64 } else { 0.0 };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count, not below zero
    let requests = (trained + searched + count.tested(spec, splits.test.len())) as u64 + PROBE_REQUESTS as u64;
    let prompts = || splits.train.iter().chain(&splits.validation).chain(&splits.test);
    let longest = prompts().map(|prompt| estimated_prompt(prompt.system.as_deref(), &prompt.text)).max().unwrap_or(0);
    let (tokens_in, tokens_out) =
        (requests * (longest + spec.prompter.max_rewrite_tokens as u64), requests * spec.frozen.max_answer_tokens as u64);
    let money = settings.money(tokens_in, tokens_out);
    EndpointEstimate { url: settings.url.clone(), model: spec.frozen.model.clone(), requests, tokens_in, tokens_out, money }
}

fn endpoint_in_words(asked: &EndpointEstimate) -> String {
    let EndpointEstimate { url, model, requests, tokens_in, tokens_out, money } = asked;
    let money = money.map_or_else(String::new, |money| format!(", {money:.2} in money"));
    format!(
        "At most {requests} requests to {model} at {url}: {tokens_in} tokens read and {tokens_out} written{money}. Estimated from the texts."
    )
}

/// Rewrites, and so reward calls, of the whole training.
fn episodes(spec: &Spec) -> usize {
    let t = &spec.training;
    t.iterations * t.prompts_per_iteration * t.group_size
}

/// Seconds that an answer takes, and a rewrite before it.
struct Costs {
    answer: f64,
    rewrite: f64,
    /// What it takes to read models that are offloaded, once for each batch of answers.
    load: f64,
    batch: usize,
}

impl Costs {
    /// So many answers of one arm, one after another.
    fn answers(&self, n: usize) -> f64 {
        n as f64 * self.answer + n.div_ceil(self.batch.max(1)) as f64 * self.load
    }

    /// The untuned prompter's rewrites cost what the tuned one's do.
    fn baselines(&self, spec: &Spec, prompts: usize) -> f64 {
        let n = prompts * spec.evaluation.answers_per_prompt;
        let raw = if spec.arms.raw { self.answers(n) } else { 0.0 };
        let untuned = if spec.arms.untuned { self.answers(n) + n as f64 * self.rewrite } else { 0.0 };
        raw + untuned
    }

    fn validation(&self, spec: &Spec, prompts: usize) -> f64 {
        let t = &spec.training;
        let validations = t.iterations.checked_div(t.validate_every_iterations).map_or(0, |times| times + 1);
        let n = prompts * spec.evaluation.answers_per_prompt;
        validations as f64 * (self.answers(n) + n as f64 * self.rewrite)
    }

    fn evaluation(&self, spec: &Spec, prompts: usize) -> f64 {
        let (a, each) = (&spec.arms, spec.evaluation.answers_per_prompt);
        let with_answers = [a.tuned, a.optimum, a.best_rewrite, a.instruction, a.oracle].into_iter().filter(|on| *on).count();
        let pool = if a.needs_rewrite_pool() { a.rewrites_per_prompt } else { 0 };
        let of_best = if a.best_answer { a.best_of_answers } else { 0 };
        let rewrites = pool + if a.tuned { each } else { 0 };
        let answers =
            with_answers as f64 * self.answers(prompts * each) + self.answers(prompts * (pool * a.answers_per_rewrite + each * of_best));
        answers + (prompts * rewrites) as f64 * self.rewrite
    }

    /// Everything on the test prompts, which is what twice as many of them add.
    fn tested(&self, spec: &Spec, prompts: usize) -> f64 {
        self.baselines(spec, prompts) + self.evaluation(spec, prompts)
    }

    /// What twice the answers to each prompt add, which are validated too.
    fn twice_answers(&self, spec: &Spec, prompts: usize, validated: usize) -> f64 {
        let mut twice = spec.clone();
        twice.evaluation.answers_per_prompt *= 2;
        let all = |spec: &Spec| {
            let validation = if spec.arms.tuned { self.validation(spec, validated) } else { 0.0 };
            self.tested(spec, prompts) + validation
        };
        all(&twice) - all(spec)
    }
}

/// A training iteration that was tried.
struct Step {
    trainer: Trainer,
    /// Of a whole iteration.
    seconds: f64,
}

impl Step {
    fn of(
        part: &Part,
        mut trainer: Trainer,
        pipeline: &mut Pipeline,
        spec: &Spec,
        prompts: &[Prompt],
        load_time: &LoadTime,
    ) -> Result<Self> {
        let took = timed(load_time, || match trainer.step(pipeline, spec, prompts)? {
            training::Step::Done { .. } => Ok(()),
            training::Step::Diverged { error, .. } => Err(error),
        })?;
        Ok(Self { trainer, seconds: took.computing * part.batch + took.loading })
    }
}

/// What a piece of work takes.
#[derive(Debug, Clone, Copy)]
struct Seconds {
    computing: f64,
    /// Reading models that are offloaded, which is the same for a larger piece.
    loading: f64,
}

fn timed(load_time: &LoadTime, work: impl FnOnce() -> Result<()>) -> Result<Seconds> {
    let (begun, before) = (Instant::now(), load_time.seconds());
    work()?;
    let loading = load_time.seconds() - before;
    Ok(Seconds { computing: begun.elapsed().as_secs_f64() - loading, loading })
}

/// Where the models would be computed, and what is free there.
fn place() -> Place {
    match free_gpu_bytes() {
        Some(free_bytes) => Place { name: "the GPU's memory".into(), free_bytes, own_bytes: 0 },
        None => {
            let own_bytes = resident_memory_bytes().unwrap_or(0);
            Place { name: "memory".into(), free_bytes: Machine::look().memory_available_bytes + own_bytes, own_bytes }
        }
    }
}

/// What is done of a run to measure it.
struct Part {
    /// With smaller batches where the models are large.
    spec: Spec,
    /// How many of such batches are one of the run's.
    batch: f64,
    /// Answers of one arm.
    answers: usize,
    basis: String,
}

impl Part {
    fn of(prepared: &Prepared, parameters: f64) -> Self {
        let mut spec = prepared.spec.clone();
        let tokens = spec.prompter.max_rewrite_tokens + spec.frozen.max_answer_tokens + AROUND;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count, not below zero
        let budget = if has_gpu() { GPU_BUDGET } else { BUDGET };
        let most = ((budget / (parameters * tokens as f64)) as usize).max(2);
        let (prompts, group) = (spec.training.prompts_per_iteration, spec.training.group_size);
        spec.training.prompts_per_iteration = (most / group).clamp(1, prompts);
        spec.training.group_size = (most / spec.training.prompts_per_iteration).clamp(2, group);
        let done = spec.training.prompts_per_iteration * spec.training.group_size;
        let of_arm = prepared.splits.test.len() * spec.evaluation.answers_per_prompt;
        let batch = of_arm.min(spec.evaluation.answers_per_batch).max(1);
        let answers = batch.min(most);
        let what = match done == prompts * group {
            true => "one iteration".to_owned(),
            false => format!("{done} of an iteration's {} rewrites", prompts * group),
        };
        let basis = format!(
            "Measured on this machine just now: {what}, and {answers} answers with and without a rewrite. Other programs slow a run down."
        );
        Self { batch: (prompts * group) as f64 / done as f64, spec, answers, basis }
    }
}

fn whole(
    phases: Vec<PhaseEstimate>,
    [twice_prompts, twice_answers]: [Option<f64>; 2],
    memory: Fit,
    basis: String,
    longest: &Longest,
) -> Estimate {
    Estimate {
        seconds: phases.iter().map(|phase| phase.seconds).sum(),
        twice_prompts_seconds: twice_prompts,
        twice_answers_seconds: twice_answers,
        phases,
        memory,
        basis,
        longest_prompter_tokens: longest.prompter,
        longest_frozen_tokens: longest.frozen,
        prompter_context: longest.prompter_context,
        frozen_context: Some(longest.frozen_context),
        endpoint: None,
    }
}

fn time(seconds: Option<f64>) -> String {
    seconds.map_or("?".into(), |s| format!("{:.0}:{:02.0} min", (s / 60.0).floor(), s % 60.0))
}

/// How small a difference is found, and what more of each number would buy and cost.
fn found(Whole { estimate, design }: &Whole) -> String {
    let pairs = design.pairs.iter().filter_map(|pair| Some((pair.arm.as_str(), pair.baseline.as_str(), pair.power?)));
    let mut rows = smallest("as planned", pairs);
    let mut text = format!("{}\n", design.finding);
    if rows.len() > 1 {
        let found = |of: fn(&Power) -> Option<f64>| design.pairs.iter().any(|pair| pair.power.as_ref().and_then(of).is_some());
        // What buys nothing that is known has no price.
        let cost = |is_found: bool, seconds: Option<f64>| match seconds {
            Some(seconds) if is_found => format!("+ {}", time(Some(seconds * design.seeds as f64))),
            _ => absent(),
        };
        let label = if design.seeds == 1 { "time it adds".into() } else { format!("time it adds to {} runs", design.seeds) };
        rows.push(vec![
            label,
            String::new(),
            cost(found(|p| p.twice_prompts), estimate.twice_prompts_seconds),
            cost(found(|p| p.twice_answers), estimate.twice_answers_seconds),
            cost(found(|p| p.twice_seeds), estimate.seconds),
        ]);
        text = format!("{text}\n{}", columns(&rows, &[0]));
    }
    for note in &design.notes {
        text.push_str(note);
        text.push('\n');
    }
    printable(&text)
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.2} GB", bytes as f64 / 1e9)
}

fn memory_in_words(memory: &Fit) -> String {
    let name = |step| match step {
        FitStep::Load => "loading",
        FitStep::Rollout => "rewrites",
        FitStep::Answers => "answers",
        FitStep::Reward => "reward",
        FitStep::Update => "update",
        FitStep::Oracle => "the oracle's update",
    };
    let rows: Vec<_> = memory.phases.iter().map(|p| vec![name(p.step).to_owned(), gigabytes(p.peak_bytes)]).collect();
    let fits = if memory.fits { "It fits" } else { "It does not fit" };
    let free =
        format!("{fits} into {}, of which {} are free. Computed from the models' files.", memory.place, gigabytes(memory.free_bytes));
    let mut lines = vec![columns(&rows, &[0]), free];
    if let Some(changed) = memory.changed_peak_bytes {
        let fits = if memory.changed_fits { "it fits" } else { "it still does not" };
        lines.push(format!("With {} it takes {}, and {fits}.", memory.changes.join(", "), gigabytes(changed)));
    }
    lines.join("\n")
}

fn text(whole: &Whole) -> String {
    let estimate = &whole.estimate;
    let name = |phase| match phase {
        Phase::Load => "loading",
        Phase::Baselines => "baselines",
        Phase::Train => "training",
        Phase::Search => "search for an instruction",
        Phase::Oracle => "training the oracle",
        Phase::Evaluate => "evaluation",
    };
    let row = |what: &str, seconds| vec![what.to_owned(), time(seconds)];
    let mut rows: Vec<_> = estimate.phases.iter().map(|p| row(name(p.phase), p.seconds)).collect();
    rows.push(row("all", estimate.seconds));
    let mut lines = vec![columns(&rows, &[0]), estimate.basis.clone(), String::new(), memory_in_words(&estimate.memory)];
    lines.extend(estimate.endpoint.as_ref().map(endpoint_in_words));
    format!("{}\n\n{}", printable(&lines.join("\n")), found(whole))
}
