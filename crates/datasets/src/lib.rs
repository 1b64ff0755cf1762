//! Where prompts come from: the shipped ones, files of JSON Lines, CSV and Parquet; splits that never overlap, and their hashes. And [`feedback`] of
//! people, which a reward can be held against.
//!
//! A prompt is kept exactly as its file has it. Prompts that are equal after normalising case and white space count as
//! one, so that no test prompt is ever seen in training under another spelling of its capitals or spaces.
mod checksum;
mod columns;
mod conversation;
pub mod feedback;
mod filter;
mod intake;
mod language;
mod near;
mod preview;
mod read;
mod shipped;
mod split;

pub use checksum::Checksums;
use contract::Result;
use contract::data::{Census, Data, Prompt};
use contract::desk::DataColumns;
pub use near::word_count;
pub use read::holds_rows;
pub use shipped::NAME as SHIPPED;
pub use split::normalised;
use std::path::Path;

/// The prompts of one experiment. No two of them, in whichever split, are equal after normalising case and white space.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits {
    pub train: Vec<Prompt>,
    pub validation: Vec<Prompt>,
    pub test: Vec<Prompt>,
    /// Which prompts belong together; None where the spec names no column for it.
    pub clusters: Option<Clusters>,
    /// Hex SHA-256 of the bytes the prompts were read from: the whole file, whichever of its prompts are used; of several files, of their names and
    /// sums.
    pub source_checksum: String,
    /// What reading them found.
    pub census: Census,
}

impl Splits {
    /// How many clusters the test prompts are in; None where the spec names no column for them.
    pub fn test_clusters(&self) -> Option<usize> {
        self.clusters.as_ref().map(|clusters| Clusters::count(&clusters.test))
    }
}

/// The cluster of each prompt, split by split, in their order. Clusters are numbered from 0 in the order in which they were drawn, so that no
/// number stands in two splits, and those of the test do not depend on how much is drawn after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clusters {
    pub train: Vec<usize>,
    pub validation: Vec<usize>,
    pub test: Vec<usize>,
    /// Prompts that no split may have: the rest of clusters of which a split took a part.
    pub unused: usize,
}

impl Clusters {
    /// How many different ones there are in a split.
    pub fn count(of_split: &[usize]) -> usize {
        of_split.iter().collect::<std::collections::BTreeSet<_>>().len()
    }
}

/// Reads the source that the spec names (relative paths are relative to `base`) and splits it.
///
/// `"shipped"` has splits of its own, of which the first `train`, `validation` and `test` prompts are taken. The
/// prompts of a file are drawn by `split_seed`, the test split first, then validation, then training: asking for more or
/// fewer training or validation prompts leaves the test prompts as they were.
///
/// With `cluster_column` whole clusters are drawn, all equally likely whatever their size, until a split has its prompts; so that it has exactly as
/// many as the spec says, it takes a part of its last cluster, chosen by `split_seed`, and the rest of that cluster is left unused. Of prompts
/// that are equal the first counts, with its cluster. Where every prompt is a cluster of its own, the splits are those without clusters.
///
/// Rows without a prompt that can be read, prompts that the spec's filters leave out and repeated ones are counted in the [`Census`].
///
/// # Errors
/// [`contract::Code::Data`] where the file is missing, of an unknown kind, empty or damaged, has no such column, no row that can be read (with the first
/// one's line), or too few distinct prompts or clusters; [`contract::Code::Io`] where it cannot be read.
pub fn load(spec: &Data, base: &Path) -> Result<Splits> {
    if spec.source == shipped::NAME {
        return shipped::load(spec);
    }
    intake::load(&source(spec, base)?, spec)
}

/// Columns of the source that a spec may name: those of a CSV file's header, or those in which the first rows of a JSONL or Parquet file have a text or a
/// conversation (or, for clusters, a text or a whole number). None for the shipped prompts. What the spec names is not looked at.
///
/// # Errors
/// As [`load`], but for what is wrong further down the file.
pub fn columns(spec: &Data, base: &Path) -> Result<DataColumns> {
    if spec.source == shipped::NAME {
        return Ok(DataColumns { prompts: Vec::new(), clusters: Vec::new() });
    }
    source(spec, base)?.columns()
}

fn source(spec: &Data, base: &Path) -> Result<read::Source> {
    let kinds = read::KINDS;
    let advice = format!("data.source is {:?}: write \"shipped\" or the path of {kinds}, relative to the spec file", spec.source);
    read::source(&base.join(&spec.source), &advice)
}

#[cfg(test)]
mod tests;
