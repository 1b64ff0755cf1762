//! A round of the search with models: propose, answer, reward, learn; and its rows.
use super::message;
use super::proposals::{Proposals, collect, request};
use super::search::{Plan, Search, Shape, Standings};
use crate::metrics::{self, Metrics};
use crate::pipeline::{Item, Pipeline, Seconds, Trial};
use crate::prompter::Prompter;
use crate::streams::Streams;
use crate::training::episode;
use contract::data::Prompt;
use contract::event::Spent;
use contract::{Error, Result, Spec};
use lm::Request;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;
use store::Episode;

/// What a round leaves behind. Its number is that of the training iteration whose prompts it used.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// From 1.
    pub round: usize,
    pub metrics: Metrics,
    /// G to each prompt. `rewrite` is the whole message, `rewrite_seed` that of the instruction (0: none), `advantage` what the reward is above
    /// the mean of those it was held against; `kl` and `rewrite_tokens` are 0.
    pub episodes: Vec<Episode>,
    pub spent: Spent,
}

/// The next round, on prompts of `train`; `search` is as before unless it succeeds. Depends on the search, the spec and its seed only.
/// `on_progress` hears at every decoding step how many of the round's answers are there, and can break ([`contract::Code::Stopped`]).
///
/// # Errors
/// Where every round is done, a request does not fit into the prompter, or a model or the reward fails.
pub fn round(
    search: &mut Search,
    pipeline: &mut Pipeline,
    spec: &Spec,
    train: &[Prompt],
    on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Round> {
    let begun = Instant::now();
    let Shape { rounds, slots, prompts } = search.shape();
    let (number, streams) = (search.rounds() + 1, Streams::new(spec.seed));
    if number > rounds {
        return Err(Error::internal(format!("The search for an instruction was asked for round {number} of {rounds}.")));
    }
    let standings = search.standings();
    let proposals = propose(search, &standings, &pipeline.prompter, spec, on_progress)?;
    let plan = search.plan(&standings, proposals.new.clone());
    let seconds_propose = begun.elapsed().as_secs_f64();

    let indices = streams.prompts(number, train.len(), prompts);
    let items: Vec<Item<'_>> = (0..prompts * slots)
        .map(|i| Item {
            prompt: &train[indices[i / slots]],
            rewrite_seed: plan.candidate(i % slots).seed,
            answer_seed: streams.instruction_answer(number, i),
        })
        .collect();
    let messages: Vec<String> =
        items.iter().enumerate().map(|(i, item)| message(&plan.candidate(i % slots).text, &item.prompt.text)).collect();
    let (trials, seconds) = pipeline.send(&items, &messages, on_progress)?;

    let rewards: Vec<f64> = trials.iter().map(|t| t.score.total).collect();
    let advantages = search.learn(&plan, &rewards)?;
    let mut metrics = metrics::of_answers(&items, &trials, slots);
    add_search(&mut metrics, search, &proposals);
    add_timings(&mut metrics, &trials, &proposals, &Seconds { rewrite: seconds_propose, ..seconds });
    let answer_tokens: usize = trials.iter().map(|t| t.answer.tokens.len()).sum();
    let episodes = episodes(&plan, &indices, &items, messages, trials, &advantages);
    let spent = Spent {
        reward_calls: episodes.len(),
        tokens: answer_tokens + proposals.tokens,
        seconds: begun.elapsed().as_secs_f64(),
        joules: None,
    };
    Ok(Round { round: number, metrics, episodes, spent })
}

/// Asks the untuned prompter for what the search wants, showing it the best so far.
fn propose(
    search: &Search,
    standings: &Standings,
    prompter: &Prompter,
    spec: &Spec,
    on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Proposals> {
    let prompt = fitting_request(prompter, &spec.arms.instruction_request, search.shown(standings))?;
    let (round, streams) = (search.rounds() + 1, Streams::new(spec.seed));
    collect(search, &mut |draws| {
        let seeds: Vec<u64> = draws.map(|draw| streams.instruction_proposal(round, draw)).collect();
        let requests: Vec<Request> = seeds.iter().map(|&seed| Request { prompt: prompt.clone(), seed }).collect();
        let written = prompter.draw(None, &requests, spec.evaluation.answers_per_batch, &mut |_| on_progress(0))?;
        Ok(seeds.into_iter().zip(written).collect())
    })
}

/// Leaves out the worst of `tried` until the request and a proposal fit into the prompter's context.
fn fitting_request(prompter: &Prompter, template: &str, tried: Vec<(&str, f64)>) -> Result<Arc<[u32]>> {
    let mut tried = &tried[..];
    loop {
        let tokens = prompter.message(&request(template, tried))?;
        match tried {
            [_, better @ ..] if tokens.len() + prompter.settings().max_rewrite_tokens > prompter.context() => tried = better,
            _ => return Ok(tokens),
        }
    }
}

fn add_search(m: &mut Metrics, search: &Search, proposals: &Proposals) {
    let mut put = |name: &str, value: Option<f64>| m.insert(name.into(), value);
    let standings = search.standings();
    put("best_score", Some(standings.best_score()));
    put("best_deviation", Some(standings.best_deviation()));
    put("best_tests", Some(standings.best_tests() as f64));
    put("prompt_alone_score", Some(standings.alone_score()));
    put("instructions_tried", Some(standings.tried() as f64));
    put("instruction_spread", Some(standings.spread()));
    put("reward_noise", Some(standings.noise()));
    let share = |part: usize| (proposals.drawn > 0).then(|| part as f64 / proposals.drawn as f64);
    put("proposals_drawn", Some(proposals.drawn as f64));
    put("proposals_refused", share(proposals.drawn - proposals.new.len()));
    put("proposal_tokens", share(proposals.tokens));
    put("truncated_proposals", share(proposals.truncated));
}

fn add_timings(m: &mut Metrics, trials: &[Trial], proposals: &Proposals, stages: &Seconds) {
    let mut put = |name: &str, value: Option<f64>| m.insert(name.into(), value);
    let speed = |count: usize, seconds: f64| (seconds > 0.0).then(|| count as f64 / seconds);
    let answer_tokens: usize = trials.iter().map(|t| t.answer.tokens.len()).sum();
    let total = stages.rewrite + stages.answer + stages.reward;
    put("seconds_propose", Some(stages.rewrite));
    put("seconds_answer", Some(stages.answer));
    put("seconds_reward", Some(stages.reward));
    put("answer_tokens_per_second", speed(answer_tokens, stages.answer));
    put("tokens_per_second", speed(proposals.tokens + answer_tokens, total));
    put("episodes_per_second", speed(trials.len(), total));
    put("peak_memory_bytes", metrics::peak_memory_bytes().map(|b| b as f64));
}

fn episodes(
    plan: &Plan,
    prompts: &[usize],
    items: &[Item<'_>],
    messages: Vec<String>,
    trials: Vec<Trial>,
    advantages: &[f64],
) -> Vec<Episode> {
    let slots = plan.slots.len();
    let rows = items.iter().zip(messages).zip(trials).zip(advantages).enumerate();
    rows.map(|(index, (((item, message), trial), advantage))| Episode {
        rewrite: message,
        ..episode((plan.round, index, prompts[index / slots]), item, trial, *advantage)
    })
    .collect()
}
