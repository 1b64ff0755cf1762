//! The arms that answer after the training, on the test prompts.
use super::{Flow, Prepared, Progress, Runner, Trained, plan};
use crate::evaluation::{Plan, of_messages, of_prompter};
use crate::pipeline::Arm;
use crate::pools::{self, Choice, Pool, RewritePool};
use crate::record::Position;
use crate::stop::StopSignal;
use crate::{instruction, oracle};
use contract::event::{Event, Phase};
use contract::{Result, arm};
use store::Split;

impl Runner {
    /// The arms that training, a search or the choice among many answers makes, on the test prompts.
    pub(super) fn evaluate(&mut self, prepared: &Prepared, stop: &StopSignal<'_>, observe: &mut dyn FnMut(&Progress)) -> Result<Flow> {
        let splits = self.splits.clone();
        let plan = plan(&self.spec, &splits, Split::Test, 0);
        let total = self.answers_to_evaluate(&plan);
        if total == 0 {
            return Ok(Flow::On);
        }
        self.record.begin(Phase::Evaluate, total)?;
        let mut done = 0;
        let prompter = prepared.prompter.as_ref();
        if let Some(Trained { iteration, adapter, .. }) = prompter {
            let plan = Plan { iteration: *iteration, ..plan };
            let arm = Arm::Tuned(adapter);
            let at = (Phase::Evaluate, done, total);
            if self.record.answer(arm.name(), &plan, &mut of_prompter(&mut self.pipeline, arm, &plan), at, stop, observe)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            done += plan.total();
        }
        if self.spec.arms.needs_rewrite_pool() {
            let at = (Phase::Evaluate, done, total);
            done += match self.choose_rewrites(&plan, prompter, at, stop, observe)? {
                Some(answers) => answers,
                None => return Ok(Flow::Stop),
            };
        }
        if self.spec.arms.best_answer {
            let at = (Phase::Evaluate, done, total);
            done += match self.choose_answers(&plan, at, stop, observe)? {
                Some(answers) => answers,
                None => return Ok(Flow::Stop),
            };
        }
        if let Some(text) = &prepared.instruction {
            let mut answering = of_messages(&mut self.pipeline, arm::INSTRUCTION, &plan, |prompt| instruction::message(text, prompt));
            let at = (Phase::Evaluate, done, total);
            if self.record.answer(arm::INSTRUCTION, &plan, &mut answering, at, stop, observe)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            done += plan.total();
        }
        if let (Some(Trained { iteration, adapter, .. }), Some(oracle)) = (&prepared.oracle, &mut self.oracle) {
            let plan = Plan { iteration: *iteration, ..plan };
            let mut answering = oracle::answering(&mut oracle.pipeline, adapter, &plan);
            return self.record.answer(arm::ORACLE, &plan, &mut answering, (Phase::Evaluate, done, total), stop, observe);
        }
        Ok(Flow::On)
    }

    fn answers_to_evaluate(&self, plan: &Plan<'_>) -> usize {
        let arms = &self.spec.arms;
        let of_arm = |is_on: bool| if is_on { plan.total() } else { 0 };
        let pool = if arms.needs_rewrite_pool() { RewritePool::new(*plan, arms).plan.total() } else { 0 };
        let answers = if arms.best_answer { pools::answers(*plan, arms.best_of_answers).total() } else { 0 };
        let own = [arms.tuned, arms.optimum, arms.best_rewrite, arms.best_answer, arms.instruction, self.oracle.is_some()];
        own.into_iter().map(of_arm).sum::<usize>() + pool + answers
    }

    /// Draws K rewrites of each prompt, and lets the arms that choose among them answer. How many answers that were; None at a stop.
    fn choose_rewrites(
        &mut self,
        plan: &Plan<'_>,
        prompter: Option<&Trained>,
        (phase, before, total): Position,
        stop: &StopSignal<'_>,
        observe: &mut dyn FnMut(&Progress),
    ) -> Result<Option<usize>> {
        let lambda = prompter.map_or(self.spec.training.kl_coefficient, |trained| trained.kl_coefficient);
        self.record.append(&Event::Lambda { lambda })?;
        let pool = RewritePool::new(*plan, &self.spec.arms);
        let mut drawing = pool.drawing(&mut self.pipeline, prompter.map(|trained| &trained.adapter));
        if self.record.answer(arm::REWRITE_POOL, &pool.plan, &mut drawing, (phase, before, total), stop, observe)? == Flow::Stop {
            return Ok(None);
        }
        drop(drawing);
        let rows = self.record.answers(Split::Test)?;
        let (drawn, mut done) = (Pool::of(&rows, arm::REWRITE_POOL), pool.plan.total());
        for choice in [Choice::Optimum { lambda }, Choice::Best] {
            if !self.spec.arms.has(choice.arm()) {
                continue;
            }
            let mut answering = pools::answering_chosen(&mut self.pipeline, choice, &drawn, pool.answers_per_rewrite, plan);
            if self.record.answer(choice.arm(), plan, &mut answering, (phase, before + done, total), stop, observe)? == Flow::Stop {
                return Ok(None);
            }
            done += plan.total();
        }
        Ok(Some(done))
    }

    /// Draws answers to the raw prompts and keeps the best of every N.
    fn choose_answers(
        &mut self,
        plan: &Plan<'_>,
        (phase, before, total): Position,
        stop: &StopSignal<'_>,
        observe: &mut dyn FnMut(&Progress),
    ) -> Result<Option<usize>> {
        let best_of = self.spec.arms.best_of_answers;
        let pool = pools::answers(*plan, best_of);
        let mut drawing = pools::drawing_answers(&mut self.pipeline, &pool);
        if self.record.answer(arm::ANSWER_POOL, &pool, &mut drawing, (phase, before, total), stop, observe)? == Flow::Stop {
            return Ok(None);
        }
        drop(drawing);
        let rows = self.record.answers(Split::Test)?;
        let drawn = Pool::of(&rows, arm::ANSWER_POOL);
        let at = (phase, before + pool.total(), total);
        let flow = self.record.answer(arm::BEST_ANSWER, plan, &mut *pools::best_answers(&drawn, best_of), at, stop, observe)?;
        Ok((flow == Flow::On).then_some(pool.total() + plan.total()))
    }
}
