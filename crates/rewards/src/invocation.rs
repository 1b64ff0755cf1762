//! A command of a reward as it would be run: what a person is shown, and agrees to.
use contract::reward::{CommandFile, RewardCommand};
use contract::{Error, Result};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::File;
use std::path::Path;

/// The command of the part `part` in the spec's folder, with the checksums of the files that it names. Nobody has agreed to it yet.
///
/// # Errors
/// Where the folder is not there, or a file that is cannot be read.
pub fn described(part: &str, command: &[String], folder: &Path) -> Result<RewardCommand> {
    let folder = folder.canonicalize().map_err(|e| {
        Error::reward(format!(
            "The part \"{part}\" of the reward runs a command in the spec's folder {}, which is not there.",
            folder.display()
        ))
        .with_detail(e)
    })?;
    let mut files = Vec::new();
    for (i, word) in command.iter().enumerate() {
        // A program without a slash is looked up among the system's.
        let names_a_file = if i == 0 { word.contains('/') } else { !word.is_empty() };
        // Also the file of `--model=file`.
        let candidates = [Some(word.as_str()), word.split_once('=').map(|(_, value)| value).filter(|value| !value.is_empty())];
        for path in candidates.into_iter().flatten().map(|word| folder.join(word)).filter(|path| names_a_file && path.is_file()) {
            let checksum = checksum(&path).map_err(|e| {
                Error::reward(format!("The part \"{part}\" of the reward names the file {}, which cannot be read.", path.display()))
                    .with_detail(e)
            })?;
            files.push(CommandFile { path: path.display().to_string(), checksum });
        }
    }
    let folder = folder.display().to_string();
    let digest = digest(
        ["alignpro command", &folder].into_iter().chain(command.iter().map(String::as_str)),
        files.iter().flat_map(|file| [file.path.as_str(), &file.checksum]),
    );
    Ok(RewardCommand { part: part.into(), command: command.to_vec(), folder, files, digest, agreed: false })
}

/// Hex SHA-256 of what a command computes as far as that can be seen: its words and the contents of its files, wherever they are.
pub fn content_checksum(command: &RewardCommand) -> String {
    let files = command.files.iter().map(|file| file.checksum.as_str());
    digest(command.command.iter().map(String::as_str), files)
}

/// As a person reads it: every word in quotation marks where it would not stand by itself.
pub fn in_words(command: &[String]) -> String {
    let is_plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c));
    let shown = command.iter().map(|word| if is_plain(word) { word.clone() } else { format!("{word:?}") });
    shown.collect::<Vec<_>>().join(" ")
}

/// Of two lists of texts, each behind its length, so that no text can be moved from one to the next.
fn digest<'a>(words: impl Iterator<Item = &'a str>, files: impl Iterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    let (words, files): (Vec<_>, Vec<_>) = (words.collect(), files.collect());
    for list in [words, files] {
        hasher.update((list.len() as u64).to_le_bytes());
        for text in list {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }
    hex(hasher)
}

fn checksum(path: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hex(hasher))
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &[&str]) -> Vec<String> {
        command.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn every_change_of_what_is_run_is_another_command() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&here, &there] {
            std::fs::write(folder.path().join("score.py"), "one").unwrap();
        }
        let of = |command: &[&str], folder: &Path| described("part", &words(command), folder).unwrap();
        let first = of(&["python3", "score.py"], here.path());
        assert_eq!((first.files.len(), first.agreed), (1, false));
        assert_eq!(first, of(&["python3", "score.py"], here.path()));
        assert_ne!(first.digest, of(&["python3", "score.py", ""], here.path()).digest);
        assert_ne!(first.digest, of(&["python3score.py"], here.path()).digest);
        let moved = of(&["python3", "score.py"], there.path());
        assert!(first.digest != moved.digest && content_checksum(&first) == content_checksum(&moved));
        std::fs::write(here.path().join("score.py"), "two").unwrap();
        let changed = of(&["python3", "score.py"], here.path());
        assert!(first.digest != changed.digest && content_checksum(&first) != content_checksum(&changed));
    }

    #[test]
    fn files_are_found_where_the_command_would_find_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["score.py", "weights", "run"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let paths = |command: &[&str]| {
            let found = described("part", &words(command), folder.path()).unwrap().files;
            found.into_iter().map(|file| file.path.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(paths(&["python3", "score.py", "--weights=weights", "absent"]), ["score.py", "weights"]);
        assert_eq!(paths(&["./run"]), ["run"]);
        // The system's, whatever lies here.
        assert_eq!(paths(&["run"]), [""; 0]);
        assert!(described("part", &words(&["x"]), Path::new("/nonexistent")).unwrap_err().message.contains("/nonexistent"));
    }

    #[test]
    fn a_command_is_shown_so_that_its_words_can_be_told_apart() {
        assert_eq!(in_words(&words(&["python3", "my score.py", "", "a\"b\u{1b}"])), r#"python3 "my score.py" "" "a\"b\u{1b}""#);
    }
}
