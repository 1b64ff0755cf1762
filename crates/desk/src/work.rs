//! Work that takes long, and that a person can leave before its end.
use crate::Desk;
use contract::{Error, Result};
use std::future::{Future, pending};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// What can be left. Of each there is one at a time: another begins by leaving it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    Estimate,
    Judging,
    /// A download of the hub, by the kind and the name of what it brings.
    Fetch(String),
    RewardBench,
    RewardTraining,
    /// Whatever is under way.
    All,
}

/// So often, and so long, it is looked whether what was left has ended.
const LOOKS: u32 = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

impl Desk {
    /// Nobody waits for this any more: its worker ends.
    pub fn leave(&self, work: &Work) {
        // An error says that there is no work at all.
        let _ = self.left.send(work.clone());
    }

    /// Leaves whatever is under way, and waits until its workers are ended. Runs are not among it: they go on.
    pub(crate) async fn leave_all(&self) {
        self.leave(&Work::All);
        for _ in 0..LOOKS {
            if self.left.receiver_count() == 0 {
                return;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Does `task` to its end, or until it is left: then it is [`contract::Code::Stopped`] with this sentence, and its worker ends with the question.
    pub(crate) async fn until_left<T>(&self, work: Work, sentence: &str, task: impl Future<Output = Result<T>>) -> Result<T> {
        self.leave(&work);
        let mut left = self.left.subscribe();
        let is_left = async {
            loop {
                match left.recv().await {
                    Ok(other) if other != work && other != Work::All => {}
                    // Of many that were left at once, this may have been one.
                    Ok(_) | Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => pending().await,
                }
            }
        };
        tokio::select! {
            done = task => done,
            () = is_left => Err(Error::stopped(sentence)),
        }
    }
}
