//! Reports and lists as text for a terminal.
use crate::output::{one_line, printable};
use crate::{arms_table, judged_table};
use contract::bench::Bounded;
use contract::figures::{Component, Interval};
use contract::report::{Arm, Report};
use std::fmt::Write;

/// Columns side by side; those whose number is in `left` stand to the left, the others to the right.
pub fn columns(rows: &[Vec<String>], left: &[usize]) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0)).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let gap = " ".repeat(widths[column] - cell.chars().count());
            let between = if column == 0 { "" } else { "  " };
            let _ = if left.contains(&column) { write!(line, "{between}{cell}{gap}") } else { write!(line, "{between}{gap}{cell}") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A run's report. `rows` says where the single answers are.
pub fn report(report: &Report, rows: &str) -> String {
    let Report { run, name, status, seed, .. } = report;
    let mut text = format!("Run {run} · {} · {status} · seed {seed}\n\n", one_line(name, 60));
    for side_by_side in report.arms.chunks(ARMS_IN_A_ROW) {
        text.push_str(&columns(&arms(side_by_side), &[0]));
        text.push('\n');
    }
    if !report.comparisons.is_empty() {
        text.push_str(&columns(&comparisons(report), &[0]));
        text.push('\n');
        for table in [variances(report), at_equal_length(report), watched(report)] {
            if table.len() > 1 {
                text.push_str(&columns(&table, &[0]));
                text.push('\n');
            }
        }
    }
    for table in [arms_table::costs(&report.costs), arms_table::gaps(&report.gaps)] {
        if table.len() > 1 {
            text.push_str(&columns(&table, &[0]));
            text.push('\n');
        }
    }
    if !report.judged.is_empty() {
        let _ = writeln!(text, "{}", judged_table::judged(&report.judged));
    }
    if let Some(theory) = &report.theory {
        let _ = writeln!(text, "{}", arms_table::theory(theory));
    }
    if let Some(instruction) = &report.instruction {
        let _ = writeln!(text, "{}\n", arms_table::instruction(instruction));
    }
    if report.comparisons.iter().any(|c| c.clusters.is_some()) || report.arms.iter().any(|a| a.clusters.is_some()) {
        let _ = writeln!(text, "{IN_CLUSTERS}\n");
    }
    let _ = writeln!(text, "{}", printable(&report.verdict));
    for warning in &report.warnings {
        let _ = writeln!(text, "Warning: {}", printable(warning));
    }
    let _ = writeln!(text, "\n{rows}");
    text
}

/// What is said of prompts that belong together, here and over seeds.
pub const IN_CLUSTERS: &str = "Intervals and tests count clusters of prompts, which are resampled and swapped whole. Left out, because they take prompts \
                               as independent: intervals of variance components, and the p of Brown and Forsythe.";

/// "96 prompts", "96 prompts in 24 clusters".
pub fn in_clusters(prompts: String, clusters: Option<usize>) -> String {
    match clusters {
        None => prompts,
        Some(n) => format!("{prompts} in {n} cluster{}", if n == 1 { "" } else { "s" }),
    }
}

/// More would not fit into a terminal.
const ARMS_IN_A_ROW: usize = 4;

fn arms(arms: &[Arm]) -> Vec<Vec<String>> {
    let row =
        |label: &str, cell: &dyn Fn(&Arm) -> String| std::iter::once(label.to_string()).chain(arms.iter().map(cell)).collect::<Vec<_>>();
    let spread = |component: Option<Component>| interval(component.and_then(|c| c.interval), plain);
    let mut rows = vec![
        row("", &|a| a.name.clone()),
        row("answers (n)", &|a| a.n.to_string()),
        row("prompts", &|a| in_clusters(a.prompts.to_string(), a.clusters)),
        row("reward, mean", &|a| number(Some(a.reward_mean))),
        row("  95 % interval", &|a| interval(Some(Interval { low: a.reward_ci_low, high: a.reward_ci_high }), plain)),
        row("reward, variance", &|a| number(a.reward_variance)),
        row("  between prompts", &|a| number(a.between_prompt_variance)),
        row("    95 % interval", &|a| spread(a.components.and_then(|c| c.prompt))),
        row("  within a prompt", &|a| number(a.within_prompt_variance)),
        row("    95 % interval", &|a| spread(a.components.and_then(|c| c.rewrite.or(c.answer)))),
    ];
    let labels: std::collections::BTreeSet<&String> = arms.iter().flat_map(|a| a.reward_parts.keys()).collect();
    for label in labels {
        rows.push(row(&format!("part {}", one_line(label, 30)), &|a| number(a.reward_parts.get(label).copied())));
    }
    let share = |value: Option<f64>| value.map_or_else(|| "–".to_string(), |v| format!("{:.0} %", 100.0 * v));
    let tokens = |value: Option<f64>| value.map_or_else(|| "–".to_string(), |v| format!("{v:.1}"));
    rows.push(row("answer topicality", &|a| number(a.answer_topicality)));
    rows.push(row("rewrite closeness", &|a| number(a.rewrite_closeness)));
    rows.push(row("rewrite, tokens", &|a| tokens(a.rewrite_tokens)));
    rows.push(row("  cut at the limit", &|a| share(a.truncated_rewrites)));
    rows.push(row("answer, tokens", &|a| tokens(Some(a.answer_tokens))));
    rows.push(row("  cut at the limit", &|a| share(Some(a.truncated_answers))));
    rows
}

fn comparisons(report: &Report) -> Vec<Vec<String>> {
    let words = ["difference of means", "", "95 % interval", "BCa interval", "d_z", "better on", "p", "Holm", "prompts"];
    let rows = report.comparisons.iter().map(|c| {
        vec![
            format!("{} − {}", c.arm, c.baseline),
            signed(c.mean_difference),
            interval(Some(Interval { low: c.ci_low, high: c.ci_high }), signed),
            interval(c.bca, signed),
            c.effect_size.map_or_else(absent, |d| minus(&format!("{d:+.2}"))),
            c.improvement.map_or_else(absent, |s| format!("{:.0} %", 100.0 * s.share)),
            probability(Some(c.p_value)),
            probability(c.p_holm),
            in_clusters(c.prompts.to_string(), c.clusters),
        ]
    });
    headed(&words, rows)
}

fn variances(report: &Report) -> Vec<Vec<String>> {
    let words = ["ratio of variances", "", "95 % interval", "Brown-Forsythe p"];
    let rows = report.comparisons.iter().filter_map(|c| {
        let variance = c.variance?;
        Some(vec![
            format!("{} / {}", c.arm, c.baseline),
            variance.ratio.map_or_else(absent, |r| format!("{r:.2}")),
            interval(variance.interval, |end| format!("{end:.2}")),
            probability(variance.p_value),
        ])
    });
    headed(&words, rows)
}

fn at_equal_length(report: &Report) -> Vec<Vec<String>> {
    let words = ["difference at equal length", "", "95 % interval", "per token"];
    let rows = report.comparisons.iter().filter_map(|c| {
        let found = c.at_equal_length?;
        let per_token = minus(&format!("{:+.4}", found.per_token));
        Some(vec![format!("{} − {}", c.arm, c.baseline), signed(found.difference), interval(found.interval, signed), per_token])
    });
    headed(&words, rows)
}

/// Parts of the reward that nothing was trained on.
fn watched(report: &Report) -> Vec<Vec<String>> {
    let words = ["difference of a watched part", "", "95 % interval"];
    let rows = report.comparisons.iter().flat_map(|c| {
        c.watched.iter().map(|part| {
            let label = format!("{}: {} − {}", one_line(&part.label, 30), c.arm, c.baseline);
            vec![label, signed(part.difference), interval(part.interval, signed)]
        })
    });
    headed(&words, rows)
}

/// Rows under a first one of these words.
pub fn headed(words: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    std::iter::once(words.iter().map(ToString::to_string).collect()).chain(rows).collect()
}

/// Both ends of an interval, each as `show` writes it.
pub fn interval(interval: Option<Interval>, show: impl Fn(f64) -> String) -> String {
    interval.map_or_else(absent, |i| format!("[{}, {}]", show(i.low), show(i.high)))
}

/// A figure with its interval, each as `show` writes it.
pub fn bounded(figure: Option<Bounded>, show: impl Fn(f64) -> String) -> String {
    figure.map_or_else(absent, |f| format!("{} {}", show(f.value), interval(f.interval, show)))
}

/// What stands for a figure that is not there.
pub fn absent() -> String {
    "–".into()
}

/// Three decimals.
pub fn number(value: Option<f64>) -> String {
    value.map_or_else(absent, plain)
}

/// The same of a figure that is there.
pub fn plain(value: f64) -> String {
    minus(&format!("{value:.3}"))
}

pub fn probability(p: Option<f64>) -> String {
    p.map_or_else(absent, |p| if p < 0.0001 { "< 0.0001".into() } else { format!("{p:.4}") })
}

/// With its sign.
pub fn signed(value: f64) -> String {
    minus(&format!("{value:+.3}"))
}

/// With a true minus, as wide as a plus.
fn minus(number: &str) -> String {
    number.replace('-', "−")
}

/// A number of bytes in words.
pub fn bytes(bytes: u64) -> String {
    let b = bytes as f64;
    if b >= 1e9 { format!("{:.1} GB", b / 1e9) } else { format!("{:.0} MB", b / 1e6) }
}

/// "1 run", "2 runs".
pub fn count(runs: usize) -> String {
    if runs == 1 { "1 run".into() } else { format!("{runs} runs") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::figures::{ShareOfPrompts, VarianceRatio};
    use contract::report::{AtEqualLength, Comparison, WatchedDifference};

    fn arm(name: &str, mean: f64) -> Arm {
        Arm {
            name: name.into(),
            n: 16,
            prompts: 8,
            clusters: Some(3),
            reward_mean: mean,
            reward_ci_low: mean - 0.1,
            reward_ci_high: mean + 0.1,
            reward_variance: Some(0.04),
            between_prompt_variance: Some(-0.001),
            within_prompt_variance: None,
            components: None,
            reward_parts: [("topicality".to_string(), 0.5)].into(),
            answer_topicality: Some(0.5),
            rewrite_closeness: (name != "raw").then_some(0.75),
            rewrite_tokens: None,
            answer_tokens: 40.25,
            truncated_rewrites: None,
            truncated_answers: 0.5,
        }
    }

    #[test]
    fn a_report_shows_every_figure_with_its_n_and_interval() {
        let comparison = Comparison {
            arm: "tuned".into(),
            baseline: "raw".into(),
            prompts: 8,
            clusters: Some(3),
            mean_difference: 0.25,
            ci_low: -0.05,
            ci_high: 0.5,
            p_value: 0.00001,
            p_holm: Some(0.00003),
            bca: Some(Interval { low: -0.04, high: 0.5 }),
            effect_size: Some(-0.5),
            improvement: Some(ShareOfPrompts { share: 0.75, interval: None }),
            variance: Some(VarianceRatio { ratio: Some(0.5), interval: None, p_value: Some(0.25) }),
            at_equal_length: Some(AtEqualLength { difference: -0.125, interval: None, per_token: 0.0025 }),
            watched: vec![WatchedDifference {
                label: "polite".into(),
                difference: 0.5,
                interval: Some(Interval { low: 0.25, high: 0.75 }),
            }],
        };
        let shown = report(
            &Report {
                run: 3,
                name: "quick\u{1b}start".into(),
                status: "finished".into(),
                seed: 7,
                spec_hash: String::new(),
                arms: vec![arm("raw", 0.25), arm("tuned", 0.5)],
                comparisons: vec![comparison],
                verdict: "The tuned prompter is better.".into(),
                warnings: vec!["Rewrites grow.".into()],
                costs: Vec::new(),
                gaps: Vec::new(),
                theory: None,
                instruction: None,
                judged: Vec::new(),
            },
            "Every answer is in x.db.",
        );
        for expected in [
            "Run 3 · quick\u{fffd}start · finished · seed 7",
            "answers (n)",
            "8 in 3 clusters  8 in 3 clusters",
            "Intervals and tests count clusters of prompts",
            "[0.150, 0.350]   [0.400, 0.600]",
            "between prompts            −0.001",
            "within a prompt                 –",
            "part topicality",
            "tuned − raw          +0.250  [−0.050, +0.500]  [−0.040, +0.500]  −0.50       75 %  < 0.0001  < 0.0001  8 in 3 clusters",
            "tuned / raw         0.50              –            0.2500",
            "tuned − raw                 −0.125              –    +0.0025",
            "polite: tuned − raw           +0.500  [+0.250, +0.750]",
            "Warning: Rewrites grow.",
        ] {
            assert!(shown.contains(expected), "{expected:?} is not in\n{shown}");
        }
    }

    #[test]
    fn lists_end_with_free_text() {
        let rows = [["1", "finished", "a name"], ["12", "running", "b"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(columns(&rows, &[1, 2]), " 1  finished  a name\n12  running   b\n");
    }
}
