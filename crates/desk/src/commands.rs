//! The commands of a reward, which a person sees and agrees to before any of them is run.
use crate::{Desk, blocking};
use contract::reward::{Reward, RewardCommand, RewardProgram};
use contract::{Error, Result};
use home::Home;
use std::path::Path;

impl Desk {
    /// The commands that a reward would run, in the order of its parts, with whether they are agreed to.
    ///
    /// # Errors
    /// Where a file that one names cannot be read.
    pub async fn commands(&self, reward: Reward) -> Result<Vec<RewardCommand>> {
        let home = self.home.clone();
        blocking(move || of_reward(&home, &reward)).await
    }

    /// Keeps that a person has agreed to the commands of a reward, which was shown them with these digests.
    ///
    /// # Errors
    /// [`contract::Code::Reward`] where a command is not what was shown any more; nothing is kept then.
    pub async fn agree(&self, reward: Reward, digests: Vec<String>) -> Result<()> {
        let home = self.home.clone();
        blocking(move || {
            let new: Vec<RewardCommand> = of_reward(&home, &reward)?.into_iter().filter(|command| !command.agreed).collect();
            if let Some(other) = new.iter().find(|command| !digests.contains(&command.digest)) {
                return Err(Error::reward(format!(
                    "The command of the part \"{}\", or a file that it names, has changed since it was shown. Look at it again.",
                    other.part
                )));
            }
            new.iter().try_for_each(|command| home.agree(command))
        })
        .await
    }

    /// Refuses a reward with a command that nobody has agreed to: its run would be refused by the worker, after it was written.
    pub(crate) async fn refuse_unagreed(&self, reward: &Reward) -> Result<()> {
        match self.commands(reward.clone()).await?.into_iter().find(|command| !command.agreed) {
            Some(command) => Err(Error::reward(format!(
                "The part \"{}\" of the reward runs a command that nobody has agreed to. Read it under Review, and agree to it there.",
                command.part
            ))),
            None => Ok(()),
        }
    }
}

/// A window has no folder that relative paths could start at.
fn of_reward(home: &Home, reward: &Reward) -> Result<Vec<RewardCommand>> {
    let commands = reward.parts.iter().filter_map(|part| match &part.program {
        RewardProgram::Command { command, .. } => Some(rewards::described(&part.label(), command, Path::new("/"))),
        _ => None,
    });
    home.with_agreement(commands.collect::<Result<Vec<_>>>()?)
}
