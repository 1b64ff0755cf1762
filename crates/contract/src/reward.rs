//! What an answer is worth, as a spec says it: a weighted sum of parts.
use crate::endpoint::Endpoint;
use serde::{Deserialize, Deserializer, Serialize};
use ts_rs::TS;

/// r(x, y) of the original prompt x and the answer y: Σ weight·part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Reward {
    pub parts: Vec<RewardPart>,
}

/// One weighted part of a reward. In a file its keys stand flat: `kind = "length_band"`, `weight`, `min_words` …
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct RewardPart {
    /// Name in tables and charts; by default the kind's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub name: Option<String>,
    /// 0 watches the part: it is scored and shown, and nothing is trained on it, so that it can tell a gain from an exploited reward.
    pub weight: f64,
    #[serde(flatten)]
    pub program: RewardProgram,
}

/// What scores an answer. Each returns a number whose range its documentation in `rewards` states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RewardProgram {
    /// VADER compound score of the answer, in [-1, 1].
    Sentiment,
    /// How much of what the prompt asks about the answer speaks of, in [0, 1].
    Topicality,
    /// 1 inside the band of words, falling linearly to 0 at half the lower and twice the upper bound.
    LengthBand { min_words: usize, max_words: usize },
    /// 1 where the pattern matches the answer (0 where not); the reverse with `forbid = true`.
    Regex {
        pattern: String,
        #[serde(default)]
        forbid: bool,
    },
    /// Flesch reading ease of the answer, divided by 100 and clamped to [0, 1].
    Readability,
    /// A reward model: a number without bounds.
    RewardModel {
        /// Name of an installed model, or the path of a Hugging Face folder.
        model: String,
    },
    /// A command of the user's own, which reads pairs and writes scores as lines of JSON. It is run only after a person has agreed to it.
    Command {
        /// The program and its arguments; no shell looks at them. Relative paths start at the spec's folder, in which it runs.
        command: Vec<String>,
        /// After so long without all scores of a batch the command is ended. The first batch includes its start.
        timeout_seconds: u64,
        /// Megabytes (10⁶ bytes) of address space that each of its processes may take. 0: no limit.
        memory_mb: u64,
    },
    /// A service that scores batches of pairs over HTTP.
    Http {
        /// Where batches are posted to.
        url: String,
        /// Name under which the key is kept (`alignpro key set NAME`), never the key itself. Absent: none is sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        key: Option<String>,
        /// Speak without encryption to a machine outside of the private networks.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        allow_http: bool,
        /// After so long a batch that is not scored is given up.
        timeout_seconds: u64,
        /// For so long a batch that fails is sent again before the run pauses.
        patience_seconds: u64,
        pairs_per_request: usize,
    },
    /// A language model that is asked for a number by a rubric: the expectation over the numbers that it may say, in [lowest, highest].
    Judge {
        /// Name of an installed model, or the path of a Hugging Face folder or GGUF file; with an endpoint, the name that it serves the model under.
        model: String,
        /// What makes an answer good.
        rubric: String,
        /// The lowest and the highest number, one digit each.
        lowest: u32,
        highest: u32,
        /// Where the model answers, if not here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        endpoint: Option<Endpoint>,
    },
}

impl RewardProgram {
    pub const DEFAULT_TIMEOUT_SECONDS: u64 = 120;
    pub const DEFAULT_PATIENCE_SECONDS: u64 = 300;
    pub const DEFAULT_MEMORY_MB: u64 = 4096;
    pub const DEFAULT_PAIRS_PER_REQUEST: usize = 64;
    /// The numbers of a judge, as G-Eval has them.
    pub const DEFAULT_SCALE: [u32; 2] = [1, 5];

    /// As a spec writes it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sentiment => "sentiment",
            Self::Topicality => "topicality",
            Self::LengthBand { .. } => "length_band",
            Self::Regex { .. } => "regex",
            Self::Readability => "readability",
            Self::RewardModel { .. } => "reward_model",
            Self::Command { .. } => "command",
            Self::Http { .. } => "http",
            Self::Judge { .. } => "judge",
        }
    }
}

impl RewardPart {
    /// Whether the part is scored but not trained on.
    pub fn is_watched(&self) -> bool {
        self.weight == 0.0
    }

    /// The name under which the part is stored and shown.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.program.kind().into())
    }
}

/// The keys of a part as a file holds them. Serde cannot refuse unknown keys beside a flattened enum, so they are read flat first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlatPart {
    name: Option<String>,
    #[serde(default = "one")]
    weight: f64,
    kind: RewardKind,
    min_words: Option<usize>,
    max_words: Option<usize>,
    pattern: Option<String>,
    forbid: Option<bool>,
    model: Option<String>,
    command: Option<Vec<String>>,
    timeout_seconds: Option<u64>,
    memory_mb: Option<u64>,
    url: Option<String>,
    key: Option<String>,
    allow_http: Option<bool>,
    patience_seconds: Option<u64>,
    pairs_per_request: Option<usize>,
    rubric: Option<String>,
    lowest: Option<u32>,
    highest: Option<u32>,
    endpoint: Option<Endpoint>,
}

