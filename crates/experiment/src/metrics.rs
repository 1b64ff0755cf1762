//! The numbers of a training iteration by name. docs/algorithms/metrics.md explains each.
use crate::algorithms::Update;
use crate::algorithms::value_head::Fit;
use crate::pipeline::{Item, Seconds, Trial};
use std::collections::BTreeMap;

/// Metrics by name; None where a number could not be computed.
pub type Metrics = BTreeMap<String, Option<f64>>;

/// Rewards of a group that differ by less than this count as equal.
pub const SAME_REWARD: f64 = 1e-9;

/// Whether a metric depends on the machine and its load: these differ between a run and the same run resumed, all others do not.
pub fn is_timing(name: &str) -> bool {
    name.starts_with("seconds") || name.ends_with("_per_second") || name == "peak_memory_bytes"
}

/// Mean of some numbers; None of none.
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.into_iter().fold((0.0, 0usize), |(sum, n), v| (sum + v, n + 1));
    (n > 0).then(|| sum / n as f64)
}

/// Sample standard deviation; None of fewer than two.
fn deviation(values: &[f64]) -> Option<f64> {
    let centre = mean(values.iter().copied())?;
    (values.len() > 1).then(|| (values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt())
}

fn share(flags: impl IntoIterator<Item = bool>) -> Option<f64> {
    mean(flags.into_iter().map(|flag| f64::from(u8::from(flag))))
}

/// Metrics of a batch of trials to `items`, `group_size` to a prompt, all with a rewrite. `kl_coefficient` is λ of the iteration.
pub fn of_trials(items: &[Item<'_>], trials: &[Trial], group_size: usize, kl_coefficient: f64) -> Metrics {
    let mut m = of_answers(items, trials, group_size);
    let reward = m.get("reward_mean").copied().flatten();
    let mut put = |name: &str, value: Option<f64>| m.insert(name.into(), value);
    let rewrites: Vec<_> = trials.iter().filter_map(|t| t.rewrite.as_ref()).collect();
    let kl = mean(rewrites.iter().map(|r| r.kl()));
    put("objective", reward.zip(kl).map(|(r, kl)| r - kl_coefficient * kl));
    put("kl", kl);
    put("kl_coefficient", Some(kl_coefficient));
    put("kl_k3", mean(rewrites.iter().map(|r| r.kl_k3())));
    put("entropy", mean(rewrites.iter().flat_map(|r| &r.entropies).map(|&e| f64::from(e))));
    put("rewrite_tokens", mean(rewrites.iter().map(|r| r.tokens.len() as f64)));
    put("truncated_rewrites", share(rewrites.iter().map(|r| r.truncated)));
    put("empty_rewrites", share(rewrites.iter().map(|r| r.empty)));
    m
}

/// The metrics of a batch that look at answers only, whoever wrote the messages.
pub fn of_answers(items: &[Item<'_>], trials: &[Trial], group_size: usize) -> Metrics {
    let mut m = Metrics::new();
    let mut put = |name: &str, value: Option<f64>| m.insert(name.into(), value);
    let rewards: Vec<f64> = trials.iter().map(|t| t.score.total).collect();
    put("reward_mean", mean(rewards.iter().copied()));
    put("reward_std", deviation(&rewards));
    put("reward_within_group_std", mean(rewards.chunks(group_size).filter_map(deviation)));
    put("reward_min", rewards.iter().copied().reduce(f64::min));
    put("reward_max", rewards.iter().copied().reduce(f64::max));
    put("closeness", mean(trials.iter().filter_map(|t| t.closeness)));
    put("topicality", mean(items.iter().zip(trials).map(|(item, t)| rewards::topicality(&item.prompt.text, &t.answer.text))));
    put("answer_tokens", mean(trials.iter().map(|t| t.answer.tokens.len() as f64)));
    put("truncated_answers", share(trials.iter().map(|t| t.answer.truncated)));
    put("zero_spread_groups", share(rewards.chunks(group_size).map(|g| spread(g) < SAME_REWARD)));
    let labels: std::collections::BTreeSet<&String> = trials.iter().flat_map(|t| t.score.parts.keys()).collect();
    for label in labels {
        put(&format!("reward_part.{label}"), mean(trials.iter().filter_map(|t| t.score.parts.get(label).copied())));
    }
    m
}

/// Largest minus smallest.
pub fn spread(values: &[f64]) -> f64 {
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    high - low
}

/// Adds what the optimiser steps on the batch showed: means over the steps, the largest ratio of any.
pub fn add_updates(m: &mut Metrics, updates: &[Update], learning_rate: f64) {
    let finite = |value: Option<f64>| value.filter(|v| v.is_finite());
    m.insert("loss".into(), finite(mean(updates.iter().map(|u| u.loss))));
    m.insert("gradient_norm".into(), finite(mean(updates.iter().map(|u| u.gradient_norm))));
    m.insert("clip_fraction".into(), mean(updates.iter().map(|u| u.clip_fraction)));
    m.insert("ratio_max".into(), finite(updates.iter().map(|u| u.ratio_max).reduce(f64::max)));
    m.insert("learning_rate".into(), Some(learning_rate));
}

/// Adds what the value head showed, where there is one.
pub fn add_fit(m: &mut Metrics, fit: Option<Fit>) {
    let Some(fit) = fit else { return };
    m.insert("value_loss".into(), Some(fit.loss));
    m.insert("value_explained_variance".into(), fit.explained_variance);
}

/// Adds times and speeds. `update` is the time of all optimiser steps, `updates` how many there were.
pub fn add_timings(m: &mut Metrics, trials: &[Trial], stages: &Seconds, update: f64, updates: usize) {
    let rewrite_tokens: usize = trials.iter().filter_map(|t| t.rewrite.as_ref()).map(|r| r.tokens.len()).sum();
    let answer_tokens: usize = trials.iter().map(|t| t.answer.tokens.len()).sum();
    let total = stages.rewrite + stages.answer + stages.reward + stages.reference + update;
    let mut put = |name: &str, value: Option<f64>| m.insert(name.into(), value);
    let speed = |count: usize, seconds: f64| (seconds > 0.0).then(|| count as f64 / seconds);
    put("seconds_rewrite", Some(stages.rewrite));
    put("seconds_answer", Some(stages.answer));
    put("seconds_reward", Some(stages.reward));
    put("seconds_reference", Some(stages.reference));
    put("seconds_update", Some(update));
    put("rewrite_tokens_per_second", speed(rewrite_tokens, stages.rewrite));
    put("answer_tokens_per_second", speed(answer_tokens, stages.answer));
    put("update_tokens_per_second", speed(rewrite_tokens * updates, update));
    put("tokens_per_second", speed(rewrite_tokens + answer_tokens, total));
    put("episodes_per_second", speed(trials.len(), total));
    put("peak_memory_bytes", peak_memory_bytes().map(|b| b as f64));
}

/// The most memory this process has held so far, where the system tells (Linux).
pub fn peak_memory_bytes() -> Option<u64> {
    memory_bytes("VmHWM:")
}

/// What it holds now.
pub fn resident_memory_bytes() -> Option<u64> {
    memory_bytes("VmRSS:")
}

fn memory_bytes(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}
