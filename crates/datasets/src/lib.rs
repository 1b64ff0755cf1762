//! Where prompts come from: the shipped ones, JSONL and CSV files; splits that never overlap, and their hashes. And preferences of people, which a
//! reward can be held against.
//!
//! A prompt is kept exactly as its file has it. Prompts that are equal after normalising case and white space count as
//! one, so that no test prompt is ever seen in training under another spelling of its capitals or spaces.
mod checksum;
mod columns;
mod csv;
mod file;
mod jsonl;
pub mod preferences;
mod shipped;
mod split;

pub use checksum::Checksums;
use contract::Result;
use contract::spec::Data;
pub use shipped::NAME as SHIPPED;
pub use split::normalised;
use std::path::Path;

/// The prompts of one experiment. No two of them, in whichever split, are equal after normalising case and white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splits {
    pub train: Vec<String>,
    pub validation: Vec<String>,
    pub test: Vec<String>,
    /// Hex SHA-256 of the bytes the prompts were read from: the whole file, whichever of its prompts are used.
    pub source_checksum: String,
}

/// Reads the source that the spec names (relative paths are relative to `base`) and splits it.
///
/// `"shipped"` has splits of its own, of which the first `train`, `validation` and `test` prompts are taken. The
/// prompts of a file are drawn by `split_seed`, the test split first, then validation, then training: asking for more or
/// fewer training or validation prompts leaves the test prompts as they were.
///
/// # Errors
/// [`contract::Code::Data`] where the file is missing, of an unknown kind, empty or malformed (with the line), has no such
/// column, or holds too few distinct prompts; [`contract::Code::Io`] where it cannot be read.
pub fn load(spec: &Data, base: &Path) -> Result<Splits> {
    if spec.source == shipped::NAME {
        return shipped::load(spec);
    }
    let path = base.join(&spec.source);
    let bytes = file::read(&path, &spec.source)?;
    let prompts = file::prompts(&bytes, &path, &spec.column)?;
    let name = path.display().to_string();
    split::draw(prompts, spec, &name, checksum::of_bytes(&bytes))
}

/// Columns of the source that a spec may name: those of a CSV file's header, or the keys of a JSONL file's first line that hold text, in the file's
/// order. None for the shipped prompts. `data.column` is not looked at.
///
/// # Errors
/// As [`load`], but for what is wrong further down the file.
pub fn columns(spec: &Data, base: &Path) -> Result<Vec<String>> {
    if spec.source == shipped::NAME {
        return Ok(Vec::new());
    }
    let path = base.join(&spec.source);
    file::columns(&file::read(&path, &spec.source)?, &path)
}

#[cfg(test)]
mod tests;
