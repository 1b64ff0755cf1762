//! What training leaves, each arm by itself: iterations with their metrics, episodes, checkpoints.
use crate::numbers::{finite, integer, now_ms, optional_integer, optional_unsigned, or_nan, parts_from_json, parts_to_json, unsigned};
use crate::{Checkpoint, Episode, Iteration, Store};
use contract::event::Event;
use contract::{Error, Result};
use sqlx::SqliteConnection;
use std::collections::HashMap;

/// A row of `episodes`.
struct EpisodeRow {
    iteration: i64,
    position: i64,
    prompt_index: i64,
    prompt: String,
    rewrite: String,
    answer: String,
    reward: Option<f64>,
    reward_parts: String,
    kl: Option<f64>,
    advantage: Option<f64>,
    closeness: Option<f64>,
    rewrite_tokens: i64,
    answer_tokens: i64,
    rewrite_truncated: bool,
    answer_truncated: bool,
    rewrite_seed: i64,
    answer_seed: i64,
}

impl Store {
    /// Everything of one iteration, with its events and, if it is due, the checkpoint, in one transaction. An iteration that is
    /// computed again after a resume replaces its earlier rows. The checkpoint, if given, replaces the arm's one before.
    ///
    /// Numbers of an episode that are not finite read back as NaN. An episode of another iteration, or two with the same index,
    /// are [`contract::Code::Internal`], and nothing is written.
    pub async fn commit_iteration(
        &self,
        run: i64,
        arm: &str,
        iteration: &Iteration,
        episodes: &[Episode],
        events: &[Event],
        checkpoint: Option<&Checkpoint>,
    ) -> Result<()> {
        if let Some(stray) = episodes.iter().find(|e| e.iteration != iteration.iteration) {
            let (found, wanted) = (stray.iteration, iteration.iteration);
            return Err(Error::internal(format!("Episode {} belongs to iteration {found}, not to {wanted}", stray.index)));
        }
        let mut transaction = self.write().await?;
        self.require_run(&mut transaction, run).await?;
        self.write_iteration(&mut transaction, run, arm, iteration).await?;
        for episode in episodes {
            self.write_episode(&mut transaction, run, arm, episode).await?;
        }
        if let Some(checkpoint) = checkpoint {
            self.write_checkpoint(&mut transaction, run, arm, checkpoint).await?;
        }
        self.write_events(&mut transaction, run, events).await?;
        self.commit(transaction).await
    }

    async fn write_iteration(&self, connection: &mut SqliteConnection, run: i64, arm: &str, iteration: &Iteration) -> Result<()> {
        let number = integer(iteration.iteration, "an iteration's number")?;
        // Its metrics and episodes go with it (ON DELETE CASCADE).
        sqlx::query!("DELETE FROM iterations WHERE run = ? AND arm = ? AND iteration = ?", run, arm, number)
            .execute(&mut *connection)
            .await
            .map_err(|e| self.explain(e))?;
        sqlx::query!(
            "INSERT INTO iterations (run, arm, iteration, started_at_ms, seconds) VALUES (?, ?, ?, ?, ?)",
            run,
            arm,
            number,
            iteration.started_at_ms,
            iteration.seconds
        )
        .execute(&mut *connection)
        .await
        .map_err(|e| self.explain(e))?;
        for (name, value) in &iteration.metrics {
            let value = value.and_then(finite);
            sqlx::query!(
                "INSERT INTO iteration_metrics (run, arm, iteration, name, value) VALUES (?, ?, ?, ?, ?)",
                run,
                arm,
                number,
                name,
                value
            )
            .execute(&mut *connection)
            .await
            .map_err(|e| self.explain(e))?;
        }
        Ok(())
    }

