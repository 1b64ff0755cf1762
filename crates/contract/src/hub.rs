//! The hub of models and data sets: what it has, what would be brought, what was brought.
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a repository holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum HubKind {
    Model,
    Data,
}

impl HubKind {
    /// As a sentence says it.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Data => "data set",
        }
    }
}

/// What is searched for, as the window asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HubSought {
    pub kind: HubKind,
    pub text: String,
    /// Only those with all of these, such as `gguf`.
    pub tags: Vec<String>,
    /// At most so many, up to 100.
    pub limit: u64,
}

/// One of what a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HubListed {
    /// `owner/name`.
    pub id: String,
    /// In the last month.
    pub downloads: u64,
    pub likes: u64,
    pub licence: Option<String>,
    /// Whether the hub asks for consent, and so for a token, before it gives files.
    pub gated: bool,
    /// Of a model, in which forms its weights are there, as far as its tags say it: `safetensors`, `gguf`.
    pub weights: Vec<String>,
    /// Of a model, where the hub has looked into its weights.
    pub parameters: Option<u64>,
    /// Of a model, what its safetensors weights take, where the hub has looked into them; of a data set, all that the hub keeps of it, earlier versions
    /// included.
    pub bytes: Option<u64>,
}

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HubFile {
    /// Inside of the repository, with slashes.
    pub path: String,
    pub bytes: u64,
}

/// What of the hub is meant, as the window asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HubAsked {
    pub kind: HubKind,
    /// `owner/name`, or [`HubKnown::name`].
    pub id: String,
    /// A branch, a tag or a commit; null for `main`.
    pub revision: Option<String>,
    /// Paths or patterns of the files that are meant; none for what is brought without a choice.
    pub files: Vec<String>,
    /// What to call it here; null for [`HubShown::name`].
    pub name: Option<String>,
}

/// A data set that this program knows by a short name, as `alignpro hub data --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HubKnown {
    pub name: String,
    /// On the hub.
    pub id: String,
    /// Patterns of the files that are brought.
    pub files: Vec<String>,
    /// The column with the prompts, for `data.column`.
    pub column: String,
    /// As its card stated it.
    pub licence: String,
    /// What it is, in a few words.
    pub what: String,
}

/// What a repository is, and what of it would be brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HubShown {
    pub kind: HubKind,
    pub id: String,
    /// What it will be called here, unless another name is given.
    pub name: String,
    /// Commit, in hex.
    pub revision: String,
    /// Null where the repository states none.
    pub licence: Option<String>,
    pub gated: bool,
    pub downloads: u64,
    pub likes: u64,
    /// Of a model, as its `config.json` or its GGUF file names it, where the hub says so.
    pub architecture: Option<String>,
    /// What this program can do with it, as far as that can be told before it is here; a sentence.
    pub fitness: Option<String>,
    /// Of a model: whether that is something; true where nothing tells.
    pub is_fit: bool,
    /// What would be brought.
    pub files: Vec<HubFile>,
    /// Of those files.
    pub bytes: u64,
    /// How many files of the repository would stay there.
    pub left_out: usize,
    /// Of a model, its GGUF files, where one of them can be chosen; of a data set, all files with rows. Whatever was asked for.
    pub choices: Vec<HubFile>,
    /// Why nothing can be brought as it was asked for; then there are no files.
    pub problem: Option<String>,
}

/// How far a download is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HubProgress {
    /// On its way now.
    pub file: String,
    /// Of all files together, those that were here before included.
    pub done_bytes: u64,
    pub bytes: u64,
}

/// What was brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HubBrought {
    pub kind: HubKind,
    pub id: String,
    /// Commit, in hex.
    pub revision: String,
    pub licence: Option<String>,
    /// Of a model, as a spec names it.
    pub name: String,
    pub folder: String,
    /// Paths of the files: of a data set, as `data.source` may name them.
    pub files: Vec<String>,
    pub bytes: u64,
    /// Of a data set that this program knows: the column with prompts, for `data.column`.
    pub column: Option<String>,
    /// And that with the system prompts, where it has one, for `data.system_column`.
    pub system_column: Option<String>,
}
