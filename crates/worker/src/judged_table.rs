//! What judges said, as text for a terminal.
use crate::output::{one_line, printable};
use crate::table::{absent, columns, headed, in_clusters, interval};
use contract::figures::ShareOfPrompts;
use contract::judged::Judged;
use std::fmt::Write;

/// A table with a row for each judge and pair of arms, who they are, and what is to be doubted.
pub fn judged(all: &[Judged]) -> String {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let cell =
        |share: Option<ShareOfPrompts>| share.map_or_else(absent, |s| format!("{} {}", percent(s.share), interval(s.interval, percent)));
    let words = [
        "judged",
        "win rate [95 % interval]",
        "for the first position",
        "same in both orders",
        "for the longer",
        "pairs",
        "prompts",
        "unread",
        "too long",
    ];
    let rows = all.iter().map(|j| {
        vec![
            format!("{} over {}, {}", j.arm, j.baseline, one_line(&j.judge, 30)),
            cell(j.win_rate),
            cell(j.first_position),
            cell(j.agreement),
            cell(j.longer),
            format!("{} of {}", j.pairs, j.available),
            in_clusters(j.prompts.to_string(), j.clusters),
            j.unparsed.to_string(),
            j.too_long.to_string(),
        ]
    });
    let mut text = columns(&headed(&words, rows), &[0]);
    for j in all {
        let (judge, engine, checksum) = (one_line(&j.judge, 60), one_line(&j.engine, 80), one_line(&j.checksum, 12));
        let _ = writeln!(text, "Judge {judge}: {engine}; checksum {checksum}, template {}.", one_line(&j.template_hash, 12));
    }
    for (j, warning) in all.iter().flat_map(|j| j.warnings.iter().map(move |warning| (j, warning))) {
        let _ = writeln!(text, "Warning: {} over {}, {}: {}", j.arm, j.baseline, one_line(&j.judge, 30), printable(warning));
    }
    text
}
