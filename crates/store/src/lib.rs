//! The run database: SQLite through sqlx. A fact is committed here before anyone is told.
pub mod records;

pub use records::*;

use contract::Result;
use contract::event::{Event, Status};
use std::path::Path;

/// An open run database. Clones share the connection pool.
#[derive(Clone)]
pub struct Store {}

/// Held by the one worker that works on a run; the operating system gives it back when the worker dies.
pub struct RunLock {}

impl Store {
    /// Opens the database, creating it if it is not there, and brings it to the newest schema (a copy of the file is kept first).
    pub async fn open(path: &Path) -> Result<Self> {
        todo!("{}", path.display())
    }
    /// Takes the run for this process, or says which worker holds it ([`contract::Code::Busy`]).
    pub fn lock(&self, run: i64) -> Result<RunLock> {
        todo!("{run}")
    }
    /// Runs that are `running` but whose worker is gone become `interrupted`. Returns them.
    pub async fn mark_interrupted(&self) -> Result<Vec<i64>> {
        todo!()
    }

    pub async fn create_run(&self, run: &NewRun) -> Result<i64> {
        todo!("{run:?}")
    }
    /// Newest first.
    pub async fn runs(&self) -> Result<Vec<Run>> {
        todo!()
    }
    /// The run, or [`contract::Code::Run`] with the ids that exist.
    pub async fn run(&self, run: i64) -> Result<Run> {
        todo!("{run}")
    }
    /// Sets the status and writes the status event, in one transaction.
    pub async fn set_status(&self, run: i64, status: Status, message: Option<&str>) -> Result<()> {
        todo!("{run} {status:?} {message:?}")
    }
    /// Notes model and data identities and machine facts of a run (replaces values of the same key).
    pub async fn set_facts(&self, run: i64, facts: &[Fact]) -> Result<()> {
        todo!("{run} {facts:?}")
    }
    pub async fn facts(&self, run: i64) -> Result<Vec<Fact>> {
        todo!("{run}")
    }
    /// Asks the run's worker to stop.
    pub async fn request_stop(&self, run: i64) -> Result<()> {
        todo!("{run}")
    }
    pub async fn stop_requested(&self, run: i64) -> Result<bool> {
        todo!("{run}")
    }
    /// Forgets an earlier request to stop (a worker that resumes calls it).
    pub async fn clear_stop(&self, run: i64) -> Result<()> {
        todo!("{run}")
    }

    /// Appends an event; its sequence number is returned. Sequence numbers grow over the whole database.
    pub async fn append(&self, run: i64, event: &Event) -> Result<i64> {
        todo!("{run} {event:?}")
    }
    /// Events of a run after a sequence number, oldest first.
    pub async fn events_after(&self, run: i64, sequence: i64) -> Result<Vec<StoredEvent>> {
        todo!("{run} {sequence}")
    }

    /// Everything of one iteration, with its events and, if it is due, the checkpoint, in one transaction. An iteration that is
    /// computed again after a resume replaces its earlier rows. Checkpoints older than the one given are dropped.
    pub async fn commit_iteration(
        &self,
        run: i64,
        iteration: &Iteration,
        episodes: &[Episode],
        events: &[Event],
        checkpoint: Option<&Checkpoint>,
    ) -> Result<()> {
        todo!("{run} {iteration:?} {} {} {}", episodes.len(), events.len(), checkpoint.is_some())
    }
    /// A checkpoint alone (at a stop, or of an untrained adapter at the start).
    pub async fn put_checkpoint(&self, run: i64, checkpoint: &Checkpoint) -> Result<()> {
        todo!("{run} {}", checkpoint.iteration)
    }
    /// The newest checkpoint.
    pub async fn checkpoint(&self, run: i64) -> Result<Option<Checkpoint>> {
        todo!("{run}")
    }
    /// Ordered by iteration.
    pub async fn iterations(&self, run: i64) -> Result<Vec<Iteration>> {
        todo!("{run}")
    }
    /// Episodes of one iteration in order, or of all with `None`.
    pub async fn episodes(&self, run: i64, iteration: Option<usize>) -> Result<Vec<Episode>> {
        todo!("{run} {iteration:?}")
    }

    /// A batch of evaluation answers, with its events, in one transaction; rows that are there already are replaced.
    pub async fn commit_evaluation(&self, run: i64, answers: &[EvaluationAnswer], events: &[Event]) -> Result<()> {
        todo!("{run} {} {}", answers.len(), events.len())
    }
    /// Evaluation answers, ordered by split, iteration, arm, prompt, answer; all splits with `None`.
    pub async fn evaluation(&self, run: i64, split: Option<Split>) -> Result<Vec<EvaluationAnswer>> {
        todo!("{run} {split:?}")
    }

    /// The final report, as it was computed from the rows.
    pub async fn put_report(&self, run: i64, report: &contract::report::Report) -> Result<()> {
        todo!("{run} {report:?}")
    }
    pub async fn report(&self, run: i64) -> Result<Option<contract::report::Report>> {
        todo!("{run}")
    }
}
