//! The clipped surrogate of PPO (Schulman et al. 2017, arXiv 1707.06347, equation 7), which all algorithms here descend on:
//!
//! ```text
//! L = −Σ_t w_t · min(q_t A_t, clip(q_t, 1−ε, 1+ε_high) A_t),   q_t = ρ(t)/ρ_old(t)
//! ```
//!
//! over all tokens of the batch, w_t = 1/N with N rewrites unless [`Weighting`] says otherwise. With λ in the loss, λ·Σ_t w_t·k3_t is added,
//! k3 = exp(d) − d − 1 with d = log ρ_sft − log ρ (Schulman 2020; GRPO's equation 4).
use super::{Group, Settings, Weighting};
use lm::Tensor;

/// Rewrites and tokens of a whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub rewrites: usize,
    pub tokens: usize,
}

impl Totals {
    pub fn of(groups: &[Group]) -> Self {
        let tokens = groups.iter().flatten().map(|rollout| rollout.log_probs.len()).sum();
        Self { rewrites: groups.iter().map(Vec::len).sum(), tokens }
    }

    /// What the sum over the tokens of a rewrite of `length` tokens is divided by.
    fn divisor(self, weighting: Weighting, length: usize) -> f64 {
        match weighting {
            Weighting::Rewrites => self.rewrites as f64,
            Weighting::Length => self.rewrites as f64 * length as f64,
            Weighting::BatchTokens => self.tokens as f64,
            Weighting::Constant(longest) => self.rewrites as f64 * longest as f64,
        }
    }
}

/// The tokens of some rewrites side by side, as tensors of one length [tokens].
pub struct Tokens {
    /// log ρ_old.
    pub log_probs: Tensor,
    /// A.
    pub advantages: Tensor,
    /// w.
    pub weights: Tensor,
    /// log ρ_sft.
    pub reference: Tensor,
}

impl Tokens {
    /// `totals` are those of the whole batch, also when these groups are only one pass of it. Takes type and device of `like`.
    pub fn new(groups: &[Group], advantages: &[Vec<Vec<f64>>], totals: Totals, settings: &Settings, like: &Tensor) -> lm::Result<Self> {
        let (mut old, mut advantage, mut weight, mut reference) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (rollout, a) in groups.iter().zip(advantages).flat_map(|(g, a)| g.iter().zip(a)) {
            let length = rollout.log_probs.len();
            old.extend(rollout.log_probs.iter().map(|&l| f64::from(l)));
            reference.extend(rollout.reference.iter().map(|&l| f64::from(l)));
            advantage.extend(a);
            weight.extend(std::iter::repeat_n(1.0 / totals.divisor(settings.weighting, length), length));
        }
        Ok(Self {
            log_probs: tensor_like(old, like)?,
            advantages: tensor_like(advantage, like)?,
            weights: tensor_like(weight, like)?,
            reference: tensor_like(reference, like)?,
        })
    }
}

/// L of these tokens, a scalar to minimise. `log_probs` are those of the policy being trained, [tokens].
pub fn loss(log_probs: &Tensor, tokens: &Tokens, settings: &Settings) -> lm::Result<Tensor> {
    let ratio = (log_probs - &tokens.log_probs)?.exp()?;
    let free = (&ratio * &tokens.advantages)?;
    let clipped = (ratio.clamp(1.0 - settings.clip_ratio, 1.0 + settings.clip_ratio_high)? * &tokens.advantages)?;
    let surrogate = (free.minimum(&clipped)? * &tokens.weights)?.sum_all()?.neg()?;
    if !settings.kl_in_loss {
        return Ok(surrogate);
    }
    let d = (&tokens.reference - log_probs)?;
    let k3 = ((d.exp()? - d)? - 1.0)?;
    Ok((surrogate + ((k3 * &tokens.weights)?.sum_all()? * settings.kl_coefficient)?)?)
}

/// What clipping did to some tokens.
pub(super) struct Clipped {
    /// Tokens whose gradient was switched off.
    pub clipped: usize,
    pub ratio_max: f64,
}

/// Looks at the ratios of these tokens.
pub(super) fn clipped(log_probs: &Tensor, tokens: &Tokens, settings: &Settings) -> lm::Result<Clipped> {
    let mut seen = Clipped { clipped: 0, ratio_max: 0.0 };
    let log_ratios = (log_probs - &tokens.log_probs)?;
    for (log_ratio, advantage) in values(&log_ratios)?.into_iter().zip(values(&tokens.advantages)?) {
        let ratio = log_ratio.exp();
        let is_off = (advantage > 0.0 && ratio > 1.0 + settings.clip_ratio_high) || (advantage < 0.0 && ratio < 1.0 - settings.clip_ratio);
        seen.clipped += usize::from(is_off);
        seen.ratio_max = seen.ratio_max.max(ratio);
    }
    Ok(seen)
}

/// A tensor [values] of the type and on the device of `like`.
pub(super) fn tensor_like(values: Vec<f64>, like: &Tensor) -> lm::Result<Tensor> {
    let length = values.len();
    // Converted before it moves: some devices have no f64.
    Ok(Tensor::from_vec(values, length, &lm::Device::Cpu)?.to_dtype(like.dtype())?.to_device(like.device())?)
}

pub(super) fn values(tensor: &Tensor) -> lm::Result<Vec<f64>> {
    Ok(tensor.detach().to_device(&lm::Device::Cpu)?.to_dtype(candle_core::DType::F64)?.to_vec1()?)
}

pub(super) fn scalar(tensor: &Tensor) -> lm::Result<f64> {
    Ok(tensor.to_device(&lm::Device::Cpu)?.to_dtype(candle_core::DType::F64)?.to_scalar()?)
}
