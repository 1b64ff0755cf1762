//! An Align-Pro experiment: the spec as text, the arms, the algorithm, the runner and the evaluation.
//!
//! The way through the crate, for who wants to run one:
//! 1. [`prepare::from_text`] turns the text of a spec into a checked [`contract::Spec`], splits and a reward.
//! 2. The caller loads the models it names into a [`Prompter`] and a [`inference::FrozenModel`].
//! 3. [`prepare::Prepared::check_lengths`] refuses prompts that do not fit, before anything is computed.
//! 4. [`Runner::run`] does the work: baselines, training, evaluation, report. Called again after a stop or a crash, it goes on.
//!
//! [`Pipeline`] is the path of one prompt (rewrite, answer, reward), [`algorithms`] what trains, a file each, [`instruction`] the search for one
//! instruction, [`report::compute`] the figures of a run and [`analyse::compute`] those of several seeds, [`profiles::compute`] and
//! [`several::compute`] those of several data sets, from stored rows, [`design`] what an experiment could find before it runs, [`theory`] what a small exact world says of it. [`judge`] lets
//! a model compare the answers of a run, [`reward_bench`] holds a reward against feedback of people. Nothing here prints or loads weights.
pub mod algorithms;
pub mod analyse;
mod bench_scores;
mod clusters;
pub mod costs;
pub mod design;
pub mod evaluation;
pub mod feedback;
mod figures;
pub mod fit;
pub mod guards;
pub mod instruction;
pub mod judge;
mod lemma;
mod lesson;
pub mod metrics;
pub mod oracle;
pub mod pipeline;
pub mod pools;
pub mod prepare;
pub mod profiles;
pub mod prompter;
mod record;
pub mod report;
pub mod reward_bench;
pub mod reward_checkpoint;
pub mod reward_training;
pub mod runner;
pub mod schedule;
pub mod several;
pub mod spec;
mod stop;
pub mod streams;
pub mod theory;
pub mod training;

pub use pipeline::{Arm, Item, Pipeline, Trial};
pub use prompter::{Prompter, Rewrite, Wording};
pub use runner::{Inputs, Outcome, Progress, Runner};
pub use stop::StopSignal;
