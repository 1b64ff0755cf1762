//! What an address is expected to speak, as far as sentences about it differ.

/// What an address is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Answers, in OpenAI's protocol.
    Answers,
    /// Scores of pairs (docs/user-guide/rewards.md).
    Scores,
}

impl Protocol {
    /// The address as a sentence begins with it.
    pub fn who(self, url: &str) -> String {
        match self {
            Self::Answers => format!("The endpoint {url}"),
            Self::Scores => format!("The scoring service {url}"),
        }
    }

    /// Of an answer that is not of the protocol; `what` is a clause about it.
    pub fn lied(self, who: &str, what: &str) -> String {
        match self {
            Self::Answers => format!(
                "{who} does not answer in OpenAI's protocol: {what}. Check the url: it is the address of the API, which mostly ends in /v1, not of a page."
            ),
            Self::Scores => format!(
                "{who} does not answer with scores: {what}. To each batch it must answer {{\"scores\": [{{\"id\": …, \"score\": …}}, …]}}, one for each pair."
            ),
        }
    }

    /// The key that makes less of it at a time.
    pub const fn lower(self) -> &'static str {
        match self {
            Self::Answers => "requests_at_once",
            Self::Scores => "pairs_per_request",
        }
    }

    /// Where a spec names the key.
    pub const fn place(self) -> &'static str {
        match self {
            Self::Answers => "under [frozen.endpoint]",
            Self::Scores => "in the part of the reward",
        }
    }

    /// What to do where it does not know what it is asked for.
    pub const fn unknown(self) -> &'static str {
        match self {
            Self::Answers => {
                "does not know this model or this address. Look at `alignpro endpoint models URL`, and at the url, which mostly ends in /v1."
            }
            Self::Scores => "takes no batches at this address. Check the url: batches are posted to it as it stands.",
        }
    }

    /// What a refusal means.
    pub const fn refused(self) -> &'static str {
        match self {
            Self::Answers => "the spec asks for something that it cannot do",
            Self::Scores => "look at its log for what it makes of the batch",
        }
    }
}
