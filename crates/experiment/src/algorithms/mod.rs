//! The algorithms that train a prompter, one readable file each, over what they share.
//!
//! An algorithm is what it takes for the advantage of each token, [`Advantages`]: [`grpo`] and [`rloo`] compare the rewrites of a prompt,
//! [`ppo`] asks a value head. Shared are the clipped surrogate of Schulman et al. 2017 ([`surrogate`]), the updates on a batch ([`train_on`])
//! and λ's controller ([`divergence`]).
//! `tests/grpo_lemma.rs` and `tests/algorithms_lemma.rs` hold all of them to the optimum of the paper's Lemma 5.1 on worlds that can be enumerated.
pub mod divergence;
pub mod grpo;
pub mod ppo;
pub mod rloo;
pub mod surrogate;
pub mod value_head;

pub use surrogate::{Tokens, Totals, loss};

use contract::spec::{Normaliser, Training};
use contract::{Result, Spec};
use lm::{AdamW, Gradients, Tensor};
use std::ops::Range;

/// One rewrite and what it earned.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollout {
    /// r(x, y).
    pub reward: f64,
    /// log ρ_old of each token, from when it was drawn.
    pub log_probs: Vec<f32>,
    /// log ρ_sft of each token.
    pub reference: Vec<f32>,
}

impl Rollout {
    /// R = r − λ·Σ_t (log ρ_old − log ρ_sft).
    pub fn penalised_reward(&self, kl_coefficient: f64) -> f64 {
        self.reward - kl_coefficient * self.log_ratios().sum::<f64>()
    }

    /// log ρ_old − log ρ_sft of each token, in nats.
    pub fn log_ratios(&self) -> impl Iterator<Item = f64> + '_ {
        self.log_probs.iter().zip(&self.reference).map(|(new, old)| f64::from(*new) - f64::from(*old))
    }
}

/// The rewrites of one prompt.
pub type Group = Vec<Rollout>;

/// A of every token: by group, rewrite and token.
pub type Advantages = Vec<Vec<Vec<f64>>>;

/// Gives each token the advantage of its rewrite.
pub fn per_token(groups: &[Group], advantages: &[Vec<f64>]) -> Advantages {
    let token = |(rollout, a): (&Rollout, &f64)| vec![*a; rollout.log_probs.len()];
    groups.iter().zip(advantages).map(|(group, a)| group.iter().zip(a).map(token).collect()).collect()
}

/// What the sum over a rewrite's tokens is divided by; N is the number of rewrites in the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighting {
    /// N: the gradient is that of the objective.
    Rewrites,
    /// N times the rewrite's length (GRPO as published).
    Length,
    /// All tokens of the batch (DAPO).
    BatchTokens,
    /// N times this many tokens (Dr. GRPO): [`Self::Rewrites`] at another learning rate.
    Constant(usize),
}

/// The numbers of the spec that the shared loss and its updates need.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// λ.
    pub kl_coefficient: f64,
    /// ε: ratios below 1 − ε are clipped.
    pub clip_ratio: f64,
    /// ε above 1; the same as below unless GRPO is told otherwise.
    pub clip_ratio_high: f64,
    pub max_gradient_norm: f64,
    /// Optimiser steps on each batch.
    pub updates_per_batch: usize,
    /// Groups in one forward and backward pass.
    pub groups_per_pass: usize,
    pub weighting: Weighting,
    /// λ weights a k3 estimate for each token in the loss. Changes the optimum; off by default.
    pub kl_in_loss: bool,
}

impl Settings {
    /// `kl_coefficient`: λ of this iteration, which may have been adapted.
    pub fn new(spec: &Spec, kl_coefficient: f64) -> Self {
        let t = &spec.training;
        Self {
            kl_coefficient,
            clip_ratio: t.clip_ratio,
            clip_ratio_high: t.clip_ratio_high.unwrap_or(t.clip_ratio),
            max_gradient_norm: t.max_gradient_norm,
            updates_per_batch: t.updates_per_batch,
            groups_per_pass: t.rewrites_per_pass.div_ceil(t.group_size).max(1),
            weighting: weighting(t, spec.prompter.max_rewrite_tokens),
            kl_in_loss: t.kl_in_loss,
        }
    }
}

