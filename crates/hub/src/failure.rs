//! Why the hub gave nothing, and whether to ask again.
use contract::{Code, Error, Result};
use std::time::Duration;

/// What a request comes to.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// A request without a result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may pass; not before `after`, where the hub says so.
    Passing { after: Option<Duration>, error: Error },
    /// The hub wants to know who asks, or does not let them.
    Closed(Error),
    /// Asking again gives the same.
    Lasting(Error),
}

impl Failure {
    pub fn error(self) -> Error {
        match self {
            Self::Passing { error, .. } | Self::Closed(error) | Self::Lasting(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Lasting(error)
    }
}

/// What was asked, for sentences.
pub(crate) struct Asked<'a> {
    /// Where the hub is, without a slash behind it.
    pub address: &'a str,
    /// As a sentence has it: `the model a/b`, `the search`.
    pub what: &'a str,
    /// Of its page, below the address; empty where there is none.
    pub page: &'a str,
    pub revision: Option<&'a str>,
    pub has_token: bool,
}

/// What the hub said beside its status: `X-Error-Code`, `X-Error-Message`.
pub(crate) struct Said<'a> {
    pub code: &'a str,
    pub message: &'a str,
}

/// The failure for a status other than success.
pub(crate) fn of_status(status: u16, asked: &Asked<'_>, said: &Said<'_>, after: Option<Duration>) -> Failure {
    let (address, what) = (asked.address, asked.what);
    let keep = "keep one with `alignpro key set huggingface`, or set HF_TOKEN";
    let page = format!("{address}/{}", asked.page);
    let sentence = match (status, said.code) {
        (401 | 403, "GatedRepo") if !asked.has_token => format!(
            "{address} gives {what} only to those who have agreed to its conditions. Agree to them on {page}, make a token in your settings there, and {keep}."
        ),
        (401 | 403, "GatedRepo") => format!(
            "{address} has not let this token's owner to {what} yet. Agree to its conditions on {page} (some are granted by hand, which takes time), \
             and see that the token may read gated repositories."
        ),
        (401, _) if said.message.contains("Invalid credentials") => {
            format!(
                "{address} does not accept the token: it is wrong, or no longer valid. Make another in your settings there, and {keep}."
            )
        }
        // The hub does not tell what is not there from what is private.
        (401, _) | (404, "RepoNotFound") if !asked.has_token => format!(
            "{address} has no {} that everyone may see. Look at its name (`alignpro hub search TEXT`; data sets want --data). If it is private, a token is needed: {keep}.",
            what.trim_start_matches("the ")
        ),
        (401, _) | (404, "RepoNotFound") => format!(
            "{address} has no {} that this token may see. Look at its name (`alignpro hub search TEXT`; data sets want --data).",
            what.trim_start_matches("the ")
        ),
        (403, _) => format!("{address} forbids {what}: see that the token may read it."),
        (404, "RevisionNotFound") => {
            format!(
                "{what} has no revision \"{}\" on {address}; its page lists branches and commits: {page}.",
                asked.revision.unwrap_or("main")
            )
        }
        (404, "EntryNotFound") => format!("{what} has lost a file on {address} that it named a moment ago; ask again."),
        (404, _) => format!("{address} does not know {what}. Look at the name; if HF_ENDPOINT is set, it must be the address of a hub."),
        (429, _) => format!("{address} says that it is asked too often. Wait some minutes; with a token it allows more: {keep}."),
        (408 | 425 | 500..=599, _) => format!("{address} answers with status {status}: it is out of order or overloaded. Try again later."),
        (300..=399, _) => format!("{address} sends requests on to where they are not followed. If HF_ENDPOINT is set, look at it."),
        _ => format!("{address} refuses the request for {what} with status {status}."),
    };
    let wants_token = matches!(status, 401 | 403) || (status == 404 && said.code == "RepoNotFound");
    let code = if wants_token { Code::Token } else { Code::Network };
    let mut error = Error::new(code, capital(&sentence));
    if !said.message.is_empty() {
        error = error.with_detail(said.message);
    }
    match status {
        408 | 425 | 429 | 500..=599 => Failure::Passing { after, error },
        401 | 403 | 404 => Failure::Closed(error),
        _ => Failure::Lasting(error),
    }
}

/// As a sentence begins.
fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    // An address begins as it is written.
    match letters.next().filter(|_| !sentence.starts_with("http")) {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, code: &str, has_token: bool) -> Failure {
        let asked = Asked { address: "https://hub", what: "the model a/b", page: "a/b", revision: Some("v1"), has_token };
        of_status(status, &asked, &Said { code, message: "" }, Some(Duration::from_secs(3)))
    }

    fn sentence(status: u16, code: &str, has_token: bool) -> String {
        failure(status, code, has_token).error().message
    }

    #[test]
    fn each_refusal_has_its_way_out() {
        assert!(sentence(401, "GatedRepo", false).contains("Agree to them on https://hub/a/b"));
        assert!(sentence(403, "GatedRepo", true).contains("granted by hand"));
        assert!(sentence(401, "", false).contains("has no model a/b that everyone may see"));
        assert!(sentence(404, "RevisionNotFound", true).starts_with("The model a/b has no revision \"v1\""));
        assert!(sentence(404, "RepoNotFound", true).contains("this token may see"));
        assert_eq!(failure(403, "GatedRepo", true).error().code, Code::Token);
        assert_eq!(failure(404, "RevisionNotFound", true).error().code, Code::Network);
    }

    #[test]
    fn only_what_may_pass_is_asked_again() {
        for status in [408, 429, 500, 503] {
            assert!(matches!(failure(status, "", false), Failure::Passing { after: Some(_), .. }), "{status}");
        }
        for status in [401, 403, 404] {
            assert!(matches!(failure(status, "", false), Failure::Closed(_)), "{status}");
        }
        assert!(matches!(failure(400, "", false), Failure::Lasting(_)));
    }
}
