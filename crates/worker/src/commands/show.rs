//! `alignpro show RUN`, and the report that `run` and `resume` end with.
use super::Context;
use crate::table;
use contract::report::Report;
use contract::{Result, Spec};
use serde::Serialize;
use std::collections::BTreeMap;
use std::process::ExitCode;
use store::{Run, Split, Store};

/// A report with what else a program may want to know of the run.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    report: Report,
    message: Option<String>,
    iterations_done: usize,
    iterations: usize,
    /// With every default written out.
    spec: Spec,
    program_version: String,
    /// Checksums of models and data, the machine, the engine and its proof.
    facts: BTreeMap<String, String>,
    database: String,
}

pub async fn show(context: &Context, run: i64) -> Result<ExitCode> {
    let store = context.open().await?;
    print(context, &store, run).await?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what the run's rows say: the final report, or what there is of it so far.
pub async fn print(context: &Context, store: &Store, run: i64) -> Result<()> {
    let record = store.run(run).await?;
    let mut report = match store.report(run).await? {
        Some(report) if experiment::report::is_incomplete(&report) => {
            experiment::report::complete(report, &record, &store.evaluation(run, Some(Split::Test)).await?)
        }
        Some(report) => report,
        None => experiment::report::compute(&record, &store.evaluation(run, Some(Split::Test)).await?, &store.events_after(run, 0).await?),
    };
    record.status.as_str().clone_into(&mut report.status);
    report.judged = experiment::judge::of_run(store, &record).await?;
    let facts = store.facts(run).await?.into_iter().map(|fact| (fact.key, fact.value)).collect();
    let rows = rows(&record, store);
    let shown = Shown {
        report,
        iterations_done: record.iterations_done,
        iterations: record.spec.training.iterations,
        program_version: record.program_version,
        message: record.message,
        facts,
        spec: record.spec,
        database: store.path().display().to_string(),
    };
    context.output.result(&shown, || table::report(&shown.report, &rows))
}

fn rows(run: &Run, store: &Store) -> String {
    let (id, file) = (run.id, store.path().display());
    let done = format!("{} of {} iterations are done. ", run.iterations_done, run.spec.training.iterations);
    format!("{done}Every rewrite, answer and reward is in {file} (tables episodes and evaluation_answers, run = {id}).")
}
