//! Evaluation answers, and the report that was computed from them.
use crate::numbers::{finite, integer, now_ms, optional_integer, optional_unsigned, or_nan, parts_from_json, parts_to_json, unsigned};
use crate::{EvaluationAnswer, Split, Store};
use contract::event::Event;
use contract::report::Report;
use contract::{Error, Result};
use sqlx::SqliteConnection;
use std::collections::HashMap;

/// A row of `evaluation_answers`.
struct Row {
    split: String,
    iteration: i64,
    arm: String,
    prompt_index: i64,
    answer_index: i64,
    prompt: String,
    rewrite: Option<String>,
    answer: String,
    reward: Option<f64>,
    reward_parts: String,
    kl: Option<f64>,
    closeness: Option<f64>,
    rewrite_tokens: Option<i64>,
    answer_tokens: i64,
    rewrite_truncated: Option<bool>,
    answer_truncated: bool,
    rewrite_seed: Option<i64>,
    answer_seed: i64,
    cluster: Option<i64>,
    system: Option<String>,
}

impl Store {
    /// A batch of evaluation answers, with its events, in one transaction; rows that are there already are replaced. A reward
    /// that is not finite reads back as NaN, a KL or closeness as None.
    pub async fn commit_evaluation(&self, run: i64, answers: &[EvaluationAnswer], events: &[Event]) -> Result<()> {
        let mut transaction = self.write().await?;
        self.require_run(&mut transaction, run).await?;
        for answer in answers {
            self.write_answer(&mut transaction, run, answer).await?;
        }
        self.write_events(&mut transaction, run, events).await?;
        self.commit(transaction).await
    }

