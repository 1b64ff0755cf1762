//! One request over HTTP, and one that is tried again.
use crate::complaint::Complaint;
use crate::failure::{Failure, Outcome, Remedy, of_status};
use crate::protocol::Protocol;
use crate::wire::{self, Served};
use contract::Result;
use contract::endpoint::Endpoint as Settings;
use network::patience::{asked, pause, used_up};
use network::{Secret, causes, without};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, SERVER};
use reqwest::redirect::Policy;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// No answer is longer than this.
const LONGEST_ANSWER: usize = 16 << 20;

/// The way to an endpoint.
pub struct Client {
    http: reqwest::Client,
    protocol: Protocol,
    url: String,
    pub model: String,
    key_name: Option<String>,
    secret: Option<Secret>,
    timeout: Duration,
    patience: Duration,
    /// Before then nothing is asked.
    not_before: Mutex<Option<Instant>>,
    /// True when those who wait should give up.
    stopping: watch::Sender<bool>,
    say: Box<dyn Fn(&str) + Send + Sync>,
}

/// A body with what stood in its head.
struct Answered {
    text: String,
    headers: HeaderMap,
}

impl Client {
    /// `say` hears of every wait. Nothing is asked yet.
    pub fn new(
        settings: &Settings,
        protocol: Protocol,
        model: &str,
        secret: Option<Secret>,
        say: Box<dyn Fn(&str) + Send + Sync>,
    ) -> Result<Self> {
        let timeout = Duration::from_secs(settings.timeout_seconds);
        let http = network::client(&settings.url, |builder| builder.redirect(Policy::none()).timeout(timeout))?;
        Ok(Self {
            http,
            protocol,
            url: if protocol == Protocol::Answers { settings.url.trim_end_matches('/').into() } else { settings.url.clone() },
            model: model.into(),
            key_name: settings.key.clone(),
            secret,
            timeout,
            patience: Duration::from_secs(settings.patience_seconds),
            not_before: Mutex::new(None),
            stopping: watch::channel(false).0,
            say,
        })
    }

    /// Lets those who wait give up, or go on waiting from now on.
    pub fn set_stopping(&self, stopping: bool) {
        self.stopping.send_replace(stopping);
    }

    /// Says a sentence to whoever hears of waits.
    pub fn tell(&self, sentence: &str) {
        (self.say)(sentence);
    }

    /// Where the protocol's paths begin, without a slash behind it; where scores are asked for, as it stands.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address as a sentence begins with it.
    pub fn who(&self) -> String {
        self.protocol.who(&self.url)
    }

    /// What is served, with the program that serves it; None where the endpoint has no such list.
    pub async fn models(&self) -> Outcome<Option<(Vec<Served>, Option<String>)>> {
        let answered = match self.exchange(self.http.get(format!("{}/models", self.url))).await {
            Ok(Ok(answered)) => answered,
            Ok(Err((404 | 405 | 501, _))) => return Ok(None),
            Ok(Err((_, failure))) | Err(failure) => return Err(failure),
        };
        let text = self.clean(wire::unescaped(&answered.text).unwrap_or_else(|| answered.text.clone()));
        let models = wire::models(&text).map_err(|what| self.unread(&answered, &what))?;
        let program =
            answered.headers.get(SERVER).and_then(|value| value.to_str().ok()).map(|text| without(self.secret.as_ref(), text.into()));
        Ok(Some((models, program)))
    }

    /// What a text that came is without the key.
    pub fn clean(&self, text: String) -> String {
        without(self.secret.as_ref(), text)
    }

    /// One attempt. `read` takes the answer, or says in a clause what is wrong with it.
    pub async fn attempt<T>(&self, path: &str, body: &Value, read: &(dyn Fn(&str) -> Result<T, String> + Send + Sync)) -> Outcome<T> {
        let request = self.http.post(format!("{}{path}", self.url)).json(body);
        let answered = self.exchange(request).await?.map_err(|(_, failure)| failure)?;
        if let Some(wait) = used_up(&answered.headers) {
            self.close(wait);
        }
        read(&answered.text).map_err(|what| self.unread(&answered, &what))
    }

    /// Asks, and again where that may help, for as long as the spec is patient. [`Remedy::Again`] in a failure means that patience has run out.
    pub async fn ask<T>(&self, path: &str, body: &Value, read: &(dyn Fn(&str) -> Result<T, String> + Send + Sync)) -> Outcome<T> {
        let (begun, mut failed) = (Instant::now(), 0);
        loop {
            self.wait_for_turn(begun).await?;
            let failure = match self.attempt(path, body, read).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            let Remedy::Again { after } = failure.remedy else { return Err(failure) };
            failed += 1;
            let wait = pause(failed, after, rand::random());
            if begun.elapsed() + wait > self.patience || *self.stopping.borrow() {
                return Err(self.out_of_patience(failure, failed, after));
            }
            if after.is_some() {
                self.close(wait);
            }
            if wait > Duration::from_secs(2) || failed == 3 {
                (self.say)(&format!("{} Trying again {}.", failure.message, in_words(wait)));
            }
            self.sleep(wait).await;
        }
    }

