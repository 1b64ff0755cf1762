//! The experiment spec: the same TOML or JSON in the wizard, on the command line and in the database.
//!
//! Units are in the names, every default is written out by [`Default`], unknown keys are refused.
//! Parsing from text (with the path of a wrong key) and hashing live in `experiment::spec`.
use crate::arm::Arms;
pub use crate::data::Data;
use crate::endpoint::Endpoint;
pub use crate::reward::{Reward, RewardPart, RewardProgram};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One problem with a spec: the path of the key (`training.group_size`) and a sentence that says what would fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Problem {
    pub path: String,
    pub message: String,
}

/// A whole Align-Pro experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Shown in lists; not unique.
    pub name: String,
    /// Every random stream of the run is derived from this number.
    #[serde(default)]
    pub seed: u64,
    /// Of the weights of all models that the built-in engine computes.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// Models other than the prompter are in memory only while they compute, and are read again each time: the frozen model and judges where the built-in
    /// engine computes them, and reward models. Less memory for more time; the result is the same.
    #[serde(default, skip_serializing_if = "is_false")]
    pub offload: bool,
    #[serde(default)]
    pub data: Data,
    pub prompter: Prompter,
    pub frozen: Frozen,
    pub reward: Reward,
    #[serde(default)]
    pub training: Training,
    #[serde(default)]
    pub evaluation: Evaluation,
    #[serde(default, skip_serializing_if = "Arms::is_default")]
    pub arms: Arms,
}

/// How frozen weights are held, and products with them computed. Adapters, norms, attention, logits and everything that is summed are in f32 either
/// way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Exact: what was published in bf16 is kept so, which loses nothing, and widened while it is multiplied; anything else is kept in f32.
    #[default]
    F32,
    /// Rounded to bf16. On a GPU the products are in bf16 with sums in f32, which its tensor units compute many times as fast; on a processor they
    /// are those of `f32` with the rounded weights.
    Bf16,
}

impl Precision {
    #[allow(clippy::trivially_copy_pass_by_ref)] // Serde's signature.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The model that is trained to rewrite prompts, ρ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Prompter {
    /// Name of an installed model, or the path of a Hugging Face folder or GGUF file.
    pub model: String,
    /// What asks for a rewrite; `{prompt}` stands for the user's prompt. Sent as one user message.
    #[serde(default = "Prompter::default_meta_prompt")]
    pub meta_prompt: String,
    /// What the frozen model gets: `{output}` stands for what the prompter wrote and `{prompt}`, where it is wanted, for the user's prompt.
    /// `"{prompt} {output}"` lets the prompter only add to the prompt.
    #[serde(default = "Prompter::default_rewrite_template")]
    pub rewrite_template: String,
    /// The output ends after the first token in which one of these stands (`[".", "!", "?"]`: after a sentence), which stays in it; without
    /// any, where the model ends it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends_after: Vec<String>,
    /// Longest output of the prompter.
    #[serde(default = "Prompter::default_max_rewrite_tokens")]
    pub max_rewrite_tokens: usize,
    /// Temperature of the policy. The policy that is trained *is* the tempered distribution: ρ and ρ_sft both.
    #[serde(default = "one")]
    pub temperature: f64,
    #[serde(default)]
    pub lora: Lora,
}

impl Prompter {
    pub fn default_meta_prompt() -> String {
        "Rewrite the prompt below so that an assistant gives a more helpful, friendly and positive answer to it. \
         Keep its subject and its question. Reply with the rewritten prompt only.\n\nPrompt: {prompt}"
            .into()
    }
    /// The rewrite is what the prompter wrote.
    pub fn default_rewrite_template() -> String {
        "{output}".into()
    }
    fn default_max_rewrite_tokens() -> usize {
        32
    }
}

fn one() -> f64 {
    1.0
}

/// Keys that came later are left out where they say nothing, so that specs keep their hashes.
#[allow(clippy::trivially_copy_pass_by_ref)] // Serde's signature.
fn is_false(value: &bool) -> bool {
    !*value
}

