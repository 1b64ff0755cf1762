//! What a person changes about a run that is there: name, notes, tags, out of the way, gone.
use crate::numbers::now_ms;
use crate::{Run, Store};
use contract::desk::RunChange;
use contract::event::{Event, Status};
use contract::{Error, Result};
use sqlx::SqliteConnection;

/// Longest name and tag, in characters: a row of a list still shows them.
const LONGEST_NAME: usize = 200;
const LONGEST_TAG: usize = 60;

impl Store {
    /// Changes all of these runs, or none. A name or tag that is empty or too long, and deleting a run that a worker has, are
    /// [`contract::Code::Run`].
    pub async fn change(&self, runs: &[i64], change: &RunChange) -> Result<()> {
        let name = change.name.as_deref().map(|name| label(name, "name", LONGEST_NAME)).transpose()?;
        let tags = change.tags.as_deref().map(|tags| tags.iter().map(|tag| label(tag, "tag", LONGEST_TAG)).collect::<Result<Vec<_>>>());
        let (tags, now) = (tags.transpose()?, now_ms());
        let mut transaction = self.write().await?;
        for run in runs {
            let updated = sqlx::query!(
                r#"UPDATE runs SET name = coalesce(?2, name), notes = coalesce(?3, notes), archived = coalesce(?4, archived),
                       deleted_at_ms = CASE ?5 WHEN 1 THEN coalesce(deleted_at_ms, ?6) WHEN 0 THEN NULL ELSE deleted_at_ms END
                   WHERE id = ?1 RETURNING status"#,
                run,
                name,
                change.notes,
                change.archived,
                change.deleted,
                now
            );
            let status = match updated.fetch_optional(&mut *transaction).await.map_err(|e| self.explain(e))? {
                Some(row) => row.status,
                None => return Err(self.no_such_run(*run).await),
            };
            if change.deleted == Some(true) && Status::parse(&status).is_some_and(Status::is_held) {
                return Err(Error::run(format!("Run {run} is {status}; stop it before you delete it.")));
            }
            if let Some(tags) = &tags {
                self.write_tags(&mut transaction, *run, tags).await?;
            }
        }
        self.commit(transaction).await
    }

    async fn write_tags(&self, connection: &mut SqliteConnection, run: i64, tags: &[&str]) -> Result<()> {
        sqlx::query!("DELETE FROM run_tags WHERE run = ?", run).execute(&mut *connection).await.map_err(|e| self.explain(e))?;
        for tag in tags {
            sqlx::query!("INSERT INTO run_tags (run, tag) VALUES (?, ?) ON CONFLICT DO NOTHING", run, tag)
                .execute(&mut *connection)
                .await
                .map_err(|e| self.explain(e))?;
        }
        Ok(())
    }

    /// Removes deleted runs with all their rows, for good. A run that is not deleted stays, and is [`contract::Code::Run`].
    pub async fn remove(&self, runs: &[i64]) -> Result<()> {
        let mut transaction = self.write().await?;
        for run in runs {
            let removed = sqlx::query!("DELETE FROM runs WHERE id = ? AND deleted_at_ms IS NOT NULL", run).execute(&mut *transaction).await;
            if removed.map_err(|e| self.explain(e))?.rows_affected() == 0 {
                self.require_run(&mut transaction, *run).await?;
                return Err(Error::run(format!("Run {run} is not deleted; delete it before you remove it for good.")));
            }
        }
        // Specs that no run has any more.
        sqlx::query!("DELETE FROM specs WHERE hash NOT IN (SELECT spec_hash FROM runs)")
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.explain(e))?;
        self.commit(transaction).await
    }

    /// Removes, for good, what was deleted before a time (milliseconds since 1970); how many runs it was.
    pub async fn remove_deleted_before(&self, at_ms: i64) -> Result<usize> {
        let old: Vec<i64> =
            self.runs().await?.iter().filter(|run| run.deleted_at_ms.is_some_and(|at| at < at_ms)).map(|run| run.id).collect();
        if !old.is_empty() {
            self.remove(&old).await?;
        }
        Ok(old.len())
    }

    /// A run that is only `waiting` for its turn becomes `stopped` and its worker passes over it; whether it was waiting.
    pub async fn withdraw(&self, run: i64) -> Result<bool> {
        let mut transaction = self.write().await?;
        let waiting = sqlx::query_scalar!("SELECT count(*) FROM runs WHERE id = ? AND status = 'waiting'", run);
        let is_waiting = waiting.fetch_one(&mut *transaction).await.map_err(|e| self.explain(e))? > 0;
        if is_waiting {
            let status = Status::Stopped;
            self.write_status(&mut transaction, run, status, None).await?;
            self.write_events(&mut transaction, run, &[Event::Status { status, message: None }]).await?;
        }
        self.commit(transaction).await?;
        Ok(is_waiting)
    }
}

impl Run {
    /// Whether a person still wants to see it in lists.
    pub fn is_kept(&self) -> bool {
        self.deleted_at_ms.is_none()
    }
}

/// What a person wrote, without the space around it.
fn label<'a>(text: &'a str, what: &str, longest: usize) -> Result<&'a str> {
    let text = text.trim();
    let length = text.chars().count();
    match length {
        0 => Err(Error::run(format!("A run's {what} cannot be empty; write a word or two."))),
        _ if length > longest => Err(Error::run(format!("This {what} has {length} characters; {longest} are the most."))),
        _ => Ok(text),
    }
}
