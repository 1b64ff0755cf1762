//! Preferences of people: pairs of answers to the same conversation, of which one was chosen.
//!
//! A file of JSON Lines, as it is or gzipped. Each line has `chosen` and `rejected`: whole transcripts ("\n\nHuman: …\n\nAssistant: …", as Anthropic's
//! hh-rlhf has them), lists of messages (`role`, `content`), or, beside a `prompt`, the two answers.
use crate::checksum;
use contract::{Error, Result};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Turn {
    /// `user`, `assistant` or `system`.
    pub role: String,
    pub content: String,
}

/// Two answers to one conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// Number of its line, from 1 on.
    pub line: usize,
    /// What was said before; ends with the user's message.
    pub before: Vec<Turn>,
    pub chosen: String,
    pub rejected: String,
}

/// A file of preferences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    pub pairs: Vec<Preference>,
    /// Lines that are left out, with the reason.
    pub skipped: Vec<(usize, String)>,
    /// Hex SHA-256 of the file's bytes.
    pub checksum: String,
}

/// Longest line that is read: a pair of conversations has some thousand words, and a file without line ends would fill the memory.
const LONGEST_LINE: u64 = 16 << 20;

/// Reads a file of preferences line by line. Lines that hold no pair are left out and counted.
///
/// # Errors
/// [`contract::Code::Data`] where the file is missing or of another kind, its compression is damaged, or no line holds a pair: with the first
/// line's reason. [`contract::Code::Io`] where it cannot be read.
pub fn preferences(path: &Path) -> Result<Preferences> {
    let name = path.display();
    let lower = path.to_string_lossy().to_ascii_lowercase();
    let (kind, is_compressed) = lower.strip_suffix(".gz").map_or((lower.as_str(), false), |kind| (kind, true));
    if ![".jsonl", ".ndjson"].iter().any(|known| kind.ends_with(known)) {
        return Err(Error::data(format!(
            "{name} is no file of preferences; it must be JSON Lines (.jsonl), as it is or gzipped (.jsonl.gz)"
        )));
    }
    let file = File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::data(format!("there is no file {name}")),
        _ => unreadable(path, &e),
    })?;
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Err(Error::data(format!("{name} is not a regular file")));
    }
    let reader: Box<dyn Read> = if is_compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut found =
        Preferences { pairs: Vec::new(), skipped: Vec::new(), checksum: checksum::of_file(path).map_err(|e| unreadable(path, &e))? };
    read(BufReader::new(reader), path, &mut found)?;
    match (found.pairs.is_empty(), found.skipped.first()) {
        (false, _) => Ok(found),
        (true, None) => Err(Error::data(format!("{name} is empty; each line must be an object with \"chosen\" and \"rejected\""))),
        (true, Some((line, why))) => Err(Error::data(format!("{name} holds no pair; line {line}: {why}"))),
    }
}

fn unreadable(path: &Path, cause: &std::io::Error) -> Error {
    Error::io(format!("{} cannot be read; check that you may read it and that it is whole", path.display())).with_detail(cause)
}

fn read(mut reader: impl BufRead, path: &Path, found: &mut Preferences) -> Result<()> {
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let count = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes).map_err(|e| unreadable(path, &e))?;
        if count == 0 {
            break;
        }
        if count as u64 == LONGEST_LINE {
            return Err(Error::data(format!(
                "{}, line {line}: is longer than {} MB; write one pair a line",
                path.display(),
                LONGEST_LINE >> 20
            )));
        }
        let Ok(text) = std::str::from_utf8(&bytes) else {
            found.skipped.push((line, "is not valid UTF-8".into()));
            continue;
        };
        if text.trim().is_empty() {
            continue;
        }
        match pair(text, line) {
            Ok(pair) => found.pairs.push(pair),
            Err(why) => found.skipped.push((line, why)),
        }
    }
    Ok(())
}

