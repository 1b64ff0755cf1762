//! What a run found, as `alignpro show RUN --json` prints it.
use crate::event::Spent;
use crate::figures::{Components, Interval, ShareOfPrompts, VarianceRatio};
use crate::judged::Judged;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// One arm on the test prompts. Variances are null where n is too small to estimate them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Arm {
    /// One of [`crate::arm::ALL`].
    pub name: String,
    /// Answers scored (prompts × answers per prompt).
    pub n: usize,
    pub prompts: usize,
    /// Clusters of prompts, which are the unit of all intervals; null where the prompts do not belong together.
    #[serde(default)]
    pub clusters: Option<usize>,
    pub reward_mean: f64,
    /// 95 % percentile-bootstrap interval of the mean, resampling prompts or clusters of them.
    pub reward_ci_low: f64,
    pub reward_ci_high: f64,
    /// Sample variance over all answers (the paper's figure 3).
    pub reward_variance: Option<f64>,
    /// Unbiased variance between prompts of their expected reward; a negative estimate is shown as such.
    pub between_prompt_variance: Option<f64>,
    /// Unbiased variance of answers within a prompt.
    pub within_prompt_variance: Option<f64>,
    /// The same split with intervals, of this one seed, but for prompts in clusters, whose intervals are null; null in reports of versions that
    /// did not count it.
    #[serde(default)]
    pub components: Option<Components>,
    /// Mean of each part of the reward, unweighted, by its label.
    pub reward_parts: BTreeMap<String, f64>,
    /// How close rewrites stay to their prompts, in [0, 1]; null for the raw arm.
    pub rewrite_closeness: Option<f64>,
    /// Mean topicality of the answers, in [0, 1], whether or not the reward looks at it; null in reports of versions that did not count it.
    #[serde(default)]
    pub answer_topicality: Option<f64>,
    /// Mean tokens of a rewrite; null for the raw arm.
    pub rewrite_tokens: Option<f64>,
    pub answer_tokens: f64,
    /// Share of rewrites and of answers cut at the token limit.
    pub truncated_rewrites: Option<f64>,
    pub truncated_answers: f64,
}

/// A paired comparison of two arms over the same prompts. The fields after `p_value` are null in reports of versions that did not count
/// them, until `experiment::report::complete` adds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Comparison {
    pub arm: String,
    pub baseline: String,
    pub prompts: usize,
    /// Clusters of prompts, which are resampled and swapped whole; null where the prompts do not belong together.
    #[serde(default)]
    pub clusters: Option<usize>,
    /// Mean over prompts of (arm's mean reward − baseline's).
    pub mean_difference: f64,
    pub ci_low: f64,
    pub ci_high: f64,
    /// Two-sided sign-flip permutation test over prompts, or clusters of them.
    pub p_value: f64,
    /// The same, adjusted after Holm for all comparisons of the report.
    #[serde(default)]
    pub p_holm: Option<f64>,
    /// Bias-corrected and accelerated bootstrap interval of `mean_difference`; null where the prompts do not differ.
    #[serde(default)]
    pub bca: Option<Interval>,
    /// d_z: mean difference / standard deviation of the prompts' differences; null where these do not differ.
    #[serde(default)]
    pub effect_size: Option<f64>,
    /// Probability of improvement: the share of prompts on which the arm is better, ties as half.
    #[serde(default)]
    pub improvement: Option<ShareOfPrompts>,
    /// Whether the arm's rewards vary less.
    #[serde(default)]
    pub variance: Option<VarianceRatio>,
    /// The difference between answers of equal length; null where lengths cannot be told apart from prompts.
    #[serde(default)]
    pub at_equal_length: Option<AtEqualLength>,
    /// Differences of the reward's watched parts, which nothing was trained on, in the order of the spec.
    #[serde(default)]
    pub watched: Vec<WatchedDifference>,
}

/// A difference of rewards with the part that longer or shorter answers explain taken off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct AtEqualLength {
    pub difference: f64,
    pub interval: Option<Interval>,
    /// Reward per token of the answer, of answers of one arm to one prompt.
    pub per_token: f64,
}

/// A paired difference of a part of the reward that was only watched, unweighted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct WatchedDifference {
    pub label: String,
    pub difference: f64,
    pub interval: Option<Interval>,
}

/// A run with what it found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Report {
    pub run: i64,
    pub name: String,
    pub status: String,
    pub seed: u64,
    pub spec_hash: String,
    pub arms: Vec<Arm>,
    pub comparisons: Vec<Comparison>,
    /// Two plain sentences: which arm is better, and whose rewards vary less, or that they cannot be told apart.
    pub verdict: String,
    /// Guards that fired and notes about the run (such as a resume on another machine), as sentences.
    pub warnings: Vec<String>,
    /// What each arm cost; empty in reports of versions that did not count it.
    #[serde(default)]
    pub costs: Vec<ArmCost>,
    /// How much of the oracle's gain over each baseline the tuned prompter gets; empty without an oracle.
    #[serde(default)]
    pub gaps: Vec<GapClosed>,
    /// Lemma 5.1 from the rewrites that were drawn for it; null where none were.
    #[serde(default)]
    pub theory: Option<RunTheory>,
    /// The instruction that the search found; null without a search.
    #[serde(default)]
    pub instruction: Option<Instruction>,
    /// What judges said, where any was asked. Never stored: judging comes after a run, so that it is added whenever a report is shown
    /// (`experiment::judge::of_run`).
    #[serde(default)]
    pub judged: Vec<Judged>,
}

