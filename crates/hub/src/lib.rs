//! The Hugging Face hub, and the models that other programs have brought (docs/user-guide/hub.md, docs/adr/0013).
//!
//! [`Hub::search`] and [`Hub::repository`] ask, [`choose`] says which files are meant, [`Target::fill`] brings them: with their checksums, on from where an
//! earlier attempt broke off, each under its name only when it is whole. [`found`] asks nobody: it looks into the folders of other programs.
mod choice;
mod client;
mod digest;
mod download;
mod failure;
pub mod found;
mod id;
mod install;
mod known_data;
mod listing;
mod origin;

pub use choice::{choices, choose};
pub use client::{ADDRESS_VARIABLE, Hub, Opening, TOKEN, TOKEN_VARIABLE, address};
pub use digest::Digest;
pub use id::Id;
pub use install::{Standing, Target};
pub use known_data::{KNOWN_DATA, KnownData, known_data};
pub use listing::{RemoteFile, Repository};
pub use origin::{Origin, OriginFile, origin_of, origin_of_data};
