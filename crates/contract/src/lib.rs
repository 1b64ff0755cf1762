//! The words that cross a process boundary: the experiment [`Spec`], run [`event`]s, results, what the [`desk`] shows, and error codes.
//!
//! Only data and its validation live here: no input or output, no model, no database.
pub mod arm;
pub mod bench;
mod checks;
pub mod data;
pub mod design;
pub mod desk;
pub mod endpoint;
pub mod error;
pub mod event;
pub mod feedback;
pub mod figures;
pub mod hub;
pub mod judged;
pub mod part;
pub mod profiles;
pub mod report;
pub mod reward;
pub mod seeds;
pub mod spec;
pub mod theory;

pub use error::{Code, Error, Result};
pub use spec::Spec;
