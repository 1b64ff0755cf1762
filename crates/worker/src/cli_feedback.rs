//! Which columns of a file of feedback are what, and what of it counts, on the command line.
use clap::Args;
use contract::feedback::{FeedbackColumns, FeedbackFilter};

/// Columns of a file of pairs; those that are not named are found by the names that data sets use.
#[derive(Debug, Clone, Args)]
pub struct PairColumns {
    /// The column with the prompt, or all that was said before the answer [default: found by its name]
    #[arg(long, value_name = "COLUMN")]
    pub prompt_column: Option<String>,
    /// The column with a text that the prompt goes on with [default: `input` or `context` beside an `instruction`]
    #[arg(long, value_name = "COLUMN")]
    pub input_column: Option<String>,
    /// The column with a text that stands before the prompt [default: found by its name]
    #[arg(long, value_name = "COLUMN")]
    pub system_column: Option<String>,
    /// The column with the answer that was chosen [default: found by its name]
    #[arg(long, value_name = "COLUMN")]
    pub chosen_column: Option<String>,
    /// The column with the other answer [default: found by its name]
    #[arg(long, value_name = "COLUMN")]
    pub rejected_column: Option<String>,
}

/// Columns of a file of answers with labels.
#[derive(Debug, Clone, Args)]
pub struct LabelColumns {
    /// The column with the answer that has a label [default: found by its name]
    #[arg(long, value_name = "COLUMN")]
    pub response_column: Option<String>,
    /// The column with the label, a number, or true and false [default: the only one, or found by its name]
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,
}

/// Which pairs or answers of a file count.
#[derive(Debug, Clone, Args)]
pub struct WhichCount {
    /// Leave out what has an answer of fewer words
    #[arg(long, value_name = "N")]
    pub min_words: Option<usize>,
    /// Leave out what has an answer of more words
    #[arg(long, value_name = "N")]
    pub max_words: Option<usize>,
    /// Leave out what was asked or answered clearly in another language, by its ISO 639 code, such as en
    #[arg(long, value_name = "CODE")]
    pub language: Option<String>,
}

impl From<WhichCount> for FeedbackFilter {
    fn from(WhichCount { min_words, max_words, language }: WhichCount) -> Self {
        Self { min_words, max_words, language }
    }
}

impl From<PairColumns> for FeedbackColumns {
    fn from(PairColumns { prompt_column, input_column, system_column, chosen_column, rejected_column }: PairColumns) -> Self {
        Self {
            prompt: prompt_column,
            input: input_column,
            system: system_column,
            chosen: chosen_column,
            rejected: rejected_column,
            ..Self::default()
        }
    }
}

impl LabelColumns {
    /// Together with those of pairs.
    pub fn beside(self, pairs: PairColumns) -> FeedbackColumns {
        FeedbackColumns { response: self.response_column, label: self.label, ..pairs.into() }
    }
}
