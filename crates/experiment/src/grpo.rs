//! GRPO (Shao et al. 2024, arXiv 2402.03300) for the objective of Align-Pro: everything that is the algorithm, in one file.
//!
//! For each prompt x, G rewrites x'_1 … x'_G are drawn from the policy ρ_old, answered and rewarded. Then
//!
//! 1. R_i = r_i − λ·Σ_t (log ρ_old(t) − log ρ_sft(t)): the divergence from the untuned prompter is part of the reward of the *whole*
//!    rewrite. Then E[R_i] is the paper's objective J, and since E[∇ log ρ] = 0, E[R ∇ log ρ] is its gradient, KL term included.
//! 2. A_i = R_i − mean of the group's R. Each R_i is in its own baseline, which scales the gradient by (G−1)/G for reward and divergence
//!    alike: a matter of the learning rate, not of the optimum.
//! 3. L = −(1/N) Σ_i Σ_t min(q_t A_i, clip(q_t, 1−ε, 1+ε) A_i), q_t = ρ(t)/ρ_old(t): a *sum* over the tokens of a rewrite, a mean over the N
//!    rewrites of the batch. At q = 1 its gradient is −(1/N) Σ_i A_i ∇ log ρ(x'_i).
//!
//! At the optimum of Lemma 5.1, r − λ·log(ρ*/ρ_sft) = λ·log Z(x) for every rewrite of a prompt: with a reward that does not depend on
//! chance all advantages vanish there, and so does the noise of the gradient. `tests/grpo_lemma.rs` holds this file to it.
use contract::Result;
use contract::spec::Training;
use lm::{AdamW, Gradients, Tensor};
use std::ops::Range;

/// The numbers of the spec that the algorithm needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// λ.
    pub kl_coefficient: f64,
    /// ε.
    pub clip_ratio: f64,
    pub max_gradient_norm: f64,
    /// Optimiser steps on each batch.
    pub updates_per_batch: usize,
    /// Groups in one forward and backward pass.
    pub groups_per_pass: usize,
    /// Divide A by the group's standard deviation. Changes the objective; off by default.
    pub scale_by_group_deviation: bool,
    /// Divide each rewrite's sum by its length. Changes the objective; off by default.
    pub scale_by_length: bool,
}

impl From<&Training> for Settings {
    fn from(t: &Training) -> Self {
        Self {
            kl_coefficient: t.kl_coefficient,
            clip_ratio: t.clip_ratio,
            max_gradient_norm: t.max_gradient_norm,
            updates_per_batch: t.updates_per_batch,
            groups_per_pass: t.rewrites_per_pass.div_ceil(t.group_size).max(1),
            scale_by_group_deviation: t.scale_by_group_deviation,
            scale_by_length: t.scale_by_length,
        }
    }
}

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
        let ratios = self.log_probs.iter().zip(&self.reference).map(|(new, old)| f64::from(*new) - f64::from(*old));
        self.reward - kl_coefficient * ratios.sum::<f64>()
    }
}

/// The rewrites of one prompt.
pub type Group = Vec<Rollout>;

/// A_i of every rewrite, group by group.
pub fn advantages(groups: &[Group], settings: &Settings) -> Vec<Vec<f64>> {
    groups
        .iter()
        .map(|group| {
            let penalised: Vec<f64> = group.iter().map(|r| r.penalised_reward(settings.kl_coefficient)).collect();
            let n = penalised.len() as f64;
            let mean = penalised.iter().sum::<f64>() / n;
            let mut centred: Vec<f64> = penalised.iter().map(|r| r - mean).collect();
            if settings.scale_by_group_deviation && centred.len() > 1 {
                let deviation = (centred.iter().map(|a| a * a).sum::<f64>() / (n - 1.0)).sqrt();
                // As TRL does: the small number keeps a group without spread at 0.
                centred.iter_mut().for_each(|a| *a /= deviation + 1e-4);
            }
            centred
        })
        .collect()
}

/// The tokens of some rewrites side by side, as tensors of one length [tokens].
pub struct Tokens {
    /// log ρ_old.
    pub log_probs: Tensor,
    /// A of the rewrite that the token belongs to.
    pub advantages: Tensor,
    /// 1/N, or 1/(N·length) when scaled by length.
    pub weights: Tensor,
}

