//! `alignpro analyse RUN...`.
use super::Context;
use crate::several_table;
use contract::Result;
use experiment::analyse::Seed;
use experiment::several::compute;
use std::process::ExitCode;
use store::Split;

pub async fn analyse(context: &Context, runs: &[i64]) -> Result<ExitCode> {
    let store = context.open().await?;
    let mut seeds = Vec::new();
    for &run in runs {
        seeds.push(Seed { run: store.run(run).await?, rows: store.evaluation(run, Some(Split::Test)).await? });
    }
    let analysis = compute(seeds)?;
    context.output.result(&analysis, || several_table::analysis(&analysis))?;
    Ok(ExitCode::SUCCESS)
}
