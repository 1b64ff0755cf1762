//! What a file must hash to.
use contract::{Error, Result};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How the hub identifies a file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digest {
    /// Of large files: SHA-256, in hex.
    Sha256(String),
    /// Of small ones: what git calls them, SHA-1 over a head with the length and the content, in hex.
    Git(String),
}

impl Digest {
    /// In hex.
    pub fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::Git(hex) => hex,
        }
    }

    /// Counts a content of `bytes` bytes, none so far.
    pub(crate) fn begin(&self, bytes: u64) -> Running {
        match self {
            Self::Sha256(_) => Running::Sha256(Sha256::new()),
            Self::Git(_) => Running::Git(Sha1::new_with_prefix(format!("blob {bytes}\0"))),
        }
    }

    /// Whether a file has this content.
    pub(crate) fn fits(&self, path: &Path, bytes: u64) -> Result<bool> {
        let mut running = self.begin(bytes);
        Ok(running.read(path)? == bytes && running.hex() == self.hex())
    }
}

/// A hash that grows with what arrives.
#[derive(Clone)]
pub(crate) enum Running {
    Sha256(Sha256),
    Git(Sha1),
}

impl Running {
    pub fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Git(hash) => hash.update(bytes),
        }
    }

    /// Adds a file's content; how many bytes that were.
    pub fn read(&mut self, path: &Path) -> Result<u64> {
        let failed = |e: std::io::Error| -> Error { home::read_error(path, &e) };
        let mut file = File::open(path).map_err(failed)?;
        let (mut buffer, mut total) = (vec![0; 1 << 20], 0);
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => return Ok(total),
                n => {
                    self.add(&buffer[..n]);
                    total += n as u64;
                }
            }
        }
    }

    pub fn hex(self) -> String {
        let bytes = match self {
            Self::Sha256(hash) => hash.finalize().to_vec(),
            Self::Git(hash) => hash.finalize().to_vec(),
        };
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_told_as_git_and_the_hub_tell_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "hello\n").unwrap();
        // `git hash-object` and `sha256sum` of "hello" with a line feed.
        let git = Digest::Git("ce013625030ba8dba906f756967f9e9ca394464a".into());
        let sha256 = Digest::Sha256("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03".into());
        assert!(git.fits(&file, 6).unwrap() && sha256.fits(&file, 6).unwrap());
        assert!(!sha256.fits(&file, 7).unwrap());
        std::fs::write(&file, "hallo\n").unwrap();
        assert!(!git.fits(&file, 6).unwrap() && !sha256.fits(&file, 6).unwrap());
    }
}
