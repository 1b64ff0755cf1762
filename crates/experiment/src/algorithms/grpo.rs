//! GRPO (Shao et al. 2024, arXiv 2402.03300) for the objective of Align-Pro.
//!
//! For each prompt x, G rewrites x'_1 … x'_G are drawn from the policy ρ_old, answered and rewarded. Then
//!
//! 1. R_i = r_i − λ·Σ_t (log ρ_old(t) − log ρ_sft(t)): the divergence from the untuned prompter is part of the reward of the *whole*
//!    rewrite. Then E[R_i] is the paper's objective J, and since E[∇ log ρ] = 0, E[R ∇ log ρ] is its gradient, KL term included.
//! 2. A_i = R_i − mean of the group's R. Each R_i is in its own baseline, which scales the gradient by (G−1)/G for reward and divergence
//!    alike: a matter of the learning rate, not of the optimum.
//! 3. L = −(1/N) Σ_i Σ_t min(q_t A_i, clip(q_t, 1−ε, 1+ε) A_i), q_t = ρ(t)/ρ_old(t) ([`super::surrogate`]): a *sum* over the tokens of a
//!    rewrite, a mean over the N rewrites of the batch. At q = 1 its gradient is −(1/N) Σ_i A_i ∇ log ρ(x'_i).
//!
//! At the optimum of Lemma 5.1, r − λ·log(ρ*/ρ_sft) = λ·log Z(x) for every rewrite of a prompt: with a reward that does not depend on
//! chance all advantages vanish there, and so does the noise of the gradient. `tests/grpo_lemma.rs` holds this file to it.
//!
//! The published variants differ by a line each, and are options: A_i divided by the group's deviation (here), and in the loss the divisor
//! ([`super::Weighting`]), ε above 1 (DAPO, Yu et al. 2025, arXiv 2503.14476) and the divergence as k3 of each token.
//! Dr. GRPO (Liu et al. 2025, arXiv 2503.20783) is what stands above but for a constant divisor. What each changes is in docs/algorithms/grpo.md.
use super::Group;
use contract::spec::Training;

/// What GRPO's advantages depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// λ in the reward: 0 when it is in the loss.
    pub kl_coefficient: f64,
    /// Divide A by the group's standard deviation. Changes the weights of prompts; off by default.
    pub scale_by_group_deviation: bool,
}

impl Options {
    /// `kl_coefficient`: λ of this iteration.
    pub fn new(training: &Training, kl_coefficient: f64) -> Self {
        let in_reward = if training.kl_in_loss { 0.0 } else { kl_coefficient };
        Self { kl_coefficient: in_reward, scale_by_group_deviation: training.scale_by_group_deviation }
    }
}

/// A_i of every rewrite, group by group.
pub fn advantages(groups: &[Group], options: &Options) -> Vec<Vec<f64>> {
    groups
        .iter()
        .map(|group| {
            let penalised: Vec<f64> = group.iter().map(|r| r.penalised_reward(options.kl_coefficient)).collect();
            let n = penalised.len() as f64;
            let mean = penalised.iter().sum::<f64>() / n;
            let mut centred: Vec<f64> = penalised.iter().map(|r| r - mean).collect();
            if options.scale_by_group_deviation && centred.len() > 1 {
                let deviation = (centred.iter().map(|a| a * a).sum::<f64>() / (n - 1.0)).sqrt();
                // As TRL does: the small number keeps a group without spread at 0.
                centred.iter_mut().for_each(|a| *a /= deviation + 1e-4);
            }
            centred
        })
        .collect()
}
