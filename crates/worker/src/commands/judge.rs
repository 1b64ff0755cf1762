//! `alignpro judge RUN --judge MODEL`: a model says which of two arms' answers are better.
use super::Context;
use super::endpoint::of_judge;
use crate::cli::AtEndpoint;
use crate::output::note;
use crate::progress::{Bars, counting};
use crate::{engine, judged_table, signals};
use contract::judged::{JudgeProgress, Judged, ToJudge};
use contract::{Code, Error, Result};
use experiment::judge::{self, Pair, asked, of_run};
use inference::FrozenModel;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use store::{Asked, Run, Split, Store};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

pub async fn judge(context: &Context, run: i64, to_judge: &ToJudge, at: &AtEndpoint, each: bool) -> Result<ExitCode> {
    signals::listen();
    let store = context.open().await?;
    let record = store.run(run).await?;
    let ToJudge { judge, arm, baseline, pairs: most } = to_judge;
    let rows = store.evaluation(run, Some(Split::Test)).await?;
    let mut pairs = judge::pairs(&record, &rows, arm, baseline)?;
    pairs.truncate(most.unwrap_or(usize::MAX));
    Bars::new().say("Loading the judge …");
    let stopped = |e: Error| match e.code {
        Code::Stopped => Error::stopped("Stopped before the first pair was judged."),
        _ => e,
    };
    let elsewhere = of_judge(at)?;
    let (mut model, account) = block_in_place(|| match &elsewhere {
        None => engine::judge(&context.home, judge, &signals::stop_requested).map(|model| (model, None)),
        Some(settings) => {
            engine::judge_elsewhere(&context.home, settings, judge, &signals::stop_requested).map(|(model, account)| (model, Some(account)))
        }
    })
    .map_err(stopped)?;
    let asked = asked(model.as_ref(), &name_of(judge), arm, baseline, &rows);
    let work = Work { context, store: &store, run: &record, asked: &asked, each };
    let (rest, total) = work.left(pairs).await?;
    let handle = Handle::current();
    let outcome = block_in_place(|| work.ask(model.as_mut(), &rest, total, &handle));
    account.inspect(|account| note(&format!("network: the judge has cost {}", account.spent().in_words())));
    outcome?;
    let judged = work.found().await?;
    context.output.result(&judged, || judged_table::judged(std::slice::from_ref(&judged)))?;
    Ok(ExitCode::SUCCESS)
}

/// A model's name without the folder that it lies in, which is nobody's business.
fn name_of(judge: &str) -> String {
    Path::new(judge).file_name().map_or_else(|| judge.to_owned(), |name| name.to_string_lossy().into_owned())
}

struct Work<'a> {
    context: &'a Context,
    store: &'a Store,
    run: &'a Run,
    asked: &'a Asked,
    each: bool,
}

impl Work<'_> {
    /// The pairs that were not judged before, and how many there are with those that were.
    async fn left(&self, mut pairs: Vec<Pair>) -> Result<(Vec<Pair>, usize)> {
        let known = self.store.judgings(self.run.id).await?.into_iter().filter(|judging| judging.asked.is_same(self.asked));
        let known: BTreeSet<_> = known.flat_map(|judging| judging.judgements).map(|j| (j.prompt_index, j.answer_index)).collect();
        let total = pairs.len();
        pairs.retain(|pair| !known.contains(&(pair.prompt_index, pair.answer_index)));
        Ok((pairs, total))
    }

    /// Judges what is left, batch by batch; each is kept before it is told.
    fn ask(&self, model: &mut dyn FrozenModel, rest: &[Pair], total: usize, handle: &Handle) -> Result<()> {
        let before = total - rest.len();
        let bar = counting("judging", "pairs", (before, total));
        let tell = |done: usize| match self.each {
            true => self.context.output.line(&JudgeProgress { done, total }),
            false => Ok(()),
        };
        tell(before)?;
        let mut kept = before;
        let mut commit = |batch: &[store::Judgement], done: usize| {
            handle.block_on(self.store.commit_judgements(self.run.id, self.asked, batch))?;
            kept = before + done;
            tell(kept)
        };
        let mut on_progress = |done: usize| {
            bar.set_position((before + done) as u64);
            signals::go_on()
        };
        let outcome = judge::judge(model, rest, &mut commit, &mut on_progress);
        bar.abandon();
        outcome.map_err(|e| match e.code {
            Code::Stopped => {
                Error::stopped(format!("Stopped: {kept} of {total} pairs are judged. The same command goes on with the rest."))
            }
            Code::Paused => Error {
                message: format!(
                    "Paused: {kept} of {total} pairs are judged and kept; the same command goes on with the rest. {}",
                    e.message
                ),
                ..e
            },
            _ => e,
        })
    }

    /// What all verdicts of this judging say.
    async fn found(&self) -> Result<Judged> {
        let at = self.store.judgings(self.run.id).await?.iter().position(|judging| judging.asked.is_same(self.asked));
        let found = at.zip(Some(of_run(self.store, self.run).await?)).and_then(|(at, all)| all.into_iter().nth(at));
        found.ok_or_else(|| Error::internal("What was judged is not in the database."))
    }
}
