//! The oracle π\*: the frozen model itself, trained by the same algorithm, on the same prompts and with as many reward calls.
//!
//! It is Align-Pro with another pair of models: the prompter is the frozen model, asked with the bare prompt, and the model that answers
//! repeats what it is told. What the prompter writes is then the answer, ρ is π, ρ_sft is π_F, and the objective is RLHF's:
//! max E\[r(x, y)\] − λ·KL(π‖π_F).
use crate::evaluation::{Key, OnProgress, Plan};
use crate::guards;
use crate::metrics::Metrics;
use crate::pipeline::{Arm, Item, Pipeline};
use crate::prompter::Prompter;
use contract::event::Event;
use contract::{Result, Spec, arm, spec};
use inference::{Answer, AnswerDecoding, AnswerRequest, FrozenModel};
use lm::Adapter;
use rewards::Reward;
use std::ops::ControlFlow;
use store::{Episode, EvaluationAnswer};

/// What the frozen model is as a prompter: asked with the prompt, drawn from as in every arm, its whole output the answer.
pub fn settings(spec: &Spec) -> spec::Prompter {
    spec::Prompter {
        model: spec.frozen.model.clone(),
        meta_prompt: "{prompt}".into(),
        rewrite_template: "{output}".into(),
        ends_after: Vec::new(),
        max_rewrite_tokens: spec.frozen.max_answer_tokens,
        temperature: spec.frozen.temperature,
        lora: spec.prompter.lora.clone(),
    }
}

/// The spec of the oracle's training.
pub fn training_spec(spec: &Spec) -> Spec {
    let mut oracle = Spec { prompter: settings(spec), ..spec.clone() };
    oracle.training.kl_coefficient = spec.arms.oracle_kl_coefficient.unwrap_or(spec.training.kl_coefficient);
    oracle
}

/// The path of a prompt through the oracle. `policy` is the frozen model with [`settings`].
pub fn pipeline(spec: &Spec, policy: Prompter, reward: Reward) -> Pipeline {
    Pipeline::new(spec, policy, Box::new(Repeats), reward)
}

/// Answers with what it is told.
struct Repeats;

impl FrozenModel for Repeats {
    fn describe(&self) -> String {
        "what was written is the answer".into()
    }
    fn identity(&self) -> &str {
        "repeats"
    }
    fn context(&self) -> usize {
        usize::MAX
    }
    fn prompt_tokens(&self, _system: Option<&str>, _prompt: &str) -> Result<usize> {
        Ok(0)
    }
    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        _decoding: &AnswerDecoding,
        _on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        let repeat = |r: &AnswerRequest| Answer { text: r.prompt.clone(), tokens: Vec::new(), log_probs: Vec::new(), truncated: false };
        Ok(requests.iter().map(repeat).collect())
    }
}

/// The oracle's answers, drawn with the seeds with which the frozen model answers in the other arms.
pub fn answering<'a>(
    pipeline: &'a mut Pipeline,
    adapter: &'a Adapter,
    plan: &'a Plan<'a>,
) -> impl FnMut(&[Key], &mut OnProgress<'_>) -> Result<Vec<EvaluationAnswer>> + 'a {
    move |chunk, on_progress| {
        let item = |&key: &Key| {
            let item = plan.item(key);
            Item { rewrite_seed: item.answer_seed, ..item }
        };
        let items: Vec<Item<'_>> = chunk.iter().map(item).collect();
        let (trials, _) = pipeline.run(Arm::Tuned(adapter), &items, on_progress)?;
        let rows = chunk.iter().zip(&items).zip(trials).map(|((&key, item), trial)| plan.row(arm::ORACLE, key, item, trial));
        Ok(rows
            .map(|row| EvaluationAnswer {
                answer_tokens: row.rewrite_tokens.unwrap_or_default(),
                answer_truncated: row.rewrite_truncated.unwrap_or_default(),
                rewrite: None,
                rewrite_tokens: None,
                rewrite_truncated: None,
                rewrite_seed: None,
                closeness: None,
                ..row
            })
            .collect())
    }
}

/// An iteration's metrics in the oracle's words: what a prompter's rewrites are called is said of its answers.
pub fn metrics(mut metrics: Metrics) -> Metrics {
    for rewrites_only in ["closeness", "answer_tokens", "truncated_answers", "seconds_answer", "answer_tokens_per_second"] {
        metrics.remove(rewrites_only);
    }
    let renamed = [
        ("rewrite_tokens", "answer_tokens"),
        ("truncated_rewrites", "truncated_answers"),
        ("empty_rewrites", "empty_answers"),
        ("seconds_rewrite", "seconds_answer"),
        ("rewrite_tokens_per_second", "answer_tokens_per_second"),
    ];
    for (of_prompter, of_oracle) in renamed {
        if let Some(value) = metrics.remove(of_prompter) {
            metrics.insert(of_oracle.into(), value);
        }
    }
    metrics
}

/// An episode without the rewrite that there is none of.
pub fn episode(episode: Episode) -> Episode {
    Episode {
        rewrite: String::new(),
        answer_tokens: episode.rewrite_tokens,
        answer_truncated: episode.rewrite_truncated,
        answer_seed: episode.rewrite_seed,
        rewrite_tokens: 0,
        rewrite_truncated: false,
        closeness: f64::NAN,
        ..episode
    }
}

/// Guards that mean the same for a policy of answers, said of the oracle.
pub fn guard(event: Event) -> Option<Event> {
    let Event::Guard { iteration: Some(iteration), guard, cause, .. } = event else { return None };
    let remedy = match guard.as_str() {
        guards::KL_EXPLOSION => "Raise arms.oracle_kl_coefficient, or lower training.learning_rate or training.updates_per_batch.",
        guards::NOT_FINITE => {
            "The oracle is left out of what follows. A lower training.learning_rate or a higher arms.oracle_kl_coefficient would help."
        }
        _ => return None,
    };
    let cause = cause.replace("the untuned prompter", "the frozen model").replace("a whole rewrite", "a whole answer");
    Some(Event::Guard { iteration: None, guard, cause: format!("The oracle, iteration {iteration}: {cause}"), remedy: remedy.into() })
}