fn pair(text: &str, line: usize) -> Result<Preference, String> {
    let row: Value = serde_json::from_str(text).map_err(|e| format!("is not valid JSON ({e})"))?;
    let get = |key: &str| row.get(key).filter(|value| !value.is_null());
    let needed = |key: &str| get(key).ok_or_else(|| format!("has no \"{key}\""));
    let (chosen, rejected) = (needed("chosen")?, needed("rejected")?);
    let prompt = get("prompt").map(prompt).transpose()?;
    let [(before, chosen), (other, rejected)] = [conversation(chosen, prompt.as_deref())?, conversation(rejected, prompt.as_deref())?];
    if before != other {
        return Err("its conversations differ before the last answer".into());
    }
    if chosen == rejected {
        return Err("its two answers are the same".into());
    }
    if before.last().is_none_or(|turn| turn.role != "user") {
        return Err("no message of the user stands before the answers".into());
    }
    Ok(Preference { line, before, chosen, rejected })
}

/// What was said, as a text or as messages.
fn prompt(value: &Value) -> Result<Vec<Turn>, String> {
    match value {
        Value::String(text) => Ok(transcript(text).unwrap_or_else(|| vec![Turn { role: "user".into(), content: text.clone() }])),
        other => turns(other),
    }
}

/// What was said before the last answer, and the answer.
fn conversation(value: &Value, prompt: Option<&[Turn]>) -> Result<(Vec<Turn>, String), String> {
    let mut all = match (value, prompt) {
        (Value::String(text), None) => {
            transcript(text).ok_or("is a text that is no transcript (\"\\n\\nHuman: …\"), and there is no \"prompt\"")?
        }
        (Value::String(text), Some(prompt)) => match transcript(text) {
            Some(whole) => whole,
            None => return Ok((prompt.to_vec(), text.clone())),
        },
        (messages, _) => turns(messages)?,
    };
    match all.pop() {
        Some(last) if last.role == "assistant" && !last.content.trim().is_empty() => match prompt {
            // Messages may hold the answer alone.
            Some(prompt) if all.is_empty() => Ok((prompt.to_vec(), last.content)),
            _ => Ok((all, last.content)),
        },
        _ => Err("a conversation does not end with an answer of the assistant".into()),
    }
}

fn turns(value: &Value) -> Result<Vec<Turn>, String> {
    let wrong = |e: serde_json::Error| format!("its messages are no list of {{\"role\": …, \"content\": …}} ({e})");
    Vec::<Turn>::deserialize(value).map_err(wrong)
}

