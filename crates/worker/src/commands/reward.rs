//! `alignpro reward bench SPEC FILE`: a spec's reward held against feedback of people.
use super::Context;
use super::run::folder_of;
use crate::bench_table::{feedback, mapped};
use crate::progress::{Bars, counting};
use crate::reward_parts::{self, For};
use crate::signals;
use contract::bench::BenchProgress;
use contract::feedback::{FeedbackBench, FeedbackColumns, FeedbackFilter, FileBench};
use contract::{Code, Error, Result};
use datasets::feedback::{Feedback, Look};
use experiment::reward_bench;
use home::read_error;
use lm::LoadTime;
use rewards::Reward;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Of a file, how it is read.
pub struct Asked {
    pub columns: FeedbackColumns,
    pub filter: FeedbackFilter,
    /// Only so many pairs or answers, drawn by the seed.
    pub only: Option<usize>,
    pub seed: u64,
    /// Where relative paths of the spec start, if not at its own folder.
    pub folder: Option<PathBuf>,
    /// To tell on the way how much is scored.
    pub each: bool,
}

pub fn bench(context: &Context, spec: &Path, file: &Path, asked: &Asked) -> Result<ExitCode> {
    signals::listen();
    let Asked { columns, filter, only, seed, folder, each } = asked;
    let text = std::fs::read_to_string(spec).map_err(|e| Error { code: Code::Spec, ..read_error(spec, &e) })?;
    let parsed = experiment::spec::parse(&text, &spec.display().to_string())?;
    let look = Look::at(file)?.keeping(filter)?.until(signals::stop_requested);
    let mapping = look.mapping(columns)?;
    let read = experiment::feedback::read(&look, &mapping, *only, *seed)?;
    let (what, total) = match &read {
        Feedback::Pairs(file) => ("pairs", file.pairs.len()),
        Feedback::Labelled(file) => ("answers", file.answers.len()),
    };
    let parts = reward_parts::find(
        &context.home,
        &parsed.reward,
        folder.as_deref().unwrap_or_else(|| folder_of(spec)),
        (parsed.precision, parsed.offload),
        context.consent,
    )?;
    let bars = Bars::new();
    if !parts.is_empty() {
        bars.say("Loading what scores …");
    }
    let load_time = parsed.offload.then(LoadTime::default);
    let open = parts.open(&For::Scores { home: &context.home, known: None }, parsed.precision, load_time.as_ref())?;
    let reward = Reward::new(&parsed.reward)?.with_scorers(&open.scorers);
    let bar = counting("scoring", what, (0, total));
    let mut on_progress = |done: usize| {
        bar.set_position(done as u64);
        if *each {
            // Nobody may be listening; the rest is still scored.
            let _ = context.output.line(&BenchProgress { scored: done, total });
        }
        signals::go_on()
    };
    let mut found = match &read {
        Feedback::Pairs(file) => FeedbackBench::Pairs(reward_bench::run(&reward, file, &mut on_progress)?),
        Feedback::Labelled(file) => FeedbackBench::Labelled(reward_bench::on_labels(&reward, file, &mut on_progress)?),
    };
    bar.finish_and_clear();
    let origin = hub::origin_of_data(file);
    match &mut found {
        FeedbackBench::Pairs(found) => found.origin = origin,
        FeedbackBench::Labelled(found) => found.origin = origin,
    }
    let all = FileBench { columns: mapping.columns(), better: mapping.better().map(String::from), filter: filter.clone(), found };
    context.output.result(&all, || format!("{}{}\n", feedback(&all.found), mapped(&all.columns, all.better.as_deref())))?;
    Ok(ExitCode::SUCCESS)
}