/// Low-rank adaptation (Hu et al. 2021): W + (alpha / rank)·B·A.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Lora {
    pub rank: usize,
    pub alpha: f64,
    /// Probability with which an input element of A is dropped in training, in [0, 1).
    pub dropout: f64,
    /// Linear layers that get an adapter, by their Hugging Face names.
    pub targets: Vec<String>,
}

/// Every linear layer of a Llama block, by its Hugging Face name.
pub const LORA_TARGETS: [&str; 7] = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

impl Default for Lora {
    fn default() -> Self {
        Self { rank: 16, alpha: 32.0, dropout: 0.0, targets: LORA_TARGETS.map(String::from).to_vec() }
    }
}

/// The model that answers and is never changed, π_F.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    /// Name of an installed model, or the path of a Hugging Face folder or GGUF file; with an endpoint, the name that it serves the model under.
    pub model: String,
    #[serde(default)]
    pub engine: Engine,
    /// With `engine = "endpoint"`: where the model answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub endpoint: Option<Endpoint>,
    /// Quantisation applied while loading (mistral.rs only), such as `"q8_0"` or `"q4k"`. Absent: as on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantisation: Option<String>,
    /// Tokens for whose keys and values mistral.rs makes room at once, in pages (paged attention; on a GPU only). Absent: each answer has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paged_attention: Option<usize>,
    #[serde(default = "Frozen::default_max_answer_tokens")]
    pub max_answer_tokens: usize,
    /// 0 decodes greedily.
    #[serde(default = "Frozen::default_temperature")]
    pub temperature: f64,
    #[serde(default = "one")]
    pub top_p: f64,
    /// 0 keeps every token.
    #[serde(default)]
    pub top_k: usize,
}

impl Frozen {
    fn default_max_answer_tokens() -> usize {
        48
    }
    fn default_temperature() -> f64 {
        0.7
    }
}

/// What computes the frozen model's answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The built-in engine where it knows the architecture and there is room for the weights in f32, otherwise mistral.rs.
    #[default]
    Auto,
    Builtin,
    Mistralrs,
    /// An OpenAI-compatible address, [`Frozen::endpoint`].
    Endpoint,
}

