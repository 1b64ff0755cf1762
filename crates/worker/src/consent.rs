//! A command of a reward is run only after a person has agreed to this very command.
use crate::output::{note, printable};
use contract::reward::RewardCommand;
use contract::{Error, Result};
use home::Home;
use rewards::in_words;
use std::io::{BufRead, IsTerminal};

/// How consent to commands is come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// What nobody has agreed to is asked about on a terminal, and refused where there is none.
    Asked,
    /// The command line says yes.
    Given,
    /// What nobody has agreed to is not run; no question is put.
    Known,
}

/// Commands with whether they may be run. A new yes is kept, for `resume`, the window and whoever runs the same again.
///
/// # Errors
/// [`contract::Code::Reward`] where one must be agreed to and is not.
pub fn check(home: &Home, commands: Vec<RewardCommand>, consent: Consent) -> Result<Vec<RewardCommand>> {
    let mut commands = home.with_agreement(commands)?;
    if consent == Consent::Known {
        return Ok(commands);
    }
    for command in commands.iter_mut().filter(|command| !command.agreed) {
        if consent == Consent::Given {
            note(&format!("Agreed to by --allow-commands:\n{}", shown(command)));
        } else if !asked(command)? {
            return Err(refused(command));
        }
        home.agree(command)?;
        command.agreed = true;
    }
    Ok(commands)
}

/// All that a person has to see of a command, as a terminal may show it.
fn shown(command: &RewardCommand) -> String {
    let mut lines = vec![format!("    {}", in_words(&command.command)), format!("  in the folder {}", command.folder)];
    lines.extend(command.files.iter().map(|file| format!("  with {} (SHA-256 {})", file.path, file.checksum)));
    if command.files.is_empty() {
        lines.push("  none of whose words is the path of a file".into());
    }
    printable(&lines.join("\n"))
}

/// Asks on a terminal; false without one.
fn asked(command: &RewardCommand) -> Result<bool> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Ok(false);
    }
    note(&format!(
        "The part \"{}\" of the reward runs this command on your machine, with your rights:\n{}\nIt can read and change all that you can. Type \"yes\" to agree \
         to it; whatever changes in it is asked about again.",
        printable(&command.part),
        shown(command)
    ));
    let mut said = String::new();
    std::io::stdin().lock().read_line(&mut said).map_err(|e| Error::io("No answer could be read from the terminal.").with_detail(e))?;
    Ok(said.trim().eq_ignore_ascii_case("yes"))
}

fn refused(command: &RewardCommand) -> Error {
    Error::reward(format!(
        "The part \"{}\" of the reward runs a command that nobody has agreed to on this machine, or that has changed since: {}. Read it and the files that it \
         names. If you trust them, do the same in a terminal, which asks, or with --allow-commands.",
        command.part,
        in_words(&command.command)
    ))
    .with_detail(shown(command))
}
