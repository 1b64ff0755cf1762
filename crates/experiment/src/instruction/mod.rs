//! One instruction for every prompt: what a user would try before training anything.
//!
//! The prompter proposes instructions and is shown the best so far with their scores (OPRO); each round tests some of them on the training
//! prompts of the training iteration with the same number, so that search and training make the same number of reward calls.
//! [`Search`] decides what is tested and what it says, without models; [`round()`] does a round with them. Formulas: docs/algorithms/instruction.md.
mod posterior;
mod proposals;
mod round;
mod search;

pub use proposals::{Proposals, collect, longest_request, request};
pub use round::{Round, round};
pub use search::{Candidate, MOST_PROPOSALS, Plan, SHOWN, Search, Shape, Standings, WIDTH};

/// What the frozen model gets for a prompt. The empty instruction is the prompt alone.
pub fn message(instruction: &str, prompt: &str) -> String {
    if instruction.is_empty() { prompt.into() } else { format!("{instruction}\n\n{prompt}") }
}
