//! Models behind addresses, as the window asks of them; each question is put by `alignpro`.
use crate::Desk;
use crate::worker::read;
use contract::endpoint::{Endpoint, EndpointFindings, KeyNames};
use contract::{Error, Result};

impl Desk {
    /// The names of the models that an endpoint serves; None where it has no such list. The network is used.
    pub async fn endpoint_models(&self, endpoint: &Endpoint) -> Result<Option<Vec<String>>> {
        let mut document = self.worker.ask(&[&["endpoint", "models"], &access(endpoint)[..]].concat(), &[&endpoint.url]).await?;
        read(document["models"].take())
    }

    /// What an endpoint can be relied on for, found by some thirty small requests, which may cost money.
    pub async fn try_endpoint(&self, endpoint: &Endpoint, model: &str) -> Result<EndpointFindings> {
        let at_once = endpoint.requests_at_once.to_string();
        let arguments = [&["endpoint", "try", "--model", model, "--requests-at-once", &at_once], &access(endpoint)[..]].concat();
        read(self.worker.ask(&arguments, &[&endpoint.url]).await?)
    }

    /// Keeps a key in the system's keychain. It is handed over on the standard input of the program that does it, where no list of processes shows it.
    pub async fn keep_key(&self, name: &str, key: &str) -> Result<()> {
        self.worker.tell(&["key", "set"], &[name], key).await.map(|_| ())
    }

    /// The names of the keys that are kept.
    pub async fn keys(&self) -> Result<KeyNames> {
        read(self.worker.ask(&["key", "list"], &[]).await?)
    }

    /// Removes a key from the system's keychain.
    pub async fn remove_key(&self, name: &str) -> Result<()> {
        self.worker.ask(&["key", "remove"], &[name]).await.map(|_| ())
    }

    /// Goes on with a run whose budget was used up, with a larger one: of its frozen model, or of the judge with the label `part`.
    pub async fn resume_with_budget(&self, run: i64, part: Option<&str>, tokens: Option<u64>, money: Option<f64>) -> Result<()> {
        if tokens.is_none() && money.is_none() {
            return Err(Error::spec("A larger budget is a number of tokens, or a sum; write one of them."));
        }
        let of = part.map(|label| format!("{label}=")).unwrap_or_default();
        let tokens = tokens.map(|tokens| format!("--budget-tokens={of}{tokens}"));
        let money = money.map(|money| format!("--budget-money={of}{money}"));
        let budget: Vec<String> = tokens.into_iter().chain(money).collect();
        self.go_on(&[run], &budget).await
    }
}

/// What an endpoint may take and cost, as options of the command line.
pub(crate) fn limits(endpoint: &Endpoint) -> Vec<String> {
    let text = |value: Option<f64>| value.map(|value| value.to_string());
    [
        ("--requests-at-once", Some(endpoint.requests_at_once.to_string())),
        ("--timeout-seconds", Some(endpoint.timeout_seconds.to_string())),
        ("--patience-seconds", Some(endpoint.patience_seconds.to_string())),
        ("--budget-tokens", endpoint.budget_tokens.map(|tokens| tokens.to_string())),
        ("--budget-money", text(endpoint.budget_money)),
        ("--price-in-per-million", text(endpoint.price_in_per_million)),
        ("--price-out-per-million", text(endpoint.price_out_per_million)),
    ]
    .into_iter()
    .filter_map(|(option, value)| Some([option.to_owned(), value?]))
    .flatten()
    .collect()
}

/// How an endpoint is spoken to, as options of the command line.
pub(crate) fn access(endpoint: &Endpoint) -> Vec<&str> {
    let key = endpoint.key.iter().flat_map(|key| ["--key", key.as_str()]);
    key.chain(endpoint.allow_http.then_some("--allow-http")).collect()
}
