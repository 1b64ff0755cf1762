//! PPO (Schulman et al. 2017, arXiv 1707.06347) as it trains language models (Ziegler et al. 2019, arXiv 1909.08593).
//!
//! Each token t of a rewrite is an action in the state s_t, the prompt and the tokens before it. A value head V ([`ValueHead`]) estimates what is
//! still to come, and generalised advantage estimation (Schulman et al. 2016, arXiv 1506.02438, equation 16) weighs each token against it:
//!
//! 1. r_t = −λ·(log ρ_old(t) − log ρ_sft(t)), plus r(x, y) at the last token T: the divergence is paid token by token, as it arises.
//! 2. δ_t = r_t + V(s_{t+1}) − V(s_t), V(s_{T+1}) = 0;   A_t = Σ_{k≥0} g^k·δ_{t+k};   R̂_t = A_t + V(s_t), with g = `training.gae_lambda`.
//!    There is no discount (γ = 1): Σ_t r_t is the rewrite's R, and J is its mean.
//! 3. L = −(1/N) Σ_i Σ_t min(q_t A_t, clip(q_t, 1−ε, 1+ε) A_t) ([`super::surrogate`]).
//! 4. V moves towards R̂, clipped around its own old value ([`ValueHead::fit`]).
//!
//! Past divergence cannot be undone by what comes next, so leaving it out of a token's return leaves E[Σ_t A_t ∇ log ρ(t)] at ∇J: exactly for
//! g = 1, whatever V is; for g < 1 where V is the value of ρ_old, which the value head only approaches.
use super::{Advantages, Group, Rollout};
use contract::spec::Training;

pub use super::value_head::ValueHead;

/// g where the spec says nothing, as published.
pub const GAE_LAMBDA: f64 = 0.95;
/// ε of the value where the spec says nothing, as in the published implementation of the clipped ratio.
pub const VALUE_CLIP: f64 = 0.2;
/// Learning rate of the value head where the spec says nothing.
pub const VALUE_LEARNING_RATE: f64 = 0.01;

/// What PPO's advantages and its value head depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// λ of the divergence.
    pub kl_coefficient: f64,
    /// g.
    pub gae_lambda: f64,
    /// How far V may move from its old value and still gain, in units of the reward.
    pub value_clip: f64,
    /// Steps of the value head on each batch.
    pub updates_per_batch: usize,
    /// Largest norm of the value head's gradient.
    pub max_gradient_norm: f64,
}

impl Options {
    /// `kl_coefficient`: λ of this iteration.
    pub fn new(training: &Training, kl_coefficient: f64) -> Self {
        Self {
            kl_coefficient,
            gae_lambda: training.gae_lambda.unwrap_or(GAE_LAMBDA),
            value_clip: training.value_clip.unwrap_or(VALUE_CLIP),
            updates_per_batch: training.updates_per_batch,
            max_gradient_norm: training.max_gradient_norm,
        }
    }
}

/// What a batch teaches.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// A_t.
    pub advantages: Advantages,
    /// R̂_t of all tokens, group after group.
    pub returns: Vec<f64>,
}

impl Targets {
    /// `values` are V(s_t) of all tokens, group after group.
    pub fn new(groups: &[Group], values: &[f64], options: &Options) -> Self {
        let (mut returns, mut start) = (Vec::with_capacity(values.len()), 0);
        let mut of_rewrite = |rollout: &Rollout| {
            let own = &values[start..start + rollout.log_probs.len()];
            start += own.len();
            let advantages = advantages(&rewards(rollout, options.kl_coefficient), own, options.gae_lambda);
            returns.extend(advantages.iter().zip(own).map(|(a, v)| a + v));
            advantages
        };
        let advantages = groups.iter().map(|group| group.iter().map(&mut of_rewrite).collect()).collect();
        Self { advantages, returns }
    }
}

/// r_t of every token.
fn rewards(rollout: &Rollout, kl_coefficient: f64) -> Vec<f64> {
    let mut rewards: Vec<f64> = rollout.log_ratios().map(|ratio| -kl_coefficient * ratio).collect();
    if let Some(last) = rewards.last_mut() {
        *last += rollout.reward;
    }
    rewards
}

/// A_t from r_t and V(s_t), from the last token backwards: A_t = δ_t + g·A_{t+1}.
fn advantages(rewards: &[f64], values: &[f64], gae_lambda: f64) -> Vec<f64> {
    let (mut next_value, mut next_advantage) = (0.0, 0.0);
    let mut backwards: Vec<f64> = rewards
        .iter()
        .zip(values)
        .rev()
        .map(|(reward, value)| {
            next_advantage = reward + next_value - value + gae_lambda * next_advantage;
            next_value = *value;
            next_advantage
        })
        .collect();
    backwards.reverse();
    backwards
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout() -> Rollout {
        Rollout { reward: 1.0, log_probs: vec![-1.0, -2.0, -0.5], reference: vec![-1.5, -2.0, -1.5] }
    }

    fn targets(gae_lambda: f64, values: &[f64]) -> Targets {
        let options = Options { kl_coefficient: 0.2, gae_lambda, value_clip: 0.2, updates_per_batch: 1, max_gradient_norm: 1.0 };
        Targets::new(&[vec![rollout()]], values, &options)
    }

    fn close(a: &[f64], b: &[f64]) {
        assert!(a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12), "{a:?} {b:?}");
    }

    /// By hand: r = (−0.1, 0, 0.8), V = (0.4, 0.5, 0.6).
    #[test]
    fn advantages_are_those_of_hand_calculation() {
        let values = [0.4, 0.5, 0.6];
        let end = targets(1.0, &values);
        close(&end.advantages[0][0], &[0.7 - 0.4, 0.8 - 0.5, 0.8 - 0.6]);
        close(&end.returns, &[0.7, 0.8, 0.8]);
        let step = targets(0.0, &values);
        close(&step.advantages[0][0], &[-0.1 + 0.5 - 0.4, 0.6 - 0.5, 0.8 - 0.6]);
        let half = targets(0.5, &values);
        close(&half.advantages[0][0], &[0.0 + 0.5 * (0.1 + 0.5 * 0.2), 0.1 + 0.5 * 0.2, 0.2]);
    }

    /// With g = 1 and V = 0 the first token's return is the rewrite's penalised reward.
    #[test]
    fn the_first_return_is_the_penalised_reward() {
        close(&targets(1.0, &[0.0; 3]).returns[..1], &[rollout().penalised_reward(0.2)]);
    }
}
