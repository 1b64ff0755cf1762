//! The weighted sum of programs that a spec names.
use crate::{length_band, readability, topicality, vader};
use contract::spec::{RewardPart, RewardProgram};
use contract::{Error, Result};
use regex::Regex;
use std::collections::BTreeMap;
use std::fmt;

/// A prompt as the user wrote it and an answer to it.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    pub prompt: &'a str,
    pub answer: &'a str,
}

/// What one answer is worth: the weighted sum, and each part unweighted by its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    pub total: f64,
    pub parts: BTreeMap<String, f64>,
}

type Program = Box<dyn Fn(Pair<'_>) -> f64 + Send + Sync>;

struct Part {
    label: String,
    weight: f64,
    program: Program,
}

/// A reward made from a spec: total = Σ weight·part, in the order of the spec.
pub struct Reward {
    parts: Vec<Part>,
}

impl fmt::Debug for Reward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|p| (&p.label, p.weight))).finish()
    }
}

impl Reward {
    /// Compiles the parts of a spec.
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

    /// Scores a batch, in order.
    ///
    /// # Errors
    /// A part that returns NaN or an infinite number, or weights that take the sum beyond the range of a double: the message names the
    /// part and the pair.
    pub fn score(&self, pairs: &[Pair<'_>]) -> Result<Vec<Score>> {
        // One thread: a pair takes tens of microseconds, so handing a batch to other threads costs as much as it saves.
        pairs.iter().enumerate().map(|(i, pair)| self.score_one(i, *pair)).collect()
    }

    fn score_one(&self, index: usize, pair: Pair<'_>) -> Result<Score> {
        let mut score = Score { total: 0.0, parts: BTreeMap::new() };
        for part in &self.parts {
            let value = (part.program)(pair);
            if !value.is_finite() {
                return Err(broken(&format!("The part \"{}\" of the reward", part.label), value, index, pair));
            }
            score.total += part.weight * value;
            score.parts.insert(part.label.clone(), value);
        }
        if !score.total.is_finite() {
            return Err(broken("The weighted sum of the reward", score.total, index, pair));
        }
        Ok(score)
    }
}

fn program(index: usize, part: &RewardPart) -> Result<Program> {
    Ok(match &part.program {
        RewardProgram::Sentiment => Box::new(|p| vader::compound(p.answer)),
        RewardProgram::Topicality => Box::new(|p| topicality(p.prompt, p.answer)),
        RewardProgram::Readability => Box::new(|p| readability(p.answer)),
        &RewardProgram::LengthBand { min_words, max_words } => Box::new(move |p| length_band(p.answer, min_words, max_words)),
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
            Box::new(move |p| f64::from(compiled.is_match(p.answer) != forbid))
        }
    })
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

    #[test]
    fn a_part_that_is_not_a_number_is_named_with_its_pair() {
        let program: Program = Box::new(|p| if p.answer == "bad" { f64::NAN } else { 1.0 });
        let reward = Reward { parts: vec![Part { label: "mine".into(), weight: 1.0, program }] };
        let good = Pair { prompt: "first", answer: "good" };
        assert_eq!(reward.score(&[good]).unwrap()[0].total, 1.0);
        let error = reward.score(&[good, Pair { prompt: "second prompt", answer: "bad" }]).unwrap_err();
        assert_eq!(error.code, contract::Code::Reward);
        assert!(error.message.contains("\"mine\"") && error.message.contains("answer 2") && error.message.contains("second prompt"));
    }

    #[test]
    fn a_sum_beyond_all_numbers_is_an_error() {
        let part = || Part { label: "huge".into(), weight: f64::MAX, program: Box::new(|_| 2.0) };
        let reward = Reward { parts: vec![part()] };
        let error = reward.score(&[Pair { prompt: "x", answer: "y" }]).unwrap_err();
        assert!(error.message.starts_with("The weighted sum"), "{error}");
    }
}
