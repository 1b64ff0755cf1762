//! The families of models.
use serde::{Deserialize, Serialize};

/// Families that [`crate::Llama`] computes. All are the same decoder (RMS norms, rotary embedding, grouped-query attention, SwiGLU, no bias) but for
/// what is said here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Architecture {
    #[default]
    Llama,
    /// As Llama, over a sliding window in its first version.
    Mistral,
    /// Qwen2 and Qwen2.5: queries, keys and values have a bias.
    Qwen2,
    /// An RMS norm of each query and key head before it is turned.
    Qwen3,
    /// Phi-3, Phi-3.5 and Phi-4-mini: queries, keys and values are one tensor, gate and up another; LongRoPE.
    Phi3,
}

/// What a model's last layer gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Output {
    /// A logit for every token: it writes.
    #[default]
    Tokens,
    /// One number: what a conversation is worth.
    Score,
}

impl Architecture {
    pub const ALL: [Self; 5] = [Self::Llama, Self::Mistral, Self::Qwen2, Self::Qwen3, Self::Phi3];

    /// By what `architectures` holds in `config.json`.
    pub fn of_class(class: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.class() == class)
    }

    /// What `architectures` holds in `config.json`.
    pub fn class(self) -> &'static str {
        match self {
            Self::Llama => "LlamaForCausalLM",
            Self::Mistral => "MistralForCausalLM",
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
            Self::Phi3 => "Phi3ForCausalLM",
        }
    }

    /// The same of a reward model.
    pub fn reward_class(self) -> String {
        self.class().replace("CausalLM", "SequenceClassification")
    }

    /// `model_type` in `config.json`.
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Mistral => "mistral",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Phi3 => "phi3",
        }
    }

    /// Whether queries, keys and values have a bias.
    pub fn has_bias(self) -> bool {
        self == Self::Qwen2
    }

    /// Whether each query and key head has an RMS norm.
    pub fn has_head_norms(self) -> bool {
        self == Self::Qwen3
    }

    /// Width of a head where `config.json` does not say it and it is not that of the model over its heads.
    pub fn usual_head_dim(self) -> Option<usize> {
        (self == Self::Qwen3).then_some(128)
    }

    /// Whether layers on the same input are one tensor.
    pub fn is_packed(self) -> bool {
        self == Self::Phi3
    }
}
