use contract::Code;

/// What can go wrong in a model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model, tokenizer or adapter file is missing, damaged or not supported: a sentence that names it and the way out.
    #[error("{0}")]
    Model(String),
    /// The text does not fit into the model's context.
    #[error("{0}")]
    TooLong(String),
    /// Reading or writing failed.
    #[error("{0}")]
    Io(String),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
    #[error("a tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Error> for contract::Error {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Model(_) => Code::Model,
            Error::TooLong(_) => Code::Data,
            Error::Io(_) => Code::Io,
            Error::Stopped => Code::Stopped,
            Error::Tensor(_) => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}
