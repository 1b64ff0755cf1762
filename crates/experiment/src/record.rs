//! The run in the store, as its runner writes it.
use crate::costs::{self, Energy, Meter};
use crate::evaluation::{Answering, Plan, evaluate};
use crate::runner::{Flow, Progress};
use crate::stop::StopSignal;
use contract::event::{Event, Phase, Spent, Stage};
use contract::{Code, Result, arm};
use store::{Checkpoint, Episode, EvaluationAnswer, Iteration, Split, Store};
use tokio::runtime::Handle;

/// A run, the store it is kept in, and what measures its costs.
pub struct Record {
    pub store: Store,
    pub handle: Handle,
    pub run: i64,
    meter: Meter,
}

/// How far a phase was before a piece of it: the phase, what of it was done, and all of it. In training, where progress counts iterations,
/// answers are not counted.
pub type Position = (Phase, usize, usize);

impl Record {
    pub fn new(store: Store, handle: Handle, run: i64, energy: Energy) -> Self {
        Self { store, handle, run, meter: Meter::new(energy) }
    }

    pub fn append(&self, event: &Event) -> Result<()> {
        self.handle.block_on(self.store.append(self.run, event)).map(|_| ())
    }

    pub fn begin(&mut self, phase: Phase, total: usize) -> Result<()> {
        // What comes between phases is nobody's cost.
        self.meter.lap();
        self.append(&Event::Phase { phase, total })
    }

    pub fn answers(&self, split: Split) -> Result<Vec<EvaluationAnswer>> {
        self.handle.block_on(self.store.evaluation(self.run, Some(split)))
    }

    /// The newest checkpoint of an arm's training.
    pub fn checkpoint(&self, arm: &str) -> Result<Option<Checkpoint>> {
        self.handle.block_on(self.store.checkpoint(self.run, arm))
    }

    pub fn put_checkpoint(&self, arm: &str, checkpoint: &Checkpoint) -> Result<()> {
        self.handle.block_on(self.store.put_checkpoint(self.run, arm, checkpoint))?;
        // Iterations in events are the prompter's.
        if arm != arm::TUNED {
            return Ok(());
        }
        self.append(&Event::Checkpoint { iteration: checkpoint.iteration })
    }

    /// An iteration of an arm's training, with all that belongs to it.
    pub fn commit_iteration(
        &self,
        arm: &str,
        row: &Iteration,
        episodes: &[Episode],
        events: &[Event],
        checkpoint: Option<&Checkpoint>,
    ) -> Result<()> {
        self.handle.block_on(self.store.commit_iteration(self.run, arm, row, episodes, events, checkpoint))
    }

    /// What has been spent since this was last asked, as an event.
    pub fn spent(&mut self, arm: &str, stage: Stage, counted: Spent) -> Event {
        let (seconds, joules) = self.meter.lap();
        Event::Spent { arm: arm.into(), stage, spent: Spent { seconds, joules, ..counted } }
    }

    /// Lets `answering` make the rows of an arm that are not there yet, and stores them chunk by chunk.
    pub fn answer(
        &mut self,
        arm: &str,
        plan: &Plan<'_>,
        answering: &mut Answering<'_>,
        (phase, before, total): Position,
        stop: &StopSignal<'_>,
        observe: &mut dyn FnMut(&Progress),
    ) -> Result<Flow> {
        let existing = self.answers(plan.split)?;
        // Validation is part of what training costs.
        let (spender, stage) = match phase {
            Phase::Train => (arm::TUNED, Stage::Prepare),
            Phase::Oracle => (arm::ORACLE, Stage::Prepare),
            _ => (arm, Stage::Answer),
        };
        let position = |answers: usize| before + if stage == Stage::Prepare { 0 } else { answers };
        self.meter.lap();
        let mut commit = |rows: &[EvaluationAnswer], answers: usize| {
            let spent = self.spent(spender, stage, costs::of_rows(arm, rows));
            let events = [Event::Progress { phase, done: position(answers), total }, spent];
            self.handle.block_on(self.store.commit_evaluation(self.run, rows, &events))
        };
        let message = format!("{}: {} prompts", arm.replace('_', " "), plan.split.as_str());
        let mut on_progress = |answers: usize| {
            let flow = stop.flow();
            if flow.is_continue() {
                observe(&Progress { phase, done: position(answers), total, message: Some(message.clone()) });
            }
            flow
        };
        if on_progress(0).is_break() {
            return stop.requested().map(|_| Flow::Stop);
        }
        match evaluate(arm, plan, &existing, answering, &mut commit, &mut on_progress) {
            Ok(()) => Ok(Flow::On),
            Err(e) if e.code == Code::Stopped => stop.requested().map(|_| Flow::Stop),
            Err(e) => Err(e),
        }
    }
}
