//! `alignpro key`: keys of endpoints and of the hub, by name. A key itself is never an argument and never printed.
use super::Context;
use crate::cli::KeyCommand;
use console::Term;
use contract::endpoint::KeyNames;
use contract::{Error, Result};
use network::{Secret, keys};
use serde_json::json;
use std::io::{IsTerminal, Read};
use std::process::ExitCode;

/// No key is longer.
const LONGEST: u64 = 16 << 10;

pub fn key(context: &Context, command: KeyCommand) -> Result<ExitCode> {
    match command {
        KeyCommand::Set { name } => {
            keys::check(&name)?;
            keys::set(&name, &read(&name)?)?;
            let used = match name.as_str() {
                hub::TOKEN => "`alignpro hub` sends it where the hub wants a token.".to_owned(),
                _ => format!("In a spec: key = \"{name}\" under [frozen.endpoint]."),
            };
            let said = || format!("The key \"{name}\" is kept in the system's keychain. {used}");
            context.output.result(&json!({ "key": name }), said)?;
        }
        KeyCommand::List => {
            let names = keys::list()?;
            context.output.result(&names, || text(&names))?;
        }
        KeyCommand::Remove { name } => {
            if !keys::remove(&name)? {
                return Err(Error::io(format!("The keychain has no key \"{name}\"; `alignpro key list` names those that it has.")));
            }
            context.output.result(&json!({ "removed": name }), || format!("The key \"{name}\" is removed."))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(names: &KeyNames) -> String {
    let environment = names.environment.iter().map(|name| format!("{name}  (in the environment)"));
    let all: Vec<String> = names.keychain.iter().cloned().chain(environment).collect();
    if all.is_empty() { "No keys are kept; `alignpro key set NAME` keeps one.".into() } else { all.join("\n") }
}

/// A key from standard input: typed without being shown, or piped.
fn read(name: &str) -> Result<Secret> {
    let failed = |e: std::io::Error| Error::io("The key could not be read from standard input.").with_detail(e);
    let mut text = String::new();
    if std::io::stdin().is_terminal() {
        crate::output::note(&format!("Type or paste the key \"{name}\" (it is not shown), then press Enter:"));
        text = Term::stderr().read_secure_line().map_err(failed)?;
    } else {
        std::io::stdin().lock().take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    }
    Secret::new(&text).ok_or_else(|| Error::io("That is no key: it must be one word of plain letters. Nothing was kept."))
}
