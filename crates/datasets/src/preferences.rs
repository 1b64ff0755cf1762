//! Preferences of people: pairs of answers to the same conversation, of which one was chosen.
//!
//! JSON Lines, as they are or gzipped, CSV, or Parquet. Each row has `chosen` and `rejected`: whole transcripts ("\n\nHuman: …\n\nAssistant: …", as Anthropic's
//! hh-rlhf has them), lists of messages (`role`, `content`), or, beside a `prompt` (or `question`, or `instruction`), the two answers.
pub use crate::conversation::Turn;
use crate::conversation::{transcript, turns};
use crate::read::{Fields, KINDS, source};
use contract::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// What else a prompt beside two answers is called; a text, if it is one.
const OTHER_PROMPTS: [&str; 2] = ["question", "instruction"];

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

/// Reads preferences row by row: a file, or several ([`crate::load`]). Rows that hold no pair are left out and counted.
///
/// # Errors
/// [`contract::Code::Data`] where the file is missing or of another kind, it is damaged, or no row holds a pair: with the first
/// row's reason. [`contract::Code::Io`] where it cannot be read.
pub fn preferences(path: &Path) -> Result<Preferences> {
    let source = source(path, &format!("name {KINDS} of pairs"))?;
    let mut found = Preferences { pairs: Vec::new(), skipped: Vec::new(), checksum: source.checksum()? };
    for (at, row) in source.rows(&[]).enumerate() {
        let (_, row) = row?;
        // Of several files no line has a number of its own.
        let number = if source.is_one_file() { row.number } else { at + 1 };
        match row.fields("chosen").and_then(|row| pair(&row, number)) {
            Ok(pair) => found.pairs.push(pair),
            Err(why) => found.skipped.push((number, why)),
        }
    }
    let (name, number) = (&source.name, source.counts());
    match (found.pairs.is_empty(), found.skipped.first()) {
        (false, _) => Ok(found),
        (true, None) => Err(Error::data(format!("{name} is empty; each {number} must have \"chosen\" and \"rejected\""))),
        (true, Some((at, why))) => Err(Error::data(format!("{name} holds no pair; {number} {at}: {why}"))),
    }
}

fn pair(row: &Fields, line: usize) -> Result<Preference, String> {
    let get = |key: &str| row.get(key).filter(|value| !value.is_null());
    let needed = |key: &str| get(key).ok_or_else(|| format!("has no \"{key}\""));
    let (chosen, rejected) = (needed("chosen")?, needed("rejected")?);
    let named = get("prompt").or_else(|| OTHER_PROMPTS.into_iter().filter_map(get).find(|value| value.is_string()));
    let prompt = named.map(prompt).transpose()?;
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
        other => messages(other),
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
        (list, _) => messages(list)?,
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

fn messages(value: &Value) -> Result<Vec<Turn>, String> {
    turns(value).map_err(|wrong| format!("its messages are {wrong}"))
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
        let question = FLAT.replace("prompt", "question");
        let found = load("a.jsonl", [HH, FLAT, "", MESSAGES, ANSWERS, &question].join("\n").as_bytes()).unwrap();
        assert_eq!(found.skipped, []);
        assert_eq!(found.pairs.iter().map(|pair| pair.line).collect::<Vec<_>>(), [1, 2, 4, 5, 6]);
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
            (3, "JSON array"),
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
        assert!(message("a.txt", "x").contains(".parquet"));
        assert!(message("a.jsonl", "\n\n").contains("is empty"));
        assert!(message("a.jsonl", "{}").contains("line 1: has no \"chosen\""));
        assert!(preferences(Path::new("/nowhere/a.jsonl")).unwrap_err().message.contains("there is no file"));
        assert!(load("a.jsonl", &vec![b' '; (16 << 20) + 1]).unwrap_err().message.contains("longer than 16 MB"));
    }
}
