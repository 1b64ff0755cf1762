//! Answers that were given, in a file: what was paid for is not asked again, whatever ends the worker.
//!
//! One line of JSON an answer, written the moment it is there. A line that a kill cut short is dropped.
use crate::ledger::Tokens;
use contract::{Error, Result};
use inference::{Answer, AnswerDecoding, AnswerRequest, UNKNOWN_TOKEN};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// All that determines an answer: hex of a SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question(String);

impl Question {
    /// `identity` is the model's ([`inference::FrozenModel::identity`]). The seed of a greedy answer is left out: it draws nothing.
    pub fn new(identity: &str, request: &AnswerRequest, decoding: &AnswerDecoding) -> Self {
        let seed = if decoding.temperature > 0.0 { request.seed } else { 0 };
        let AnswerDecoding { max_tokens, temperature, top_p, top_k } = decoding;
        let numbers = [*max_tokens as u64, temperature.to_bits(), top_p.to_bits(), *top_k as u64, seed];
        let mut hash = Sha256::new();
        // A request without a system message is told as it was before there were any.
        for text in [identity, &request.prompt].into_iter().chain(request.system.as_deref()) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        numbers.into_iter().for_each(|number| hash.update(number.to_le_bytes()));
        Self(hex(hash))
    }
}

pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line of the file; without a question, what a trial has cost.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    question: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Kept>,
    read: u64,
    written: u64,
    #[serde(default)]
    estimated: u64,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    text: String,
    tokens: usize,
    log_probs: Vec<f32>,
    truncated: bool,
}

/// Where a line stands.
#[derive(Clone, Copy)]
struct Place {
    start: u64,
    length: usize,
}

/// The file, of which only the places of the answers are held in memory.
pub struct Journal {
    /// None for a file without a name, which is gone with this program.
    path: Option<PathBuf>,
    file: File,
    end: u64,
    places: HashMap<Question, Place>,
}

impl Journal {
    /// For what can be lost.
    pub fn unnamed() -> Result<Self> {
        let file = tempfile::tempfile().map_err(|e| Error::io("No temporary file can be made for answers.").with_detail(e))?;
        Ok(Self { path: None, file, end: 0, places: HashMap::new() })
    }

    /// Opens or makes a file; what its answers have cost is told to `cost`.
    pub fn open(path: &Path, cost: &mut dyn FnMut(Tokens)) -> Result<Self> {
        let failed = |e: std::io::Error| home::write_error(path, &e);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let mut journal = Self { path: Some(path.into()), file, end: 0, places: HashMap::new() };
        let mut reader = BufReader::new(journal.file.try_clone().map_err(failed)?);
        let mut text = Vec::new();
        loop {
            text.clear();
            let length = reader.read_until(b'\n', &mut text).map_err(failed)?;
            // The end, or cut short by a kill.
            let Some(line) = text.strip_suffix(b"\n") else { break };
            if let Ok(line) = serde_json::from_slice::<Line>(line) {
                cost(Tokens { read: line.read, written: line.written, estimated: line.estimated });
                if let (Some(question), Some(_)) = (line.question, line.answer) {
                    journal.places.insert(Question(question), Place { start: journal.end, length });
                }
            }
            journal.end += length as u64;
        }
        journal.file.set_len(journal.end).map_err(failed)?;
        Ok(journal)
    }

    pub fn has(&self, question: &Question) -> bool {
        self.places.contains_key(question)
    }

    pub fn recall(&mut self, question: &Question) -> Result<Option<Answer>> {
        let Some(place) = self.places.get(question).copied() else { return Ok(None) };
        let mut text = vec![0; place.length];
        let read = self.file.seek(SeekFrom::Start(place.start)).and_then(|_| self.file.read_exact(&mut text));
        read.map_err(|e| self.failed(&e))?;
        let line: Line = serde_json::from_slice(&text).map_err(|e| Error::internal("A kept answer cannot be read.").with_detail(e))?;
        Ok(line.answer.map(|kept| Answer {
            text: kept.text,
            tokens: vec![UNKNOWN_TOKEN; kept.tokens],
            log_probs: kept.log_probs,
            truncated: kept.truncated,
        }))
    }

    /// Writes an answer, or only what it cost.
    pub fn keep(&mut self, answered: Option<(&Question, &Answer)>, cost: Tokens) -> Result<()> {
        let kept = |answer: &Answer| Kept {
            text: answer.text.clone(),
            tokens: answer.tokens.len(),
            log_probs: answer.log_probs.clone(),
            truncated: answer.truncated,
        };
        let line = Line {
            question: answered.map(|(question, _)| question.0.clone()),
            answer: answered.map(|(_, answer)| kept(answer)),
            read: cost.read,
            written: cost.written,
            estimated: cost.estimated,
        };
        let mut text = serde_json::to_vec(&line).map_err(|e| Error::internal("An answer cannot be kept.").with_detail(e))?;
        text.push(b'\n');
        let written = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(&text));
        written.map_err(|e| self.failed(&e))?;
        if let Some((question, _)) = answered {
            self.places.insert(question.clone(), Place { start: self.end, length: text.len() });
        }
        self.end += text.len() as u64;
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        home::write_error(self.path.as_deref().unwrap_or(Path::new("The temporary file of answers")), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(prompt: &str, seed: u64, temperature: f64) -> Question {
        let decoding = AnswerDecoding { max_tokens: 8, temperature, top_p: 1.0, top_k: 0 };
        Question::new("model", &AnswerRequest::new(prompt, seed), &decoding)
    }

    fn answer(text: &str) -> Answer {
        Answer { text: text.into(), tokens: vec![UNKNOWN_TOKEN; 2], log_probs: vec![-0.1, -1.0e-7], truncated: true }
    }

    const COST: Tokens = Tokens { read: 5, written: 2, estimated: 1 };

    #[test]
    fn questions_differ_where_answers_may() {
        assert_ne!(question("a", 1, 0.7), question("a", 2, 0.7));
        assert_ne!(question("a", 1, 0.7), question("b", 1, 0.7));
        assert_ne!(question("a", 1, 0.7), question("a", 1, 0.8));
        assert_eq!(question("a", 1, 0.0), question("a", 2, 0.0), "a greedy answer has no seed");
    }

    #[test]
    fn what_was_kept_is_there_again_and_a_line_cut_short_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers");
        let mut journal = Journal::open(&path, &mut |_| panic!("nothing was spent")).unwrap();
        journal.keep(None, COST).unwrap();
        journal.keep(Some((&question("a", 1, 0.7), &answer("ä\n\"quoted\""))), COST).unwrap();
        journal.keep(Some((&question("b", 1, 0.7), &answer("second"))), COST).unwrap();
        assert_eq!(journal.recall(&question("a", 1, 0.7)).unwrap(), Some(answer("ä\n\"quoted\"")));
        drop(journal);
        // A kill in the middle of the last line.
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        let mut costs = Vec::new();
        let mut journal = Journal::open(&path, &mut |cost| costs.push(cost)).unwrap();
        assert_eq!(costs, [COST, COST]);
        assert_eq!(journal.recall(&question("a", 1, 0.7)).unwrap(), Some(answer("ä\n\"quoted\"")));
        assert_eq!(journal.recall(&question("b", 1, 0.7)).unwrap(), None);
        journal.keep(Some((&question("b", 1, 0.7), &answer("again"))), COST).unwrap();
        drop(journal);
        let mut journal = Journal::open(&path, &mut |_| ()).unwrap();
        assert_eq!(journal.recall(&question("b", 1, 0.7)).unwrap(), Some(answer("again")));
    }
}
