//! What an answer is worth: programs and models that score (x, y), the *original* prompt and the answer.
//!
//! Each program, its formula, range and known weaknesses: `docs/algorithms/rewards.md`.
mod diagnose;
mod form;
mod model;
mod reward;
mod topicality;
pub mod vader;
mod words;

pub use diagnose::{Finding, diagnose};
pub use form::{flesch_reading_ease, length_band, readability};
pub use model::Scorer;
pub use reward::{Pair, Reward, Score, Scorers};
pub use topicality::{NEUTRAL, closeness, topicality};
