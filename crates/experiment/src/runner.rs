//! Runs an experiment from wherever it stands to its report.
use crate::evaluation::{Plan, evaluate};
use crate::guards;
use crate::pipeline::{Arm, Pipeline};
use crate::prompter::Prompter;
use crate::report;
use crate::stop::StopSignal;
use crate::streams::Streams;
use crate::training::{Step, Trainer};
use contract::event::{Event, Phase, Status};
use contract::report::Report;
use contract::{Code, Result, Spec, arm};
use datasets::Splits;
use inference::FrozenModel;
use rewards::{Reward, Score};
use std::ops::ControlFlow;
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
}

/// How far a phase is. What it tells of is in the store already, except the answers of a chunk that is still running.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    pub phase: Phase,
    /// Answers in [`Phase::Baselines`] and [`Phase::Evaluate`], iterations in [`Phase::Train`].
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

/// Does the work of one run: baselines, training, evaluation, report.
pub struct Runner {
    store: Store,
    handle: Handle,
    run: i64,
    spec: Spec,
    splits: Splits,
    pipeline: Pipeline,
}

/// A phase either went through, or a stop was asked for.
enum Flow {
    On,
    Stop,
}

impl Runner {
    pub fn new(inputs: Inputs) -> Self {
        let Inputs { store, handle, run, spec, splits, reward, prompter, frozen } = inputs;
        let pipeline = Pipeline::new(&spec, prompter, frozen, reward);
        Self { store, handle, run, spec, splits, pipeline }
    }

    /// Runs to the end, or until `stop` returns true or the store holds a request to stop; the running iteration is finished and
    /// checkpointed first. Picks up where the rows in the store end, whether the run is new, was stopped or was killed. Sets the run's
    /// status: an error becomes `failed` with its message and is returned.
    pub fn run(&mut self, stop: &dyn Fn() -> bool, observe: &mut dyn FnMut(&Progress)) -> Result<Outcome> {
        let result = self.phases(stop, observe);
        let (status, message) = match &result {
            Ok(Outcome::Finished(_)) => return result,
            Ok(Outcome::Stopped) => (Status::Stopped, None),
            Err(e) if e.code == Code::Stopped => (Status::Stopped, None),
            Err(e) => (Status::Failed, Some(e.message.clone())),
        };
        let noted = self.handle.block_on(self.store.set_status(self.run, status, message.as_deref()));
        match result {
            Err(e) if e.code == Code::Stopped => noted.map(|()| Outcome::Stopped),
            // If the status cannot be written either (a full disk), the first error says more.
            Err(e) => Err(e),
            Ok(outcome) => noted.map(|()| outcome),
        }
    }

    fn phases(&mut self, stop: &dyn Fn() -> bool, observe: &mut dyn FnMut(&Progress)) -> Result<Outcome> {
        let stop = StopSignal::new(stop, self.store.clone(), self.handle.clone(), self.run);
        // Whoever loaded the models may have said so already.
        if self.handle.block_on(self.store.run(self.run))?.status != Status::Running {
            self.handle.block_on(self.store.set_status(self.run, Status::Running, None))?;
        }
        self.begin(Phase::Load, 1)?;
        let mut trainer = self.trainer()?;

        if let Flow::Stop = self.baselines(&stop, observe)? {
            return Ok(Outcome::Stopped);
        }
        if let Flow::Stop = self.train(&mut trainer, &stop, observe)? {
            return Ok(Outcome::Stopped);
        }
        let total = self.splits.test.len() * self.spec.evaluation.answers_per_prompt;
        self.begin(Phase::Evaluate, total)?;
        let done = (Phase::Evaluate, 0, total);
        if let Flow::Stop = self.answer(Arm::Tuned(trainer.adapter()), Split::Test, trainer.iteration, done, &stop, observe)? {
            return Ok(Outcome::Stopped);
        }
        self.finish()
    }

    fn append(&self, event: &Event) -> Result<()> {
        self.handle.block_on(self.store.append(self.run, event)).map(|_| ())
    }

