//! What the window asks for, answered from the store and the worker; knows no window, so that tests call it without one.
//!
//! Facts come from the store, work is done by `alignpro` as a process of its own, which goes on when the window is closed or crashes.
mod answers;
mod commands;
mod drafts;
mod endpoints;
mod feedback;
mod files;
mod hub;
mod load;
mod places;
mod report;
mod runs;
mod samples;
mod settings;
mod theory;
mod work;
mod worker;

pub use answers::{answers_of, remove_answers, scores_of};
pub use places::save_new;
pub use settings::{forget_model_folder_in, keep_settings_in, name_model_folder_in, settings_of};
pub use work::Work;

use contract::{Error, Result};
use files::Files;
use home::Home;
use load::Meter;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use store::Store;
use tokio::sync::{OnceCell, broadcast};
use worker::Worker;

/// One run database with the program that works on it.
pub struct Desk {
    home: Home,
    database: PathBuf,
    worker: Worker,
    /// Opened when it is first asked for: the window is there before the file is read.
    store: OnceCell<Store>,
    /// Databases that are open beside it, only to look at.
    files: Mutex<Files>,
    meter: Arc<Mutex<Meter>>,
    /// What nobody waits for any more.
    left: broadcast::Sender<Work>,
}

/// So many can be left before a work looks up.
const LEFT_AT_ONCE: usize = 64;
/// How long a deleted run can be brought back.
const KEPT_WHEN_DELETED: Duration = Duration::from_secs(30 * 24 * 3600);

impl Desk {
    /// `worker` is the path of the `alignpro` program, `database` another than the default one.
    pub fn new(home: Home, database: Option<PathBuf>, worker: PathBuf) -> Self {
        let database = database.unwrap_or_else(|| home.database());
        Self {
            worker: Worker::new(worker, &home, &database),
            home,
            database,
            store: OnceCell::new(),
            files: Mutex::default(),
            meter: Arc::default(),
            left: broadcast::Sender::new(LEFT_AT_ONCE),
        }
    }

    /// # Errors
    /// [`contract::Code::Database`] and [`contract::Code::Io`], as [`Store::open`]; a later call tries again.
    async fn store(&self) -> Result<&Store> {
        self.store
            .get_or_try_init(|| async {
                if let Some(folder) = self.database.parent() {
                    home::create_folder(folder)?;
                }
                let store = Store::open(&self.database).await?;
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let long_ago = now.saturating_sub(KEPT_WHEN_DELETED).as_millis();
                store.remove_deleted_before(i64::try_from(long_ago).unwrap_or(0)).await?;
                answers::sweep(&store).await?;
                Ok(store)
            })
            .await
    }

    /// Ends what only a window waits for, and lets the log go into the database file. Runs go on.
    pub async fn close(&self) {
        self.leave_all().await;
        if let Some(store) = self.store.get() {
            store.clone().close().await;
        }
    }
}

/// Work that must not hold up the window's other questions.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::internal("A question of the window was not answered.").with_detail(e))?
}
