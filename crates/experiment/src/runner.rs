//! Runs an experiment from wherever it stands to its report.
mod arms;
mod search;

use crate::costs::Energy;
use crate::evaluation::{Plan, of_prompter};
use crate::pipeline::{Arm, Pipeline};
use crate::prompter::Prompter;
use crate::record::Record;
use crate::stop::StopSignal;
use crate::streams::Streams;
use crate::training::{Step, Trainer};
use crate::{guards, metrics, oracle, report};
use contract::event::{Event, Phase, Spent, Stage, Status};
use contract::report::Report;
use contract::spec::Evaluation;
use contract::{Code, Error, Result, Spec, arm};
use datasets::Splits;
use inference::FrozenModel;
use lm::Adapter;
use rewards::{Reward, Score};
use std::sync::Arc;
use store::{EvaluationAnswer, Split, Store};
use tokio::runtime::Handle;

/// What a runner works with.
pub struct Inputs {
    pub store: Store,
    /// The runtime that the store's queries run on (multi-threaded). The runner blocks: call it from a plain thread, or `block_in_place`.
    pub handle: Handle,
    /// The run, which the caller holds the lock of ([`Store::lock`]) and has cleared of earlier requests to stop ([`Store::clear_stop`])
    /// before it loaded the models, so that a request made while loading is not lost.
    pub run: i64,
    pub spec: Spec,
    pub splits: Splits,
    pub reward: Reward,
    pub prompter: Prompter,
    pub frozen: Box<dyn FrozenModel>,
    /// The frozen model as a policy to train, with [`oracle::settings`]; there where `spec.arms.oracle` is on.
    pub oracle: Option<Prompter>,
    pub energy: Energy,
}

/// How far a phase is. What it tells of is in the store already, except the answers of a chunk that is still running.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    pub phase: Phase,
    /// Answers in [`Phase::Baselines`] and [`Phase::Evaluate`], iterations in [`Phase::Train`] and [`Phase::Oracle`], rounds in [`Phase::Search`].
    pub done: usize,
    pub total: usize,
    /// A line for people, such as an iteration's figures or a guard.
    pub message: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Finished(Box<Report>),
    /// Checkpointed; [`Runner::run`] goes on from there.
    Stopped,
}

/// Does the work of one run: baselines, training, search, evaluation, report.
pub struct Runner {
    record: Record,
    spec: Spec,
    splits: Arc<Splits>,
    pipeline: Pipeline,
    /// None where it is switched off, or its training has diverged.
    oracle: Option<Oracle>,
}

/// The frozen model as a policy, with the spec of its training.
struct Oracle {
    pipeline: Pipeline,
    spec: Spec,
}

/// A policy whose training has ended.
struct Trained {
    /// Of the one that is tested.
    iteration: usize,
    adapter: Adapter,
    /// λ at the end.
    kl_coefficient: f64,
}

impl Trained {
    fn of(trainer: &Trainer, policy: &Prompter) -> Result<Self> {
        let (iteration, adapter) = trainer.chosen(policy)?;
        Ok(Self { iteration, adapter, kl_coefficient: trainer.kl_coefficient() })
    }
}

/// What the phases before the last evaluation have made.
struct Prepared {
    prompter: Option<Trained>,
    oracle: Option<Trained>,
    instruction: Option<String>,
}

/// A phase either went through, or a stop was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    On,
    Stop,
}

impl Runner {
    /// # Errors
    /// [`Code::Internal`] where the spec has an oracle and there is no model for it.
    pub fn new(inputs: Inputs) -> Result<Self> {
        let Inputs { store, handle, run, spec, splits, reward, prompter, frozen, oracle, energy } = inputs;
        let pipeline = Pipeline::new(&spec, prompter, frozen, reward.clone());
        let oracle = match oracle.filter(|_| spec.arms.oracle) {
            Some(policy) => {
                let spec = oracle::training_spec(&spec);
                Some(Oracle { pipeline: oracle::pipeline(&spec, policy, reward), spec })
            }
            None if spec.arms.oracle => return Err(Error::internal("The spec has an oracle, but its model was not loaded.")),
            None => None,
        };
        Ok(Self { record: Record::new(store, handle, run, energy), spec, splits: Arc::new(splits), pipeline, oracle })
    }

