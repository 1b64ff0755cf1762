//! Where prompts come from: the shipped ones, JSONL and CSV files; splits that never overlap, and their hashes.
use contract::Result;
use std::path::Path;

/// The prompts of one experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splits {
    pub train: Vec<String>,
    pub validation: Vec<String>,
    pub test: Vec<String>,
}

/// Hex SHA-256 of each split and of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksums {
    pub source: String,
    pub train: String,
    pub validation: String,
    pub test: String,
}

/// Reads the source that the spec names (relative paths are relative to `base`) and splits it.
pub fn load(spec: &contract::spec::Data, base: &Path) -> Result<Splits> {
    todo!("{spec:?} {}", base.display())
}

impl Splits {
    pub fn checksums(&self) -> Checksums {
        todo!()
    }
}
