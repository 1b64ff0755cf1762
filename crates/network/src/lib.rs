//! What speaking to other machines takes, whoever is spoken to: [`keys`] and the [`Secret`] that they are, a client of HTTP, and when to ask again.
mod client;
pub mod keys;
pub mod patience;
mod secret;

pub use client::{causes, client};
pub use secret::{Secret, without};
