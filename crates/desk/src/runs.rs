//! Runs as lists and pages show them.
use crate::Desk;
use contract::desk::{IterationNews, RunDetail, RunEvent, RunFact, RunNews, RunSummary};
use contract::event::{Event, Status};
use contract::{Result, Spec};
use datasets::SHIPPED;
use experiment::prepare::base_folder;
use std::collections::BTreeSet;
use store::{Run, Store};

impl Desk {
    /// Newest first. Runs whose worker is gone are `interrupted` from now on.
    pub async fn runs(&self) -> Result<Vec<RunSummary>> {
        let store = self.store().await?;
        store.mark_interrupted().await?;
        let mut all = Vec::new();
        for run in store.runs().await? {
            all.push(summary(store, &run).await?);
        }
        Ok(all)
    }

    pub async fn run(&self, run: i64) -> Result<RunDetail> {
        let store = self.store().await?;
        store.mark_interrupted().await?;
        let record = store.run(run).await?;
        let facts = store.facts(run).await?;
        let (summary, spec_toml) = (summary(store, &record).await?, experiment::spec::to_toml(&record.spec)?);
        let mut spec = record.spec;
        // A spec file's path is relative to the file; a new experiment that starts from this run has no such place.
        if spec.data.source != SHIPPED {
            spec.data.source = base_folder(&facts).join(&spec.data.source).display().to_string();
        }
        let facts = facts.into_iter().map(|fact| RunFact { key: fact.key, value: fact.value }).collect();
        Ok(RunDetail { summary, spec, spec_toml, facts })
    }

    /// What has happened after an event; 0 for everything.
    pub async fn news(&self, run: i64, after: i64) -> Result<RunNews> {
        let store = self.store().await?;
        store.mark_interrupted().await?;
        // Read first: what is committed in between is in the next news, never in none.
        let stored = store.events_after(run, after).await?;
        let Run { status, message, .. } = store.run(run).await?;
        let sequence = stored.last().map_or(after, |event| event.sequence);
        let told: BTreeSet<usize> = stored
            .iter()
            .filter_map(|event| match event.event {
                Event::Iteration { iteration, .. } => Some(iteration),
                _ => None,
            })
            .collect();
        let mut iterations = Vec::new();
        if !told.is_empty() {
            let rows = store.iterations(run).await?;
            iterations.extend(rows.into_iter().filter(|row| told.contains(&row.iteration)).map(|row| IterationNews {
                iteration: row.iteration,
                seconds: row.seconds,
                metrics: row.metrics,
            }));
        }
        let events = stored.into_iter().map(|e| RunEvent { sequence: e.sequence, at_ms: e.at_ms, event: e.event }).collect();
        Ok(RunNews { status, message, sequence, events, iterations })
    }
}

async fn summary(store: &Store, run: &Run) -> Result<RunSummary> {
    let curve = store.metric_series(run.id, "reward_mean", 0).await?;
    let report = if run.status == Status::Finished { store.report(run.id).await? } else { None };
    Ok(RunSummary {
        id: run.id,
        name: run.name.clone(),
        status: run.status,
        message: run.message.clone(),
        seed: run.spec.seed,
        experiment: experiment_of(&run.spec)?,
        data: run.spec.data.source.clone(),
        prompter: run.spec.prompter.model.clone(),
        frozen: run.spec.frozen.model.clone(),
        created_at_ms: run.created_at_ms,
        started_at_ms: run.started_at_ms,
        finished_at_ms: run.finished_at_ms,
        iterations_done: run.iterations_done,
        iterations: run.spec.training.iterations,
        reward_curve: curve.into_iter().map(|(_, value)| value).collect(),
        report,
    })
}

/// The hash of the spec without what may differ between the seeds of one experiment.
fn experiment_of(spec: &Spec) -> Result<String> {
    experiment::spec::hash(&Spec { name: String::new(), seed: 0, ..spec.clone() })
}