    /// Runs to the end, or until `stop` returns true or the store holds a request to stop; the running iteration is finished and
    /// checkpointed first. Picks up where the rows in the store end, whether the run is new, was stopped or was killed. Sets the run's
    /// status: an error becomes `failed` with its message and is returned; so is [`Code::Paused`], which leaves the run stopped and kept.
    pub fn run(&mut self, stop: &dyn Fn() -> bool, observe: &mut dyn FnMut(&Progress)) -> Result<Outcome> {
        let result = self.phases(stop, observe);
        if !matches!(result, Ok(Outcome::Finished(_))) {
            // The first error says more than one about noting this.
            let _ = self.note_scores();
        }
        let (status, message) = match &result {
            Ok(Outcome::Finished(_)) => return result,
            Ok(Outcome::Stopped) => (Status::Stopped, None),
            Err(e) if e.code == Code::Stopped => (Status::Stopped, None),
            Err(e) if e.code == Code::Paused => (Status::Stopped, Some(e.message.clone())),
            Err(e) => (Status::Failed, Some(e.message.clone())),
        };
        let Record { store, handle, run, .. } = &self.record;
        let noted = handle.block_on(store.set_status(*run, status, message.as_deref()));
        match result {
            Err(e) if e.code == Code::Stopped => noted.map(|()| Outcome::Stopped),
            // If the status cannot be written either (a full disk), the first error says more.
            Err(e) => Err(e),
            Ok(outcome) => noted.map(|()| outcome),
        }
    }

    fn phases(&mut self, stop: &dyn Fn() -> bool, observe: &mut dyn FnMut(&Progress)) -> Result<Outcome> {
        let Record { store, handle, run, .. } = &self.record;
        let stop = StopSignal::new(stop, store.clone(), handle.clone(), *run);
        // Whoever loaded the models may have said so already.
        if handle.block_on(store.run(*run))?.status != Status::Running {
            handle.block_on(store.set_status(*run, Status::Running, None))?;
        }
        self.record.begin(Phase::Load, 1)?;
        let (mut prompter, mut oracle) = (self.trainer(Policy::Prompter)?, self.trainer(Policy::Oracle)?);
        self.note_resumed(prompter.as_ref())?;
        if self.baselines(&stop, observe)? == Flow::Stop {
            return Ok(Outcome::Stopped);
        }
        if let Some(trainer) = &mut prompter
            && self.train(Policy::Prompter, trainer, &stop, observe)? == Flow::Stop
        {
            return Ok(Outcome::Stopped);
        }
        let (flow, search) = self.search(&stop, observe)?;
        if flow == Flow::Stop {
            return Ok(Outcome::Stopped);
        }
        if let Some(trainer) = &mut oracle
            && self.train(Policy::Oracle, trainer, &stop, observe)? == Flow::Stop
        {
            return Ok(Outcome::Stopped);
        }
        let prepared = Prepared {
            prompter: prompter.map(|trainer| Trained::of(&trainer, &self.pipeline.prompter)).transpose()?,
            oracle: match (&self.oracle, oracle) {
                (Some(oracle), Some(trainer)) => Some(Trained::of(&trainer, &oracle.pipeline.prompter)?),
                _ => None,
            },
            instruction: search.and_then(|search| search.found()).map(|found| found.text),
        };
        if self.evaluate(&prepared, &stop, observe)? == Flow::Stop {
            return Ok(Outcome::Stopped);
        }
        self.finish()
    }

