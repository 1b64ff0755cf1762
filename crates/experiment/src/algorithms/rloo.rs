//! RLOO, REINFORCE with a leave-one-out baseline (Kool, van Hoof and Welling 2019; for language models Ahmadian et al. 2024, arXiv 2402.14740).
//!
//! For each prompt x, G rewrites are drawn, answered and rewarded, and the whole rewrite is one action:
//!
//! 1. R_i = r_i − λ·Σ_t (log ρ_old(t) − log ρ_sft(t)), as the paper has it too: E[R_i] is the objective J.
//! 2. A_i = R_i − (1/(G−1)) Σ_{j≠i} R_j. The baseline does not depend on x'_i, so that E[A_i ∇ log ρ(x'_i)] = ∇J exactly.
//!    This is GRPO's A_i times G/(G−1).
//! 3. L = −(1/N) Σ_i A_i Σ_t min(q_t, …) ([`super::surrogate`]). At the first update its gradient is REINFORCE's, −(1/N) Σ_i A_i ∇ log ρ(x'_i);
//!    the paper makes no further updates, and where `updates_per_batch` asks for some, PPO's clipping keeps them near ρ_old.
use super::Group;

/// A_i of every rewrite, group by group; groups hold at least two. `kl_coefficient` is λ.
pub fn advantages(groups: &[Group], kl_coefficient: f64) -> Vec<Vec<f64>> {
    groups
        .iter()
        .map(|group| {
            let penalised: Vec<f64> = group.iter().map(|r| r.penalised_reward(kl_coefficient)).collect();
            let (n, sum) = (penalised.len() as f64, penalised.iter().sum::<f64>());
            penalised.iter().map(|r| r - (sum - r) / (n - 1.0)).collect()
        })
        .collect()
}
