//! `alignpro reward bench SPEC PAIRS`: a spec's reward held against preferences of people.
use super::Context;
use super::run::folder_of;
use crate::output::{one_line, printable};
use crate::progress::{Bars, counting};
use crate::table::{bounded, columns, headed, signed};
use crate::{engine, signals};
use contract::bench::RewardBench;
use contract::{Code, Error, Result};
use datasets::preferences::preferences;
use experiment::reward_bench;
use home::read_error;
use rewards::Reward;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

pub fn bench(context: &Context, spec: &Path, pairs: &Path) -> Result<ExitCode> {
    signals::listen();
    let text = std::fs::read_to_string(spec).map_err(|e| Error { code: Code::Spec, ..read_error(spec, &e) })?;
    let parsed = experiment::spec::parse(&text, &spec.display().to_string())?;
    let file = preferences(pairs)?;
    let folders = engine::reward_models(&context.home, &parsed, folder_of(spec))?;
    let bars = Bars::new();
    if !folders.is_empty() {
        bars.say("Loading the reward models …");
    }
    let reward = Reward::new(&parsed.reward)?.with_models(&engine::scorers(&folders)?);
    let bar = counting("scoring", "pairs", (0, file.pairs.len()));
    let mut on_progress = |done: usize| {
        bar.set_position(done as u64);
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
    if found.skipped > 0 {
        let _ = writeln!(text, "{} lines of the file hold no pair: {}.", found.skipped, printable(&found.reasons.join("; ")));
    }
    if let Some(because) = &found.unscored_because {
        let _ = writeln!(text, "{} pairs are left out because an answer could not be scored: {}", found.unscored, printable(because));
    }
    text
}
