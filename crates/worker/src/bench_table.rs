//! What a reward is worth by feedback of people, for a terminal.
use crate::output::{one_line, printable};
use crate::table::{bounded, columns, headed, signed};
use contract::bench::{Repeat, RewardBench};
use contract::feedback::{FeedbackBench, FeedbackColumns, LabelBench, LeftOut};
use std::fmt::Write;

pub fn feedback(found: &FeedbackBench) -> String {
    match found {
        FeedbackBench::Pairs(found) => pairs(found),
        FeedbackBench::Labelled(found) => labelled(found),
    }
}

/// Which columns were read as what.
pub fn mapped(read: &FeedbackColumns, better: Option<&str>) -> String {
    let FeedbackColumns { prompt, input, system, chosen, rejected, response, label } = read;
    let answers = if better.is_some() { ["one answer", "the other answer"] } else { ["chosen", "rejected"] };
    let all = [
        ("prompt", prompt),
        ("after it", input),
        ("system prompt", system),
        (answers[0], chosen),
        (answers[1], rejected),
        ("answer", response),
        ("label", label),
    ];
    let mut words: Vec<String> =
        all.into_iter().filter_map(|(what, name)| Some(format!("{what} \"{}\"", one_line(name.as_ref()?, 40)))).collect();
    words.extend(better.map(|better| format!("which is better \"{}\"", one_line(better, 40))));
    format!("Read from the columns: {}.", words.join(", "))
}

pub fn pairs(found: &RewardBench) -> String {
    let words = ["", "agrees [95 % interval]", "where the chosen is shorter", "where it is longer", "rank correlation with length", "ties"];
    let rows = found.rewards.iter().map(|r| {
        let shares = [r.accuracy, r.where_shorter, r.where_longer].map(|share| bounded(share, percent));
        let more = [bounded(r.with_length, signed), r.ties.to_string()];
        std::iter::once(one_line(&r.name, 30)).chain(shares).chain(more).collect()
    });
    let mut text = columns(&headed(&words, rows), &[0]);
    let _ = writeln!(
        text,
        "\n{} pairs of {} prompts, each answer scored once ({:.0} answers a second). Chance agrees on 50 %; \"length\" is the rule that the longer answer is the better one.",
        found.pairs, found.prompts, found.answers_per_second
    );
    if let Some(all) = found.drawn_of {
        let _ = writeln!(text, "They were drawn from the {all} pairs of the file.");
    }
    if found.repeated > 0 {
        let _ = writeln!(text, "Pairs of the file that say what an earlier one says, and were left out: {}.", found.repeated);
    }
    if let Some(origin) = &found.origin {
        let _ = writeln!(text, "The file comes from the hub: {}.", printable(origin));
    }
    repeats(&mut text, found.rewards.iter().filter_map(|r| Some((&*r.name, r.repeat?))));
    left_out(&mut text, &found.left_out, "Rows of the file without a pair");
    if let Some(because) = &found.unscored_because {
        let _ = writeln!(text, "{} pairs are left out because an answer could not be scored: {}", found.unscored, printable(because));
    }
    text
}

pub fn labelled(found: &LabelBench) -> String {
    let has_auc = found.rewards.iter().any(|r| r.auc.is_some());
    let mut words = vec!["", "rank correlation with the label [95 % interval]", "agrees on pairs", "ties"];
    words.extend(has_auc.then_some("area under the ROC curve"));
    words.extend(["rank correlation with length", "values"]);
    let rows = found.rewards.iter().map(|r| {
        let mut row = vec![one_line(&r.name, 30), bounded(r.with_label, signed), bounded(r.on_pairs, percent), r.ties.to_string()];
        row.extend(has_auc.then(|| bounded(r.auc, percent)));
        row.extend([bounded(r.with_length, signed), r.values.to_string()]);
        row
    });
    let mut text = columns(&headed(&words, rows), &[0]);
    let label = one_line(&found.label, 40);
    let pairs = match found.pairs {
        0 => "No two answers to the same prompt have different labels.".into(),
        pairs => format!("{pairs} pairs of answers to the same prompt have different labels: chance agrees on 50 % of them."),
    };
    let _ = writeln!(
        text,
        "\n{} answers to {} prompts with the label \"{label}\", each scored once ({:.0} answers a second). {pairs} Intervals draw prompts with all of their answers; \
         \"length\" is the rule that the longer answer is the better one.",
        found.answers, found.prompts, found.answers_per_second
    );
    if let Some(all) = found.drawn_of {
        let _ = writeln!(text, "They were drawn from the {all} answers of the file.");
    }
    if found.label_with_length.is_some() {
        let _ = writeln!(text, "The label's own rank correlation with length is {}.", bounded(found.label_with_length, signed));
    }
    if let Some(origin) = &found.origin {
        let _ = writeln!(text, "The file comes from the hub: {}.", printable(origin));
    }
    repeats(&mut text, found.rewards.iter().filter_map(|r| Some((&*r.name, r.repeat?))));
    left_out(&mut text, &found.left_out, "Rows, or answers in their lists, without an answer with a label");
    if let Some(because) = &found.unscored_because {
        let _ = writeln!(text, "{} answers are left out because they could not be scored: {}", found.unscored, printable(because));
    }
    text
}

/// What does not count.
fn left_out(text: &mut String, LeftOut { rows, reasons, wrong_length, wrong_language }: &LeftOut, malformed: &str) {
    if *rows > 0 {
        let _ = writeln!(text, "{malformed}: {rows}. {}.", printable(&reasons.join("; ")));
    }
    if wrong_length + wrong_language > 0 {
        let _ = writeln!(text, "Left out for the length of an answer: {wrong_length}; as clearly in another language: {wrong_language}.");
    }
}

/// What scored some answers once more.
fn repeats<'a>(text: &mut String, all: impl Iterator<Item = (&'a str, Repeat)>) {
    for (name, Repeat { answers, differ, largest_difference, score_mass }) in all {
        let same =
            if differ == 0 { "the same scores".into() } else { format!("other scores for {differ}, by at most {largest_difference:.2e}") };
        let _ = writeln!(text, "{}: {answers} answers scored twice, in another order: {same}.", one_line(name, 30));
        if let Some(mass) = score_mass {
            let (mean, least) = (percent(mass.mean), percent(mass.least));
            let _ =
                writeln!(text, "{}: the judge would have said a number of its scale with {mean} (at least {least}).", one_line(name, 30));
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
