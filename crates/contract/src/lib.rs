//! The words that cross a process boundary: the experiment [`Spec`], run [`event`]s, results, what the [`desk`] shows, and error codes.
//!
//! Only data and its validation live here: no input or output, no model, no database.
mod checks;
pub mod desk;
pub mod error;
pub mod event;
pub mod figures;
pub mod report;
pub mod seeds;
pub mod spec;
pub mod theory;

pub use error::{Code, Error, Result};
pub use spec::Spec;

/// Arm names as they are stored, printed and exported.
pub mod arm {
    /// The frozen model answers the prompt as the user wrote it.
    pub const RAW: &str = "raw";
    /// The prompter before training (ρ_sft) rewrites the prompt; the frozen model answers the rewrite.
    pub const UNTUNED: &str = "untuned";
    /// The trained prompter (ρ) rewrites the prompt; the frozen model answers the rewrite.
    pub const TUNED: &str = "tuned";
    /// One of K untuned rewrites, drawn with weights exp(R̂/λ) (Lemma 5.1 without training).
    pub const OPTIMUM: &str = "optimum";
    /// The one of K untuned rewrites with the largest R̂.
    pub const BEST_REWRITE: &str = "best_rewrite";
    /// The one of N answers to the raw prompt with the largest reward.
    pub const BEST_ANSWER: &str = "best_answer";
    /// The best single instruction found by a search stands before the prompt.
    pub const INSTRUCTION: &str = "instruction";
    /// The frozen model, trained itself, answers the raw prompt (π\*).
    pub const ORACLE: &str = "oracle";
    /// All arms, in the order in which they are shown.
    pub const ALL: [&str; 8] = [RAW, UNTUNED, TUNED, OPTIMUM, BEST_REWRITE, BEST_ANSWER, INSTRUCTION, ORACLE];

    /// Stored beside the arms, not an arm: K untuned rewrites of each test prompt with M answers to each.
    pub const REWRITE_POOL: &str = "rewrite_pool";
    /// The same: N answers to the raw prompt for each answer of [`BEST_ANSWER`].
    pub const ANSWER_POOL: &str = "answer_pool";
}
