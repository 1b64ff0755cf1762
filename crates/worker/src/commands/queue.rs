//! Several runs in one worker, one after another.
use contract::event::Status;
use contract::{Code, Error, Result};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use store::{RunLock, Store};

/// How often it is looked whether a waiting run was withdrawn.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs that this process has taken on and that wait for their turn.
pub struct Queue {
    store: Store,
    waiting: Arc<Mutex<VecDeque<(i64, RunLock)>>>,
}

impl Queue {
    /// Takes runs on, all or none: a run that another worker has is [`Code::Busy`].
    pub async fn take(store: Store, runs: &[i64]) -> Result<Self> {
        let mut taken = VecDeque::new();
        for run in runs {
            if taken.iter().any(|(other, _)| other == run) {
                return Err(Error::run(format!("Run {run} is named twice.")));
            }
            taken.push_back((*run, store.lock(*run)?));
        }
        for (run, _) in &taken {
            store.clear_stop(*run).await?;
            store.set_status(*run, Status::Waiting, None).await?;
        }
        let queue = Self { store, waiting: Arc::new(Mutex::new(taken)) };
        tokio::spawn(give_back(queue.store.clone(), Arc::downgrade(&queue.waiting)));
        Ok(queue)
    }

    /// The next run that was not withdrawn.
    pub async fn next(&self) -> Result<Option<(i64, RunLock)>> {
        loop {
            let Some((run, lock)) = held(&self.waiting).pop_front() else { return Ok(None) };
            if self.store.run(run).await?.status == Status::Waiting {
                return Ok(Some((run, lock)));
            }
        }
    }

    /// Runs whose turn has not come are stopped.
    pub async fn stop(&self) -> Result<()> {
        while let Some((run, _lock)) = self.next().await? {
            self.store.withdraw(run).await?;
        }
        Ok(())
    }
}

fn held(waiting: &Mutex<VecDeque<(i64, RunLock)>>) -> MutexGuard<'_, VecDeque<(i64, RunLock)>> {
    // What it guards is whole at any moment.
    waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Gives the locks of withdrawn runs back, so that others may go on with them at once.
async fn give_back(store: Store, waiting: std::sync::Weak<Mutex<VecDeque<(i64, RunLock)>>>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let Some(waiting) = waiting.upgrade() else { return };
        let runs: Vec<i64> = held(&waiting).iter().map(|(run, _)| *run).collect();
        for run in runs {
            // What cannot be read now is looked at again.
            if store.run(run).await.is_ok_and(|record| record.status != Status::Waiting) {
                held(&waiting).retain(|(other, _)| *other != run);
            }
        }
    }
}

/// Whether the runs behind one that ended so still have their turn: what is wrong with one need not be wrong with the next.
pub fn goes_on(error: &Error) -> bool {
    !matches!(error.code, Code::Stopped | Code::Paused | Code::Io | Code::Database)
}
