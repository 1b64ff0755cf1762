//! Frozen models behind an OpenAI-compatible address (docs/user-guide/endpoints.md, docs/adr/0011).
//!
//! [`Endpoint::open`] looks who is there, [`Endpoint::probe`] finds out what can be relied on, and from then on it answers as any
//! [`inference::FrozenModel`]: several requests at a time, each tried again for as long as the spec says, none beyond the budget. Every answer is
//! kept in a file the moment it is there ([`Endpoint::keep_in`]), so that none is paid for twice. [`Scores`] is a reward behind an address, asked by the
//! same client. What is sent as authorisation stands in [`network::keys`].
mod client;
mod complaint;
mod completion;
mod failure;
mod first_words;
mod journal;
mod ledger;
mod model;
mod noticed;
mod probe;
mod protocol;
mod scores;
mod wire;

pub use ledger::{Account, BudgetOf, estimated_prompt};
pub use model::{Endpoint, Opening, identity};
pub use probe::{PROBE_REQUESTS, listed};
pub use scores::{Scores, ScoresOpening};
pub use wire::sent_seed;
