//! Runs as lists and pages show them.
use crate::files::File;
use crate::{Desk, blocking};
use contract::desk::{IterationNews, RunDetail, RunEvent, RunFact, RunNews, RunSummary};
use contract::event::{Event, Status};
use contract::profiles::Profiles;
use contract::report::Report;
use contract::seeds::SeedsReport;
use contract::{Result, arm};
use datasets::SHIPPED;
use experiment::analyse::Seed;
use experiment::prepare::base_folder;
use std::collections::BTreeSet;
use store::{Run, Split, Store};

impl Desk {
    /// Newest first, those of open files after one's own. Runs whose worker is gone are `interrupted` from now on.
    pub async fn runs(&self) -> Result<Vec<RunSummary>> {
        let files = self.open_files();
        let mut all = match self.store().await {
            Ok(store) => {
                store.mark_interrupted().await?;
                summaries(store, None).await?
            }
            // Where one's own database is refused, those of others can be looked at all the same.
            Err(_) if !files.is_empty() => Vec::new(),
            Err(refused) => return Err(refused),
        };
        for file in files {
            all.extend(summaries(&file.store, Some(&file)).await?.into_iter().filter(|run| run.deleted_at_ms.is_none()));
        }
        Ok(all)
    }

    pub async fn run(&self, run: i64) -> Result<RunDetail> {
        let (store, inside) = self.place(run).await?;
        if run >= 0 {
            store.mark_interrupted().await?;
        }
        let record = store.run(inside).await?;
        let facts = store.facts(inside).await?;
        let mut curves = store.curves(REWARD, arm::TUNED, Some(inside)).await?;
        let mut report = store.report(inside).await?;
        if let Some(stored) = report.take_if(|report| experiment::report::is_incomplete(report)) {
            let (rows, record) = (store.evaluation(inside, Some(Split::Test)).await?, record.clone());
            report = Some(blocking(move || Ok(experiment::report::complete(stored, &record, &rows))).await?);
        }
        if let Some(report) = &mut report {
            report.judged = experiment::judge::of_run(&store, &record).await?;
        }
        let file = self.open_files().into_iter().find(|file| file.outside(inside) == run);
        let spec_toml = experiment::spec::to_toml(&record.spec)?;
        let (mut spec, program_version) = (record.spec.clone(), record.program_version.clone());
        let summary = summary(record, curves.remove(&inside).unwrap_or_default(), report, file.as_ref())?;
        // A spec file's path is relative to the file; a new experiment that starts from this run has no such place.
        if spec.data.source != SHIPPED {
            spec.data.source = base_folder(&facts).join(&spec.data.source).display().to_string();
        }
        let facts = facts.into_iter().map(|fact| RunFact { key: fact.key, value: fact.value }).collect();
        Ok(RunDetail { summary, program_version, spec, spec_toml, facts })
    }

    /// What runs that are seeds of one experiment say together, of one's own database and of open files.
    pub async fn analyse(&self, runs: &[i64]) -> Result<SeedsReport> {
        let seeds = self.tested(runs).await?;
        blocking(move || experiment::analyse::compute(seeds)).await
    }

    /// Arms over the data sets and pairs of models of these runs, put on one scale.
    pub async fn profiles(&self, runs: &[i64]) -> Result<Profiles> {
        let seeds = self.tested(runs).await?;
        blocking(move || experiment::profiles::compute(seeds)).await
    }

    /// Runs with their rows of the test split.
    async fn tested(&self, runs: &[i64]) -> Result<Vec<Seed>> {
        let mut seeds = Vec::new();
        for &run in runs {
            let (store, inside) = self.place(run).await?;
            if run >= 0 {
                store.mark_interrupted().await?;
            }
            let record = Run { id: run, ..store.run(inside).await? };
            seeds.push(Seed { run: record, rows: store.evaluation(inside, Some(Split::Test)).await? });
        }
        Ok(seeds)
    }

    /// What has happened after an event; 0 for everything.
    pub async fn news(&self, run: i64, after: i64) -> Result<RunNews> {
        let (store, inside) = self.place(run).await?;
        if run >= 0 {
            store.mark_interrupted().await?;
        }
        // Read first: what is committed in between is in the next news, never in none.
        let stored = store.events_after(inside, after).await?;
        let Run { status, message, .. } = store.run(inside).await?;
        let sequence = stored.last().map_or(after, |event| event.sequence);
        let told: BTreeSet<usize> = stored
            .iter()
            .filter_map(|event| match event.event {
                Event::Iteration { iteration, .. } => Some(iteration),
                _ => None,
            })
            .collect();
        let mut iterations = Vec::new();
        if let Some(first) = told.first() {
            let rows = store.iterations(inside, arm::TUNED, *first).await?;
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

/// The metric that a list shows as a curve.
const REWARD: &str = "reward_mean";

async fn summaries(store: &Store, file: Option<&File>) -> Result<Vec<RunSummary>> {
    let (runs, mut curves, mut reports) = (store.runs().await?, store.curves(REWARD, arm::TUNED, None).await?, store.reports().await?);
    let summaries = runs.into_iter().map(|run| {
        let (curve, report) = (curves.remove(&run.id).unwrap_or_default(), reports.remove(&run.id));
        summary(run, curve, report, file)
    });
    summaries.collect()
}

fn summary(run: Run, reward_curve: Vec<Option<f64>>, report: Option<Report>, file: Option<&File>) -> Result<RunSummary> {
    let id = file.map_or(run.id, |file| file.outside(run.id));
    Ok(RunSummary {
        id,
        file: file.map(|file| file.path.display().to_string()),
        name: run.name,
        tags: run.tags,
        notes: run.notes,
        archived: run.archived,
        deleted_at_ms: run.deleted_at_ms,
        has_texts: !run.without_texts,
        has_prompter: run.has_adapter,
        status: run.status,
        message: run.message,
        seed: run.spec.seed,
        experiment: experiment::spec::experiment(&run.spec)?,
        iterations: run.spec.training.iterations,
        data: run.spec.data.source,
        prompter: run.spec.prompter.model,
        frozen: run.spec.frozen.model,
        created_at_ms: run.created_at_ms,
        started_at_ms: run.started_at_ms,
        finished_at_ms: run.finished_at_ms,
        iterations_done: run.iterations_done,
        reward_curve,
        report: report.filter(|_| run.status == Status::Finished).map(|report| Report { run: id, ..report }),
    })
}