    fn out_of_patience(&self, failure: Failure, failed: u32, after: Option<Duration>) -> Failure {
        let patience = self.patience.as_secs();
        let tried = match after {
            Some(after) if after > self.patience => {
                format!("It asks to wait {} s, which is longer than patience_seconds = {patience}.", after.as_secs_f64().ceil())
            }
            _ if failed == 0 => format!("It was waited for, for up to patience_seconds = {patience}."),
            _ if failed == 1 => format!("It was tried once, for up to patience_seconds = {patience}."),
            _ => format!("It was tried {failed} times, for up to patience_seconds = {patience}."),
        };
        Failure { message: format!("{} {tried}", failure.message), ..failure }
    }

    /// Until the endpoint may be asked again.
    async fn wait_for_turn(&self, begun: Instant) -> Outcome<()> {
        loop {
            let until = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(wait) = until.and_then(|until| until.checked_duration_since(Instant::now())).filter(|wait| !wait.is_zero()) else {
                return Ok(());
            };
            if begun.elapsed() + wait > self.patience || *self.stopping.borrow() {
                let asked = format!("{} allows nothing more for {:.0} s.", self.who(), wait.as_secs_f64().ceil());
                return Err(self.out_of_patience(Failure::new(Remedy::Again { after: Some(wait) }, asked), 0, Some(wait)));
            }
            self.sleep(wait).await;
        }
    }

    fn close(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = Some(not_before.map_or(until, |before| before.max(until)));
    }

    /// Less, if those who wait should give up.
    async fn sleep(&self, wait: Duration) {
        let mut stopping = self.stopping.subscribe();
        let _ = tokio::time::timeout(wait, stopping.wait_for(|stopping| *stopping)).await;
    }

    /// Sends a request and reads all of what comes: a body, or a status with what it means.
    async fn exchange(&self, request: reqwest::RequestBuilder) -> Outcome<Result<Answered, (u16, Failure)>> {
        let mut request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(header) = self.secret.as_ref().and_then(Secret::header) {
            request = request.header(AUTHORIZATION, header);
        }
        let mut response = request.send().await.map_err(|e| self.unreached(&e))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unreached(&e))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LONGEST_ANSWER {
                return Err(self.lied("it is longer than any answer"));
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if status.is_success() {
            return Ok(Ok(Answered { text, headers }));
        }
        Ok(Err((status.as_u16(), self.refused(status.as_u16(), Complaint::of(&self.clean(text)), &headers))))
    }

    /// The failure of a request that was answered with a complaint, of which the key was taken out once, before a cut could leave a part of it.
    fn refused(&self, status: u16, complaint: Complaint, headers: &HeaderMap) -> Failure {
        // Once more for what JSON had escaped.
        let complaint = Complaint { said: self.clean(complaint.said), ..complaint };
        let after = asked(headers).or_else(|| used_up(headers));
        of_status(status, self.protocol, &self.who(), self.key_name.as_deref(), &complaint, after)
    }

    /// The failure of an answer that cannot be read: what it complains of, as gateways do with a status of success, or else what it is; `what` is a
    /// clause about that.
    fn unread(&self, answered: &Answered, what: &str) -> Failure {
        match Complaint::in_answer(&self.clean(answered.text.clone())) {
            Some(complaint) => self.refused(complaint.status(), complaint, &answered.headers),
            None => self.lied(&self.clean(what.into())),
        }
    }

    /// The failure of an answer that is not what it should be; `what` is a clause about it. A gateway may say such a thing for a moment only.
    fn lied(&self, what: &str) -> Failure {
        Failure::new(Remedy::Again { after: None }, self.protocol.lied(&self.who(), what))
    }

    fn unreached(&self, error: &reqwest::Error) -> Failure {
        let who = self.who();
        let message = if error.is_timeout() {
            format!(
                "{who} did not answer within timeout_seconds = {}. Is it overloaded? Raise timeout_seconds, or lower {}.",
                self.timeout.as_secs(),
                self.protocol.lower()
            )
        } else if error.is_connect() {
            format!("{who} cannot be reached. Is it running, and is the url right?")
        } else if error.is_builder() {
            return Failure::new(Remedy::Mend, format!("{who} cannot be asked: its url is not an address."));
        } else {
            format!("{who} broke off in the middle of an answer. Is it still running?")
        };
        Failure::new(Remedy::Again { after: None }, message).with_detail(without(self.secret.as_ref(), causes(error)))
    }
}

/// A wait, for people.
fn in_words(wait: Duration) -> String {
    if wait < Duration::from_millis(500) { "at once".into() } else { format!("in {:.0} s", wait.as_secs_f64().ceil()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_of_a_wait_of_no_seconds() {
        let words = [0, 499, 500, 1001, 30_000].map(|milliseconds| in_words(Duration::from_millis(milliseconds)));
        assert_eq!(words, ["at once", "at once", "in 1 s", "in 2 s", "in 30 s"]);
    }
}
