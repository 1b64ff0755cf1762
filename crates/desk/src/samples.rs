//! Texts: the rewrites of training, the answers of the evaluation.
use crate::Desk;
use contract::desk::{EpisodeRow, Sample, SampleAnswer};
use contract::{Result, arm};
use std::collections::BTreeMap;
use store::{EvaluationAnswer, Split};

impl Desk {
    /// The rewrites of one iteration, in the order of the batch.
    pub async fn episodes(&self, run: i64, iteration: usize) -> Result<Vec<EpisodeRow>> {
        let (store, run) = self.place(run).await?;
        let rows = store.episodes(run, arm::TUNED, Some(iteration)).await?;
        Ok(rows
            .into_iter()
            .map(|e| EpisodeRow {
                iteration: e.iteration,
                index: e.index,
                prompt_index: e.prompt_index,
                prompt: e.prompt,
                rewrite: e.rewrite,
                answer: e.answer,
                reward: finite(e.reward),
                reward_parts: parts(e.reward_parts),
                kl: finite(e.kl),
                advantage: finite(e.advantage),
                closeness: finite(e.closeness),
                rewrite_tokens: e.rewrite_tokens,
                answer_tokens: e.answer_tokens,
                rewrite_truncated: e.rewrite_truncated,
                answer_truncated: e.answer_truncated,
            })
            .collect())
    }

    /// The test prompts with what the arms made of them, as far as they are answered.
    pub async fn samples(&self, run: i64) -> Result<Vec<Sample>> {
        let (store, run) = self.place(run).await?;
        let mut samples = BTreeMap::new();
        // What was drawn to choose from is no arm's answer.
        let is_of_arm = |row: &EvaluationAnswer| arm::ALL.contains(&row.arm.as_str());
        for row in store.evaluation(run, Some(Split::Test)).await?.into_iter().filter(is_of_arm) {
            let EvaluationAnswer { prompt_index, prompt, system, .. } = &row;
            let sample = samples.entry(*prompt_index).or_insert_with(|| Sample {
                prompt_index: *prompt_index,
                prompt: prompt.clone(),
                system: system.clone(),
                answers: Vec::new(),
            });
            sample.answers.push(answer(row));
        }
        Ok(samples.into_values().collect())
    }
}

fn answer(row: EvaluationAnswer) -> SampleAnswer {
    SampleAnswer {
        arm: row.arm,
        answer_index: row.answer_index,
        rewrite: row.rewrite,
        answer: row.answer,
        reward: finite(row.reward),
        reward_parts: parts(row.reward_parts),
        kl: row.kl,
        closeness: row.closeness,
        rewrite_truncated: row.rewrite_truncated,
        answer_truncated: row.answer_truncated,
    }
}

/// JSON has no NaN.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn parts(parts: BTreeMap<String, f64>) -> BTreeMap<String, Option<f64>> {
    parts.into_iter().map(|(label, value)| (label, finite(value))).collect()
}