/// A text of turns that begin with "\n\nHuman:" and "\n\nAssistant:"; None where it does not begin with one.
fn transcript(text: &str) -> Option<Vec<Turn>> {
    const SPEAKERS: [(&str, &str); 2] = [("\n\nHuman:", "user"), ("\n\nAssistant:", "assistant")];
    let mut turns: Vec<Turn> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (mark, role) = SPEAKERS.into_iter().find(|(mark, _)| rest.starts_with(mark))?;
        rest = &rest[mark.len()..];
        let end = SPEAKERS.iter().filter_map(|(mark, _)| rest.find(mark)).min().unwrap_or(rest.len());
        let content = rest[..end].trim().to_owned();
        rest = &rest[end..];
        match turns.last_mut() {
            // Who speaks twice says one thing.
            Some(last) if last.role == role => last.content = format!("{}\n\n{content}", last.content),
            _ => turns.push(Turn { role: role.into(), content }),
        }
    }
    (!turns.is_empty()).then_some(turns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn load(name: &str, bytes: &[u8]) -> Result<Preferences> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        preferences(&path)
    }

    fn turn(role: &str, content: &str) -> Turn {
        Turn { role: role.into(), content: content.into() }
    }

    const HH: &str = r#"{"chosen": "\n\nHuman: Hi\n\nAssistant: Hello!\n\nHuman: Why?\n\nAssistant: Because.", "rejected": "\n\nHuman: Hi\n\nAssistant: Hello!\n\nHuman: Why?\n\nAssistant: No idea."}"#;
    const FLAT: &str = r#"{"prompt": "Why?", "chosen": "Because.", "rejected": "No idea."}"#;
    const MESSAGES: &str = r#"{"prompt": "Why?", "chosen": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}], "rejected": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "No idea."}]}"#;
    const ANSWERS: &str = r#"{"prompt": [{"role": "user", "content": "Why?"}], "chosen": [{"role": "assistant", "content": "Because."}], "rejected": [{"role": "assistant", "content": "No idea."}]}"#;

    #[test]
    fn every_layout_is_the_same_pair() {
        let found = load("a.jsonl", [HH, FLAT, "", MESSAGES, ANSWERS].join("\n").as_bytes()).unwrap();
        assert_eq!(found.skipped, []);
        assert_eq!(found.pairs.iter().map(|pair| pair.line).collect::<Vec<_>>(), [1, 2, 4, 5]);
        assert!(found.pairs.iter().all(|pair| (pair.chosen.as_str(), pair.rejected.as_str()) == ("Because.", "No idea.")));
        assert_eq!(found.pairs[0].before, [turn("user", "Hi"), turn("assistant", "Hello!"), turn("user", "Why?")]);
        assert!(found.pairs[1..].iter().all(|pair| pair.before == [turn("user", "Why?")]));
    }

    #[test]
    fn a_gzipped_file_is_the_same() {
        let plain = load("a.jsonl", format!("{HH}\r\n{FLAT}\n").as_bytes()).unwrap();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(format!("{HH}\r\n{FLAT}\n").as_bytes()).unwrap();
        let bytes = encoder.finish().unwrap();
        let packed = load("a.JSONL.gz", &bytes).unwrap();
        assert_eq!(packed.pairs, plain.pairs);
        assert_ne!(packed.checksum, plain.checksum);
        let damaged = load("a.jsonl.gz", &bytes[..bytes.len() / 2]).unwrap_err();
        assert!(damaged.message.contains("a.jsonl.gz") && damaged.message.contains("whole"), "{damaged}");
    }

    #[test]
    fn what_is_no_pair_is_left_out_with_its_reason() {
        let lines = [
            FLAT,
            "{",
            "[]",
            r#"{"prompt": "Why?", "chosen": "a"}"#,
            r#"{"prompt": "Why?", "chosen": "a", "rejected": "a"}"#,
            r#"{"chosen": "a", "rejected": "b"}"#,
            r#"{"chosen": "\n\nHuman: Hi\n\nAssistant: a", "rejected": "\n\nHuman: Ho\n\nAssistant: b"}"#,
            r#"{"chosen": "\n\nHuman: Hi", "rejected": "\n\nHuman: Hi"}"#,
            r#"{"prompt": "Why?", "chosen": 3, "rejected": "b"}"#,
            r#"{"chosen": "\n\nAssistant: a", "rejected": "\n\nAssistant: b"}"#,
        ];
        let found = load("a.jsonl", lines.join("\n").as_bytes()).unwrap();
        assert_eq!(found.pairs.len(), 1);
        let why: Vec<(usize, &str)> = found.skipped.iter().map(|(line, why)| (*line, why.as_str())).collect();
        let expected = [
            (2, "not valid JSON"),
            (3, "no \"chosen\""),
            (4, "no \"rejected\""),
            (5, "are the same"),
            (6, "no transcript"),
            (7, "differ before"),
            (8, "does not end with an answer"),
            (9, "no list of"),
            (10, "no message of the user"),
        ];
        assert_eq!(why.len(), expected.len());
        for ((line, why), (at, part)) in why.iter().zip(expected) {
            assert!(*line == at && why.contains(part), "line {line}: {why}");
        }
    }

    #[test]
    fn files_without_pairs_are_refused() {
        let message = |name: &str, text: &str| load(name, text.as_bytes()).unwrap_err().message;
        assert!(message("a.csv", "x").contains("JSON Lines"));
        assert!(message("a.jsonl", "\n\n").contains("is empty"));
        assert!(message("a.jsonl", "{}").contains("line 1: has no \"chosen\""));
        assert!(preferences(Path::new("/nowhere/a.jsonl")).unwrap_err().message.contains("there is no file"));
        assert!(load("a.jsonl", &vec![b' '; (LONGEST_LINE + 1) as usize]).unwrap_err().message.contains("longer than 16 MB"));
    }
}
