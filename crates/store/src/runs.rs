//! Runs, their specs, facts and status.
use crate::numbers::{now_ms, unsigned};
use crate::{Fact, NewRun, Run, Store};
use contract::event::{Event, Status};
use contract::{Error, Result, Spec};
use sqlx::SqliteConnection;

/// How many ids the sentence about a missing run names.
const IDS_NAMED: usize = 20;

/// A row of `runs` with its spec.
struct Row {
    id: i64,
    name: String,
    status: String,
    message: Option<String>,
    spec: String,
    spec_hash: String,
    program_version: String,
    created_at_ms: i64,
    started_at_ms: Option<i64>,
    finished_at_ms: Option<i64>,
    uid: String,
    /// A JSON list.
    tags: String,
    notes: String,
    archived: bool,
    deleted_at_ms: Option<i64>,
    has_adapter: bool,
    without_texts: bool,
    iterations_done: i64,
}

impl Store {
    /// Writes a run as `created`, with its facts and its spec (one row for all runs with the same hash), and returns its id.
    /// A hash that stands for another spec already is [`contract::Code::Internal`].
    pub async fn create_run(&self, run: &NewRun) -> Result<i64> {
        let unreadable = |e| Error::internal(format!("The spec \"{}\" cannot be written as JSON", run.spec.name)).with_detail(e);
        let spec = serde_json::to_string(&run.spec).map_err(unreadable)?;
        let mut transaction = self.write().await?;
        sqlx::query!("INSERT INTO specs (hash, spec) VALUES (?, ?) ON CONFLICT DO NOTHING", run.spec_hash, spec)
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.explain(e))?;
        let stored = sqlx::query_scalar!("SELECT spec FROM specs WHERE hash = ?", run.spec_hash)
            .fetch_one(&mut *transaction)
            .await
            .map_err(|e| self.explain(e))?;
        // Also catches a number that JSON cannot hold (NaN becomes null). Specs are compared, not texts: an older version may have left out
        // a default.
        if serde_json::from_str::<Spec>(&stored).map_err(unreadable)? != run.spec {
            return Err(Error::internal(format!("The hash {} in {} stands for another spec", run.spec_hash, self.path().display())));
        }
        let (status, now) = (Status::Created.as_str(), now_ms());
        let id = sqlx::query!(
            "INSERT INTO runs (uid, name, status, spec_hash, program_version, created_at_ms)
             VALUES (lower(hex(randomblob(16))), ?, ?, ?, ?, ?)",
            run.spec.name,
            status,
            run.spec_hash,
            run.program_version,
            now
        )
        .execute(&mut *transaction)
        .await
        .map_err(|e| self.explain(e))?
        .last_insert_rowid();
        self.write_facts(&mut transaction, id, &run.facts).await?;
        self.commit(transaction).await?;
        Ok(id)
    }

    /// Newest first, deleted ones among them.
    pub async fn runs(&self) -> Result<Vec<Run>> {
        self.read_runs(None).await
    }

    /// The run, or [`contract::Code::Run`] with the ids that exist.
    pub async fn run(&self, run: i64) -> Result<Run> {
        match self.read_runs(Some(run)).await?.pop() {
            Some(run) => Ok(run),
            None => Err(self.no_such_run(run).await),
        }
    }

    /// One run, or all.
    async fn read_runs(&self, run: Option<i64>) -> Result<Vec<Run>> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT id AS "id!", name, status, message, spec, spec_hash, program_version, created_at_ms, started_at_ms, finished_at_ms,
                   uid, notes, archived AS "archived: bool", deleted_at_ms,
                   (SELECT json_group_array(tag) FROM (SELECT tag FROM run_tags WHERE run = runs.id ORDER BY tag)) AS "tags!: String",
                   EXISTS (SELECT 1 FROM checkpoint_parts WHERE run = runs.id AND arm = 'tuned' AND name = 'adapter')
                       AS "has_adapter!: bool",
                   EXISTS (SELECT 1 FROM run_facts WHERE run = runs.id AND key = 'shared.texts') AS "without_texts!: bool",
                   (SELECT coalesce(max(iteration), 0) FROM iterations WHERE run = runs.id AND arm = 'tuned') AS "iterations_done!: i64"
               FROM runs JOIN specs ON specs.hash = runs.spec_hash WHERE ?1 IS NULL OR id = ?1 ORDER BY id DESC"#,
            run
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|e| self.explain(e))?;
        rows.into_iter().map(|row| self.read_run(row)).collect()
    }

    /// Sets the status and writes the status event, in one transaction. `running` notes the first start and clears the end; every
    /// later status notes the end.
    pub async fn set_status(&self, run: i64, status: Status, message: Option<&str>) -> Result<()> {
        let mut transaction = self.write().await?;
        self.write_status(&mut transaction, run, status, message).await?;
        let event = Event::Status { status, message: message.map(String::from) };
        self.write_events(&mut transaction, run, &[event]).await?;
        self.commit(transaction).await
    }

    pub(crate) async fn write_status(
        &self,
        connection: &mut SqliteConnection,
        run: i64,
        status: Status,
        message: Option<&str>,
    ) -> Result<()> {
        let (text, now) = (status.as_str(), now_ms());
        let written = sqlx::query!(
            "UPDATE runs SET status = ?1, message = ?2,
                 started_at_ms = CASE WHEN ?1 = 'running' THEN coalesce(started_at_ms, ?3) ELSE started_at_ms END,
                 finished_at_ms = CASE WHEN ?1 IN ('created', 'waiting', 'running') THEN NULL ELSE ?3 END
             WHERE id = ?4",
            text,
            message,
            now,
            run
        )
        .execute(connection)
        .await
        .map_err(|e| self.explain(e))?;
        if written.rows_affected() == 0 { Err(self.no_such_run(run).await) } else { Ok(()) }
    }

    /// Notes model and data identities and machine facts of a run (replaces values of the same key).
    pub async fn set_facts(&self, run: i64, facts: &[Fact]) -> Result<()> {
        let mut transaction = self.write().await?;
        self.require_run(&mut transaction, run).await?;
        self.write_facts(&mut transaction, run, facts).await?;
        self.commit(transaction).await
    }

    async fn write_facts(&self, connection: &mut SqliteConnection, run: i64, facts: &[Fact]) -> Result<()> {
        for fact in facts {
            sqlx::query!(
                "INSERT INTO run_facts (run, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                run,
                fact.key,
                fact.value
            )
            .execute(&mut *connection)
            .await
            .map_err(|e| self.explain(e))?;
        }
        Ok(())
    }

    /// Ordered by key.
    pub async fn facts(&self, run: i64) -> Result<Vec<Fact>> {
        let facts = sqlx::query_as!(Fact, "SELECT key, value FROM run_facts WHERE run = ? ORDER BY key", run)
            .fetch_all(&self.pool)
            .await
            .map_err(|e| self.explain(e))?;
        self.unless_missing(run, facts).await
    }

    /// Asks the run's worker to stop.
    pub async fn request_stop(&self, run: i64) -> Result<()> {
        self.write_stop(run, true).await
    }

    pub async fn stop_requested(&self, run: i64) -> Result<bool> {
        let requested = sqlx::query_scalar!(r#"SELECT stop_requested AS "requested: bool" FROM runs WHERE id = ?"#, run)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| self.explain(e))?;
        match requested {
            Some(requested) => Ok(requested),
            None => Err(self.no_such_run(run).await),
        }
    }

    /// Forgets an earlier request to stop (a worker that resumes calls it).
    pub async fn clear_stop(&self, run: i64) -> Result<()> {
        self.write_stop(run, false).await
    }

    async fn write_stop(&self, run: i64, requested: bool) -> Result<()> {
        let written = sqlx::query!("UPDATE runs SET stop_requested = ? WHERE id = ?", requested, run)
            .execute(&self.pool)
            .await
            .map_err(|e| self.explain(e))?;
        if written.rows_affected() == 0 { Err(self.no_such_run(run).await) } else { Ok(()) }
    }

    fn read_run(&self, row: Row) -> Result<Run> {
        let damaged = |what: &str| Error::database(format!("The {what} of run {} in {} cannot be read", row.id, self.path().display()));
        Ok(Run {
            id: row.id,
            status: Status::parse(&row.status).ok_or_else(|| damaged("status").with_detail(&row.status))?,
            spec: serde_json::from_str(&row.spec).map_err(|e| damaged("spec").with_detail(e))?,
            tags: serde_json::from_str(&row.tags).map_err(|e| damaged("tags").with_detail(e))?,
            uid: row.uid,
            notes: row.notes,
            archived: row.archived,
            deleted_at_ms: row.deleted_at_ms,
            has_adapter: row.has_adapter,
            without_texts: row.without_texts,
            iterations_done: unsigned(row.iterations_done, "iterations.iteration")?,
            name: row.name,
            message: row.message,
            spec_hash: row.spec_hash,
            program_version: row.program_version,
            created_at_ms: row.created_at_ms,
            started_at_ms: row.started_at_ms,
            finished_at_ms: row.finished_at_ms,
        })
    }

    /// Fails unless the run exists, inside a transaction that is about to write rows of it.
    pub(crate) async fn require_run(&self, connection: &mut SqliteConnection, run: i64) -> Result<()> {
        let found =
            sqlx::query_scalar!("SELECT count(*) FROM runs WHERE id = ?", run).fetch_one(connection).await.map_err(|e| self.explain(e))?;
        if found == 0 { Err(self.no_such_run(run).await) } else { Ok(()) }
    }

    /// Rows that were read; if there are none, the reason may be that there is no such run.
    pub(crate) async fn unless_missing<T>(&self, run: i64, rows: Vec<T>) -> Result<Vec<T>> {
        if rows.is_empty() {
            let mut connection = self.pool.acquire().await.map_err(|e| self.explain(e))?;
            self.require_run(&mut connection, run).await?;
        }
        Ok(rows)
    }

    pub(crate) async fn no_such_run(&self, run: i64) -> Error {
        let ids = match sqlx::query_scalar!(r#"SELECT id AS "id!" FROM runs ORDER BY id"#).fetch_all(&self.pool).await {
            Ok(ids) => ids,
            Err(e) => return self.explain(e),
        };
        let file = self.path().display();
        let newest: Vec<_> = ids.iter().skip(ids.len().saturating_sub(IDS_NAMED)).map(i64::to_string).collect();
        Error::run(match newest.as_slice() {
            [] => format!("There is no run {run} in {file}: it holds no runs yet"),
            [only] => format!("There is no run {run} in {file}; the only one is {only}"),
            _ if newest.len() == ids.len() => format!("There is no run {run} in {file}; there are {}", newest.join(", ")),
            _ => format!("There is no run {run} in {file}; of {} runs the newest are {}", ids.len(), newest.join(", ")),
        })
    }
}
