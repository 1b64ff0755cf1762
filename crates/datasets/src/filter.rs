//! Which texts of a file count, by their length and language: prompts as a spec says it, pairs and answers as whoever reads feedback does.
use crate::language::{is_other, language};
use crate::near::word_count;
use contract::Result;
use whatlang::Lang;

/// Bounds that can be asked. Without any, every text counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filter {
    min_words: Option<usize>,
    max_words: Option<usize>,
    language: Option<Lang>,
}

impl Filter {
    /// `code` is of a language, which stands in the field `named`.
    ///
    /// # Errors
    /// [`contract::Code::Spec`] where there is no such language.
    pub fn new(min_words: Option<usize>, max_words: Option<usize>, code: Option<&str>, named: &str) -> Result<Self> {
        Ok(Self { min_words, max_words, language: code.map(|code| language(code, named)).transpose()? })
    }

    pub fn has_wrong_length(&self, text: &str) -> bool {
        if self.min_words.is_none() && self.max_words.is_none() {
            return false;
        }
        let words = word_count(text);
        self.min_words.is_some_and(|least| words < least) || self.max_words.is_some_and(|most| words > most)
    }

    /// Whether it is clearly in another language.
    pub fn is_in_another_language(&self, text: &str) -> bool {
        self.language.is_some_and(|wanted| is_other(text, wanted))
    }
}
