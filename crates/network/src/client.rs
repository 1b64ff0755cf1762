//! A client of HTTP as this program has it.
use contract::endpoint::is_this_machine;
use contract::{Error, Result};
use reqwest::ClientBuilder;
use std::time::Duration;

/// To reach a machine; to answer may take longer.
pub const CONNECT: Duration = Duration::from_secs(10);

/// A client for the machine at `url`, with what else `settings` sets.
///
/// # Errors
/// [`contract::Code::Network`] where the system has no root certificates.
pub fn client(url: &str, settings: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder().connect_timeout(CONNECT).user_agent(concat!("alignpro/", env!("CARGO_PKG_VERSION")));
    // What stays on this machine goes to no proxy.
    if is_this_machine(url) {
        builder = builder.no_proxy();
    }
    settings(builder)
        .build()
        .map_err(|e| Error::network("Encrypted connections cannot be made; are the system's root certificates there?").with_detail(e))
}

/// An error's causes, the last one first: it says most.
pub fn causes(error: &reqwest::Error) -> String {
    let mut all = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        all.push(next.to_string());
        cause = next.source();
    }
    all.dedup();
    all.reverse();
    all.join("; ")
}
