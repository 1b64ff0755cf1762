//! Models behind an address: what a spec says of an OpenAI-compatible endpoint, and what was found there.
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use ts_rs::TS;

/// An address that speaks OpenAI's protocol and answers in the place of a model on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Where the protocol's paths begin, such as `http://127.0.0.1:8000/v1`.
    pub url: String,
    /// Name under which the key is kept (`alignpro key set NAME`), never the key itself. Absent: none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub key: Option<String>,
    /// Requests under way at a time, if the endpoint proves that it answers them as it answers one.
    #[serde(default = "Endpoint::default_requests_at_once")]
    pub requests_at_once: usize,
    /// After so long an answer that has not come is given up.
    #[serde(default = "Endpoint::default_timeout_seconds")]
    pub timeout_seconds: u64,
    /// For so long a request that fails is tried again before the run pauses.
    #[serde(default = "Endpoint::default_patience_seconds")]
    pub patience_seconds: u64,
    /// Tokens, read and written together, that a run may cost. Absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub budget_tokens: Option<u64>,
    /// Money that a run may cost, in the currency of the prices. Absent: any sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub budget_money: Option<f64>,
    /// Price of a million tokens read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub price_in_per_million: Option<f64>,
    /// Price of a million tokens written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub price_out_per_million: Option<f64>,
    /// Speak without encryption to a machine outside of the private networks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_http: bool,
}

impl Endpoint {
    /// With every default, as `alignpro endpoint` and `alignpro judge` use it.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.into(),
            key: None,
            requests_at_once: Self::default_requests_at_once(),
            timeout_seconds: Self::default_timeout_seconds(),
            patience_seconds: Self::default_patience_seconds(),
            budget_tokens: None,
            budget_money: None,
            price_in_per_million: None,
            price_out_per_million: None,
            allow_http: false,
        }
    }

    fn default_requests_at_once() -> usize {
        4
    }
    fn default_timeout_seconds() -> u64 {
        120
    }
    fn default_patience_seconds() -> u64 {
        300
    }

    /// What so many tokens cost; None without prices.
    pub fn money(&self, tokens_in: u64, tokens_out: u64) -> Option<f64> {
        let (read, written) = (self.price_in_per_million?, self.price_out_per_million?);
        Some((tokens_in as f64 * read + tokens_out as f64 * written) / 1e6)
    }

    /// Every impossible value: its key, below the table that this is, and what would fit. No sentence repeats what may be a secret.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found: Vec<(&'static str, String)> = Vec::new();
        found.extend(address_problem(&self.url, self.allow_http).map(|problem| ("url", problem)));
        found.extend(self.key.as_deref().and_then(key_name_problem).map(|problem| ("key", problem)));
        let numbers = [("requests_at_once", self.requests_at_once as u64, 1, 256), ("timeout_seconds", self.timeout_seconds, 1, 3600)];
        for (key, value, least, most) in numbers.into_iter().filter(|(_, value, least, most)| value < least || value > most) {
            found.push((key, format!("is {value}; it must be at least {least} and at most {most}")));
        }
        if self.patience_seconds > 86_400 {
            found.push(("patience_seconds", format!("is {}; it must be at most 86400, a day", self.patience_seconds)));
        }
        if self.budget_tokens == Some(0) {
            found.push(("budget_tokens", "is 0, with which nothing can be asked; leave it out for no limit".into()));
        }
        let prices = [("price_in_per_million", self.price_in_per_million), ("price_out_per_million", self.price_out_per_million)];
        for (key, _) in prices.into_iter().filter(|(_, price)| price.is_some_and(|price| !(price.is_finite() && price >= 0.0))) {
            found.push((key, "must be a price of at least 0".into()));
        }
        if self.budget_money.is_some_and(|money| !(money.is_finite() && money > 0.0)) {
            found.push(("budget_money", "must be a sum above 0; leave it out for no limit".into()));
        } else if self.budget_money.is_some() && self.money(0, 0).is_none() {
            found.push(("budget_money", "needs price_in_per_million and price_out_per_million, from which money is counted".into()));
        }
        found
    }
}

/// Why a text cannot be the name of a key, without repeating it: it may be the key.
pub fn key_name_problem(name: &str) -> Option<String> {
    let is_name =
        !name.is_empty() && name.len() <= 32 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
    let is_hex = name.len() >= 24 && name.chars().all(|c| c.is_ascii_hexdigit());
    (!is_name || is_hex || name.starts_with("sk-")).then(|| {
        "is no name of a key: use up to 32 small letters, digits, - and _ (\"hosted\"). If it is the key itself, take it out, and keep it with \
         `alignpro key set NAME`"
            .into()
    })
}

/// Why an address cannot be used, without repeating it: it may hold a password.
pub fn address_problem(url: &str, allow_http: bool) -> Option<String> {
    let wrong = |what: &str| Some(format!("{what}; write an address such as \"http://127.0.0.1:8000/v1\""));
    let (is_encrypted, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return wrong("does not begin with https:// or http://"),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("has a user or a password in it; take them out, keep the key with `alignpro key set NAME` and name it in key".into());
    }
    if rest.contains(['?', '#']) {
        return wrong("has a ? or a # in it, after which a key may stand");
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return wrong("has white space in it");
    }
    let Some(host) = host_of(authority) else { return wrong("names no machine") };
    if !is_encrypted && !allow_http && !is_near(host) {
        return Some(
            "speaks without encryption to a machine that is not in a private network, so that others can read prompts and key; write https://, \
             or set allow_http = true (--allow-http)"
                .into(),
        );
    }
    None
}

