//! What an answer is worth: programs and models that score (x, y), the *original* prompt and the answer.
//!
//! Each program, its formula, range and known weaknesses: `docs/algorithms/rewards.md`.
mod command;
mod diagnose;
mod form;
mod invocation;
mod kept;
mod model;
mod process;
pub mod protocol;
mod reward;
mod topicality;
pub mod vader;
mod words;

pub use command::{CommandScorer, Limits};
pub use diagnose::{Finding, diagnose};
pub use form::{flesch_reading_ease, length_band, readability};
pub use invocation::{content_checksum, described, in_words};
pub use kept::KeptScores;
pub use model::{Lengths, Scorer, conversation};
pub use reward::{Pair, Reward, Score, Scorers};
pub use topicality::{NEUTRAL, closeness, topicality};
