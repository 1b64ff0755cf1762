//! Which pairs or answers of a file count.
use crate::language::{is_other, language};
use crate::near::word_count;
use contract::feedback::FeedbackFilter;
use contract::{Code, Error, Result};
use whatlang::Lang;

/// What becomes of a pair or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    GoesOn,
    /// It is more than is held.
    NoRoom,
    WrongLength,
    WrongLanguage,
}

/// A [`FeedbackFilter`] that can be asked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Filter {
    min_words: Option<usize>,
    max_words: Option<usize>,
    language: Option<Lang>,
}

impl Filter {
    pub fn new(wanted: &FeedbackFilter) -> Result<Self> {
        let FeedbackFilter { min_words, max_words, language: code } = wanted;
        if let (Some(least), Some(most)) = (*min_words, *max_words)
            && least > most
        {
            return Err(Error::data(format!("The fewest words of an answer are {least} and the most {most}; no answer has both.")));
        }
        let language = code.as_deref().map(|code| language(code, "The language of the feedback")).transpose();
        // Of a file that is looked at, others can be named.
        let language = language.map_err(|e| Error { code: Code::Data, ..e })?;
        Ok(Self { min_words: *min_words, max_words: *max_words, language })
    }

    /// Why what was asked and answered does not count, if so.
    pub fn leaves_out(&self, asked: &str, answers: &[&str]) -> Option<Outcome> {
        let is_wrong = |answer: &&str| {
            let words = word_count(answer);
            self.min_words.is_some_and(|least| words < least) || self.max_words.is_some_and(|most| words > most)
        };
        let bounds = self.min_words.is_some() || self.max_words.is_some();
        if bounds && answers.iter().any(is_wrong) {
            return Some(Outcome::WrongLength);
        }
        let wanted = self.language?;
        (is_other(asked, wanted) || answers.iter().any(|answer| is_other(answer, wanted))).then_some(Outcome::WrongLanguage)
    }
}
