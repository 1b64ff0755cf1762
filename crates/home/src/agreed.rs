//! Commands of rewards that a person has agreed to run: one JSON object a line, which is only ever added to.
use crate::{Home, create_folder, read_error, write_error};
use contract::reward::RewardCommand;
use contract::{Error, Result};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

impl Home {
    /// With whether a person has agreed to each. What is agreed to is a digest: command, folder and the contents of its files.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn with_agreement(&self, mut commands: Vec<RewardCommand>) -> Result<Vec<RewardCommand>> {
        if commands.is_empty() {
            return Ok(commands);
        }
        let file = self.agreed_commands();
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => String::new(),
            Err(e) => return Err(read_error(&file, &e)),
        };
        // A line that is cut short agrees to nothing.
        let agreed: Vec<RewardCommand> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        for command in &mut commands {
            command.agreed = agreed.iter().any(|known| known.agreed && known.digest == command.digest);
        }
        Ok(commands)
    }

    /// Keeps that a person has agreed to a command.
    pub fn agree(&self, command: &RewardCommand) -> Result<()> {
        let agreed = RewardCommand { agreed: true, ..command.clone() };
        let line = serde_json::to_string(&agreed).map_err(|e| Error::internal("A command cannot be kept.").with_detail(e))?;
        create_folder(self.path())?;
        let file = self.agreed_commands();
        // Begins with a line break: what was cut short before spoils nothing behind it.
        let written = OpenOptions::new().create(true).append(true).open(&file).and_then(|mut file| write!(file, "\n{line}\n"));
        written.map_err(|e| write_error(&file, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(digest: &str) -> RewardCommand {
        let folder = "/".to_owned();
        RewardCommand { part: "p".into(), command: vec!["x".into()], folder, files: Vec::new(), digest: digest.into(), agreed: false }
    }

    #[test]
    fn what_is_agreed_to_is_the_very_command_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("new"));
        let is_agreed = |digest: &str| home.with_agreement(vec![command(digest)]).unwrap()[0].agreed;
        assert!(!is_agreed("a"));
        home.agree(&command("a")).unwrap();
        assert!(is_agreed("a") && !is_agreed("b") && !is_agreed(""));
        // A line that was cut short, and one that agrees to nothing.
        let cut = format!("{}\n{{\"part\":", serde_json::to_string(&command("c")).unwrap());
        OpenOptions::new().append(true).open(home.agreed_commands()).unwrap().write_all(cut.as_bytes()).unwrap();
        home.agree(&command("b")).unwrap();
        assert!(is_agreed("a") && is_agreed("b") && !is_agreed("c"));
    }
}
