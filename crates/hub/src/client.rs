//! Questions to the hub, asked again where that may help.
use crate::failure::{Asked, Failure, Outcome, Said, of_status};
use crate::id::Id;
use crate::listing::{Details, Entry, Repository};
use contract::endpoint::address_problem;
use contract::hub::{HubKind, HubListed};
use contract::{Code, Error, Result};
use network::patience::{asked, pause};
use network::{Secret, causes, without};
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, RANGE};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Response, Url};
use serde::de::DeserializeOwned;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where the hub is, unless [`ADDRESS_VARIABLE`] says otherwise.
pub const ADDRESS: &str = "https://huggingface.co";
/// The variable that names another hub or a mirror, as for Hugging Face's own programs.
pub const ADDRESS_VARIABLE: &str = "HF_ENDPOINT";
/// Name of the key that is the token.
pub const TOKEN: &str = "huggingface";
/// The variable that holds a token for Hugging Face's own programs.
pub const TOKEN_VARIABLE: &str = "HF_TOKEN";

/// So often in a row a request may fail.
const TRIES: u32 = 6;
/// A hub that asks to wait longer is left.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Nothing arrives for so long: the connection is lost.
const SILENCE: Duration = Duration::from_secs(60);
/// How often those who wait look whether to stop.
const LOOK: Duration = Duration::from_millis(100);
/// No list of files is longer.
const LONGEST_ANSWER: usize = 64 << 20;
/// Redirections on the way to a file; there are one or two.
const MOST_REDIRECTIONS: usize = 10;

/// How to speak to the hub.
pub struct Opening {
    /// Without a slash behind it.
    pub address: String,
    /// Sent with every question, where there is one.
    pub token: Option<Secret>,
    /// Another, that is looked for only when the hub wants one: a keychain may ask a person to unlock it.
    pub find_token: Box<dyn Fn() -> Option<Secret> + Send + Sync>,
    /// Hears of every wait.
    pub say: Box<dyn Fn(&str) + Send + Sync>,
    /// Whether to stop; asked several times a second.
    pub stop: Box<dyn Fn() -> bool + Send + Sync>,
}

/// A hub of models and data sets.
pub struct Hub {
    http: reqwest::Client,
    address: String,
    token: Mutex<Option<Secret>>,
    find_token: Box<dyn Fn() -> Option<Secret> + Send + Sync>,
    say: Box<dyn Fn(&str) + Send + Sync>,
    stop: Box<dyn Fn() -> bool + Send + Sync>,
}

/// The address that the environment names, or the usual one.
///
/// # Errors
/// [`Code::Network`] where it is none, or without encryption to a machine outside of the private networks.
pub fn address() -> Result<String> {
    let Some(set) = std::env::var(ADDRESS_VARIABLE).ok().filter(|text| !text.trim().is_empty()) else { return Ok(ADDRESS.into()) };
    let address = set.trim().trim_end_matches('/').to_owned();
    match address_problem(&address, false) {
        None => Ok(address),
        // Not repeated: it may hold a password.
        Some(_) => Err(Error::network(format!(
            "{ADDRESS_VARIABLE} is not the address of a hub: it must begin with https:// (or http:// in a private network) and hold no user, password, ? or #. \
             Unset it for {ADDRESS}."
        ))),
    }
}

/// Sends on, but never from an encrypted address to one that is not.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let was_encrypted = attempt.previous().iter().any(|url| url.scheme() == "https");
    if attempt.previous().len() > MOST_REDIRECTIONS {
        return attempt.error("too many redirections");
    }
    if was_encrypted && attempt.url().scheme() != "https" {
        return attempt.error("it leads from an encrypted address to one that is not");
    }
    attempt.follow()
}

impl Hub {
    /// Asks nothing yet.
    pub fn open(opening: Opening) -> Result<Self> {
        let Opening { address, token, find_token, say, stop } = opening;
        // The HTTP library takes the token off a request that is sent on to another machine.
        let http = network::client(&address, |builder| builder.redirect(Policy::custom(follow)).read_timeout(SILENCE))?;
        Ok(Self { http, address, token: Mutex::new(token), find_token, say, stop })
    }

    /// Where it is, without a slash behind it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Repositories that `text` finds, the most downloaded first, at most `limit`; with all of `tags`.
    pub async fn search(&self, kind: HubKind, text: &str, tags: &[String], limit: usize) -> Result<Vec<HubListed>> {
        let limit = limit.to_string();
        let mut query = vec![("search", text), ("sort", "downloads"), ("limit", limit.as_str())];
        query.extend(Entry::wanted(kind).iter().map(|what| ("expand", *what)));
        query.extend(tags.iter().map(|tag| ("filter", tag.as_str())));
        let url = self.url(&["api", plural(kind)], &query)?;
        let entries: Vec<Entry> = self.json(url, &self.asked("the search", "", None)).await?;
        Ok(entries.into_iter().map(Entry::listed).collect())
    }

