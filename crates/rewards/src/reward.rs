//! The weighted sum of programs and models that a spec names.
use crate::{Scorer, conversation, in_words, length_band, readability, topicality, vader};
use contract::spec::{RewardPart, RewardProgram};
use contract::{Error, Result};
use lm::Message;
use regex::Regex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A prompt as the user wrote it and an answer to it.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The system prompt before it; only models look at it.
    pub system: Option<&'a str>,
    pub prompt: &'a str,
    pub answer: &'a str,
}

/// What one answer is worth: the weighted sum, and each part unweighted by its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    pub total: f64,
    pub parts: BTreeMap<String, f64>,
}

/// What computes a part.
#[derive(Clone)]
enum Program {
    /// Of one pair.
    Pair(Arc<dyn Fn(Pair<'_>) -> f64 + Send + Sync>),
    /// Of a batch, by what is said here (`the model NAME`), once it is there.
    Outside(String, Option<Arc<dyn Scorer>>),
}

#[derive(Clone)]
struct Part {
    label: String,
    weight: f64,
    program: Program,
}

/// A reward made from a spec: total = Σ weight·part, in the order of the spec.
#[derive(Clone)]
pub struct Reward {
    parts: Vec<Part>,
}

/// What computes parts that this crate does not, by the label of the part.
pub type Scorers = BTreeMap<String, Arc<dyn Scorer>>;

impl fmt::Debug for Reward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|p| (&p.label, p.weight))).finish()
    }
}

impl Reward {
    /// Compiles the parts of a spec. Models, commands and services cannot score before [`Self::with_scorers`].
    ///
    /// # Errors
    /// Names the key (`reward.parts[i].pattern`, `.name`, `.weight`, or `reward.parts`) of a pattern that cannot be compiled, of a label
    /// used twice, of a weight that is not finite, or that there is no part at all.
    pub fn new(spec: &contract::spec::Reward) -> Result<Self> {
        if spec.parts.is_empty() {
            return Err(Error::spec("reward.parts is empty; add at least one [[reward.parts]]."));
        }
        let mut parts: Vec<Part> = Vec::with_capacity(spec.parts.len());
        for (i, part) in spec.parts.iter().enumerate() {
            let label = part.label();
            if parts.iter().any(|p| p.label == label) {
                return Err(Error::spec(format!(
                    "reward.parts[{i}].name: \"{label}\" is taken by another part; give this one a name of its own."
                )));
            }
            if !part.weight.is_finite() {
                return Err(Error::spec(format!("reward.parts[{i}].weight is {}; it must be a finite number.", part.weight)));
            }
            parts.push(Part { label, weight: part.weight, program: program(i, part)? });
        }
        Ok(Self { parts })
    }

    /// With what computes the parts that name a model, a command or a service.
    #[must_use]
    pub fn with_scorers(mut self, scorers: &Scorers) -> Self {
        for part in &mut self.parts {
            if let Program::Outside(_, scorer) = &mut part.program {
                *scorer = scorers.get(&part.label).cloned();
            }
        }
        self
    }

