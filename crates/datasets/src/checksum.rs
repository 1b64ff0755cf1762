//! What a run keeps to show which prompts it used.
use crate::Splits;
use contract::data::Prompt;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::File;
use std::path::Path;

/// Hex SHA-256 of each split and of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksums {
    /// Of the source's bytes.
    pub source: String,
    pub train: String,
    pub validation: String,
    pub test: String,
}

/// Half of a SHA-256: among 10⁹ texts two would be mistaken for each other with a chance below 10⁻²⁰.
pub(crate) type Fingerprint = [u8; 16];

/// Of several texts, each behind its length, so that none can be moved into its neighbour.
pub(crate) fn fingerprint<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Fingerprint {
    let mut sum = Sha256::new();
    for text in texts {
        sum.update((text.len() as u64).to_le_bytes());
        sum.update(text);
    }
    let mut half = Fingerprint::default();
    half.copy_from_slice(&sum.finalize()[..16]);
    half
}

impl Splits {
    /// Checksums of the source's bytes and of each split: of its prompts in their order, each behind its length in bytes
    /// (a little-endian u64), so that moving text from one prompt to the next changes the sum. A system prompt stands before its prompt behind a
    /// length of all ones, which no text has, and its own.
    pub fn checksums(&self) -> Checksums {
        Checksums {
            source: self.source_checksum.clone(),
            train: of_prompts(&self.train),
            validation: of_prompts(&self.validation),
            test: of_prompts(&self.test),
        }
    }
}

pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

pub(crate) fn of_file(path: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hex(hasher))
}

fn of_prompts(prompts: &[Prompt]) -> String {
    let mut hasher = Sha256::new();
    for Prompt { text, system } in prompts {
        if let Some(system) = system {
            hasher.update(u64::MAX.to_le_bytes());
            add(&mut hasher, system);
        }
        add(&mut hasher, text);
    }
    hex(hasher)
}

/// A text behind its length.
fn add(hasher: &mut Sha256, text: &str) {
    hasher.update((text.len() as u64).to_le_bytes());
    hasher.update(text);
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