    fn begin(&self, phase: Phase, total: usize) -> Result<()> {
        self.append(&Event::Phase { phase, total })
    }

    fn trainer(&self) -> Result<Trainer> {
        let checkpoint = self.handle.block_on(self.store.checkpoint(self.run, arm::TUNED))?;
        let has_begun = checkpoint.is_some() || !self.handle.block_on(self.store.evaluation(self.run, None))?.is_empty();
        let trainer = match checkpoint {
            Some(checkpoint) => Trainer::resume(&self.pipeline.prompter, &self.spec, &checkpoint)?,
            None => Trainer::start(&self.pipeline.prompter, &self.spec)?,
        };
        if has_begun {
            self.append(&Event::Resumed { iteration: trainer.iteration })?;
        }
        Ok(trainer)
    }

    fn baselines(&mut self, stop: &StopSignal<'_>, observe: &mut dyn FnMut(&Progress)) -> Result<Flow> {
        let one = self.splits.test.len() * self.spec.evaluation.answers_per_prompt;
        let total = 2 * one;
        self.begin(Phase::Baselines, total)?;
        for (arm, before) in [(Arm::Raw, 0), (Arm::Untuned, one)] {
            if let Flow::Stop = self.answer(arm, Split::Test, 0, (Phase::Baselines, before, total), stop, observe)? {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::On)
    }

    fn train(&mut self, trainer: &mut Trainer, stop: &StopSignal<'_>, observe: &mut dyn FnMut(&Progress)) -> Result<Flow> {
        let total = self.spec.training.iterations;
        self.begin(Phase::Train, total)?;
        // A run may have been killed between an iteration and the validation that belongs to it.
        let mut flow = self.validate(trainer, stop, observe)?;
        while trainer.iteration < total && matches!(flow, Flow::On) {
            flow = if stop.requested()? { Flow::Stop } else { self.iterate(trainer, stop, observe)? };
        }
        if matches!(flow, Flow::Stop) && trainer.is_unsaved() {
            let checkpoint = trainer.checkpoint()?;
            self.handle.block_on(self.store.put_checkpoint(self.run, arm::TUNED, &checkpoint))?;
            trainer.mark_saved();
            self.append(&Event::Checkpoint { iteration: trainer.iteration })?;
        }
        Ok(flow)
    }

    /// One iteration with its rows, and the validation if it is due.
    fn iterate(&mut self, trainer: &mut Trainer, stop: &StopSignal<'_>, observe: &mut dyn FnMut(&Progress)) -> Result<Flow> {
        let (row, episodes, mut events) = match trainer.step(&mut self.pipeline, &self.spec, &self.splits.train)? {
            Step::Done { row, episodes, events } => (row, episodes, events),
            Step::Diverged { guard, error } => {
                self.append(&guard)?;
                return Err(error);
            }
        };
        let (iteration, total) = (trainer.iteration, self.spec.training.iterations);
        let due = iteration == total || iteration.is_multiple_of(self.spec.training.checkpoint_every_iterations) || stop.requested()?;
        let checkpoint = due.then(|| trainer.checkpoint()).transpose()?;
        if due {
            events.push(Event::Checkpoint { iteration });
        }
        self.handle.block_on(self.store.commit_iteration(self.run, arm::TUNED, &row, &episodes, &events, checkpoint.as_ref()))?;
        if due {
            trainer.mark_saved();
        }
        observe(&Progress { phase: Phase::Train, done: iteration, total, message: Some(headline(&row.metrics)) });
        for event in &events {
            if let Event::Guard { cause, remedy, .. } = event {
                observe(&Progress { phase: Phase::Train, done: iteration, total, message: Some(format!("{cause} {remedy}")) });
            }
        }
        self.validate(trainer, stop, observe)
    }

    /// The prompter as it stands on the validation prompts, if that is due: before training as the untuned arm, then every so many iterations.
    fn validate(&mut self, trainer: &Trainer, stop: &StopSignal<'_>, observe: &mut dyn FnMut(&Progress)) -> Result<Flow> {
        let every = self.spec.training.validate_every_iterations;
        if every == 0 || !trainer.iteration.is_multiple_of(every) {
            return Ok(Flow::On);
        }
        let arm = if trainer.iteration == 0 { Arm::Untuned } else { Arm::Tuned(trainer.adapter()) };
        let progress = (Phase::Train, trainer.iteration, self.spec.training.iterations);
        self.answer(arm, Split::Validation, trainer.iteration, progress, stop, observe)
    }

    /// One arm on a split. `progress` is the phase, what of it is done before this arm, and its total; in training, where progress counts
    /// iterations, answers are not counted.
    fn answer(
        &mut self,
        arm: Arm<'_>,
        split: Split,
        iteration: usize,
        (phase, before, total): (Phase, usize, usize),
        stop: &StopSignal<'_>,
        observe: &mut dyn FnMut(&Progress),
    ) -> Result<Flow> {
        let (store, handle, run) = (self.store.clone(), self.handle.clone(), self.run);
        let existing: Vec<EvaluationAnswer> = handle.block_on(store.evaluation(run, Some(split)))?;
        let prompts = match split {
            Split::Validation => &self.splits.validation,
            Split::Test => &self.splits.test,
        };
        let e = &self.spec.evaluation;
        let plan = Plan {
            split,
            iteration,
            prompts,
            answers_per_prompt: e.answers_per_prompt,
            answers_per_batch: e.answers_per_batch,
            streams: Streams::new(self.spec.seed),
        };
        let position = |answers: usize| before + if phase == Phase::Train { 0 } else { answers };
        let mut commit = |rows: &[EvaluationAnswer], answers: usize| {
            let event = Event::Progress { phase, done: position(answers), total };
            handle.block_on(store.commit_evaluation(run, rows, &[event]))
        };
        let message = format!("{}: {} prompts", arm.name(), split.as_str());
        let mut on_progress = |answers: usize| match stop.requested() {
            Ok(false) => {
                observe(&Progress { phase, done: position(answers), total, message: Some(message.clone()) });
                ControlFlow::Continue(())
            }
            // A store that cannot be read ends the work as well; the next query says why.
            Ok(true) | Err(_) => ControlFlow::Break(()),
        };
        if on_progress(0).is_break() {
            return stop.requested().map(|_| Flow::Stop);
        }
        match evaluate(&mut self.pipeline, arm, &plan, &existing, &mut commit, &mut on_progress) {
            Ok(()) => Ok(Flow::On),
            Err(e) if e.code == Code::Stopped => stop.requested().map(|_| Flow::Stop),
            Err(e) => Err(e),
        }
    }

    fn finish(&mut self) -> Result<Outcome> {
        let (store, run) = (&self.store, self.run);
        let rows = self.handle.block_on(store.evaluation(run, Some(Split::Test)))?;
        let arms = report::arms(&self.spec, &rows);
        let scores: Vec<Score> = rows.iter().map(|row| Score { total: row.reward, parts: row.reward_parts.clone() }).collect();
        for alarm in guards::of_arms(&arms).into_iter().chain(guards::constant_rewards(&scores)) {
            self.append(&alarm.event(None))?;
        }
        let events = self.handle.block_on(store.events_after(run, 0))?;
        let mut record = self.handle.block_on(store.run(run))?;
        record.status = Status::Finished;
        let report = report::compute(&record, &rows, &events);
        self.handle.block_on(store.put_report(run, &report))?;
        self.handle.block_on(store.set_status(run, Status::Finished, None))?;
        Ok(Outcome::Finished(Box::new(report)))
    }
}

/// An iteration in one line.
fn headline(metrics: &crate::metrics::Metrics) -> String {
    let get = |name: &str| metrics.get(name).copied().flatten().unwrap_or(f64::NAN);
    format!("reward {:.3}, KL {:.2}, {:.1} tokens a rewrite", get("reward_mean"), get("kl"), get("rewrite_tokens"))
}