impl Tokens {
    /// `rewrites_in_batch` is N of the whole batch, also when these groups are only one pass of it. Takes type and device of `like`.
    pub fn new(
        groups: &[Group],
        advantages: &[Vec<f64>],
        rewrites_in_batch: usize,
        settings: &Settings,
        like: &Tensor,
    ) -> lm::Result<Self> {
        let (mut old, mut advantage, mut weight) = (Vec::new(), Vec::new(), Vec::new());
        for (rollout, a) in groups.iter().zip(advantages).flat_map(|(g, a)| g.iter().zip(a)) {
            let length = rollout.log_probs.len();
            let divisor = rewrites_in_batch as f64 * if settings.scale_by_length { length as f64 } else { 1.0 };
            old.extend(rollout.log_probs.iter().map(|&l| f64::from(l)));
            advantage.extend(std::iter::repeat_n(*a, length));
            weight.extend(std::iter::repeat_n(1.0 / divisor, length));
        }
        let tensor = |values: Vec<f64>| -> lm::Result<Tensor> {
            let length = values.len();
            // Converted before it moves: some devices have no f64.
            Ok(Tensor::from_vec(values, length, &lm::Device::Cpu)?.to_dtype(like.dtype())?.to_device(like.device())?)
        };
        Ok(Self { log_probs: tensor(old)?, advantages: tensor(advantage)?, weights: tensor(weight)? })
    }
}

/// L: the clipped surrogate of these tokens, a scalar to minimise. `log_probs` are those of the policy being trained, [tokens].
pub fn loss(log_probs: &Tensor, tokens: &Tokens, clip_ratio: f64) -> lm::Result<Tensor> {
    let ratio = (log_probs - &tokens.log_probs)?.exp()?;
    let free = (&ratio * &tokens.advantages)?;
    let clipped = (ratio.clamp(1.0 - clip_ratio, 1.0 + clip_ratio)? * &tokens.advantages)?;
    Ok((free.minimum(&clipped)? * &tokens.weights)?.sum_all()?.neg()?)
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
    advantages: &[Vec<f64>],
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
    advantages: &[Vec<f64>],
    settings: &Settings,
    number: usize,
) -> Result<(Gradients, Update)> {
    let rewrites = groups.iter().map(Vec::len).sum();
    let mut gradients = Gradients::new(policy.vars());
    let mut update = Update { loss: 0.0, gradient_norm: 0.0, clip_fraction: 0.0, ratio_max: 0.0, stepped: false };
    let (mut tokens_seen, mut tokens_clipped) = (0usize, 0usize);
    let mut start = 0;
    while start < groups.len() {
        let pass = start..(start + settings.groups_per_pass).min(groups.len());
        let log_probs = policy.log_probs(pass.clone(), number)?;
        let tokens = Tokens::new(&groups[pass.clone()], &advantages[pass.clone()], rewrites, settings, &log_probs)?;
        let loss = loss(&log_probs, &tokens, settings.clip_ratio)?;
        gradients.add(policy.vars(), &loss.backward().map_err(lm::Error::from)?)?;
        update.loss += scalar(&loss)?;
        let log_ratios = (&log_probs - &tokens.log_probs).map_err(lm::Error::from)?;
        for (log_ratio, advantage) in values(&log_ratios)?.into_iter().zip(values(&tokens.advantages)?) {
            let ratio = log_ratio.exp();
            tokens_seen += 1;
            let off =
                if advantage > 0.0 { ratio > 1.0 + settings.clip_ratio } else { advantage < 0.0 && ratio < 1.0 - settings.clip_ratio };
            tokens_clipped += usize::from(off);
            update.ratio_max = update.ratio_max.max(ratio);
        }
        start = pass.end;
    }
    update.clip_fraction = tokens_clipped as f64 / tokens_seen.max(1) as f64;
    Ok((gradients, update))
}

fn values(tensor: &Tensor) -> lm::Result<Vec<f64>> {
    Ok(tensor.detach().to_device(&lm::Device::Cpu)?.to_dtype(candle_core::DType::F64)?.to_vec1()?)
}

fn scalar(tensor: &Tensor) -> lm::Result<f64> {
    Ok(tensor.to_device(&lm::Device::Cpu)?.to_dtype(candle_core::DType::F64)?.to_scalar()?)
}