/// The machine in `host`, `host:port`, `[v6]:port`.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(host, port)| (host, port.strip_prefix(':').unwrap_or(port)))?,
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    (!host.is_empty() && (port.is_empty() || port.parse::<u16>().is_ok())).then_some(host)
}

/// Whether a machine is this one or in a private network, by its name or number alone.
fn is_near(host: &str) -> bool {
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(number)) => number.is_loopback() || number.is_private() || number.is_link_local(),
        Ok(IpAddr::V6(number)) => number.is_loopback() || number.is_unique_local() || number.is_unicast_link_local(),
        Err(_) => false,
    }
}

/// Whether an endpoint's address is on this machine.
pub fn is_this_machine(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = host_of(rest.split('/').next().unwrap_or_default()).unwrap_or_default();
    host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|number| number.is_loopback())
}

/// What an endpoint makes of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Seeds {
    /// The same seed gives the same answer, another one another.
    Kept,
    /// The same seed gives different answers.
    Ignored,
    /// Every seed gives the same answer, also where it should be drawn.
    Constant,
}

impl Seeds {
    /// As a fact says it.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Kept => "kept: the same seed gives the same answer",
            Self::Ignored => "ignored: the same seed gives different answers",
            Self::Constant => "without effect: different seeds give the same answer",
        }
    }
}

/// What an endpoint was seen to do, by some small requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EndpointFindings {
    pub url: String,
    /// As it was asked for.
    pub model: String,
    /// As the answers call it, which may be longer: a version.
    pub served: String,
    /// Whatever else it says of itself: its program, where the weights come from, a fingerprint.
    pub version: Option<String>,
    /// Tokens that it holds, where it says so.
    pub context: Option<usize>,
    pub seeds: Seeds,
    pub log_probs: bool,
    /// Whether answers say how many tokens they cost.
    pub usage: bool,
    /// Whether it answers greedily where it is asked to; or else every answer is drawn, at a temperature of its own.
    pub greedy: bool,
    /// Whether short answers hold text that can be compared: those of models that reason first hold none.
    pub compared: bool,
    /// Whether the same question gets the same greedy answer twice, or, where nothing is greedy, the same answer to the same seed.
    pub repeats: bool,
    /// Whether questions asked together are answered as they are one by one, rounding in half precision aside.
    pub together: bool,
    /// Of one short answer.
    pub seconds_per_answer: f64,
    pub spent: EndpointSpent,
    /// What a person should know before relying on it; a sentence each.
    pub remarks: Vec<String>,
}

/// Names of keys, in order. The keys themselves are told to nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct KeyNames {
    /// In the system's keychain, from which they can be removed.
    pub keychain: Vec<String>,
    /// In the environment that the program was started with; as the variables say them, in small letters.
    pub environment: Vec<String>,
}

/// What an endpoint has cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct EndpointSpent {
    /// That were answered.
    pub requests: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// Of the tokens, those that the endpoint did not count and that were estimated from the texts.
    pub tokens_estimated: u64,
    /// Null without prices.
    pub money: Option<f64>,
}

impl EndpointSpent {
    pub fn tokens(&self) -> u64 {
        self.tokens_in + self.tokens_out
    }

    /// `120 requests, 5,000 tokens read and 2,000 written`.
    pub fn in_words(&self) -> String {
        let estimated = if self.tokens_estimated > 0 { format!(" ({} of them estimated)", self.tokens_estimated) } else { String::new() };
        let money = self.money.map_or_else(String::new, |money| format!(", {money:.4} of money"));
        format!("{} requests, {} tokens read and {} written{estimated}{money}", self.requests, self.tokens_in, self.tokens_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_encrypted_unless_they_are_near() {
        for fine in [
            "http://127.0.0.1:8000/v1",
            "http://localhost/v1",
            "http://[::1]:11434/v1",
            "http://192.168.1.20:8080",
            "http://10.0.0.3/v1",
            "https://api.example.com/v1",
        ] {
            assert_eq!(address_problem(fine, false), None, "{fine}");
        }
        for (wrong, word) in [
            ("http://api.example.com/v1", "without encryption"),
            ("http://8.8.8.8/v1", "without encryption"),
            ("http://localhost.example.com/v1", "without encryption"),
            ("ftp://a/v1", "does not begin"),
            ("https://", "names no machine"),
            ("https://a:99999/v1", "names no machine"),
            ("https://me:hunter2@a/v1", "password"),
            ("https://a/v1?api_key=hunter2", "? or a #"),
            ("https://a b/v1", "white space"),
        ] {
            let problem = address_problem(wrong, false).unwrap();
            assert!(problem.contains(word) && !problem.contains("hunter2"), "{wrong}: {problem}");
        }
        assert_eq!(address_problem("http://api.example.com/v1", true), None);
        assert!(is_this_machine("http://localhost:1/v1") && is_this_machine("http://[::1]:1/v1") && !is_this_machine("http://10.0.0.1/v1"));
    }

    #[test]
    fn a_key_in_the_place_of_its_name_is_not_repeated() {
        let endpoint = Endpoint { key: Some("sk-Secret123".into()), ..Endpoint::at("https://a/v1") };
        let problems = endpoint.problems();
        assert!(problems.len() == 1 && problems[0].0 == "key" && !problems[0].1.contains("Secret123"), "{problems:?}");
    }

    #[test]
    fn money_needs_prices() {
        let endpoint = Endpoint { budget_money: Some(1.0), ..Endpoint::at("https://a/v1") };
        assert_eq!(endpoint.problems()[0].0, "budget_money");
        let endpoint = Endpoint { price_in_per_million: Some(1.0), price_out_per_million: Some(4.0), ..endpoint };
        assert_eq!((endpoint.problems(), endpoint.money(1_000_000, 500_000)), (Vec::new(), Some(3.0)));
    }
}