fn weighting(t: &Training, max_rewrite_tokens: usize) -> Weighting {
    match t.normalise_by {
        Some(Normaliser::BatchTokens) => Weighting::BatchTokens,
        Some(Normaliser::LongestRewrite) => Weighting::Constant(max_rewrite_tokens),
        None if t.scale_by_length => Weighting::Length,
        None => Weighting::Rewrites,
    }
}

/// Whatever can be trained: a language model, or a table of logits.
pub trait Policy {
    /// The trainable tensors, in the order of the optimiser.
    fn vars(&self) -> &[candle_core::Var];
    /// log ρ of every token of the rewrites of groups `groups` of the batch, [tokens], differentiable. `update` counts the optimiser steps
    /// on this batch from 0.
    fn log_probs(&self, groups: Range<usize>, update: usize) -> lm::Result<Tensor>;
}

/// What one optimiser step looked like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// L before the step.
    pub loss: f64,
    /// L2 norm of the gradient before it was clipped.
    pub gradient_norm: f64,
    /// Share of tokens whose gradient the clipped ratio switched off.
    pub clip_fraction: f64,
    /// Largest ρ/ρ_old of a token.
    pub ratio_max: f64,
    /// False if loss or gradient was not finite; nothing was changed then.
    pub stepped: bool,
}

/// All updates on one batch: at each, gradients accumulate over the passes, are clipped to the norm and take one AdamW step. Stops early,
/// leaving policy and optimiser as they are, when loss or gradient is not finite.
pub fn train_on<P: Policy>(
    policy: &P,
    groups: &[Group],
    advantages: &Advantages,
    settings: &Settings,
    optimiser: &mut AdamW,
    learning_rate: f64,
) -> Result<Vec<Update>> {
    let mut updates = Vec::with_capacity(settings.updates_per_batch);
    for number in 0..settings.updates_per_batch {
        let (mut gradients, mut update) = accumulate(policy, groups, advantages, settings, number)?;
        update.gradient_norm = gradients.clip(settings.max_gradient_norm)?;
        update.stepped = update.loss.is_finite() && update.gradient_norm.is_finite();
        if update.stepped {
            optimiser.step(&gradients, learning_rate)?;
        }
        updates.push(update);
        if !update.stepped {
            break;
        }
    }
    Ok(updates)
}

/// Loss and gradient of the whole batch, pass by pass. The sum over passes is the loss of the batch: how it is cut does not matter.
pub fn accumulate<P: Policy>(
    policy: &P,
    groups: &[Group],
    advantages: &Advantages,
    settings: &Settings,
    number: usize,
) -> Result<(Gradients, Update)> {
    let totals = Totals::of(groups);
    let mut gradients = Gradients::new(policy.vars());
    let mut update = Update { loss: 0.0, gradient_norm: 0.0, clip_fraction: 0.0, ratio_max: 0.0, stepped: false };
    let mut tokens_clipped = 0usize;
    let mut start = 0;
    while start < groups.len() {
        let pass = start..(start + settings.groups_per_pass).min(groups.len());
        let log_probs = policy.log_probs(pass.clone(), number)?;
        let tokens = Tokens::new(&groups[pass.clone()], &advantages[pass.clone()], totals, settings, &log_probs)?;
        let loss = loss(&log_probs, &tokens, settings)?;
        gradients.add(policy.vars(), &loss.backward().map_err(lm::Error::from)?)?;
        update.loss += surrogate::scalar(&loss)?;
        let seen = surrogate::clipped(&log_probs, &tokens, settings)?;
        tokens_clipped += seen.clipped;
        update.ratio_max = update.ratio_max.max(seen.ratio_max);
        start = pass.end;
    }
    update.clip_fraction = tokens_clipped as f64 / totals.tokens.max(1) as f64;
    Ok((gradients, update))
}
