//! Statistics of an experiment, as pure functions.
//!
//! Rewards come as one slice of answers for each prompt: `rewards[prompt][answer]`. The prompt is the unit of every interval and test,
//! because answers to one prompt are not independent of each other. Formulas and their limits: `docs/algorithms/statistics.md`.
//!
//! Everything is deterministic, and the order of the prompts changes nothing. What cannot be estimated is `None`; what is degenerate is
//! said at each function; nothing panics.
mod moments;
mod resampling;
mod verdict;

pub use moments::{Moments, moments};
pub use resampling::{Interval, Paired, bootstrap_mean, paired};
pub use verdict::{Finding, verdict};
