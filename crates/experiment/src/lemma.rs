//! Lemma 5.1 on a real run: what the rewrites and answers that were drawn without training say of ρ\*, and of the tuned prompter beside it.
use crate::clusters::Clusters;
use crate::figures;
use crate::metrics::mean;
use crate::pools::Pool;
use crate::report::latest;
use crate::streams::Streams;
use analysis::theory::{self, Estimate, ResampledOptimum};
use contract::event::Event;
use contract::report::{BestAnswers, Convergence, Estimated, PromptTheory, RunTheory, TunedTheory};
use contract::{Spec, arm};
use store::{EvaluationAnswer, StoredEvent};

/// Random subsets of k rewrites for the convergence in K, where there are more of them.
const SUBSETS: usize = 200;

/// None without a whole pool of rewrites. λ is the one that the run's events name, else the spec's.
pub fn of_run(spec: &Spec, rows: &[EvaluationAnswer], events: &[StoredEvent]) -> Option<RunTheory> {
    let (k, m) = (spec.arms.rewrites_per_prompt, spec.arms.answers_per_rewrite);
    let named = events.iter().rev().find_map(|event| match event.event {
        Event::Lambda { lambda } => Some(lambda),
        _ => None,
    });
    let lambda = named.unwrap_or(spec.training.kl_coefficient);
    let drawn = Pool::of(rows, arm::REWRITE_POOL);
    let whole: Vec<(usize, &[&EvaluationAnswer])> = drawn.whole(k * m).collect();
    let nested = |rows: &[&EvaluationAnswer]| rows.chunks(m).map(|answers| answers.iter().map(|row| row.reward).collect()).collect();
    let clusters = Clusters::of(rows).numbers(whole.iter().map(|(prompt, _)| prompt));
    let rewards: Vec<Vec<Vec<f64>>> = whole.iter().map(|(_, rows)| nested(rows)).collect();
    let (resamples, streams) = (spec.evaluation.bootstrap_resamples, Streams::new(spec.seed));
    let seed = streams.statistics("optimum theory");
    let found = theory::resampled_mean(&rewards, &clusters, lambda, resamples, seed)?;
    let tuned: Vec<Option<theory::Tuned>> =
        whole.iter().zip(&rewards).map(|((_, rows), rewards)| tuned(rows, m, rewards, lambda)).collect();
    let of_arm = latest(rows, arm::TUNED);
    let by_prompt = whole.iter().zip(&found.prompts).zip(&tuned).filter_map(|(((prompt, _), optimum), tuned)| {
        let own = mean(of_arm.iter().filter(|row| row.prompt_index == *prompt).map(|row| row.reward));
        Some(of_prompt(*prompt, optimum.as_ref()?, tuned.as_ref(), own))
    });
    let estimated = |estimate: &Option<Estimate>| estimate.as_ref().map(estimated);
    Some(RunTheory {
        lambda,
        prompts: found.untuned_reward.prompts,
        rewrites: k,
        answers: m,
        untuned_reward: self::estimated(&found.untuned_reward),
        reward: self::estimated(&found.reward),
        cross_fitted: estimated(&found.cross_fitted),
        gain: estimated(&found.gain),
        kl: self::estimated(&found.kl),
        kl_extrapolated: estimated(&found.kl_extrapolated),
        objective: self::estimated(&found.objective),
        objective_extrapolated: estimated(&found.objective_extrapolated),
        effective_rewrites: found.effective_rewrites,
        convergence: convergence(&rewards, lambda, seed),
        best_answers: best_answers(spec, rows),
        tuned: of_tuned(&tuned, &clusters, resamples, streams.statistics("tuned theory")),
        by_prompt: by_prompt.collect(),
    })
}

/// None where the pool was drawn without a tuned prompter.
fn tuned(rows: &[&EvaluationAnswer], answers: usize, rewards: &[Vec<f64>], lambda: f64) -> Option<theory::Tuned> {
    let ratios: Vec<f64> = rows.chunks(answers).map(|of| of[0].kl).collect::<Option<_>>()?;
    theory::tuned(rewards, &ratios, &vec![0.0; ratios.len()], lambda)
}

fn of_prompt(prompt_index: usize, optimum: &ResampledOptimum, tuned: Option<&theory::Tuned>, tuned_reward: Option<f64>) -> PromptTheory {
    let rewards = || optimum.rewards.iter().copied();
    PromptTheory {
        prompt_index,
        untuned_reward: optimum.untuned_reward,
        optimum_reward: optimum.cross_fitted.unwrap_or(optimum.reward),
        best_reward: rewards().fold(f64::NEG_INFINITY, f64::max),
        worst_reward: rewards().fold(f64::INFINITY, f64::min),
        kl: optimum.kl,
        effective_rewrites: optimum.effective_rewrites,
        tuned_reward: tuned_reward.and_then(figures::finite),
        shortfall: tuned.and_then(|t| t.shortfall_extrapolated.or(t.shortfall)).and_then(figures::finite),
    }
}

fn of_tuned(prompts: &[Option<theory::Tuned>], clusters: &[usize], resamples: usize, seed: u64) -> Option<TunedTheory> {
    let over = |figure: fn(&theory::Tuned) -> Option<f64>| {
        let values: Vec<Option<f64>> = prompts.iter().map(|tuned| tuned.as_ref().and_then(figure)).collect();
        theory::estimate(&values, clusters, resamples, seed).as_ref().map(estimated)
    };
    Some(TunedTheory {
        effective_rewrites: theory::lower_median(prompts.iter().flatten().map(|tuned| tuned.effective_rewrites))?,
        reward: over(|t| Some(t.reward))?,
        kl: over(|t| Some(t.kl))?,
        shortfall: over(|t| t.shortfall),
        shortfall_extrapolated: over(|t| t.shortfall_extrapolated),
    })
}

fn estimated(estimate: &Estimate) -> Estimated {
    Estimated { mean: estimate.mean, interval: figures::interval(Some(estimate.interval)), prompts: estimate.prompts }
}

fn convergence(rewards: &[Vec<Vec<f64>>], lambda: f64, seed: u64) -> Vec<Convergence> {
    let points = theory::convergence(rewards, lambda, SUBSETS, seed).unwrap_or_default();
    let point = |p: theory::ConvergencePoint| Convergence {
        k: p.k,
        reward: p.reward,
        cross_fitted: p.cross_fitted,
        kl: p.kl,
        best: p.best,
        best_cross_fitted: p.best_cross_fitted,
    };
    points.into_iter().map(point).collect()
}

/// For n = 1, 2, 4, … of all answers that were drawn to a raw prompt.
fn best_answers(spec: &Spec, rows: &[EvaluationAnswer]) -> Vec<BestAnswers> {
    let size = spec.arms.best_of_answers * spec.evaluation.answers_per_prompt;
    let pool = Pool::of(rows, arm::ANSWER_POOL);
    let rewards: Vec<Vec<f64>> = pool.whole(size).map(|(_, rows)| rows.iter().map(|row| row.reward).collect()).collect();
    let doubling = std::iter::successors(Some(1_usize), |n| n.checked_mul(2)).take_while(|n| *n < size);
    doubling
        .chain([size])
        .filter_map(|n| {
            let best = rewards.iter().map(|rewards| theory::expected_best(rewards, n)).collect::<Option<Vec<f64>>>()?;
            Some(BestAnswers { n, reward: figures::finite(mean(best)?)? })
        })
        .collect()
}
