//! `alignpro reward bench SPEC PAIRS`: a spec's reward held against preferences of people.
use super::Context;
use super::run::folder_of;
use crate::output::{one_line, printable};
use crate::progress::{Bars, counting};
use crate::reward_parts::{self, For};
use crate::signals;
use crate::table::{bounded, columns, headed, signed};
use contract::bench::{BenchProgress, Repeat, RewardBench};
use contract::{Code, Error, Result};
use datasets::preferences::preferences;
use experiment::reward_bench;
use home::read_error;
use lm::Precision;
use rewards::Reward;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

/// Relative paths of the spec start at `folder`, or at its own. With `each` it is told on the way how many pairs are scored.
pub fn bench(context: &Context, spec: &Path, pairs: &Path, folder: Option<&Path>, each: bool) -> Result<ExitCode> {
    signals::listen();
    let text = std::fs::read_to_string(spec).map_err(|e| Error { code: Code::Spec, ..read_error(spec, &e) })?;
    let parsed = experiment::spec::parse(&text, &spec.display().to_string())?;
    let file = preferences(pairs)?;
    let parts = reward_parts::find(&context.home, &parsed.reward, folder.unwrap_or_else(|| folder_of(spec)), context.consent)?;
    let bars = Bars::new();
    if !parts.is_empty() {
        bars.say("Loading what scores …");
    }
    let reward = Reward::new(&parsed.reward)?.with_scorers(&parts.open(&For::Scores { home: &context.home, known: None }, Precision::F32)?);
    let bar = counting("scoring", "pairs", (0, file.pairs.len()));
    let mut on_progress = |done: usize| {
        bar.set_position(done as u64);
        if each {
            // Nobody may be listening; the pairs are still scored.
            let _ = context.output.line(&BenchProgress { scored: done, total: file.pairs.len() });
        }
        signals::go_on()
    };
    let found = reward_bench::run(&reward, &file, &mut on_progress)?;
    bar.finish_and_clear();
    context.output.result(&found, || shown(&found))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn shown(found: &RewardBench) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let words = ["", "agrees [95 % interval]", "where the chosen is shorter", "where it is longer", "rank correlation with length", "ties"];
    let rows = found.rewards.iter().map(|r| {
        let shares = [r.accuracy, r.where_shorter, r.where_longer].map(|share| bounded(share, percent));
        let more = [bounded(r.with_length, signed), r.ties.to_string()];
        std::iter::once(one_line(&r.name, 30)).chain(shares).chain(more).collect()
    });
    let mut text = columns(&headed(&words, rows), &[0]);
    let _ = writeln!(
        text,
        "\n{} pairs, each answer scored once ({:.0} answers a second). Chance agrees on 50 %; \"length\" is the rule that the longer answer is the better one.",
        found.pairs, found.answers_per_second
    );
    for (name, repeat) in found.rewards.iter().filter_map(|r| Some((&r.name, r.repeat?))) {
        let Repeat { answers, differ, largest_difference, score_mass } = repeat;
        let same =
            if differ == 0 { "the same scores".into() } else { format!("other scores for {differ}, by at most {largest_difference:.2e}") };
        let _ = writeln!(text, "{}: {answers} answers scored twice, in another order: {same}.", one_line(name, 30));
        if let Some(mass) = score_mass {
            let (mean, least) = (percent(mass.mean), percent(mass.least));
            let _ =
                writeln!(text, "{}: the judge would have said a number of its scale with {mean} (at least {least}).", one_line(name, 30));
        }
    }
    if found.skipped > 0 {
        let _ = writeln!(text, "{} lines of the file hold no pair: {}.", found.skipped, printable(&found.reasons.join("; ")));
    }
    if let Some(because) = &found.unscored_because {
        let _ = writeln!(text, "{} pairs are left out because an answer could not be scored: {}", found.unscored, printable(because));
    }
    text
}