    /// As it was when it was last kept; None for an arm that is switched off.
    fn trainer(&self, policy: Policy) -> Result<Option<Trainer>> {
        if !self.spec.arms.has(policy.arm()) {
            return Ok(None);
        }
        let Some((pipeline, spec)) = self.trained(policy) else { return Ok(None) };
        match self.record.checkpoint(policy.arm())? {
            Some(checkpoint) => Trainer::resume(&pipeline.prompter, spec, &checkpoint).map(Some),
            None => Trainer::start(&pipeline.prompter, spec).map(Some),
        }
    }

    fn note_resumed(&self, prompter: Option<&Trainer>) -> Result<()> {
        let Record { store, handle, run, .. } = &self.record;
        let iteration = prompter.map_or(0, |trainer| trainer.iteration);
        let has_begun =
            iteration > 0 || self.record.checkpoint(arm::TUNED)?.is_some() || !handle.block_on(store.evaluation(*run, None))?.is_empty();
        if has_begun { self.record.append(&Event::Resumed { iteration }) } else { Ok(()) }
    }

    fn trained(&self, policy: Policy) -> Option<(&Pipeline, &Spec)> {
        match policy {
            Policy::Prompter => Some((&self.pipeline, &self.spec)),
            Policy::Oracle => self.oracle.as_ref().map(|oracle| (&oracle.pipeline, &oracle.spec)),
        }
    }

    fn baselines(&mut self, stop: &StopSignal<'_>, observe: &mut dyn FnMut(&Progress)) -> Result<Flow> {
        let arms: Vec<Arm<'_>> = [Arm::Raw, Arm::Untuned].into_iter().filter(|arm| self.spec.arms.has(arm.name())).collect();
        let plan = plan(&self.spec, &self.splits, Split::Test, 0);
        let total = arms.len() * plan.total();
        if total > 0 {
            self.record.begin(Phase::Baselines, total)?;
        }
        for (i, arm) in arms.into_iter().enumerate() {
            let at = (Phase::Baselines, i * plan.total(), total);
            let mut answering = of_prompter(&mut self.pipeline, arm, &plan);
            if self.record.answer(arm.name(), &plan, &mut answering, at, stop, observe)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::On)
    }

    /// Trains a policy to its last iteration. An oracle that diverges is left out of what follows; a prompter that does ends the run.
    fn train(&mut self, policy: Policy, trainer: &mut Trainer, stop: &StopSignal<'_>, observe: &mut dyn FnMut(&Progress)) -> Result<Flow> {
        let total = self.spec.training.iterations;
        self.record.begin(policy.phase(), total)?;
        // A run may have been killed between an iteration and the validation that belongs to it.
        let mut flow = self.validate(policy, trainer, stop, observe);
        while trainer.iteration < total && flow == Ok(Flow::On) && self.trained(policy).is_some() {
            if let Some(best) = trainer.ran_out_of_patience(&self.spec.training) {
                self.record.append(&Event::EndedEarly { arm: policy.arm().into(), iteration: trainer.iteration, best })?;
                break;
            }
            flow = if stop.requested()? { Ok(Flow::Stop) } else { self.iterate(policy, trainer, stop, observe) };
        }
        let is_whole = flow.as_ref().map_or_else(|e| matches!(e.code, Code::Paused | Code::Stopped), |_| true);
        // At a stop, a pause, or an early end. An iteration that could not be finished has changed nothing.
        if is_whole && trainer.iteration < total && trainer.is_unsaved() {
            self.record.put_checkpoint(policy.arm(), &trainer.checkpoint()?)?;
            trainer.mark_saved();
        }
        flow
    }

