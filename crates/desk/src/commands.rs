//! The commands of a reward, which a person sees and agrees to before any of them is run.
use crate::{Desk, blocking};
use contract::reward::{Reward, RewardCommand, RewardProgram};
use contract::{Error, Result};
use home::Home;
use std::path::{Path, PathBuf};

impl Desk {
    /// The commands that a reward would run, in the order of its parts, with whether they are agreed to. Of a run they are described where its worker
    /// runs them.
    ///
    /// # Errors
    /// Where a file that one names cannot be read.
    pub async fn commands(&self, reward: Reward, run: Option<i64>) -> Result<Vec<RewardCommand>> {
        let (home, folder) = (self.home.clone(), self.folder_of(run).await?);
        blocking(move || of_reward(&home, &reward, &folder)).await
    }

    /// Where relative paths start: in a run at the folder that it was started in. A window has none.
    async fn folder_of(&self, run: Option<i64>) -> Result<PathBuf> {
        match run {
            None => Ok("/".into()),
            Some(run) => Ok(experiment::prepare::base_folder(&self.store().await?.facts(self.own(run)?).await?)),
        }
    }

    /// Keeps that a person has agreed to the commands of a reward, which was shown them with these digests.
    ///
    /// # Errors
    /// [`contract::Code::Reward`] where a command is not what was shown any more; nothing is kept then.
    pub async fn agree(&self, reward: Reward, digests: Vec<String>, run: Option<i64>) -> Result<()> {
        let (home, folder) = (self.home.clone(), self.folder_of(run).await?);
        blocking(move || {
            let new: Vec<RewardCommand> = of_reward(&home, &reward, &folder)?.into_iter().filter(|command| !command.agreed).collect();
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
        match self.commands(reward.clone(), None).await?.into_iter().find(|command| !command.agreed) {
            Some(command) => Err(Error::reward(format!(
                "The part \"{}\" of the reward runs a command that nobody has agreed to. Read it under Review, and agree to it there.",
                command.part
            ))),
            None => Ok(()),
        }
    }
}

fn of_reward(home: &Home, reward: &Reward, folder: &Path) -> Result<Vec<RewardCommand>> {
    let commands = reward.parts.iter().filter_map(|part| match &part.program {
        RewardProgram::Command { command, .. } => Some(rewards::described(&part.label(), command, folder)),
        _ => None,
    });
    home.with_agreement(commands.collect::<Result<Vec<_>>>()?)
}