    /// A repository with its files, at a branch, tag or commit; at `main` without one.
    pub async fn repository(&self, kind: HubKind, id: &Id, revision: Option<&str>) -> Result<Repository> {
        let mut path = vec!["api", plural(kind)];
        path.extend(id.as_str().split('/'));
        path.extend(revision.into_iter().flat_map(|revision| ["revision", revision]));
        let url = self.url(&path, &[("blobs", "true")])?;
        let (what, page) = (format!("the {} {}", kind.in_words(), id.as_str()), page(kind, id));
        let details: Details = self.json(url, &self.asked(&what, &page, revision)).await?;
        details.repository(kind, id)
    }

    /// The content of a file from byte `from` on.
    pub(crate) async fn open_file(&self, repository: &Repository, path: &str, from: u64) -> Outcome<Response> {
        let (id, kind) = (&repository.id, repository.kind);
        let mut segments: Vec<&str> = if kind == HubKind::Data { vec!["datasets"] } else { Vec::new() };
        segments.extend(id.as_str().split('/').chain(["resolve", &repository.revision]).chain(path.split('/')));
        let url = self.url(&segments, &[])?;
        let (what, page) = (format!("the {} {}", kind.in_words(), id.as_str()), page(kind, id));
        self.get(url, (from > 0).then_some(from), &self.asked(&what, &page, Some(&repository.revision))).await
    }

    fn asked<'a>(&'a self, what: &'a str, page: &'a str, revision: Option<&'a str>) -> Asked<'a> {
        Asked { address: &self.address, what, page, revision, has_token: self.token().is_some() }
    }

    fn token(&self) -> Option<Secret> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<Url> {
        let wrong = || Error::network(format!("{} is not the address of a hub; look at {ADDRESS_VARIABLE}.", self.address));
        let mut url = Url::parse_with_params(&self.address, query).map_err(|_| wrong())?;
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(segments);
        if query.is_empty() {
            url.set_query(None);
        }
        Ok(url)
    }

    /// An answer in JSON.
    async fn json<T: DeserializeOwned>(&self, url: Url, asked: &Asked<'_>) -> Result<T> {
        let mut patience = Patience::default();
        loop {
            let failure = match self.text(url.clone(), asked).await {
                Ok(text) => {
                    return serde_json::from_str(&text).map_err(|e| {
                        Error::network(format!("{} does not answer as a hub does. If {ADDRESS_VARIABLE} is set, look at it.", self.address))
                            .with_detail(e)
                    });
                }
                Err(failure) => failure,
            };
            patience.wait(self, failure).await?;
        }
    }