    /// One iteration with its rows, and the validation if it is due.
    fn iterate(
        &mut self,
        policy: Policy,
        trainer: &mut Trainer,
        stop: &StopSignal<'_>,
        observe: &mut dyn FnMut(&Progress),
    ) -> Result<Flow> {
        let step = match (policy, &mut self.oracle) {
            (Policy::Prompter, _) => trainer.step(&mut self.pipeline, &self.spec, &self.splits.train)?,
            (Policy::Oracle, Some(oracle)) => trainer.step(&mut oracle.pipeline, &oracle.spec, &self.splits.train)?,
            (Policy::Oracle, None) => return Ok(Flow::On),
        };
        let (mut row, mut episodes, mut events) = match (step, policy) {
            (Step::Done { row, episodes, events }, _) => (row, episodes, events),
            (Step::Diverged { guard, error }, Policy::Prompter) => {
                self.record.append(&guard)?;
                return Err(error);
            }
            (Step::Diverged { guard, .. }, Policy::Oracle) => {
                oracle::guard(guard).map_or(Ok(()), |guard| self.record.append(&guard))?;
                self.oracle = None;
                return Ok(Flow::On);
            }
        };
        let (iteration, total) = (trainer.iteration, self.spec.training.iterations);
        let counted = Spent {
            reward_calls: episodes.len(),
            tokens: episodes.iter().map(|e| e.rewrite_tokens + e.answer_tokens).sum(),
            ..Spent::default()
        };
        if policy == Policy::Oracle {
            row.metrics = oracle::metrics(row.metrics);
            episodes = episodes.into_iter().map(oracle::episode).collect();
            events = events.into_iter().filter_map(oracle::guard).collect();
            events.push(Event::Progress { phase: Phase::Oracle, done: iteration, total });
        }
        let due = iteration == total || iteration.is_multiple_of(self.spec.training.checkpoint_every_iterations) || stop.requested()?;
        let checkpoint = due.then(|| trainer.checkpoint()).transpose()?;
        if due && policy == Policy::Prompter {
            events.push(Event::Checkpoint { iteration });
        }
        events.push(self.record.spent(policy.arm(), Stage::Prepare, counted));
        self.record.commit_iteration(policy.arm(), &row, &episodes, &events, checkpoint.as_ref())?;
        if due {
            trainer.mark_saved();
        }
        let mut say = |message: String| observe(&Progress { phase: policy.phase(), done: iteration, total, message: Some(message) });
        say(headline(&row.metrics));
        for event in &events {
            if let Event::Guard { cause, remedy, .. } = event {
                say(format!("{cause} {remedy}"));
            }
        }
        self.validate(policy, trainer, stop, observe)
    }

    /// A policy as it stands on the validation prompts, if that is due: before training, then every so many iterations.
    fn validate(
        &mut self,
        policy: Policy,
        trainer: &mut Trainer,
        stop: &StopSignal<'_>,
        observe: &mut dyn FnMut(&Progress),
    ) -> Result<Flow> {
        let every = self.spec.training.validate_every_iterations;
        if every == 0 || !trainer.iteration.is_multiple_of(every) {
            return Ok(Flow::On);
        }
        let at = (policy.phase(), trainer.iteration, self.spec.training.iterations);
        let plan = plan(&self.spec, &self.splits, Split::Validation, trainer.iteration);
        let (name, kl_coefficient, flow) = match (policy, &mut self.oracle) {
            (Policy::Prompter, _) => {
                let arm = if trainer.iteration == 0 { Arm::Untuned } else { Arm::Tuned(trainer.adapter()) };
                let mut answering = of_prompter(&mut self.pipeline, arm, &plan);
                let flow = self.record.answer(arm.name(), &plan, &mut answering, at, stop, observe)?;
                (arm.name(), self.spec.training.kl_coefficient, flow)
            }
            (Policy::Oracle, Some(oracle)) => {
                let mut answering = oracle::answering(&mut oracle.pipeline, trainer.adapter(), &plan);
                let flow = self.record.answer(arm::ORACLE, &plan, &mut answering, at, stop, observe)?;
                (arm::ORACLE, oracle.spec.training.kl_coefficient, flow)
            }
            (Policy::Oracle, None) => return Ok(Flow::On),
        };
        if flow == Flow::On {
            self.judge_validation(policy, name, kl_coefficient, trainer)?;
        }
        Ok(flow)
    }

