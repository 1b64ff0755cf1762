//! Models on this machine: which are installed, where the embedded one comes from, and what a spec's name stands for.
pub mod describe;
pub mod elsewhere;
pub mod embedded;
pub mod installed;
pub mod pip;
pub mod resolve;
pub mod transfer;

use contract::part::Part;
use contract::{Error, Result};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// Name of the embedded model, as specs write it.
pub const EMBEDDED: &str = "smollm2-135m-instruct";

/// Hex SHA-256 of a file.
pub fn sha256(path: &Path) -> Result<String> {
    sha256_together(&[path])
}

/// Hex SHA-256 of files, one after another.
pub fn sha256_together(paths: &[impl AsRef<Path>]) -> Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    for path in paths.iter().map(AsRef::as_ref) {
        let explain = |e: std::io::Error| home::read_error(path, &e);
        let mut file = std::fs::File::open(path).map_err(explain)?;
        loop {
            match file.read(&mut buffer).map_err(explain)? {
                0 => break,
                n => hash.update(&buffer[..n]),
            }
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A name under which a model can be installed: one path component that a spec can write and a shell need not quote.
pub fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 100 || name.starts_with(['.', '-']) || !name.chars().all(fits) || is_gguf(Path::new(name)) {
        return Err(Error::model(format!(
            "\"{name}\" cannot be a model's name: use letters, digits, \"-\", \"_\" and \".\", beginning with a letter or digit and not ending in .gguf."
        )));
    }
    Ok(())
}

/// Whether a path names a GGUF file, by its ending.
pub fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"))
}

/// Whether a file begins as a GGUF file does, whatever its name: Ollama gives its files none that says it.
pub fn begins_as_gguf(path: &Path) -> bool {
    let mut magic = [0; 4];
    path.is_file() && std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && &magic == b"GGUF"
}

/// A model name made from a file's name: `My Model.Q4.gguf` becomes `my-model.q4`, and so does the first of several, `My Model.Q4-00001-of-00002.gguf`. Where
/// the name is a checksum, as in Ollama's folder, its beginning does.
pub fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if let Some(hex) = name.strip_prefix("sha256-") {
        return format!("ollama-{}", hex.chars().filter(char::is_ascii_hexdigit).take(12).collect::<String>());
    }
    let whole = || name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map_or(&*name, |(stem, _)| stem);
    let stem = Part::of(&name).map_or_else(whole, |part| part.stem).to_lowercase();
    let fit: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).collect();
    let fit = fit.trim_start_matches(['.', '-']);
    if fit.is_empty() { "model".into() } else { fit.chars().take(90).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_path_component() {
        for good in ["smollm2-135m-instruct", "My_Model.Q4", "7b"] {
            check_name(good).unwrap();
        }
        for bad in ["", "../up", "a/b", ".hidden", "-x", "a b", "x.gguf", "ü", "x\u{1b}"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        for file in ["/x/My Model.Q4_1.gguf", "...gguf", "über.gguf", "-.gguf"] {
            check_name(&name_of(Path::new(file))).unwrap();
        }
        assert_eq!(name_of(Path::new("/x/My Model.Q4_1.gguf")), "my-model.q4_1");
        assert_eq!(name_of(Path::new("/x/My Model.Q4_1-00001-of-00002.gguf")), "my-model.q4_1");
    }

    #[test]
    fn checksum_of_a_known_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("abc");
        std::fs::write(&file, "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256(&file).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