fn one() -> f64 {
    1.0
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RewardKind {
    Sentiment,
    Topicality,
    LengthBand,
    Regex,
    Readability,
    RewardModel,
    Command,
    Http,
    Judge,
}

impl RewardKind {
    /// Every key that a part of this kind may have.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::LengthBand => &["name", "weight", "kind", "min_words", "max_words"],
            Self::Regex => &["name", "weight", "kind", "pattern", "forbid"],
            Self::RewardModel => &["name", "weight", "kind", "model"],
            Self::Command => &["name", "weight", "kind", "command", "timeout_seconds", "memory_mb"],
            Self::Http => {
                &["name", "weight", "kind", "url", "key", "allow_http", "timeout_seconds", "patience_seconds", "pairs_per_request"]
            }
            Self::Judge => &["name", "weight", "kind", "model", "rubric", "lowest", "highest", "endpoint"],
            Self::Sentiment | Self::Topicality | Self::Readability => &["name", "weight", "kind"],
        }
    }
}

impl<'de> Deserialize<'de> for RewardPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        FlatPart::deserialize(deserializer)?.sort()
    }
}

impl FlatPart {
    /// Keys that do not belong to every kind, with whether they are given.
    fn given(&self) -> [(&'static str, bool); 17] {
        [
            ("min_words", self.min_words.is_some()),
            ("max_words", self.max_words.is_some()),
            ("pattern", self.pattern.is_some()),
            ("forbid", self.forbid.is_some()),
            ("model", self.model.is_some()),
            ("command", self.command.is_some()),
            ("timeout_seconds", self.timeout_seconds.is_some()),
            ("memory_mb", self.memory_mb.is_some()),
            ("url", self.url.is_some()),
            ("key", self.key.is_some()),
            ("allow_http", self.allow_http.is_some()),
            ("patience_seconds", self.patience_seconds.is_some()),
            ("pairs_per_request", self.pairs_per_request.is_some()),
            ("rubric", self.rubric.is_some()),
            ("lowest", self.lowest.is_some()),
            ("highest", self.highest.is_some()),
            ("endpoint", self.endpoint.is_some()),
        ]
    }

    /// The part, or which key does not belong to its kind, or is missing.
    fn sort<E: serde::de::Error>(self) -> Result<RewardPart, E> {
        let known = self.kind.keys();
        if let Some((key, _)) = self.given().iter().find(|(key, is_given)| *is_given && !known.contains(key)) {
            return Err(E::unknown_field(key, known));
        }
        let timeout_seconds = self.timeout_seconds.unwrap_or(RewardProgram::DEFAULT_TIMEOUT_SECONDS);
        let [lowest, highest] = RewardProgram::DEFAULT_SCALE;
        let program = match self.kind {
            RewardKind::Sentiment => RewardProgram::Sentiment,
            RewardKind::Topicality => RewardProgram::Topicality,
            RewardKind::Readability => RewardProgram::Readability,
            RewardKind::LengthBand => RewardProgram::LengthBand {
                min_words: self.min_words.ok_or_else(|| E::missing_field("min_words"))?,
                max_words: self.max_words.ok_or_else(|| E::missing_field("max_words"))?,
            },
            RewardKind::Regex => RewardProgram::Regex {
                pattern: self.pattern.ok_or_else(|| E::missing_field("pattern"))?,
                forbid: self.forbid.unwrap_or(false),
            },
            RewardKind::RewardModel => RewardProgram::RewardModel { model: self.model.ok_or_else(|| E::missing_field("model"))? },
            RewardKind::Command => RewardProgram::Command {
                command: self.command.ok_or_else(|| E::missing_field("command"))?,
                timeout_seconds,
                memory_mb: self.memory_mb.unwrap_or(RewardProgram::DEFAULT_MEMORY_MB),
            },
            RewardKind::Http => RewardProgram::Http {
                url: self.url.ok_or_else(|| E::missing_field("url"))?,
                key: self.key,
                allow_http: self.allow_http.unwrap_or(false),
                timeout_seconds,
                patience_seconds: self.patience_seconds.unwrap_or(RewardProgram::DEFAULT_PATIENCE_SECONDS),
                pairs_per_request: self.pairs_per_request.unwrap_or(RewardProgram::DEFAULT_PAIRS_PER_REQUEST),
            },
            RewardKind::Judge => RewardProgram::Judge {
                model: self.model.ok_or_else(|| E::missing_field("model"))?,
                rubric: self.rubric.ok_or_else(|| E::missing_field("rubric"))?,
                lowest: self.lowest.unwrap_or(lowest),
                highest: self.highest.unwrap_or(highest),
                endpoint: self.endpoint,
            },
        };
        Ok(RewardPart { name: self.name, weight: self.weight, program })
    }
}

/// A command of a reward as it would be run, which a person agrees to, or has agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RewardCommand {
    /// Label of the part.
    pub part: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// In which it runs.
    pub folder: String,
    /// The files that its arguments name.
    pub files: Vec<CommandFile>,
    /// Hex SHA-256 of command, folder and files: what is agreed to is this and nothing else.
    pub digest: String,
    pub agreed: bool,
}

/// A file that a command names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CommandFile {
    pub path: String,
    /// Hex SHA-256 of its content.
    pub checksum: String,
}
