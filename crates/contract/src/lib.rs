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
    /// All arms, in the order in which they are run and shown.
    pub const ALL: [&str; 3] = [RAW, UNTUNED, TUNED];
}
