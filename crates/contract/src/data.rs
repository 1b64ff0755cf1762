//! Where prompts come from, which of them count, and what reading them found.
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use ts_rs::TS;

/// What a user asks: x, and the system prompt that stands before it in the data. The prompter rewrites the text and does not see the system prompt;
/// the frozen model is given both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Prompt {
    pub text: String,
    pub system: Option<Arc<str>>,
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self { text: text.into(), system: None }
    }
}

/// Files that lie beside the rows of a data set and say something of them.
const ABOUT_ROWS: [&str; 5] = ["dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json", "config.json"];

/// Whether a file, by its name, is about rows that lie beside it: it is none of the files that a folder stands for.
pub fn is_about_rows(name: &str) -> bool {
    ABOUT_ROWS.iter().any(|about| name.eq_ignore_ascii_case(about))
}

/// Where prompts come from and how they are split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// `"shipped"`; or the path of a `.jsonl`, `.json`, `.csv` or `.parquet` file, all but the last also gzipped; or of a folder of them, or with stars in
    /// its last part, of several (`"train-*.parquet"`). Relative paths are relative to the spec file.
    pub source: String,
    /// Name of the column (CSV, Parquet) or key (JSON) that holds the prompt: a text, or a conversation, of which the user's first message is the
    /// prompt.
    pub column: String,
    /// Name of the column or key that holds what a prompt goes on with, on lines of its own: a text that may be empty or missing in a row, as Alpaca's `input`.
    /// Absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_column: Option<String>,
    /// Name of the column or key that holds the system prompt, a text that may be empty or missing in a row. Absent: none, but that of a conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_column: Option<String>,
    /// Name of the column or key that says which prompts belong together: those of one user, topic, template or
    /// conversation, as text or a whole number. A cluster is in one split only, and intervals and tests count clusters, not prompts.
    /// Absent: prompts are unrelated. The shipped prompts have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_column: Option<String>,
    /// Prompts of fewer words are left out. Words are what white space separates, and characters of scripts without spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_words: Option<usize>,
    /// Prompts of more words are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_words: Option<usize>,
    /// Prompts that are clearly in another language are left out: ISO 639 code, such as `"en"`. Those too short to tell stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// No two prompts of the splits have so large a share of their word triples in common, or more (Jaccard similarity, in (0, 1]); of those that would,
    /// the one drawn first stays. Absent: only prompts that are equal count as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near_duplicates: Option<f64>,
    /// How many prompts go into each split. Splits are drawn by `split_seed` and never overlap; prompts that are
    /// equal after normalising case and white space fall into one split.
    pub train: usize,
    pub validation: usize,
    pub test: usize,
    /// Seed of the split, apart from the run's seed, so that seeds of one experiment share their test prompts.
    /// The shipped prompts carry their own split and ignore it.
    pub split_seed: u64,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            source: "shipped".into(),
            column: "prompt".into(),
            input_column: None,
            system_column: None,
            cluster_column: None,
            min_words: None,
            max_words: None,
            language: None,
            near_duplicates: None,
            train: 256,
            validation: 48,
            test: 96,
            split_seed: 0,
        }
    }
}

/// Similarity from which two prompts are called near-duplicates where the spec does not say: Lee et al. 2022 take it too.
pub const NEAR: f64 = 0.8;

/// What reading the prompts found: rows by what became of them, and what the splits have in common.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Census {
    /// Rows of the source, blank lines aside.
    pub rows: usize,
    /// Rows that hold no prompt (or no cluster), with the first few: where each stands and why it is left out.
    pub malformed: usize,
    pub malformed_examples: Vec<String>,
    /// Prompts left out for their length or language.
    pub wrong_length: usize,
    pub wrong_language: usize,
    /// Prompts that are equal to an earlier one after normalising case and white space.
    pub repeated: usize,
    /// Distinct prompts before which a system prompt stands.
    pub with_system: usize,
    /// Prompts that could be drawn: what is left.
    pub distinct: usize,
    /// Prompts passed over in drawing since they are near-duplicates of one that was drawn; 0 where the spec does not ask for it.
    pub near_duplicates: usize,
    /// Test and validation prompts that have a near-duplicate among the training prompts (from [`NEAR`] on), and the most similar such pair.
    pub near_in_training: usize,
    /// Test prompts that have one among the validation prompts, by which a prompter may be chosen; those that have one among the training prompts aside.
    pub near_in_validation: usize,
    pub nearest: Option<NearPair>,
}

/// Two prompts of different splits that are near-duplicates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct NearPair {
    pub prompt: String,
    pub in_training: String,
    /// Share of their word triples that they have in common, in (0, 1].
    pub similarity: f64,
}

impl Census {
    /// What was left out, in words; None where nothing was.
    pub fn left_out(&self) -> Option<String> {
        let parts = [
            (self.malformed, "without a prompt that can be read"),
            (self.wrong_length, "of another length"),
            (self.wrong_language, "in another language"),
            (self.repeated, "equal to an earlier one"),
            (self.near_duplicates, "near-duplicates"),
        ];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}