    /// Whether anything that is not of this crate scores.
    pub fn has_scorers(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.program, Program::Outside(..)))
    }

    /// The scorer of a part, of one that has one.
    pub fn scorer(&self, label: &str) -> Option<&Arc<dyn Scorer>> {
        self.parts.iter().find(|part| part.label == label).and_then(|part| match &part.program {
            Program::Outside(_, scorer) => scorer.as_ref(),
            Program::Pair(_) => None,
        })
    }

    /// What whoever reads the scores so far should know, a sentence each.
    pub fn remarks(&self) -> Vec<String> {
        let of = |part: &Part| match &part.program {
            Program::Outside(_, Some(scorer)) => Some(format!("The part \"{}\" of the reward: {}", part.label, scorer.remark()?)),
            _ => None,
        };
        self.parts.iter().filter_map(of).collect()
    }

    /// Scores a batch, in order.
    ///
    /// # Errors
    /// A part that returns NaN or an infinite number, or weights that take the sum beyond the range of a double: the message names the
    /// part and the pair. A part whose model, command or service is not there, or that cannot score a pair.
    pub fn score(&self, pairs: &[Pair<'_>]) -> Result<Vec<Score>> {
        let conversations: Vec<Vec<Message>> =
            if self.has_scorers() { pairs.iter().map(|pair| conversation(*pair)).collect() } else { Vec::new() };
        self.score_within(pairs, &conversations)
    }

    /// The same of the last messages of conversations. Programs see them as answers to the message before; what is outside of this crate gets all of it.
    ///
    /// # Errors
    /// As [`Self::score`].
    pub fn score_conversations(&self, conversations: &[Vec<Message>]) -> Result<Vec<Score>> {
        let pairs: Vec<Pair<'_>> = conversations.iter().map(|conversation| last(conversation)).collect();
        self.score_within(&pairs, conversations)
    }

    /// `conversations` are what the pairs end; only what is outside of this crate looks at them.
    fn score_within(&self, pairs: &[Pair<'_>], conversations: &[Vec<Message>]) -> Result<Vec<Score>> {
        let mut scores = vec![Score { total: 0.0, parts: BTreeMap::new() }; pairs.len()];
        for part in &self.parts {
            for (i, (value, score)) in part.values(pairs, conversations)?.into_iter().zip(&mut scores).enumerate() {
                if !value.is_finite() {
                    return Err(broken(&format!("The part \"{}\" of the reward", part.label), value, i, pairs[i]));
                }
                score.total += part.weight * value;
                score.parts.insert(part.label.clone(), value);
            }
        }
        match scores.iter().position(|score| !score.total.is_finite()) {
            Some(i) => Err(broken("The weighted sum of the reward", scores[i].total, i, pairs[i])),
            None => Ok(scores),
        }
    }
}

impl Part {
    fn values(&self, pairs: &[Pair<'_>], conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
        match &self.program {
            // One thread: a pair takes tens of microseconds, so handing a batch to other threads costs as much as it saves.
            Program::Pair(program) => Ok(pairs.iter().map(|pair| program(*pair)).collect()),
            Program::Outside(what, scorer) => {
                let scorer = scorer.as_ref().ok_or_else(|| {
                    Error::reward(format!("The part \"{}\" of the reward is {what}, which is not loaded here.", self.label))
                })?;
                let failed = |e: Error| Error { message: format!("The part \"{}\" of the reward: {}", self.label, e.message), ..e };
                let values = scorer.score(conversations).map_err(failed)?;
                if values.len() == pairs.len() {
                    Ok(values)
                } else {
                    Err(Error::reward(format!(
                        "The part \"{}\" of the reward gave {} scores for {} answers.",
                        self.label,
                        values.len(),
                        pairs.len()
                    )))
                }
            }
        }
    }
}

fn program(index: usize, part: &RewardPart) -> Result<Program> {
    Ok(match &part.program {
        RewardProgram::Sentiment => Program::Pair(Arc::new(|p| vader::compound(p.answer))),
        RewardProgram::Topicality => Program::Pair(Arc::new(|p| topicality(p.prompt, p.answer))),
        RewardProgram::Readability => Program::Pair(Arc::new(|p| readability(p.answer))),
        &RewardProgram::LengthBand { min_words, max_words } => {
            Program::Pair(Arc::new(move |p| length_band(p.answer, min_words, max_words)))
        }
        RewardProgram::RewardModel { model } => Program::Outside(format!("the model {model}"), None),
        RewardProgram::Command { command, .. } => Program::Outside(format!("the command {}", in_words(command)), None),
        RewardProgram::Http { url, .. } => Program::Outside(format!("the service at {url}"), None),
        RewardProgram::Judge { model, .. } => Program::Outside(format!("the judge {model}"), None),
        RewardProgram::Regex { pattern, forbid } => {
            let forbid = *forbid;
            let compiled = Regex::new(pattern).map_err(|cause| {
                Error::spec(format!(
                    "reward.parts[{index}].pattern \"{}\" is not a regular expression that can be compiled; correct it (syntax: \
                     https://docs.rs/regex; there are no look-arounds and no back-references).",
                    excerpt(pattern)
                ))
                .with_detail(cause)
            })?;
            Program::Pair(Arc::new(move |p| f64::from(compiled.is_match(p.answer) != forbid)))
        }
    })
}

/// The last message of a conversation as an answer to the one before.
pub(crate) fn last(conversation: &[Message]) -> Pair<'_> {
    let from_end = |n: usize| conversation.len().checked_sub(n).map_or("", |at| conversation[at].content.as_str());
    Pair { system: None, prompt: from_end(2), answer: from_end(1) }
}

fn broken(what: &str, value: f64, index: usize, pair: Pair<'_>) -> Error {
    Error::reward(format!(
        "{what} is {value} for answer {} of the batch (prompt \"{}\"); a reward must be a finite number.",
        index + 1,
        excerpt(pair.prompt)
    ))
    .with_detail(format!("The answer was: {}", pair.answer))
}

/// The first 80 characters, so that a message stays one sentence.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reward(program: Program) -> Reward {
        Reward { parts: vec![Part { label: "mine".into(), weight: 1.0, program }] }
    }

    #[test]
    fn a_part_that_is_not_a_number_is_named_with_its_pair() {
        let reward = reward(Program::Pair(Arc::new(|p| if p.answer == "bad" { f64::NAN } else { 1.0 })));
        let good = Pair { system: None, prompt: "first", answer: "good" };
        assert_eq!(reward.score(&[good]).unwrap()[0].total, 1.0);
        let error = reward.score(&[good, Pair { system: None, prompt: "second prompt", answer: "bad" }]).unwrap_err();
        assert_eq!(error.code, contract::Code::Reward);
        assert!(error.message.contains("\"mine\"") && error.message.contains("answer 2") && error.message.contains("second prompt"));
    }

    #[test]
    fn a_sum_beyond_all_numbers_is_an_error() {
        let part = || Part { label: "huge".into(), weight: f64::MAX, program: Program::Pair(Arc::new(|_| 2.0)) };
        let reward = Reward { parts: vec![part()] };
        let error = reward.score(&[Pair { system: None, prompt: "x", answer: "y" }]).unwrap_err();
        assert!(error.message.starts_with("The weighted sum"), "{error}");
    }

    /// So many scores, each the number of the pair.
    struct Counts(usize);

    impl Scorer for Counts {
        fn score(&self, _conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
            Ok((0..self.0).map(|i| i as f64).collect())
        }
    }

    #[test]
    fn a_model_scores_a_batch_once_it_is_loaded() {
        let pairs = ["a", "b", "c"].map(|answer| Pair { system: None, prompt: "x", answer });
        let named = reward(Program::Outside("the model judge".into(), None));
        let sentence = named.score(&pairs).unwrap_err().message;
        assert!(sentence.contains("\"mine\"") && sentence.contains("judge, which is not loaded"), "{sentence}");
        let with = |scores| named.clone().with_scorers(&Scorers::from([("mine".into(), Arc::new(Counts(scores)) as Arc<dyn Scorer>)]));
        let totals: Vec<f64> = with(3).score(&pairs).unwrap().iter().map(|score| score.total).collect();
        assert_eq!(totals, [0.0, 1.0, 2.0]);
        assert!(with(2).score(&pairs).unwrap_err().message.contains("2 scores for 3 answers"));
        assert!(with(3).with_scorers(&Scorers::new()).score(&pairs).is_err());
    }
}
