//! The paper's theory on a small exact world, as the window shows it. Formulas and proofs: `docs/algorithms/theory.md`.
//!
//! Divergences are in nats; means over prompts are weighted by P(x).
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which world is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TheoryWorld {
    /// Three prompts made up to be read.
    Example,
    /// Distributions and rewards drawn at random, the same for the same numbers.
    Random { seed: u64, prompts: usize, rewrites: usize, answers: usize },
}

/// A rewrite x' of a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TheoryRewrite {
    pub text: String,
    /// ρ_sft(x'|x).
    pub probability: f64,
    /// R(x, x'): mean reward of the frozen model's answers to it.
    pub reward: f64,
}

/// An answer y to a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TheoryAnswer {
    pub text: String,
    /// r(x, y).
    pub reward: f64,
    /// π_F(y|x): of the frozen model to the raw prompt.
    pub raw: f64,
    /// π_F(y|x') over the untuned rewrites.
    pub untuned: f64,
    /// π\*(y|x): of the oracle.
    pub oracle: f64,
}

/// A prompt x with what does not depend on λ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TheoryPrompt {
    pub text: String,
    /// P(x).
    pub probability: f64,
    /// R(x, x).
    pub raw_reward: f64,
    pub untuned_reward: f64,
    pub oracle_reward: f64,
    pub rewrites: Vec<TheoryRewrite>,
    pub answers: Vec<TheoryAnswer>,
}

/// Lemma 5.1 for one prompt at one λ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PromptOptimum {
    /// ρ\*(x'|x), one for each rewrite.
    pub rewrites: Vec<f64>,
    /// Of each answer, when ρ\* rewrites the prompt.
    pub answers: Vec<f64>,
    /// E\[r\] under ρ\*.
    pub reward: f64,
    /// KL(ρ\*‖ρ_sft).
    pub kl: f64,
    /// log Z(x); null at λ = 0 and where it overflows.
    pub log_z: Option<f64>,
    /// λ·log Z(x).
    pub objective: f64,
}

/// What changes with λ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TheoryPoint {
    pub lambda: f64,
    /// One for each prompt.
    pub prompts: Vec<PromptOptimum>,
    /// V(ρ\*) = E\[r\] under ρ\*.
    pub reward: f64,
    /// KL(ρ\*‖ρ_sft).
    pub kl: f64,
    /// KL(ρ_sft‖ρ\*); null where it is infinite, as at λ = 0.
    pub kl_back: Option<f64>,
    /// λ·\[KL(ρ\*‖ρ_sft) + KL(ρ_sft‖ρ\*)\], with its limit at λ = 0.
    pub identity: f64,
    /// J_λ(ρ\*).
    pub objective: f64,
    /// Part of the oracle's gain over the untuned prompter that ρ\* gets; null where the oracle does not gain.
    pub share_of_gap: Option<f64>,
    /// V(π\*) − V(ρ\*), the left side of Theorem 6.1.
    pub gap: f64,
    /// r_max·E\[d_TV(π\*, π_F)\].
    pub oracle_term: f64,
    /// r_max·E\[d_TV(π_F(·|x), π_F(·|x'))\].
    pub rewrite_term: f64,
    /// λ·E\[KL(ρ\*‖ρ_sft)\].
    pub divergence_term: f64,
    /// The right side of Theorem 6.1.
    pub bound: f64,
    /// `bound` − `gap`: the sum of the next three, none of them negative.
    pub slack: f64,
    pub oracle_slack: f64,
    pub rewrite_slack: f64,
    pub divergence_slack: f64,
    /// J_λ of the best of K rewrites, one for each of [`Theory::best_rewrites`].
    pub best_rewrites_objective: Vec<f64>,
}

/// The best of `n` rewrites by R, or of `n` answers by r.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BestOf {
    pub n: usize,
    pub reward: f64,
    /// To ρ_sft, or to π_F.
    pub kl: f64,
}

/// Everything about a world over a grid of λ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Theory {
    pub prompts: Vec<TheoryPrompt>,
    /// r_max of Theorem 6.1: the largest reward less the smallest.
    pub reward_range: f64,
    pub raw_reward: f64,
    pub untuned_reward: f64,
    /// Always the best rewrite: the limit λ = 0.
    pub greedy_rewrite_reward: f64,
    /// Always the best answer to the raw prompt: the oracle at β = 0.
    pub greedy_answer_reward: f64,
    /// Of the oracle, as are the next two.
    pub beta: f64,
    pub oracle_reward: f64,
    /// KL(π\*‖π_F).
    pub oracle_kl: f64,
    /// In the order asked for.
    pub points: Vec<TheoryPoint>,
    pub best_rewrites: Vec<BestOf>,
    /// For the same numbers.
    pub best_answers: Vec<BestOf>,
}
