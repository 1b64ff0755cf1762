//! Statistics of an experiment, as pure functions.
//!
//! Rewards come as one slice of answers for each prompt: `rewards[prompt][answer]`. The prompt is the unit of every interval and test,
//! because answers to one prompt are not independent of each other; where prompts belong together, their cluster is. Formulas and their limits: `docs/algorithms/statistics.md`.
//!
//! Everything is deterministic, and the order of the prompts changes nothing. What cannot be estimated is `None`; what is degenerate is
//! said at each function; nothing panics.
mod claims;
mod components;
mod distributions;
mod families;
mod gap;
mod labels;
mod length;
mod moments;
mod paired;
mod pigeonhole;
mod power;
mod preferences;
mod resampling;
mod seeds;
mod share;
mod spread;
pub mod theory;
mod verdict;
mod wins;

pub use claims::{seeds_verdict, variance_verdict};
pub use components::{Component, Components, components};
pub use families::{OverTasks, Scale, holm, interquartile_mean, performance_profile};
pub use gap::{Closed, Gap, Withheld, gap, gap_in_clusters};
pub use labels::{LabelAgreement, Labelled, labels};
pub use length::{EqualLength, equal_length, equal_length_in_clusters};
pub use moments::{Moments, moments};
pub use paired::{Paired, paired, paired_in_clusters};
pub use power::{Detectable, Doubling, Noise, Plan, doubling, power, smallest_detectable};
pub use preferences::{Calibration, Correlation, Margin, Preferences, Preferred, Reliability, calibration, preferences};
pub use resampling::{Interval, bootstrap_mean, bootstrap_mean_in_clusters};
pub use seeds::{OverSeeds, Resampled, TestPrompts, one_a_cluster, over_seeds};
pub use share::Share;
pub use spread::{BrownForsythe, Spread, brown_forsythe, spread, spread_in_clusters};
pub use verdict::{Finding, verdict};
pub use wins::{Choice, JudgedPair, Wins, wins};