    async fn write_answer(&self, connection: &mut SqliteConnection, run: i64, answer: &EvaluationAnswer) -> Result<()> {
        let split = answer.split.as_str();
        let iteration = integer(answer.iteration, "an answer's iteration")?;
        let prompt_index = integer(answer.prompt_index, "an answer's prompt_index")?;
        let answer_index = integer(answer.answer_index, "an answer's answer_index")?;
        let (reward, parts) = (finite(answer.reward), parts_to_json(&answer.reward_parts)?);
        let (kl, closeness) = (answer.kl.and_then(finite), answer.closeness.and_then(finite));
        let rewrite_tokens = optional_integer(answer.rewrite_tokens, "an answer's rewrite_tokens")?;
        let answer_tokens = integer(answer.answer_tokens, "an answer's answer_tokens")?;
        let rewrite_seed = optional_integer(answer.rewrite_seed, "an answer's rewrite_seed")?;
        let answer_seed = integer(answer.answer_seed, "an answer's answer_seed")?;
        let cluster = optional_integer(answer.cluster, "an answer's cluster")?;
        sqlx::query!(
            "INSERT OR REPLACE INTO evaluation_answers (run, split, iteration, arm, prompt_index, answer_index, prompt, rewrite, answer,
                 reward, reward_parts, kl, closeness, rewrite_tokens, answer_tokens, rewrite_truncated, answer_truncated, rewrite_seed,
                 answer_seed, cluster, system)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            run,
            split,
            iteration,
            answer.arm,
            prompt_index,
            answer_index,
            answer.prompt,
            answer.rewrite,
            answer.answer,
            reward,
            parts,
            kl,
            closeness,
            rewrite_tokens,
            answer_tokens,
            answer.rewrite_truncated,
            answer.answer_truncated,
            rewrite_seed,
            answer_seed,
            cluster,
            answer.system
        )
        .execute(connection)
        .await
        .map_err(|e| self.explain(e))?;
        Ok(())
    }

    /// Evaluation answers, ordered by split (validation first), iteration, arm (as in [`contract::arm::ALL`], then the pools), prompt,
    /// answer; all splits with `None`.
    pub async fn evaluation(&self, run: i64, split: Option<Split>) -> Result<Vec<EvaluationAnswer>> {
        let split = split.map(Split::as_str);
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT split, iteration, arm, prompt_index, answer_index, prompt, rewrite, answer, reward, reward_parts, kl, closeness,
                   rewrite_tokens, answer_tokens, rewrite_truncated AS "rewrite_truncated: bool",
                   answer_truncated AS "answer_truncated: bool", rewrite_seed, answer_seed, cluster, system
               FROM evaluation_answers WHERE run = ?1 AND split = coalesce(?2, split)
               ORDER BY split = 'test', iteration,
                   CASE arm WHEN 'raw' THEN 0 WHEN 'untuned' THEN 1 WHEN 'tuned' THEN 2 WHEN 'optimum' THEN 3 WHEN 'best_rewrite' THEN 4
                       WHEN 'best_answer' THEN 5 WHEN 'instruction' THEN 6 WHEN 'oracle' THEN 7 WHEN 'rewrite_pool' THEN 8
                       WHEN 'answer_pool' THEN 9 ELSE 10 END, arm, prompt_index, answer_index"#,
            run,
            split
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|e| self.explain(e))?;
        self.unless_missing(run, rows.into_iter().map(EvaluationAnswer::try_from).collect::<Result<_>>()?).await
    }

    /// The final report, as it was computed from the rows; replaces an earlier one. A report with a number that is not finite is
    /// [`contract::Code::Internal`]: JSON, and so whoever reads it, could not hold it.
    pub async fn put_report(&self, run: i64, report: &Report) -> Result<()> {
        let refuse = |e| {
            Error::internal(format!("The report of run {run} holds a number that is not finite and was not stored; please report this"))
                .with_detail(e)
        };
        let json = serde_json::to_string(report).map_err(refuse)?;
        serde_json::from_str::<Report>(&json).map_err(refuse)?;
        let now = now_ms();
        let mut transaction = self.write().await?;
        self.require_run(&mut transaction, run).await?;
        sqlx::query!("INSERT OR REPLACE INTO reports (run, created_at_ms, report) VALUES (?, ?, ?)", run, now, json)
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.explain(e))?;
        self.commit(transaction).await
    }

    /// The report, if the run has one.
    pub async fn report(&self, run: i64) -> Result<Option<Report>> {
        let report = self.read_reports(Some(run)).await?.remove(&run);
        match report {
            Some(report) => Ok(Some(report)),
            None => self.unless_missing::<()>(run, Vec::new()).await.map(|_| None),
        }
    }

    /// All reports, by their run.
    pub async fn reports(&self) -> Result<HashMap<i64, Report>> {
        self.read_reports(None).await
    }

    async fn read_reports(&self, run: Option<i64>) -> Result<HashMap<i64, Report>> {
        let rows =
            sqlx::query!(r#"SELECT run AS "run!", report, name FROM reports JOIN runs ON runs.id = run WHERE ?1 IS NULL OR run = ?1"#, run)
                .fetch_all(&self.pool)
                .await
                .map_err(|e| self.explain(e))?;
        let read = |run: i64, name: String, json: &str| match serde_json::from_str::<Report>(json) {
            // It was computed where the run may have had another number and name.
            Ok(report) => Ok((run, Report { run, name, ..report })),
            Err(e) => Err(Error::database(format!("The report of run {run} in {} cannot be read", self.path().display())).with_detail(e)),
        };
        rows.into_iter().map(|row| read(row.run, row.name, &row.report)).collect()
    }
}

impl TryFrom<Row> for EvaluationAnswer {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            split: Split::parse(&row.split).ok_or_else(|| Error::database(format!("\"{}\" is not a split", row.split)))?,
            iteration: unsigned(row.iteration, "evaluation_answers.iteration")?,
            arm: row.arm,
            prompt_index: unsigned(row.prompt_index, "evaluation_answers.prompt_index")?,
            answer_index: unsigned(row.answer_index, "evaluation_answers.answer_index")?,
            prompt: row.prompt,
            rewrite: row.rewrite,
            answer: row.answer,
            reward: or_nan(row.reward),
            reward_parts: parts_from_json(&row.reward_parts)?,
            kl: row.kl,
            closeness: row.closeness,
            rewrite_tokens: optional_unsigned(row.rewrite_tokens, "evaluation_answers.rewrite_tokens")?,
            answer_tokens: unsigned(row.answer_tokens, "evaluation_answers.answer_tokens")?,
            rewrite_truncated: row.rewrite_truncated,
            answer_truncated: row.answer_truncated,
            rewrite_seed: optional_unsigned(row.rewrite_seed, "evaluation_answers.rewrite_seed")?,
            answer_seed: unsigned(row.answer_seed, "evaluation_answers.answer_seed")?,
            cluster: optional_unsigned(row.cluster, "evaluation_answers.cluster")?,
            system: row.system,
        })
    }
}
