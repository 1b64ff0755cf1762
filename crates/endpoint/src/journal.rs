//! Answers that were given, in a file: what was paid for is not asked again, whatever ends the worker.
//!
//! One line of JSON an answer, written the moment it is there. A line that a kill cut short is dropped.
use crate::completion::Alternative;
use crate::ledger::Tokens;
use contract::{Error, Result};
use home::lines::{Lines, Place};
use inference::{Answer, AnswerDecoding, AnswerRequest, UNKNOWN_TOKEN};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::path::Path;

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

    /// Of the likeliest first tokens of an answer, not of an answer.
    pub fn of_first(identity: &str, request: &AnswerRequest, decoding: &AnswerDecoding) -> Self {
        Self::new(&format!("{identity}\nfirst token"), request, decoding)
    }
}

/// Places of the questions that are not known, equal ones once.
pub fn unknown(questions: &[Question], is_known: impl Fn(&Question) -> bool) -> Vec<usize> {
    let mut seen = HashSet::new();
    (0..questions.len()).filter(|&i| !is_known(&questions[i]) && seen.insert(&questions[i])).collect()
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
    /// Where only the first token was asked for: the likeliest ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<Vec<Alternative>>,
    /// A content filter kept the answer back, or the rest of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    withheld: bool,
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

impl Kept {
    fn of(answer: &Answer) -> Self {
        let Answer { text, tokens, log_probs, truncated } = answer;
        Self { text: text.clone(), tokens: tokens.len(), log_probs: log_probs.clone(), truncated: *truncated }
    }
}

impl Line {
    fn of(cost: Tokens) -> Self {
        Self {
            question: None,
            answer: None,
            first: None,
            withheld: false,
            read: cost.read,
            written: cost.written,
            estimated: cost.estimated,
        }
    }
}

/// The file, of which only the places of the answers are held in memory.
pub struct Journal {
    lines: Lines,
    places: HashMap<Question, Place>,
    withheld: usize,
}

impl Journal {
    /// For what can be lost.
    pub fn unnamed() -> Result<Self> {
        Ok(Self { lines: Lines::unnamed()?, places: HashMap::new(), withheld: 0 })
    }

    /// Opens or makes a file; what its answers have cost is told to `cost`.
    pub fn open(path: &Path, cost: &mut dyn FnMut(Tokens)) -> Result<Self> {
        let (mut places, mut withheld) = (HashMap::new(), 0);
        let lines = Lines::open(path, &mut |place, line| {
            if let Ok(line) = serde_json::from_slice::<Line>(line) {
                withheld += usize::from(line.withheld);
                cost(Tokens { read: line.read, written: line.written, estimated: line.estimated });
                if let Some(question) = line.question.filter(|_| line.answer.is_some() || line.first.is_some()) {
                    places.insert(Question(question), place);
                }
            }
        })?;
        Ok(Self { lines, places, withheld })
    }

    /// Whether it outlives this program.
    pub fn has_name(&self) -> bool {
        self.lines.has_name()
    }

    /// Answers that a content filter kept back.
    pub fn withheld(&self) -> usize {
        self.withheld
    }

    pub fn has(&self, question: &Question) -> bool {
        self.places.contains_key(question)
    }

    pub fn recall(&mut self, question: &Question) -> Result<Option<Answer>> {
        Ok(self.line(question)?.and_then(|line| line.answer).map(|kept| Answer {
            text: kept.text,
            tokens: vec![UNKNOWN_TOKEN; kept.tokens],
            log_probs: kept.log_probs,
            truncated: kept.truncated,
        }))
    }

    /// The likeliest first tokens of an answer, where those were asked for.
    pub fn recall_first(&mut self, question: &Question) -> Result<Option<Vec<Alternative>>> {
        Ok(self.line(question)?.and_then(|line| line.first))
    }

    fn line(&mut self, question: &Question) -> Result<Option<Line>> {
        let Some(place) = self.places.get(question).copied() else { return Ok(None) };
        let text = self.lines.read(place)?;
        serde_json::from_slice(&text).map(Some).map_err(|e| Error::internal("A kept answer cannot be read.").with_detail(e))
    }

    /// Writes an answer, or only what it cost.
    pub fn keep(&mut self, answered: Option<(&Question, &Answer)>, cost: Tokens) -> Result<()> {
        let answer = answered.map(|(_, answer)| Kept::of(answer));
        self.write(answered.map(|(question, _)| question), Line { answer, ..Line::of(cost) })
    }

    /// Writes what there is of an answer that a content filter kept back; where the first token was asked for, there is none.
    pub fn keep_withheld(&mut self, question: &Question, answer: &Answer, cost: Tokens) -> Result<()> {
        self.withheld += 1;
        let (answer, first) = (Some(Kept::of(answer)), Some(Vec::new()));
        self.write(Some(question), Line { answer, first, withheld: true, ..Line::of(cost) })
    }

    /// Hands on what is wrong with an answer that came, and writes what it cost all the same.
    pub fn accept(&mut self, checked: Result<()>, cost: Tokens) -> Result<()> {
        match checked {
            Ok(()) => Ok(()),
            Err(e) => self.keep(None, cost).and(Err(e)),
        }
    }

    /// Writes the likeliest first tokens of an answer.
    pub fn keep_first(&mut self, question: &Question, first: Vec<Alternative>, cost: Tokens) -> Result<()> {
        self.write(Some(question), Line { first: Some(first), ..Line::of(cost) })
    }

    fn write(&mut self, question: Option<&Question>, line: Line) -> Result<()> {
        let line = Line { question: question.map(|question| question.0.clone()), ..line };
        let text = serde_json::to_vec(&line).map_err(|e| Error::internal("An answer cannot be kept.").with_detail(e))?;
        let place = self.lines.append(text)?;
        if let Some(question) = question {
            self.places.insert(question.clone(), place);
        }
        Ok(())
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

    #[test]
    fn first_tokens_are_kept_beside_answers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers");
        let decoding = AnswerDecoding { max_tokens: 1, temperature: 1.0, top_p: 1.0, top_k: 0 };
        let request = AnswerRequest::new("a", 0);
        let (asked, first) = (Question::new("model", &request, &decoding), Question::of_first("model", &request, &decoding));
        let likely = vec![Alternative { token: "5".into(), logprob: -0.25 }];
        let mut journal = Journal::open(&path, &mut |_| panic!("nothing was spent")).unwrap();
        journal.keep_first(&first, likely.clone(), COST).unwrap();
        assert!(!journal.has(&asked));
        drop(journal);
        let mut spent = 0;
        let mut journal = Journal::open(&path, &mut |cost| spent += cost.read).unwrap();
        assert_eq!((journal.recall_first(&first).unwrap(), journal.recall(&first).unwrap()), (Some(likely), None));
        assert!(spent == COST.read && journal.has_name() && !Journal::unnamed().unwrap().has_name());
    }
    #[test]
    fn answers_that_were_withheld_are_counted_by_who_opens_the_file_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers");
        let nothing = Answer { text: String::new(), tokens: Vec::new(), log_probs: Vec::new(), truncated: false };
        let mut journal = Journal::open(&path, &mut |_| ()).unwrap();
        journal.keep_withheld(&question("a", 1, 0.7), &nothing, COST).unwrap();
        journal.keep(Some((&question("b", 1, 0.7), &answer("second"))), COST).unwrap();
        assert_eq!(journal.withheld(), 1);
        drop(journal);
        let mut journal = Journal::open(&path, &mut |_| ()).unwrap();
        assert_eq!((journal.withheld(), journal.recall(&question("a", 1, 0.7)).unwrap()), (1, Some(nothing)));
        assert_eq!(journal.recall_first(&question("a", 1, 0.7)).unwrap(), Some(Vec::new()));
    }
}
