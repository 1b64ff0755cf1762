//! What people, or a model in their place, said of answers: pairs of which one was chosen, or answers with a label, a number. Which columns of a file hold it, what the
//! file holds, and what a reward is worth by it.
use crate::bench::{Bounded, PairExample, Repeat, RewardBench};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Columns of a file, by what they hold. Where it asks for something, one without a name is found by the names that data sets use; where it tells what was
/// found, there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct FeedbackColumns {
    /// What was asked, or all that was said before the answer.
    pub prompt: Option<String>,
    /// A text that the prompt goes on with, on lines of its own, as Alpaca's `input`.
    pub input: Option<String>,
    /// A text that stands before the prompt.
    pub system: Option<String>,
    /// The better answer; of a file that names it in another column, the first one.
    pub chosen: Option<String>,
    pub rejected: Option<String>,
    /// The answer that has a label.
    pub response: Option<String>,
    /// A number, or true and false.
    pub label: Option<String>,
}

impl FeedbackColumns {
    /// Those that have a name.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        [&self.prompt, &self.input, &self.system, &self.chosen, &self.rejected, &self.response, &self.label].into_iter().flatten()
    }
}

/// Which pairs or answers of a file count, as [`crate::data::Data`] has it for prompts. Absent: all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct FeedbackFilter {
    /// What has an answer of fewer words is left out. Words are what white space separates, and characters of scripts without spaces.
    pub min_words: Option<usize>,
    /// What has an answer of more words is left out.
    pub max_words: Option<usize>,
    /// What was said last by the user, or answered, and is clearly in another language is left out: ISO 639 code, such as `"en"`. Texts too short to tell stay.
    pub language: Option<String>,
}

impl FeedbackFilter {
    /// In words; None where all count.
    pub fn in_words(&self) -> Option<String> {
        let Self { min_words, max_words, language } = self;
        let parts = [
            min_words.map(|least| format!("answers of at least {least} words")),
            max_words.map(|most| format!("answers of at most {most} words")),
            language.as_ref().map(|code| format!("language {code:?}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// A file of feedback, at a look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FeedbackPreview {
    pub columns: FeedbackColumns,
    /// Columns that can hold a text or a conversation, and those that can hold a label.
    pub texts: Vec<String>,
    pub numbers: Vec<String>,
    pub holds: Held,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Held {
    Pairs {
        pairs: usize,
        /// Those that say what an earlier one says, and are left out.
        #[serde(default)]
        repeated: usize,
        /// The column that says which of two answers is the better one, where one does.
        better: Option<String>,
        left_out: LeftOut,
        /// The first few.
        examples: Vec<PairExample>,
    },
    Labelled {
        answers: usize,
        /// Different conversations that they answer.
        prompts: usize,
        /// Of the labels: each value where there are few, otherwise ranges of like width.
        labels: Vec<LabelBin>,
        left_out: LeftOut,
        examples: Vec<LabelledExample>,
    },
    /// Neither, with these columns: why, and what to name.
    Unclear { why: String },
}

/// What does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LeftOut {
    /// Rows that hold nothing of use, with the first few reasons.
    pub rows: usize,
    pub reasons: Vec<String>,
    /// Pairs or answers that the [`FeedbackFilter`] leaves out.
    #[serde(default)]
    pub wrong_length: usize,
    #[serde(default)]
    pub wrong_language: usize,
}

/// Answers whose label is at least `low` and below `high`; the last one includes `high`. Where both are the same, that is the label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct LabelBin {
    pub low: f64,
    pub high: f64,
    pub answers: usize,
}

/// An answer with its label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LabelledExample {
    /// What the user said last.
    pub prompt: String,
    /// Messages before that.
    pub earlier: usize,
    pub answer: String,
    pub label: f64,
}

/// A reward held against a file of feedback, with what was read of it, as `alignpro reward bench SPEC FILE --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileBench {
    pub columns: FeedbackColumns,
    /// The column that says which of two answers is the better one, where one does.
    pub better: Option<String>,
    pub filter: FeedbackFilter,
    #[serde(flatten)]
    pub found: FeedbackBench,
}

/// A reward held against a file of feedback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FeedbackBench {
    Pairs(RewardBench),
    Labelled(LabelBench),
}

/// A reward held against answers with labels. Intervals are of 95 %, by a bootstrap that draws prompts: answers to one prompt belong together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LabelBench {
    /// The label's column.
    pub label: String,
    pub answers: usize,
    pub prompts: usize,
    /// Pairs of answers to the same prompt whose labels differ.
    pub pairs: usize,
    /// Answers of the file, of which these were drawn; null where they are all.
    #[serde(default)]
    pub drawn_of: Option<usize>,
    /// Spearman's rank correlation of the label with the answer's number of words.
    pub label_with_length: Option<Bounded>,
    pub left_out: LeftOut,
    /// Answers that are left out because the reward could not score them, with the first reason.
    pub unscored: usize,
    pub unscored_because: Option<String>,
    /// The reward, its parts in the spec's order, and the rule of length.
    pub rewards: Vec<LabelAgreement>,
    /// Answers scored a second of wall-clock time.
    pub answers_per_second: f64,
    /// Hex SHA-256 of the file.
    pub checksum: String,
    /// Of a file that was brought from the hub: where it comes from, with its licence.
    #[serde(default)]
    pub origin: Option<String>,
}

/// One reward, or one part of it, on all answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LabelAgreement {
    /// `reward`, the label of a part, or `length`, the rule that the longer answer is the better one.
    pub name: String,
    /// Spearman's rank correlation of the reward with the label.
    pub with_label: Option<Bounded>,
    /// Share of the pairs of answers to the same prompt whose labels differ in which the answer with the higher label is worth more, ties as half.
    pub on_pairs: Option<Bounded>,
    /// Of these pairs, those whose answers are worth the same.
    pub ties: usize,
    /// Of a label with two values: how often an answer with the higher one is worth more than an answer with the lower one, whatever their prompts, ties as half.
    pub auc: Option<Bounded>,
    /// Spearman's rank correlation of the reward with the answer's number of words.
    pub with_length: Option<Bounded>,
    /// Different values that the reward has.
    pub values: usize,
    /// Of a part that a model, a command or a service computes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub repeat: Option<Repeat>,
}
