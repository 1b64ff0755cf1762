//! Why a request was not answered, and what that means for the run.
use crate::protocol::Protocol;
use contract::{Error, Result};
use std::time::Duration;

/// What can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Asking again, not before `after` where the endpoint says so.
    Again { after: Option<Duration> },
    /// Nothing here: a person has to mend it, and then the run goes on.
    Mend,
    /// Nothing: the request itself is at fault.
    None,
}

/// A request that was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub remedy: Remedy,
    /// For people, with the way out.
    pub message: String,
    pub detail: Option<String>,
}

impl Failure {
    pub fn new(remedy: Remedy, message: impl Into<String>) -> Self {
        Self { remedy, message: message.into(), detail: None }
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into()).filter(|detail: &String| !detail.trim().is_empty());
        self
    }

    /// As a run hears it: what can be mended outside pauses it.
    pub fn of_run(self) -> Error {
        self.error(|remedy, message| if remedy == Remedy::None { Error::engine(message) } else { Error::paused(message) })
    }

    /// As a command hears it that has nothing to lose.
    pub fn of_command(self) -> Error {
        self.error(|_, message| Error::network(message))
    }

    fn error(self, code: impl FnOnce(Remedy, String) -> Error) -> Error {
        let error = code(self.remedy, self.message);
        match self.detail {
            Some(detail) => error.with_detail(detail),
            None => error,
        }
    }
}

/// What a request comes to.
pub type Outcome<T> = Result<T, Failure>;

/// The failure for a status other than success. `who` names the endpoint in a sentence, `said` is its own explanation, `kind` its own word for it.
pub fn of_status(
    status: u16,
    protocol: Protocol,
    who: &str,
    key: Option<&str>,
    (said, kind): (&str, &str),
    after: Option<Duration>,
) -> Failure {
    let key_name = key.unwrap_or("NAME");
    let is_out_of_money = kind.contains("quota") || kind.contains("billing") || said.contains("insufficient_quota");
    let (remedy, message) = match status {
        300..=399 => {
            (Remedy::Mend, format!("{who} sends requests on to another address, which is not followed; write that address as the url."))
        }
        401 if key.is_none() => (
            Remedy::Mend,
            format!("{who} asks for a key. Keep one with `alignpro key set NAME` and name it: key = \"NAME\" {}.", protocol.place()),
        ),
        401 => {
            (Remedy::Mend, format!("{who} does not accept the key \"{key_name}\". Keep the right one with `alignpro key set {key_name}`."))
        }
        402 => (Remedy::Mend, format!("{who} says that its account is out of money. Top it up, then go on.")),
        429 if is_out_of_money => (Remedy::Mend, format!("{who} says that the key's quota is used up. Raise it there, then go on.")),
        // Of some models they may not be asked for: another request is answered.
        403 if !said.contains("logprobs") => (
            Remedy::Mend,
            format!("{who} forbids it: the key may not use this model or this address. Change that there, or use another key."),
        ),
        404 | 405 => (Remedy::Mend, format!("{who} {}", protocol.unknown())),
        429 => (Remedy::Again { after }, format!("{who} says that it is asked too often. Lower {}, or wait and go on.", protocol.lower())),
        408 | 409 | 425 | 500..=599 => {
            (Remedy::Again { after }, format!("{who} answers with status {status}: it is out of order or overloaded. Look at its log."))
        }
        _ => (Remedy::None, format!("{who} refuses the request with status {status}. What it says stands below; {}.", protocol.refused())),
    };
    Failure::new(remedy, message).with_detail(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy(status: u16, said: &str, kind: &str) -> Remedy {
        of_status(status, Protocol::Answers, "It", Some("k"), (said, kind), Some(Duration::from_secs(3))).remedy
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let again = Remedy::Again { after: Some(Duration::from_secs(3)) };
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(remedy(status, "", ""), again, "{status}");
        }
        for status in [301, 401, 402, 403, 404] {
            assert_eq!(remedy(status, "", ""), Remedy::Mend, "{status}");
        }
        assert_eq!(remedy(429, "", "insufficient_quota"), Remedy::Mend);
        assert_eq!(remedy(400, "", ""), Remedy::None);
    }

    #[test]
    fn a_missing_key_and_a_wrong_one_are_told_apart() {
        assert!(of_status(401, Protocol::Answers, "It", None, ("", ""), None).message.contains("asks for a key"));
        assert!(of_status(401, Protocol::Answers, "It", Some("k"), ("", ""), None).message.contains("`alignpro key set k`"));
    }
}