/// What an arm cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ArmCost {
    pub arm: String,
    /// Training or search before it could answer; null where there is none.
    pub preparation: Option<Spent>,
    /// All its answers to the test prompts. Where several arms choose from one pool, each counts the whole pool: it would need it alone too.
    pub answering: Spent,
    /// One answer to one prompt, once the arm is prepared.
    pub serving: Serving,
}

/// What an arm needs for one answer to one prompt that it has not seen, on average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct Serving {
    pub rewrites: f64,
    pub answers: f64,
    pub reward_calls: f64,
    /// Tokens written, of rewrites and answers together.
    pub tokens: f64,
}

/// Share of the gap between a baseline and the oracle that the tuned prompter closes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GapClosed {
    pub baseline: String,
    /// Oracle − baseline, in units of reward; null where it cannot be estimated.
    pub width: Option<f64>,
    pub width_interval: Option<Interval>,
    /// (tuned − baseline) / (oracle − baseline): 0 is the baseline, 1 the oracle; null where it is withheld.
    pub share: Option<f64>,
    pub interval: Option<Interval>,
    /// Why the share is withheld, as the end of a sentence; null where it is not.
    pub withheld: Option<String>,
}

/// An instruction that stands before every prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Instruction {
    /// Empty where nothing that was tried beat the prompt alone.
    pub text: String,
    /// Its mean reward on training prompts, shrunk towards the mean of all that was tried.
    pub score: f64,
    /// Reward calls behind the score.
    pub n: usize,
    /// How many were tried.
    pub tried: usize,
}

/// A mean over prompts with its interval, resampling prompts or clusters of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct Estimated {
    pub mean: f64,
    /// Null where there are too few prompts.
    pub interval: Option<Interval>,
    pub prompts: usize,
}

/// Lemma 5.1 on a real run, from K rewrites of each test prompt by the untuned prompter and M answers to each. Divergences in nats.
/// Formulas and biases: `docs/algorithms/theory.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunTheory {
    /// λ, that of the training (of its last iteration, where it adapts).
    pub lambda: f64,
    pub prompts: usize,
    /// K.
    pub rewrites: usize,
    /// M.
    pub answers: usize,
    /// J of ρ_sft.
    pub untuned_reward: Estimated,
    /// E\[R\] under the re-sampled ρ\*, plug-in: too high, because the weights prefer lucky answers.
    pub reward: Estimated,
    /// The same with weights from one half of the answers and rewards from the other; null for M = 1, as are the others that need halves.
    pub cross_fitted: Option<Estimated>,
    /// `cross_fitted` − `untuned_reward`.
    pub gain: Option<Estimated>,
    /// KL(ρ\*‖ρ_sft), at most log K.
    pub kl: Estimated,
    pub kl_extrapolated: Option<Estimated>,
    /// J_λ(ρ\*) = λ·log Z.
    pub objective: Estimated,
    pub objective_extrapolated: Option<Estimated>,
    /// Median over prompts of Kish's effective number of rewrites, from 1 to K.
    pub effective_rewrites: f64,
    /// For k = 1, 2, 4, … K rewrites.
    pub convergence: Vec<Convergence>,
    /// Best of n answers to the raw prompt, by n; empty where no answers were drawn for it.
    pub best_answers: Vec<BestAnswers>,
    /// Null where no prompter was trained.
    pub tuned: Option<TunedTheory>,
    /// In the order of the prompts.
    pub by_prompt: Vec<PromptTheory>,
}

/// What k rewrites a prompt would have said.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct Convergence {
    pub k: usize,
    /// Plug-in, cross-fitted, and KL of the re-sampled optimum.
    pub reward: f64,
    pub cross_fitted: Option<f64>,
    pub kl: f64,
    /// Best of k rewrites, plug-in and cross-fitted.
    pub best: f64,
    pub best_cross_fitted: Option<f64>,
}

/// The best of n answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct BestAnswers {
    pub n: usize,
    pub reward: f64,
}

/// The tuned prompter against the re-sampled optimum, by importance sampling on the untuned prompter's rewrites.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct TunedTheory {
    /// Median over prompts of the effective number of rewrites under the tuned prompter's weights; where it is near 1, nothing below holds.
    pub effective_rewrites: f64,
    /// E\[R\] of the tuned prompter.
    pub reward: Estimated,
    /// KL(ρ_tuned‖ρ_sft).
    pub kl: Estimated,
    /// λ·KL(ρ_tuned‖ρ\*) = J_λ(ρ\*) − J_λ(ρ_tuned); null at λ = 0.
    pub shortfall: Option<Estimated>,
    pub shortfall_extrapolated: Option<Estimated>,
}

/// One prompt's share of [`RunTheory`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct PromptTheory {
    pub prompt_index: usize,
    pub untuned_reward: f64,
    /// Under the re-sampled optimum: cross-fitted where there are two answers to a rewrite, else plug-in.
    pub optimum_reward: f64,
    /// The largest R̂, and the smallest.
    pub best_reward: f64,
    pub worst_reward: f64,
    pub kl: f64,
    pub effective_rewrites: f64,
    /// The tuned prompter's mean reward in its own answers to the prompt; null where it has none.
    pub tuned_reward: Option<f64>,
    /// Of the tuned prompter; null where it was not trained, and at λ = 0.
    pub shortfall: Option<f64>,
}