    async fn text(&self, url: Url, asked: &Asked<'_>) -> Outcome<String> {
        let mut response = self.get(url, None, asked).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LONGEST_ANSWER {
                return Err(Failure::Lasting(Error::network(format!("What {} answers has no end.", self.address))));
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What comes next of a body; None at its end.
    pub(crate) async fn chunk(&self, response: &mut Response) -> Outcome<Option<Vec<u8>>> {
        let chunk = self.or_stopped(response.chunk()).await?.map_err(|e| self.unreached(&e))?;
        Ok(chunk.map(|bytes| bytes.to_vec()))
    }

    /// One request; where the hub wants to know who asks, once more with the token that is found then.
    async fn get(&self, url: Url, from: Option<u64>, asked: &Asked<'_>) -> Outcome<Response> {
        match self.attempt(url.clone(), from, asked).await {
            Err(Failure::Closed(_)) if self.token().is_none() && self.look_for_token() => {
                self.attempt(url, from, &Asked { has_token: true, ..*asked }).await
            }
            outcome => outcome,
        }
    }

    /// Whether there is one.
    fn look_for_token(&self) -> bool {
        let found = (self.find_token)();
        let is_found = found.is_some();
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = found;
        is_found
    }

    async fn attempt(&self, url: Url, from: Option<u64>, asked: &Asked<'_>) -> Outcome<Response> {
        let token = self.token();
        // As it is: lengths and places are those of the file.
        let mut request = self.http.get(url).header(ACCEPT_ENCODING, "identity");
        if let Some(header) = token.as_ref().and_then(Secret::header) {
            request = request.header(AUTHORIZATION, header);
        }
        if let Some(from) = from {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let response = self.or_stopped(request.send()).await?.map_err(|e| self.unreached(&e))?;
        // What is beyond the end of a file (416) is for who asked for a part of it.
        if response.status().is_success() || from.is_some() && response.status().as_u16() == 416 {
            return Ok(response);
        }
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let (code, message) = (text("x-error-code"), without(token.as_ref(), text("x-error-message")));
        let after = wait_for(response.headers());
        Err(of_status(response.status().as_u16(), asked, &Said { code: &code, message: &message }, after))
    }

    /// What `work` gives, or that it was stopped meanwhile.
    async fn or_stopped<T>(&self, work: impl Future<Output = T>) -> Outcome<T> {
        let mut work = std::pin::pin!(work);
        loop {
            if let Ok(done) = tokio::time::timeout(LOOK, &mut work).await {
                return Ok(done);
            }
            self.go_on()?;
        }
    }

    pub(crate) fn go_on(&self) -> Result<()> {
        if (self.stop)() { Err(Error::stopped("Stopped. What has arrived is kept: the same command goes on with it.")) } else { Ok(()) }
    }

    fn unreached(&self, error: &reqwest::Error) -> Failure {
        let address = &self.address;
        let sentence = if error.is_redirect() {
            return Failure::Lasting(
                Error::network(format!("{address} sends on to where it cannot be followed.")).with_detail(causes(error)),
            );
        } else if error.is_connect() {
            format!(
                "{address} cannot be reached. Is this machine connected? A proxy is taken from HTTPS_PROXY, a mirror from {ADDRESS_VARIABLE}."
            )
        } else if error.is_timeout() {
            format!("Nothing came from {address} for {} s.", SILENCE.as_secs())
        } else {
            format!("The connection to {address} broke off.")
        };
        let detail = without(self.token().as_ref(), causes(error));
        Failure::Passing { after: None, error: Error::network(sentence).with_detail(detail) }
    }
}

/// How often a request failed in a row.
#[derive(Default)]
pub(crate) struct Patience {
    failed: u32,
}

impl Patience {
    /// Something arrived.
    pub fn restore(&mut self) {
        self.failed = 0;
    }

    /// Waits before another attempt.
    ///
    /// # Errors
    /// The failure itself, where waiting does not help, or was in vain often enough.
    pub async fn wait(&mut self, hub: &Hub, failure: Failure) -> Result<()> {
        let (after, error) = match failure {
            Failure::Passing { after, error } => (after, error),
            Failure::Closed(error) | Failure::Lasting(error) => return Err(error),
        };
        self.failed += 1;
        if after.is_some_and(|after| after > LONGEST_WAIT) {
            let seconds = after.unwrap_or_default().as_secs();
            return Err(Error {
                message: format!("{} It asks to wait {seconds} s; run the same command again then.", error.message),
                ..error
            });
        }
        if self.failed >= TRIES {
            let again = "What has arrived is kept: the same command goes on with it.";
            return Err(Error { message: format!("{} It was tried {TRIES} times. {again}", error.message), code: Code::Network, ..error });
        }
        let wait = pause(self.failed, after, rand::random());
        if wait > Duration::from_secs(2) || self.failed == 3 {
            (hub.say)(&format!("{} Trying again in {:.0} s.", error.message, wait.as_secs_f64().ceil()));
        }
        hub.or_stopped(tokio::time::sleep(wait)).await.map_err(Failure::error)
    }
}

/// How long the hub asks to wait: `Retry-After`, or its `RateLimit: "api";r=0;t=55`, where nothing remains for 55 s.
fn wait_for(headers: &HeaderMap) -> Option<Duration> {
    let rate = || {
        let text = headers.get("ratelimit")?.to_str().ok()?;
        let field = |name: &str| text.split([';', ',']).find_map(|part| part.trim().strip_prefix(name)?.parse::<u64>().ok());
        (field("r=")? == 0).then(|| field("t=")).flatten().map(Duration::from_secs)
    };
    asked(headers).or_else(rate)
}

/// How the hub's paths call a kind.
fn plural(kind: HubKind) -> &'static str {
    match kind {
        HubKind::Model => "models",
        HubKind::Data => "datasets",
    }
}

/// Of a repository's page, below the address.
fn page(kind: HubKind, id: &Id) -> String {
    match kind {
        HubKind::Model => id.as_str().to_owned(),
        HubKind::Data => format!("datasets/{}", id.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_in_both_ways() {
        let headers =
            |name: &'static str, value: &str| [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect::<HeaderMap>();
        assert_eq!(wait_for(&headers("retry-after", "7")), Some(Duration::from_secs(7)));
        assert_eq!(wait_for(&headers("ratelimit", "\"api\";r=0;t=55")), Some(Duration::from_secs(55)));
        assert_eq!(wait_for(&headers("ratelimit", "\"api\";r=3;t=55")), None);
    }
}
