//! `alignpro endpoint`: what is behind an address, and what it can be relied on for.
use super::Context;
use crate::cli::{Access, AtEndpoint, EndpointCommand};
use crate::output::printable;
use crate::{served, signals};
use contract::endpoint::{Endpoint as Settings, EndpointFindings};
use contract::{Error, Result};
use endpoint::BudgetOf;
use serde_json::json;
use std::process::ExitCode;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

pub fn endpoint(context: &Context, command: EndpointCommand) -> Result<ExitCode> {
    signals::listen();
    match command {
        EndpointCommand::Models { url, access } => block_in_place(|| models(context, &settings(&url, &access)?)),
        EndpointCommand::Try { url, model, access, requests_at_once } => {
            let requests_at_once = usize::try_from(requests_at_once).unwrap_or(1);
            block_in_place(|| try_out(context, &Settings { requests_at_once, ..settings(&url, &access)? }, &model))
        }
    }
    .map(|()| ExitCode::SUCCESS)
}

fn settings(url: &str, access: &Access) -> Result<Settings> {
    // Where a person waits, a minute is long.
    checked(Settings {
        key: access.key.clone(),
        allow_http: access.allow_http,
        timeout_seconds: 60,
        patience_seconds: 30,
        ..Settings::at(url)
    })
}

/// The endpoint of a judge, where there is one.
pub fn of_judge(at: &AtEndpoint) -> Result<Option<Settings>> {
    let settings = |url: &String| {
        let usual = Settings::at(url);
        checked(Settings {
            key: at.key.clone(),
            allow_http: at.allow_http,
            requests_at_once: at.requests_at_once.unwrap_or(usual.requests_at_once),
            timeout_seconds: at.timeout_seconds.unwrap_or(usual.timeout_seconds),
            patience_seconds: at.patience_seconds.unwrap_or(usual.patience_seconds),
            budget_tokens: at.budget_tokens,
            budget_money: at.budget_money,
            price_in_per_million: at.price_in_per_million,
            price_out_per_million: at.price_out_per_million,
            ..usual
        })
    };
    at.url.as_ref().map(settings).transpose()
}

fn checked(settings: Settings) -> Result<Settings> {
    match settings.problems().into_iter().next() {
        Some((key, problem)) => {
            let option = |key: &str| format!("--{}", key.replace('_', "-"));
            let prices = ["price_in_per_million", "price_out_per_million"];
            let problem = prices.into_iter().fold(problem, |problem, key| problem.replace(key, &option(key)));
            let named = if key == "url" { "The URL".to_owned() } else { option(key) };
            Err(Error::spec(format!("{named} {problem}.")))
        }
        None => Ok(settings),
    }
}

fn models(context: &Context, settings: &Settings) -> Result<()> {
    let secret = served::secret(settings)?;
    served::announce(&context.home, settings, "the list of models")?;
    let models = endpoint::listed(settings, secret, &Handle::current())?;
    let text = || match &models {
        None => format!("{} has no list of models; its manual names them.", settings.url),
        Some(names) if names.is_empty() => format!("{} serves no model.", settings.url),
        Some(names) => printable(&names.join("\n")),
    };
    context.output.result(&json!({ "models": models }), text)
}

fn try_out(context: &Context, settings: &Settings, model: &str) -> Result<()> {
    let mut endpoint = served::open(&context.home, settings, BudgetOf::Command, model)?;
    let (findings, _) = endpoint.probe(&mut |_| signals::go_on()).map_err(|e| match e.code {
        // There is no run to go on with.
        contract::Code::Paused => Error { code: contract::Code::Network, ..e },
        _ => e,
    })?;
    context.output.result(&findings, || text(&findings))
}

fn text(found: &EndpointFindings) -> String {
    let yes = |is_so: bool| if is_so { "yes" } else { "no" }.to_owned();
    let compared = |is_so| if found.compared { yes(is_so) } else { "not known: short answers hold no text".into() };
    let mut rows = vec![
        ("model", found.served.clone()),
        ("of itself it says", found.version.clone().unwrap_or_else(|| "nothing".into())),
        ("context", found.context.map_or_else(|| "not told".into(), |tokens| format!("{tokens} tokens"))),
        ("seeds", found.seeds.in_words().into()),
        ("log-probabilities", yes(found.log_probs)),
        ("counts tokens", yes(found.usage)),
        if found.greedy { ("repeats greedy answers", compared(found.repeats)) } else { ("answers greedily", yes(false)) },
        ("together as one by one", compared(found.together)),
        ("a short answer takes", format!("{:.2} s", found.seconds_per_answer)),
        ("this has cost", found.spent.in_words()),
    ];
    rows.extend(found.remarks.iter().map(|remark| ("note", remark.clone())));
    printable(&rows.into_iter().map(|(name, value)| format!("{name:<24}{value}")).collect::<Vec<_>>().join("\n"))
}
