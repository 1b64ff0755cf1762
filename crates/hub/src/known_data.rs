//! Data sets that are brought by a short name.

/// A data set of the hub, and what of it holds prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownData {
    /// What `alignpro hub get` takes.
    pub name: &'static str,
    /// On the hub.
    pub id: &'static str,
    /// Patterns of the files that are brought.
    pub files: &'static [&'static str],
    /// The column with the prompts, for `data.column`.
    pub column: &'static str,
    /// The column with the system prompts, for `data.system_column`.
    pub system_column: Option<&'static str>,
    /// As its card states it.
    pub licence: &'static str,
    /// What it is.
    pub what: &'static str,
}

/// Ids, files, columns and licences as the data sets' cards had them in November 2026.
pub const KNOWN_DATA: [KnownData; 7] = [
    KnownData {
        name: "ultrafeedback",
        id: "HuggingFaceH4/ultrafeedback_binarized",
        files: &["data/train_prefs-*.parquet", "data/test_prefs-*.parquet"],
        column: "prompt",
        system_column: None,
        licence: "mit",
        what: "61,135 prompts and 2,000 for tests, each with a chosen and a rejected conversation",
    },
    KnownData {
        name: "ultrafeedback-full",
        id: "openbmb/UltraFeedback",
        files: &["*.jsonl"],
        column: "instruction",
        system_column: None,
        licence: "mit",
        what: "64 thousand instructions with four answers each and their ratings, a file for each source",
    },
    KnownData {
        name: "helpsteer",
        id: "nvidia/HelpSteer",
        files: &["train.jsonl.gz", "validation.jsonl.gz"],
        column: "prompt",
        system_column: None,
        licence: "cc-by-4.0",
        what: "37,120 answers rated by people; a prompt stands up to four times",
    },
    KnownData {
        name: "helpsteer2",
        id: "nvidia/HelpSteer2",
        files: &["train.jsonl.gz", "validation.jsonl.gz"],
        column: "prompt",
        system_column: None,
        licence: "cc-by-4.0",
        what: "21,362 answers rated by people; a prompt stands twice",
    },
    KnownData {
        name: "helpsteer2-preference",
        id: "nvidia/HelpSteer2",
        files: &["preference/preference.jsonl.gz"],
        column: "prompt",
        system_column: None,
        licence: "cc-by-4.0",
        what: "the same prompts with two answers each and how much people prefer one",
    },
    KnownData {
        name: "openorca",
        id: "Open-Orca/OpenOrca",
        files: &["1M-GPT4-Augmented.parquet"],
        column: "question",
        system_column: Some("system_prompt"),
        licence: "mit",
        what: "a million questions with answers of GPT-4; its other file, with 3.2 million of GPT-3.5, is left there",
    },
    KnownData {
        name: "orca-pairs",
        id: "Intel/orca_dpo_pairs",
        files: &["orca_rlhf.jsonl"],
        column: "question",
        system_column: Some("system"),
        licence: "apache-2.0",
        what: "12,859 questions with a chosen and a rejected answer",
    },
];

/// The one of this name.
pub fn known_data(name: &str) -> Option<&'static KnownData> {
    KNOWN_DATA.iter().find(|known| known.name == name)
}
