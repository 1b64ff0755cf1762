//! Answers of an arm to held-out prompts, in fixed chunks that are committed one by one.
use crate::pipeline::{Arm, Item, Pipeline, Trial};
use crate::streams::Streams;
use contract::Result;
use contract::data::Prompt;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use store::{EvaluationAnswer, Split};

/// What is to be answered.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    pub split: Split,
    /// Iterations trained so far (0 for an arm that no training makes).
    pub iteration: usize,
    pub prompts: &'a [Prompt],
    /// Of each prompt, where some belong together.
    pub clusters: Option<&'a [usize]>,
    /// S; of a pool, all that is drawn for a prompt.
    pub answers_per_prompt: usize,
    pub answers_per_batch: usize,
    pub streams: Streams,
}

impl<'a> Plan<'a> {
    /// Answers of one arm.
    pub fn total(&self) -> usize {
        self.prompts.len() * self.answers_per_prompt
    }

    /// Seeds depend on split, prompt and answer only, so all arms share them.
    pub fn item(&self, (prompt, answer): Key) -> Item<'a> {
        Item {
            prompt: &self.prompts[prompt],
            rewrite_seed: self.streams.evaluation_rewrite(self.split, prompt, answer),
            answer_seed: self.streams.evaluation_answer(self.split, prompt, answer),
        }
    }

    /// What came of an item, as a row of an arm.
    pub fn row(&self, arm: &str, key: Key, item: &Item<'_>, trial: Trial) -> EvaluationAnswer {
        let rewrite = trial.rewrite.as_ref();
        EvaluationAnswer {
            split: self.split,
            iteration: self.iteration,
            arm: arm.into(),
            prompt_index: key.0,
            answer_index: key.1,
            cluster: self.clusters.map(|clusters| clusters[key.0]),
            prompt: item.prompt.text.clone(),
            system: item.prompt.system.as_deref().map(String::from),
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
}

/// Numbers of a prompt and of an answer to it.
pub type Key = (usize, usize);

/// Hears how many answers are done; breaking it abandons the running chunk ([`contract::Code::Stopped`]).
pub type OnProgress<'a> = dyn FnMut(usize) -> ControlFlow<()> + 'a;

/// Makes the rows of a chunk, in the order of its keys.
pub type Answering<'a> = dyn FnMut(&[Key], &mut OnProgress<'_>) -> Result<Vec<EvaluationAnswer>> + 'a;

/// Lets `answer` make the rows of `arm` for the plan's prompts. `existing` are the rows that the store holds: a chunk that is there in full is
/// not computed again, and since chunks are fixed, the others come out as they would have. `commit` gets the rows of each finished chunk and
/// how many answers are done.
pub fn evaluate(
    arm: &str,
    plan: &Plan<'_>,
    existing: &[EvaluationAnswer],
    answer: &mut Answering<'_>,
    commit: &mut dyn FnMut(&[EvaluationAnswer], usize) -> Result<()>,
    on_progress: &mut OnProgress<'_>,
) -> Result<()> {
    let there: BTreeSet<Key> = existing
        .iter()
        .filter(|row| row.split == plan.split && row.arm == arm && row.iteration == plan.iteration)
        .map(|row| (row.prompt_index, row.answer_index))
        .collect();
    let all: Vec<Key> = (0..plan.prompts.len()).flat_map(|p| (0..plan.answers_per_prompt).map(move |a| (p, a))).collect();
    let mut done = 0;
    for chunk in all.chunks(plan.answers_per_batch) {
        if !chunk.iter().all(|key| there.contains(key)) {
            let rows = answer(chunk, &mut |answered| on_progress(done + answered))?;
            commit(&rows, done + chunk.len())?;
        }
        done += chunk.len();
    }
    Ok(())
}

/// Answers of the raw prompt or of a prompter: every answer to a rewrite of its own.
pub fn of_prompter<'a>(
    pipeline: &'a mut Pipeline,
    arm: Arm<'a>,
    plan: &'a Plan<'a>,
) -> impl FnMut(&[Key], &mut OnProgress<'_>) -> Result<Vec<EvaluationAnswer>> + 'a {
    move |chunk, on_progress| {
        let items: Vec<Item<'_>> = chunk.iter().map(|&key| plan.item(key)).collect();
        let (trials, _) = pipeline.run(arm, &items, on_progress)?;
        Ok(chunk.iter().zip(&items).zip(trials).map(|((&key, item), trial)| plan.row(arm.name(), key, item, trial)).collect())
    }
}

/// Answers to messages that `message` makes of the prompts, without a prompter.
pub fn of_messages<'a>(
    pipeline: &'a mut Pipeline,
    arm: &'a str,
    plan: &'a Plan<'a>,
    message: impl Fn(&str) -> String + 'a,
) -> impl FnMut(&[Key], &mut OnProgress<'_>) -> Result<Vec<EvaluationAnswer>> + 'a {
    move |chunk, on_progress| {
        let items: Vec<Item<'_>> = chunk.iter().map(|&key| plan.item(key)).collect();
        let messages: Vec<String> = items.iter().map(|item| message(&item.prompt.text)).collect();
        let (trials, _) = pipeline.send(&items, &messages, on_progress)?;
        let rows = chunk.iter().zip(&items).zip(trials).zip(messages);
        Ok(rows
            .map(|(((&key, item), trial), message)| EvaluationAnswer { rewrite: Some(message), ..plan.row(arm, key, item, trial) })
            .collect())
    }
}