/// How the prompter is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    pub algorithm: Algorithm,
    pub iterations: usize,
    pub prompts_per_iteration: usize,
    /// Rewrites per prompt, G.
    pub group_size: usize,
    /// λ: weight of KL(ρ‖ρ_sft) of the whole rewrite, subtracted from its reward.
    pub kl_coefficient: f64,
    pub learning_rate: f64,
    /// Iterations over which the learning rate rises from 0.
    pub warmup_iterations: usize,
    pub schedule: Schedule,
    /// Optimiser steps on each batch of rewrites.
    pub updates_per_batch: usize,
    /// ε of the clipped ratio.
    pub clip_ratio: f64,
    pub max_gradient_norm: f64,
    pub weight_decay: f64,
    /// Rewrites per forward and backward pass; gradients accumulate over a batch. Rounded up to whole groups.
    pub rewrites_per_pass: usize,
    /// Gradient checkpointing: a pass keeps of each block its input alone, and computes the block again on the way back. Less memory for about a third
    /// more time; the result is the same. Of the prompter and of the oracle.
    #[serde(default, skip_serializing_if = "is_false")]
    pub checkpointing: bool,
    /// Divide advantages by the group's standard deviation. Off: it would change what λ means.
    pub scale_by_group_deviation: bool,
    /// Divide each rewrite's loss by its length. Off: it would change what λ means.
    pub scale_by_length: bool,
    /// GRPO: what the sums over tokens are divided by, instead of the number of rewrites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalise_by: Option<Normaliser>,
    /// GRPO: ε above 1 of the clipped ratio, where it differs from `clip_ratio` below (DAPO's clip-higher).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_ratio_high: Option<f64>,
    /// GRPO: λ weights a k3 estimate for each token in the loss, as published, instead of the rewrite's divergence in its reward. Another optimum.
    #[serde(default, skip_serializing_if = "is_false")]
    pub kl_in_loss: bool,
    /// Divergence in nats per rewrite that λ is adapted towards, from `kl_coefficient` on (Ziegler et al. 2019). Absent: λ is fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kl_target: Option<f64>,
    /// How fast λ is adapted: K of the controller. Absent: 0.1, as published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kl_gain: Option<f64>,
    /// PPO: λ of generalised advantage estimation, in [0, 1]; not the λ of the divergence. Absent: 0.95.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gae_lambda: Option<f64>,
    /// PPO: how far a value may move from the one before the batch and still gain, in units of the reward. Absent: 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_clip: Option<f64>,
    /// PPO: learning rate of the value head, which follows the same warm-up and schedule. Absent: 0.01.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_learning_rate: Option<f64>,
    /// Evaluate on the validation prompts every so many iterations (0: never).
    pub validate_every_iterations: usize,
    /// Which prompter is the tuned one. Validation prompts alone decide.
    #[serde(default, skip_serializing_if = "Keep::is_last")]
    pub keep: Keep,
    /// End the training after so many validations, one after another, that were not better than the best before. Absent: at `iterations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Keep what `resume` needs every so many iterations.
    pub checkpoint_every_iterations: usize,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Grpo,
            iterations: 40,
            prompts_per_iteration: 4,
            group_size: 4,
            kl_coefficient: 0.02,
            learning_rate: 5e-4,
            warmup_iterations: 2,
            schedule: Schedule::Constant,
            updates_per_batch: 1,
            clip_ratio: 0.2,
            max_gradient_norm: 1.0,
            weight_decay: 0.0,
            rewrites_per_pass: 16,
            checkpointing: false,
            scale_by_group_deviation: false,
            scale_by_length: false,
            normalise_by: None,
            clip_ratio_high: None,
            kl_in_loss: false,
            kl_target: None,
            kl_gain: None,
            gae_lambda: None,
            value_clip: None,
            value_learning_rate: None,
            validate_every_iterations: 0,
            keep: Keep::Last,
            patience: None,
            checkpoint_every_iterations: 5,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Shao et al. 2024: a rewrite against the mean of its group.
    #[default]
    Grpo,
    /// Ahmadian et al. 2024: a rewrite against the mean of the others of its group.
    Rloo,
    /// Schulman et al. 2017: each token against what a value head expects.
    Ppo,
}

impl Algorithm {
    /// As a spec writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grpo => "grpo",
            Self::Rloo => "rloo",
            Self::Ppo => "ppo",
        }
    }
}

/// Which iteration's prompter is tested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// As it is when the training ends.
    #[default]
    Last,
    /// Of those that were validated the one with the largest objective, mean reward − λ·KL, on the validation prompts.
    Best,
}

impl Keep {
    #[allow(clippy::trivially_copy_pass_by_ref)] // Serde's signature.
    fn is_last(&self) -> bool {
        *self == Self::Last
    }
}

/// What GRPO's sums over tokens can be divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Normaliser {
    /// The number of tokens in the batch (DAPO's token-level loss).
    BatchTokens,
    /// The number of rewrites times `prompter.max_rewrite_tokens` (Dr. GRPO's constant).
    LongestRewrite,
}

/// How the learning rate goes on after the warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    #[default]
    Constant,
    /// Linearly; it would reach 0 one iteration after the last.
    Linear,
    /// Half a cosine; it would reach 0 one iteration after the last.
    Cosine,
}

/// How the arms are compared on held-out prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Evaluation {
    /// S: answers per prompt and arm, each to a rewrite of its own.
    pub answers_per_prompt: usize,
    /// Prompts × answers decoded together. Part of the spec because it fixes the order of sums, bit for bit.
    pub answers_per_batch: usize,
    pub bootstrap_resamples: usize,
    pub permutations: usize,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self { answers_per_prompt: 2, answers_per_batch: 64, bootstrap_resamples: 10_000, permutations: 10_000 }
    }
}
