//! Errors for people: a code for the interface to match on, and one sentence that names the file or field and the way out.
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What kind of thing went wrong. A code exists only where a program acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The spec has an unknown key, a missing key or an impossible value.
    Spec,
    /// A model file is missing, truncated, corrupt, or of an architecture that is not supported.
    Model,
    /// A data set is missing, empty or malformed.
    Data,
    /// The reward could not be computed.
    Reward,
    /// The run database cannot be opened, is not ours, or comes from a newer version.
    Database,
    /// The run does not exist, or is in a state that does not allow this.
    Run,
    /// Another worker holds the run.
    Busy,
    /// Reading or writing a file failed: disk full, no permission, no such folder.
    Io,
    /// An engine failed to answer.
    Engine,
    /// The network or a tool that fetches (pip) is not there.
    Network,
    /// The hub gives nothing without a token, or not for this one.
    Token,
    /// What a run needs from elsewhere is out of reach, or its budget is spent: it is kept, and goes on when that is mended.
    Paused,
    /// The user asked to stop.
    Stopped,
    /// A fault in this program.
    Internal,
}

/// `message` is one sentence for a person; `detail` holds the technical cause, if there is more to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub code: Code,
    pub message: String,
    pub detail: Option<String>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None }
    }

    /// Adds the technical cause below the sentence for people.
    #[must_use]
    pub fn with_detail(mut self, detail: impl std::fmt::Display) -> Self {
        self.detail = Some(detail.to_string());
        self
    }
}

macro_rules! shorthand {
    ($($name:ident => $code:ident),* $(,)?) => {
        impl Error {
            $(pub fn $name(message: impl Into<String>) -> Self { Self::new(Code::$code, message) })*
        }
    };
}
shorthand!(spec => Spec, model => Model, data => Data, reward => Reward, database => Database, run => Run, busy => Busy,
    io => Io, engine => Engine, network => Network, token => Token, paused => Paused, stopped => Stopped, internal => Internal);
