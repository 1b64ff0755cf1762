//! Answers of an arm to held-out prompts, in fixed chunks that are committed one by one.
use crate::pipeline::{Arm, Item, Pipeline, Trial};
use crate::streams::Streams;
use contract::Result;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use store::{EvaluationAnswer, Split};

/// What is to be answered.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    pub split: Split,
    /// Iterations trained so far (0 for raw and untuned).
    pub iteration: usize,
    pub prompts: &'a [String],
    /// S.
    pub answers_per_prompt: usize,
    pub answers_per_batch: usize,
    pub streams: Streams,
}

impl Plan<'_> {
    /// Answers of one arm.
    pub fn total(&self) -> usize {
        self.prompts.len() * self.answers_per_prompt
    }
}

/// Sends the plan's prompts through an arm, S times each, every time with a rewrite of its own. Seeds depend on split, prompt and answer
/// only, so all arms share them. `existing` are the rows that the store holds: a chunk that is there in full is not computed again, and
/// since chunks are fixed, the others come out as they would have. `commit` gets the rows of each finished chunk, `on_progress` how many
/// answers are done; breaking it abandons the running chunk ([`contract::Code::Stopped`]).
pub fn evaluate(
    pipeline: &mut Pipeline,
    arm: Arm<'_>,
    plan: &Plan<'_>,
    existing: &[EvaluationAnswer],
    commit: &mut dyn FnMut(&[EvaluationAnswer], usize) -> Result<()>,
    on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<()> {
    let there: BTreeSet<(usize, usize)> = existing
        .iter()
        .filter(|row| row.split == plan.split && row.arm == arm.name() && row.iteration == plan.iteration)
        .map(|row| (row.prompt_index, row.answer_index))
        .collect();
    let all: Vec<(usize, usize)> = (0..plan.prompts.len()).flat_map(|p| (0..plan.answers_per_prompt).map(move |a| (p, a))).collect();
    let mut done = 0;
    for chunk in all.chunks(plan.answers_per_batch) {
        if !chunk.iter().all(|key| there.contains(key)) {
            let items: Vec<Item<'_>> = chunk.iter().map(|&(prompt, answer)| item(plan, prompt, answer)).collect();
            let (trials, _) = pipeline.run(arm, &items, &mut |answered| on_progress(done + answered))?;
            let rows: Vec<_> =
                chunk.iter().zip(&items).zip(trials).map(|((&key, item), trial)| row(plan, arm.name(), key, item, trial)).collect();
            commit(&rows, done + chunk.len())?;
        }
        done += chunk.len();
    }
    Ok(())
}

fn item<'a>(plan: &Plan<'a>, prompt: usize, answer: usize) -> Item<'a> {
    Item {
        prompt: &plan.prompts[prompt],
        rewrite_seed: plan.streams.evaluation_rewrite(plan.split, prompt, answer),
        answer_seed: plan.streams.evaluation_answer(plan.split, prompt, answer),
    }
}

fn row(plan: &Plan<'_>, arm: &str, key: (usize, usize), item: &Item<'_>, trial: Trial) -> EvaluationAnswer {
    let rewrite = trial.rewrite.as_ref();
    EvaluationAnswer {
        split: plan.split,
        iteration: plan.iteration,
        arm: arm.into(),
        prompt_index: key.0,
        answer_index: key.1,
        prompt: item.prompt.into(),
        kl: rewrite.map(|r| r.kl()),
        closeness: trial.closeness,
        rewrite_tokens: rewrite.map(|r| r.tokens.len()),
        rewrite_truncated: rewrite.map(|r| r.truncated),
        rewrite_seed: rewrite.map(|_| item.rewrite_seed),
        rewrite: trial.rewrite.map(|r| r.text),
        answer_tokens: trial.answer.tokens.len(),
        answer_truncated: trial.answer.truncated,
        answer: trial.answer.text,
        reward: trial.score.total,
        reward_parts: trial.score.parts,
        answer_seed: item.answer_seed,
    }
}
