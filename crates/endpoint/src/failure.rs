//! Why a request was not answered, and what that means for the run.
use crate::complaint::Complaint;
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
    /// Nothing, and nothing has to be: a content filter keeps the answer to this prompt back, not those to others.
    Withheld,
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
        self.error(|remedy, message| match remedy {
            Remedy::None | Remedy::Withheld => Error::engine(message),
            Remedy::Again { .. } | Remedy::Mend => Error::paused(message),
        })
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

/// The failure for a status other than success, or for an error in the place of an answer (200). `who` names the endpoint in a sentence.
pub fn of_status(status: u16, protocol: Protocol, who: &str, key: Option<&str>, complaint: &Complaint, after: Option<Duration>) -> Failure {
    let key_name = key.unwrap_or("NAME");
    let said = complaint.said.as_str();
    // Servers agree little on the status by which they say such things.
    let is_of_account = matches!(status, 200 | 400 | 403 | 422 | 429);
    let is_of_prompt = protocol == Protocol::Answers && matches!(status, 200 | 400 | 413 | 422);
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
        _ if is_of_account && complaint.is_out_of_quota() => {
            (Remedy::Mend, format!("{who} says that the key's quota is used up. Raise it there, then go on."))
        }
        402 => (Remedy::Mend, out_of_money(who)),
        _ if is_of_account && complaint.is_out_of_credit() => (Remedy::Mend, out_of_money(who)),
        _ if is_of_prompt && complaint.is_too_long() => (Remedy::Mend, too_long(who)),
        _ if is_of_prompt && complaint.is_withheld() => {
            (Remedy::Withheld, format!("{who} does not answer a prompt because of its content filter. What it says stands below."))
        }
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
        // A gateway may say such a thing for a moment only.
        200 => return Failure::new(Remedy::Again { after }, format!("{who} answers with an error and nothing else: \"{said}\".")),
        _ => (Remedy::None, format!("{who} refuses the request with status {status}. What it says stands below; {}.", protocol.refused())),
    };
    Failure::new(remedy, message).with_detail(said)
}

fn out_of_money(who: &str) -> String {
    format!("{who} says that its account is out of money. Top it up, then go on.")
}

fn too_long(who: &str) -> String {
    format!(
        "{who} says that a prompt and its answer are longer than what the model's context holds. Let it serve the model with a larger context, then go on; \
         or start a new run with shorter prompts (data.max_words) or a smaller max_answer_tokens."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(said: &str, kind: &str) -> Complaint {
        Complaint { said: said.into(), kind: kind.into() }
    }

    fn failure(status: u16, said: &str, kind: &str) -> Failure {
        of_status(status, Protocol::Answers, "It", Some("k"), &complaint(said, kind), Some(Duration::from_secs(3)))
    }

    fn remedy(status: u16, said: &str, kind: &str) -> Remedy {
        failure(status, said, kind).remedy
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let again = Remedy::Again { after: Some(Duration::from_secs(3)) };
        for status in [200, 408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(remedy(status, "", ""), again, "{status}");
        }
        for status in [301, 401, 402, 403, 404] {
            assert_eq!(remedy(status, "", ""), Remedy::Mend, "{status}");
        }
        assert_eq!(remedy(429, "", "insufficient_quota"), Remedy::Mend);
        assert_eq!(remedy(429, "", "429 RESOURCE_EXHAUSTED"), again, "of a minute, or of a day");
        assert_eq!(remedy(400, "", ""), Remedy::None);
    }

    #[test]
    fn what_is_wrong_is_told_by_the_words_where_the_status_is_not() {
        for (status, said, kind, sentence) in [
            (400, "Your credit balance is too low to access the API.", "invalid_request_error", "out of money"),
            (200, "no credits left", "", "out of money"),
            (403, "", "insufficient_quota", "quota is used up"),
            (400, "", "billing_hard_limit_reached", "quota is used up"),
            (400, "", "context_length_exceeded", "larger context, then go on; or start a new run with shorter prompts (data.max_words)"),
            (422, "Prompt sequence length is greater than 8192", "", "smaller max_answer_tokens"),
        ] {
            let failure = failure(status, said, kind);
            assert!(failure.remedy == Remedy::Mend && failure.message.contains(sentence), "{sentence}: {failure:?}");
        }
        assert_eq!(remedy(400, "", "content_filter"), Remedy::Withheld);
        // A service that scores has no such words.
        let scores = of_status(400, Protocol::Scores, "It", None, &complaint("", "content_filter"), None);
        assert_eq!(scores.remedy, Remedy::None);
        assert!(failure(200, "requires more system memory", "").message.contains("\"requires more system memory\""));
    }

    #[test]
    fn a_missing_key_and_a_wrong_one_are_told_apart() {
        let refused = |key| of_status(401, Protocol::Answers, "It", key, &Complaint::default(), None).message;
        assert!(refused(None).contains("asks for a key"));
        assert!(refused(Some("k")).contains("`alignpro key set k`"));
    }
}
