//! Scores that were given, in a file: what a command or a service has scored in a run it is not asked again, whatever ends the worker.
use crate::Scorer;
use contract::{Error, Result};
use home::lines::Lines;
use lm::Message;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Hex of the SHA-256 of a conversation.
type Asked = String;

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    asked: Asked,
    /// Of the score: a number in decimals is not always read as it was written.
    bits: u64,
}

struct Kept {
    lines: Lines,
    scores: HashMap<Asked, f64>,
}

/// Lets another score, and keeps what it said once it is told where: then equal conversations get equal scores, be the other as fickle as it may.
pub struct KeptScores {
    inner: Arc<dyn Scorer>,
    /// Conversations that are scored between two writes.
    at_once: usize,
    kept: Mutex<Option<Kept>>,
}

impl KeptScores {
    pub fn new(inner: Arc<dyn Scorer>, at_once: usize) -> Self {
        Self { inner, at_once: at_once.max(1), kept: Mutex::default() }
    }

    /// Keeps scores in a file from now on, and knows those that are in it already.
    pub fn keep_in(&self, path: &Path) -> Result<()> {
        let mut scores = HashMap::new();
        let lines = Lines::open(path, &mut |_, line| {
            if let Ok(Line { asked, bits }) = serde_json::from_slice(line) {
                scores.insert(asked, f64::from_bits(bits));
            }
        })?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Kept { lines, scores });
        Ok(())
    }
}

impl Scorer for KeptScores {
    fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
        // A line is written before its score is known here, so that what it guards is whole at any moment.
        let mut held = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = held.as_mut() else { return self.inner.score(conversations) };
        let asked: Vec<Asked> = conversations.iter().map(|conversation| digest(conversation)).collect();
        let mut seen = HashSet::new();
        let missing: Vec<usize> = (0..asked.len()).filter(|&i| !kept.scores.contains_key(&asked[i]) && seen.insert(&asked[i])).collect();
        for batch in missing.chunks(self.at_once) {
            let scores = self.inner.score(&batch.iter().map(|&i| conversations[i].clone()).collect::<Vec<_>>())?;
            for (&i, score) in batch.iter().zip(scores) {
                kept.keep(asked[i].clone(), score)?;
            }
        }
        let whole: Option<Vec<f64>> = asked.iter().map(|asked| kept.scores.get(asked).copied()).collect();
        whole.ok_or_else(|| Error::reward("it gave fewer scores than answers."))
    }
}

impl Kept {
    fn keep(&mut self, asked: Asked, score: f64) -> Result<()> {
        let line = Line { asked, bits: score.to_bits() };
        // What is no number is refused by whoever asked, and is nothing to keep.
        if score.is_finite() {
            let text = serde_json::to_vec(&line).map_err(|e| Error::internal("A score cannot be kept.").with_detail(e))?;
            self.lines.append(text)?;
        }
        self.scores.insert(line.asked, score);
        Ok(())
    }
}

fn digest(conversation: &[Message]) -> Asked {
    let mut hash = Sha256::new();
    for text in conversation.iter().flat_map(|message| [&message.role, &message.content]) {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pair, conversation};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Numbers what it is asked; fails from the third batch on.
    #[derive(Default)]
    struct Fickle {
        batches: AtomicUsize,
        asked: AtomicUsize,
    }

    impl Scorer for Fickle {
        fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
            if self.batches.fetch_add(1, Ordering::Relaxed) >= 2 {
                return Err(Error::paused("it is gone."));
            }
            Ok(conversations.iter().map(|_| self.asked.fetch_add(1, Ordering::Relaxed) as f64 + 0.1).collect())
        }
    }

    fn asked(answers: &[&str]) -> Vec<Vec<Message>> {
        answers.iter().map(|answer| conversation(Pair { system: None, prompt: "x", answer })).collect()
    }

    #[test]
    fn what_was_scored_is_not_asked_again_whatever_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scores");
        let inner = Arc::new(Fickle::default());
        let scores = KeptScores::new(inner.clone(), 2);
        scores.keep_in(&file).unwrap();
        // Two batches of two are scored, the third is not.
        let all = asked(&["a", "b", "a", "c", "d", "e", "b"]);
        assert_eq!(scores.score(&all).unwrap_err().message, "it is gone.");
        assert_eq!(inner.asked.load(Ordering::Relaxed), 4, "an equal answer is asked once");
        drop(scores);
        let again = Arc::new(Fickle { asked: AtomicUsize::new(10), ..Fickle::default() });
        let scores = KeptScores::new(again.clone(), 2);
        scores.keep_in(&file).unwrap();
        assert_eq!(scores.score(&all).unwrap(), [0.1, 1.1, 0.1, 2.1, 3.1, 10.1, 1.1]);
        assert_eq!(scores.score(&all).unwrap(), [0.1, 1.1, 0.1, 2.1, 3.1, 10.1, 1.1]);
        assert_eq!(again.batches.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn without_a_file_it_is_asked_each_time() {
        let scores = KeptScores::new(Arc::new(Fickle::default()), 8);
        assert_eq!(scores.score(&asked(&["a", "a"])).unwrap(), [0.1, 1.1]);
        assert_eq!(scores.score(&asked(&["a"])).unwrap(), [2.1]);
    }
}
