//! `alignpro data SPEC`: what an experiment's prompts are before anything is computed with them.
use super::Context;
use super::run::folder_of;
use crate::brought;
use crate::output::{one_line, printable};
use contract::desk::DataPreview;
use contract::{Code, Error, Result};
use home::read_error;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

pub fn data(context: &Context, spec: &Path) -> Result<ExitCode> {
    let text = std::fs::read_to_string(spec).map_err(|e| Error { code: Code::Spec, ..read_error(spec, &e) })?;
    let mut parsed = experiment::spec::parse(&text, &spec.display().to_string())?;
    brought::resolve(&context.home, &mut parsed.data, folder_of(spec))?;
    let found = datasets::load(&parsed.data, folder_of(spec))?.preview();
    context.output.result(&found, || shown(&found))?;
    Ok(ExitCode::SUCCESS)
}

fn shown(found: &DataPreview) -> String {
    const WIDTH: usize = 100;
    let mut text = format!(
        "{} training, {} validation and {} test prompts, of {} distinct ones in {} rows. {} words in the median prompt, {} in the longest.\n",
        found.train, found.validation, found.test, found.census.distinct, found.census.rows, found.median_words, found.longest_words
    );
    if let Some(c) = &found.clusters {
        let _ = writeln!(
            text,
            "They are in {} training, {} validation and {} test clusters; {} prompts are unused, the rest of clusters that did not fit whole.",
            c.train, c.validation, c.test, c.unused
        );
    }
    let census = &found.census;
    if let Some(out) = census.left_out() {
        let _ = writeln!(text, "Left out: {out}.");
    }
    for example in &census.malformed_examples {
        let _ = writeln!(text, "  {}", printable(example));
    }
    if census.with_system > 0 {
        let _ = writeln!(
            text,
            "A system prompt stands before {} of the distinct prompts: the frozen model is given it, the prompter is not.",
            census.with_system
        );
    }
    if let Some(pair) = &census.nearest {
        let _ = writeln!(
            text,
            "{} validation or test prompts have a near-duplicate among the training prompts (80 % of their word triples in common, or more); \
             data.near_duplicates = 0.8 leaves them out. The nearest ({:.0} %):\n  {}\n  {}",
            census.near_in_training,
            100.0 * pair.similarity,
            one_line(&pair.prompt, WIDTH),
            one_line(&pair.in_training, WIDTH)
        );
    }
    if census.near_in_validation > 0 {
        let _ = writeln!(
            text,
            "{} test prompts have a near-duplicate among the validation prompts; data.near_duplicates = 0.8 leaves them out.",
            census.near_in_validation
        );
    }
    let _ = writeln!(text, "The first training prompts:");
    for example in &found.examples {
        let _ = writeln!(text, "  {}", one_line(example, WIDTH));
    }
    text
}