    async fn write_episode(&self, connection: &mut SqliteConnection, run: i64, arm: &str, episode: &Episode) -> Result<()> {
        let iteration = integer(episode.iteration, "an episode's iteration")?;
        let position = integer(episode.index, "an episode's index")?;
        let prompt_index = integer(episode.prompt_index, "an episode's prompt_index")?;
        let (reward, parts) = (finite(episode.reward), parts_to_json(&episode.reward_parts)?);
        let (kl, advantage, closeness) = (finite(episode.kl), finite(episode.advantage), finite(episode.closeness));
        let rewrite_tokens = integer(episode.rewrite_tokens, "an episode's rewrite_tokens")?;
        let answer_tokens = integer(episode.answer_tokens, "an episode's answer_tokens")?;
        let rewrite_seed = integer(episode.rewrite_seed, "an episode's rewrite_seed")?;
        let answer_seed = integer(episode.answer_seed, "an episode's answer_seed")?;
        sqlx::query!(
            "INSERT INTO episodes (run, arm, iteration, position, prompt_index, prompt, rewrite, answer, reward, reward_parts, kl,
                 advantage, closeness, rewrite_tokens, answer_tokens, rewrite_truncated, answer_truncated, rewrite_seed, answer_seed)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            run,
            arm,
            iteration,
            position,
            prompt_index,
            episode.prompt,
            episode.rewrite,
            episode.answer,
            reward,
            parts,
            kl,
            advantage,
            closeness,
            rewrite_tokens,
            answer_tokens,
            episode.rewrite_truncated,
            episode.answer_truncated,
            rewrite_seed,
            answer_seed
        )
        .execute(connection)
        .await
        .map_err(|e| self.explain(e))?;
        Ok(())
    }

    /// A checkpoint alone (at a stop, or of an untrained adapter at the start); it replaces the arm's one before.
    pub async fn put_checkpoint(&self, run: i64, arm: &str, checkpoint: &Checkpoint) -> Result<()> {
        let mut transaction = self.write().await?;
        self.require_run(&mut transaction, run).await?;
        self.write_checkpoint(&mut transaction, run, arm, checkpoint).await?;
        self.commit(transaction).await
    }

    async fn write_checkpoint(&self, connection: &mut SqliteConnection, run: i64, arm: &str, checkpoint: &Checkpoint) -> Result<()> {
        let iteration = integer(checkpoint.iteration, "a checkpoint's iteration")?;
        let now = now_ms();
        let (best_iteration, best) = checkpoint.best.as_ref().map_or((None, None), |(i, bytes)| (Some(*i), Some(bytes)));
        let best_iteration = optional_integer(best_iteration, "a checkpoint's best iteration")?;
        sqlx::query!(
            "INSERT INTO checkpoints (run, arm, iteration, created_at_ms, state, best_iteration) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET iteration = excluded.iteration, created_at_ms = excluded.created_at_ms, state = excluded.state,
                 best_iteration = excluded.best_iteration",
            run,
            arm,
            iteration,
            now,
            checkpoint.state,
            best_iteration
        )
        .execute(&mut *connection)
        .await
        .map_err(|e| self.explain(e))?;
        if best.is_none() {
            sqlx::query!("DELETE FROM checkpoint_parts WHERE run = ? AND arm = ? AND name = 'best'", run, arm)
                .execute(&mut *connection)
                .await
                .map_err(|e| self.explain(e))?;
        }
        let parts = [("adapter", Some(&checkpoint.adapter)), ("optimiser", Some(&checkpoint.optimiser)), ("best", best)];
        for (name, bytes) in parts.into_iter().filter_map(|(name, bytes)| Some((name, bytes?))) {
            sqlx::query!(
                "INSERT INTO checkpoint_parts (run, arm, name, bytes) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET bytes = excluded.bytes",
                run,
                arm,
                name,
                bytes
            )
            .execute(&mut *connection)
            .await
            .map_err(|e| self.explain(e))?;
        }
        Ok(())
    }

    /// The arm's newest checkpoint: the one written last.
    pub async fn checkpoint(&self, run: i64, arm: &str) -> Result<Option<Checkpoint>> {
        // One statement, so that a commit in between cannot mix two checkpoints.
        let row = sqlx::query!(
            r#"SELECT c.iteration, c.state, c.best_iteration, a.bytes AS adapter, o.bytes AS optimiser, b.bytes AS "best?" FROM checkpoints c
             JOIN checkpoint_parts a ON a.run = c.run AND a.arm = c.arm AND a.name = 'adapter'
             JOIN checkpoint_parts o ON o.run = c.run AND o.arm = c.arm AND o.name = 'optimiser'
             LEFT JOIN checkpoint_parts b ON b.run = c.run AND b.arm = c.arm AND b.name = 'best' WHERE c.run = ? AND c.arm = ?"#,
            run,
            arm
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(|e| self.explain(e))?;
        let Some(row) = row else {
            self.unless_missing::<()>(run, Vec::new()).await?;
            return Ok(None);
        };
        let iteration = unsigned(row.iteration, "checkpoints.iteration")?;
        let best = optional_unsigned(row.best_iteration, "checkpoints.best_iteration")?.zip(row.best);
        Ok(Some(Checkpoint { iteration, adapter: row.adapter, optimiser: row.optimiser, best, state: row.state }))
    }

    /// The arm's trained adapter (`Adapter::to_bytes`) with the iterations that are done, if there is one. A run that was shared after its
    /// end has an adapter, but no checkpoint to go on from.
    pub async fn adapter(&self, run: i64, arm: &str) -> Result<Option<(usize, Vec<u8>)>> {
        let row = sqlx::query!(
            r#"SELECT coalesce(c.best_iteration, c.iteration) AS "iteration!: i64", coalesce(b.bytes, a.bytes) AS "bytes!: Vec<u8>" FROM checkpoints c
               JOIN checkpoint_parts a ON a.run = c.run AND a.arm = c.arm AND a.name = 'adapter'
               LEFT JOIN checkpoint_parts b ON b.run = c.run AND b.arm = c.arm AND b.name = 'best' WHERE c.run = ? AND c.arm = ?"#,
            run,
            arm
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(|e| self.explain(e))?;
        match row {
            Some(row) => Ok(Some((unsigned(row.iteration, "checkpoints.iteration")?, row.bytes))),
            None => self.unless_missing::<()>(run, Vec::new()).await.map(|_| None),
        }
    }

    /// An arm's, from an iteration on (1 for all), ordered.
    pub async fn iterations(&self, run: i64, arm: &str, from: usize) -> Result<Vec<Iteration>> {
        let from = integer(from, "an iteration's number")?;
        // One statement, so that a commit in between cannot part an iteration from its metrics.
        let rows = sqlx::query!(
            r#"SELECT i.iteration, i.started_at_ms, i.seconds, m.name AS "name?", m.value AS "value?"
               FROM iterations i LEFT JOIN iteration_metrics m ON m.run = i.run AND m.arm = i.arm AND m.iteration = i.iteration
               WHERE i.run = ? AND i.arm = ? AND i.iteration >= ? ORDER BY i.iteration, m.name"#,
            run,
            arm,
            from
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|e| self.explain(e))?;
        let mut iterations: Vec<Iteration> = Vec::new();
        for row in rows {
            let iteration = unsigned(row.iteration, "iterations.iteration")?;
            if iterations.last().is_none_or(|last| last.iteration != iteration) {
                let (started_at_ms, seconds) = (row.started_at_ms, row.seconds);
                iterations.push(Iteration { iteration, metrics: Default::default(), started_at_ms, seconds });
            }
            if let (Some(last), Some(name)) = (iterations.last_mut(), row.name) {
                last.metrics.insert(name, row.value);
            }
        }
        self.unless_missing(run, iterations).await
    }

    /// The curve of one metric of one arm, of one run or of all, by the run's id; None where it was not finite. A run that has none is not
    /// in it.
    pub async fn curves(&self, name: &str, arm: &str, run: Option<i64>) -> Result<HashMap<i64, Vec<Option<f64>>>> {
        let rows = sqlx::query!(
            r#"SELECT runs.id AS "run!", m.value FROM runs CROSS JOIN iteration_metrics m ON m.run = runs.id AND m.arm = ?1 AND m.name = ?2
               WHERE ?3 IS NULL OR runs.id = ?3 ORDER BY runs.id, m.iteration"#,
            arm,
            name,
            run
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|e| self.explain(e))?;
        let mut curves: HashMap<i64, Vec<Option<f64>>> = HashMap::new();
        for row in rows {
            curves.entry(row.run).or_default().push(row.value);
        }
        Ok(curves)
    }

    /// An arm's episodes of one iteration in order, or of all with `None`.
    pub async fn episodes(&self, run: i64, arm: &str, iteration: Option<usize>) -> Result<Vec<Episode>> {
        let (first, last) = match iteration {
            Some(i) => (integer(i, "an iteration's number")?, integer(i, "an iteration's number")?),
            None => (0, i64::MAX),
        };
        let rows = sqlx::query_as!(
            EpisodeRow,
            r#"SELECT iteration, position, prompt_index, prompt, rewrite, answer, reward, reward_parts, kl, advantage, closeness,
                   rewrite_tokens, answer_tokens, rewrite_truncated AS "rewrite_truncated: bool",
                   answer_truncated AS "answer_truncated: bool", rewrite_seed, answer_seed
               FROM episodes WHERE run = ? AND arm = ? AND iteration BETWEEN ? AND ? ORDER BY iteration, position"#,
            run,
            arm,
            first,
            last
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|e| self.explain(e))?;
        self.unless_missing(run, rows.into_iter().map(Episode::try_from).collect::<Result<_>>()?).await
    }
}

impl TryFrom<EpisodeRow> for Episode {
    type Error = Error;

    fn try_from(row: EpisodeRow) -> Result<Self> {
        Ok(Self {
            iteration: unsigned(row.iteration, "episodes.iteration")?,
            index: unsigned(row.position, "episodes.position")?,
            prompt_index: unsigned(row.prompt_index, "episodes.prompt_index")?,
            prompt: row.prompt,
            rewrite: row.rewrite,
            answer: row.answer,
            reward: or_nan(row.reward),
            reward_parts: parts_from_json(&row.reward_parts)?,
            kl: or_nan(row.kl),
            advantage: or_nan(row.advantage),
            closeness: or_nan(row.closeness),
            rewrite_tokens: unsigned(row.rewrite_tokens, "episodes.rewrite_tokens")?,
            answer_tokens: unsigned(row.answer_tokens, "episodes.answer_tokens")?,
            rewrite_truncated: row.rewrite_truncated,
            answer_truncated: row.answer_truncated,
            rewrite_seed: unsigned(row.rewrite_seed, "episodes.rewrite_seed")?,
            answer_seed: unsigned(row.answer_seed, "episodes.answer_seed")?,
        })
    }
}
