//! What happened, in order: the one list that windows follow.
use crate::numbers::{now_ms, or_nan};
use crate::{Store, StoredEvent};
use contract::event::Event;
use contract::{Error, Result};
use serde::Deserialize;
use sqlx::SqliteConnection;

impl Store {
    /// Appends an event; its sequence number is returned. Sequence numbers grow over the whole database, in the order of commits:
    /// who has read up to one has missed none before it.
    pub async fn append(&self, run: i64, event: &Event) -> Result<i64> {
        let mut transaction = self.write().await?;
        self.require_run(&mut transaction, run).await?;
        let sequence = self.write_events(&mut transaction, run, std::slice::from_ref(event)).await?;
        self.commit(transaction).await?;
        Ok(sequence)
    }

    /// Events of a run after a sequence number, oldest first.
    pub async fn events_after(&self, run: i64, sequence: i64) -> Result<Vec<StoredEvent>> {
        let rows = sqlx::query!(
            r#"SELECT sequence AS "sequence!", at_ms, event FROM events WHERE run = ? AND sequence > ? ORDER BY sequence"#,
            run,
            sequence
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|e| self.explain(e))?;
        let events = rows.into_iter().map(|row| {
            let event = read_event(&row.event).map_err(|e| {
                Error::database(format!("Event {} of run {run} in {} cannot be read", row.sequence, self.path().display())).with_detail(e)
            })?;
            Ok(StoredEvent { sequence: row.sequence, run, at_ms: row.at_ms, event })
        });
        self.unless_missing(run, events.collect::<Result<_>>()?).await
    }

    /// Writes events inside a transaction; the last one's sequence number is returned (0 if there are none).
    pub(crate) async fn write_events(&self, connection: &mut SqliteConnection, run: i64, events: &[Event]) -> Result<i64> {
        let now = now_ms();
        let mut last = 0;
        for event in events {
            let json = serde_json::to_string(event).map_err(|e| Error::internal("An event cannot be written as JSON").with_detail(e))?;
            last = sqlx::query!("INSERT INTO events (run, at_ms, event) VALUES (?, ?, ?)", run, now, json)
                .execute(&mut *connection)
                .await
                .map_err(|e| self.explain(e))?
                .last_insert_rowid();
        }
        Ok(last)
    }
}

/// JSON has no NaN: an iteration's numbers that were not finite are null, and become NaN again.
fn read_event(json: &str) -> serde_json::Result<Event> {
    #[derive(Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum WithNulls {
        Iteration { iteration: usize, reward_mean: Option<f64>, kl: Option<f64> },
    }
    serde_json::from_str(json).or_else(|error| match serde_json::from_str(json) {
        Ok(WithNulls::Iteration { iteration, reward_mean, kl }) => {
            Ok(Event::Iteration { iteration, reward_mean: or_nan(reward_mean), kl: or_nan(kl) })
        }
        Err(_) => Err(error),
    })
}
