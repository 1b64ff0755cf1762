//! The rounds of the search for an instruction.
use super::{Flow, Progress, Runner};
use crate::instruction::{self, Search, Shape};
use crate::stop::StopSignal;
use crate::training::now_ms;
use contract::event::{Event, Phase, Stage};
use contract::{Code, Error, Result, arm};
use store::{Checkpoint, Iteration};

impl Runner {
    /// Searches to the last round, from wherever the store says that it stands. None where the arm is switched off.
    pub(super) fn search(&mut self, stop: &StopSignal<'_>, observe: &mut dyn FnMut(&Progress)) -> Result<(Flow, Option<Search>)> {
        if !self.spec.arms.instruction {
            return Ok((Flow::On, None));
        }
        let total = self.spec.training.iterations;
        let mut search = match self.record.checkpoint(arm::INSTRUCTION)? {
            Some(checkpoint) => serde_json::from_str(&checkpoint.state)
                .map_err(|e| Error::database("What the search for an instruction knew cannot be read.").with_detail(e))?,
            None => Search::new(Shape::of(&self.spec.training)),
        };
        self.record.begin(Phase::Search, total)?;
        while search.rounds() < total {
            if self.round(&mut search, stop, observe)? == Flow::Stop {
                return Ok((Flow::Stop, None));
            }
        }
        if let Some(found) = search.found() {
            self.record.append(&Event::Instruction(found))?;
        }
        Ok((Flow::On, Some(search)))
    }

    /// One round with its rows; what it learnt is kept with them. Abandoned at a stop.
    fn round(&mut self, search: &mut Search, stop: &StopSignal<'_>, observe: &mut dyn FnMut(&Progress)) -> Result<Flow> {
        let (done, total, started_at_ms) = (search.rounds(), self.spec.training.iterations, now_ms());
        if stop.requested()? {
            return Ok(Flow::Stop);
        }
        let round = match instruction::round(search, &mut self.pipeline, &self.spec, &self.splits.train, &mut |_| stop.flow()) {
            Ok(round) => round,
            Err(e) if e.code == Code::Stopped => return stop.requested().map(|_| Flow::Stop),
            Err(e) => return Err(e),
        };
        let state = serde_json::to_string(search)
            .map_err(|e| Error::internal("What the search for an instruction knows cannot be written as JSON.").with_detail(e))?;
        let iteration = round.round;
        let checkpoint = Checkpoint { iteration, adapter: Vec::new(), optimiser: Vec::new(), best: None, state };
        let message =
            format!("reward {:.3}, best so far {:.3}", number(&round.metrics, "reward_mean"), number(&round.metrics, "best_score"));
        let row = Iteration { iteration, metrics: round.metrics, started_at_ms, seconds: round.spent.seconds };
        let spent = self.record.spent(arm::INSTRUCTION, Stage::Prepare, round.spent);
        let events = [Event::Progress { phase: Phase::Search, done: done + 1, total }, spent];
        self.record.commit_iteration(arm::INSTRUCTION, &row, &round.episodes, &events, Some(&checkpoint))?;
        observe(&Progress { phase: Phase::Search, done: done + 1, total, message: Some(message) });
        Ok(Flow::On)
    }
}

fn number(metrics: &crate::metrics::Metrics, name: &str) -> f64 {
    metrics.get(name).copied().flatten().unwrap_or(f64::NAN)
}
