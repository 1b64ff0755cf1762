//! The paper's theory (Trivedi et al., AAAI 2025), twice: exactly, on worlds small enough to enumerate, and estimated from samples of a
//! real run without training anything.
//!
//! * [`World`] holds prompts x, rewrites x', answers y, ρ_sft, π_F and r; its methods enumerate R, J, the optimum ρ\* of Lemma 5.1, the
//!   oracle π\*, the bound of Theorem 6.1 and the best of K. [`World::sweep`] gives all of it over a grid of λ.
//! * [`resampled`], [`best_of_rewrites`], [`convergence`] and [`tuned`] estimate the same from `rewards[rewrite][answer]`.
//!
//! Divergences are in nats, rewards in their own unit. Formulas, bias and when to trust what: `docs/algorithms/theory.md`.
mod best;
mod convergence;
mod example;
mod finite;
mod importance;
mod resampled;
mod sweep;
mod world;

pub use best::{BestRewrites, best_of_rewrites, expected_best};
pub use convergence::{ConvergencePoint, convergence};
pub use finite::{Best, Tilted, best_of, divergence, tilt, total_variation};
pub use importance::{Tuned, tuned};
pub use resampled::{
    Estimate, ResampledMean, ResampledOptimum, estimate, lower_median, resampled, resampled_mean, resampled_oracle, tilt_equal,
};
pub use sweep::{BestMean, Bound, Optimum, Oracle, Sweep, SweepPoint};
pub use world::{Answer, Objective, Prompt, Rewrite, World, WorldError};