    /// Lets the trainer know what its policy earned on the validation prompts, with one λ for all iterations, whatever it adapts to.
    fn judge_validation(&self, policy: Policy, name: &str, kl_coefficient: f64, trainer: &mut Trainer) -> Result<()> {
        let (rows, iteration) = (self.record.answers(Split::Validation)?, trainer.iteration);
        let own = |row: &&EvaluationAnswer| row.iteration == iteration && row.arm == name;
        let over = |value: fn(&EvaluationAnswer) -> f64| metrics::mean(rows.iter().filter(own).map(value)).unwrap_or(f64::NAN);
        let (reward_mean, kl) = (over(|row| row.reward), over(|row| row.kl.unwrap_or(0.0)));
        let objective = reward_mean - kl_coefficient * kl;
        let is_best = trainer.validated(objective, self.spec.training.keep)?;
        match policy {
            Policy::Prompter => self.record.append(&Event::Validated { iteration, objective, reward_mean, kl, is_best }),
            Policy::Oracle => Ok(()),
        }
    }

    /// Notes what whoever reads the scores should know: those of this worker.
    fn note_scores(&self) -> Result<()> {
        let remarks = self.pipeline.reward.remarks().into_iter().chain(self.pipeline.frozen.remarks());
        remarks.into_iter().try_for_each(|message| self.record.append(&Event::Note { message }))
    }

    fn finish(&mut self) -> Result<Outcome> {
        self.note_scores()?;
        let Record { store, handle, run, .. } = &self.record;
        let rows = self.record.answers(Split::Test)?;
        let mut record = handle.block_on(store.run(*run))?;
        record.status = Status::Finished;
        let mut report = report::compute(&record, &rows, &handle.block_on(store.events_after(*run, 0))?);
        let scores: Vec<Score> = rows.iter().map(|row| Score { total: row.reward, parts: row.reward_parts.clone() }).collect();
        let alarms = guards::of_arms(&report.arms).into_iter().chain(guards::of_comparisons(&report.comparisons));
        for alarm in alarms.chain(guards::constant_rewards(&scores)) {
            self.record.append(&alarm.event(None))?;
        }
        report.warnings = report::warnings(&handle.block_on(store.events_after(*run, 0))?);
        handle.block_on(store.put_report(*run, &report))?;
        handle.block_on(store.set_status(*run, Status::Finished, None))?;
        Ok(Outcome::Finished(Box::new(report)))
    }
}

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// ρ.
    Prompter,
    /// π, which starts as the frozen model.
    Oracle,
}

impl Policy {
    const fn arm(self) -> &'static str {
        match self {
            Self::Prompter => arm::TUNED,
            Self::Oracle => arm::ORACLE,
        }
    }

    const fn phase(self) -> Phase {
        match self {
            Self::Prompter => Phase::Train,
            Self::Oracle => Phase::Oracle,
        }
    }
}

fn plan<'a>(spec: &Spec, splits: &'a Splits, split: Split, iteration: usize) -> Plan<'a> {
    let clusters = splits.clusters.as_ref();
    let (prompts, clusters) = match split {
        Split::Validation => (&splits.validation, clusters.map(|clusters| clusters.validation.as_slice())),
        Split::Test => (&splits.test, clusters.map(|clusters| clusters.test.as_slice())),
    };
    let Evaluation { answers_per_prompt, answers_per_batch, .. } = spec.evaluation;
    Plan { split, iteration, prompts, clusters, answers_per_prompt, answers_per_batch, streams: Streams::new(spec.seed) }
}

/// An iteration in one line.
fn headline(metrics: &metrics::Metrics) -> String {
    let get = |name: &str| metrics.get(name).copied().flatten();
    // The oracle writes answers only.
    let tokens = [("rewrite", get("rewrite_tokens")), ("answer", get("answer_tokens"))].into_iter().find_map(|(of, n)| Some((of, n?)));
    let (of, tokens) = tokens.unwrap_or(("rewrite", f64::NAN));
    let [reward, kl] = ["reward_mean", "kl"].map(|name| get(name).unwrap_or(f64::NAN));
    format!("reward {reward:.3}, KL {kl:.2}, {tokens:.1} tokens a {of}")
}
