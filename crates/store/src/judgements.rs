//! What judges said of a run's answers.
use crate::numbers::{integer, now_ms, unsigned};
use crate::{Asked, Judgement, Judging, Store, Verdict};
use contract::{Error, Result};
use sqlx::SqliteConnection;
use std::collections::BTreeMap;

/// A row of `judgings`.
struct JudgingRow {
    number: i64,
    judge: String,
    checksum: String,
    engine: String,
    template: String,
    template_hash: String,
    arm: String,
    baseline: String,
    began_at_ms: i64,
}

/// A row of `judgements`.
struct JudgementRow {
    number: i64,
    prompt_index: i64,
    answer_index: i64,
    arm_first: String,
    arm_second: String,
    arm_first_text: Option<String>,
    arm_second_text: Option<String>,
    at_ms: i64,
}

impl Store {
    /// A batch of judgements, in one transaction. A pair that the same judge was asked about in the same words before stays as it is.
    pub async fn commit_judgements(&self, run: i64, asked: &Asked, judgements: &[Judgement]) -> Result<()> {
        let mut transaction = self.write().await?;
        self.require_run(&mut transaction, run).await?;
        let (number, now) = (self.judging(&mut transaction, run, asked).await?, now_ms());
        for judgement in judgements {
            let prompt_index = integer(judgement.prompt_index, "a judgement's prompt_index")?;
            let answer_index = integer(judgement.answer_index, "a judgement's answer_index")?;
            let (arm_first, arm_second) = (judgement.arm_first.as_str(), judgement.arm_second.as_str());
            sqlx::query!(
                "INSERT INTO judgements (run, number, prompt_index, answer_index, arm_first, arm_second, arm_first_text,
                     arm_second_text, at_ms)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                run,
                number,
                prompt_index,
                answer_index,
                arm_first,
                arm_second,
                judgement.arm_first_text,
                judgement.arm_second_text,
                now
            )
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.explain(e))?;
        }
        self.commit(transaction).await
    }

    /// The number of a judging, which is new or begun.
    async fn judging(&self, connection: &mut SqliteConnection, run: i64, asked: &Asked) -> Result<i64> {
        let now = now_ms();
        sqlx::query!(
            "INSERT INTO judgings (run, number, judge, checksum, engine, template, template_hash, arm, baseline, began_at_ms)
             SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM judgings WHERE run = ?1 ON CONFLICT DO NOTHING",
            run,
            asked.judge,
            asked.checksum,
            asked.engine,
            asked.template,
            asked.template_hash,
            asked.arm,
            asked.baseline,
            now
        )
        .execute(&mut *connection)
        .await
        .map_err(|e| self.explain(e))?;
        sqlx::query_scalar!(
            "SELECT number FROM judgings WHERE run = ? AND checksum = ? AND engine = ? AND template_hash = ? AND arm = ? AND baseline = ?",
            run,
            asked.checksum,
            asked.engine,
            asked.template_hash,
            asked.arm,
            asked.baseline
        )
        .fetch_one(connection)
        .await
        .map_err(|e| self.explain(e))
    }

    /// In the order in which they were begun.
    pub async fn judgings(&self, run: i64) -> Result<Vec<Judging>> {
        let rows = sqlx::query_as!(
            JudgingRow,
            "SELECT number, judge, checksum, engine, template, template_hash, arm, baseline, began_at_ms
             FROM judgings WHERE run = ? ORDER BY number",
            run
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|e| self.explain(e))?;
        let judgements = sqlx::query_as!(
            JudgementRow,
            "SELECT number, prompt_index, answer_index, arm_first, arm_second, arm_first_text, arm_second_text, at_ms
             FROM judgements WHERE run = ? ORDER BY number, prompt_index, answer_index",
            run
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|e| self.explain(e))?;
        let mut judgings: BTreeMap<i64, Judging> = rows.into_iter().map(|row| (row.number, Judging::from(row))).collect();
        for row in judgements {
            if let Some(judging) = judgings.get_mut(&row.number) {
                judging.ended_at_ms = judging.ended_at_ms.max(row.at_ms);
                judging.judgements.push(row.try_into()?);
            }
        }
        self.unless_missing(run, judgings.into_values().collect()).await
    }
}

impl From<JudgingRow> for Judging {
    fn from(row: JudgingRow) -> Self {
        let JudgingRow { judge, checksum, engine, template, template_hash, arm, baseline, began_at_ms, .. } = row;
        let asked = Asked { judge, checksum, engine, template, template_hash, arm, baseline };
        Self { asked, began_at_ms, ended_at_ms: began_at_ms, judgements: Vec::new() }
    }
}

impl TryFrom<JudgementRow> for Judgement {
    type Error = Error;

    fn try_from(row: JudgementRow) -> Result<Self> {
        let verdict =
            |text: &str| Verdict::parse(text).ok_or_else(|| Error::database(format!("\"{text}\" is not what a judgement can hold")));
        Ok(Self {
            prompt_index: unsigned(row.prompt_index, "judgements.prompt_index")?,
            answer_index: unsigned(row.answer_index, "judgements.answer_index")?,
            arm_first: verdict(&row.arm_first)?,
            arm_second: verdict(&row.arm_second)?,
            arm_first_text: row.arm_first_text,
            arm_second_text: row.arm_second_text,
        })
    }
}
