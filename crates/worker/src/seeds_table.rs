//! What several seeds found, as text for a terminal.
use crate::arms_table::gaps;
use crate::output::{one_line, printable};
use crate::table::{IN_CLUSTERS, absent, columns, headed, in_clusters, interval, number, plain, probability, signed};
use contract::figures::Component;
use contract::seeds::{ComparisonOverSeeds, MeanOverSeeds, Power, SeedsReport};
use std::fmt::Write;

/// With commas.
pub fn list<Of>(items: &[Of], show: impl Fn(&Of) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(", ")
}

/// What `alignpro analyse` says of one experiment.
pub fn report(report: &SeedsReport) -> String {
    let mut text = format!(
        "{} · runs {} · seeds {} · {}, {} answers each\n\n",
        one_line(&report.name, 60),
        list(&report.runs, |r| r.run.to_string()),
        list(&report.runs, |r| r.seed.to_string()),
        in_clusters(format!("{} test prompts", report.prompts), report.clusters),
        report.answers
    );
    for table in [arms(report), differences(report), gaps(&report.gaps), components(report), power(report)] {
        if table.len() > 1 {
            text.push_str(&columns(&table, &[0]));
            text.push('\n');
        }
    }
    if report.clusters.is_some() {
        let _ = writeln!(text, "{IN_CLUSTERS}\n");
    }
    let _ = writeln!(text, "{}", printable(&report.verdict));
    for warning in &report.warnings {
        let _ = writeln!(text, "Warning: {}", printable(warning));
    }
    text
}

fn mean(label: String, mean: &MeanOverSeeds, show: fn(f64) -> String) -> Vec<String> {
    vec![
        label,
        show(mean.mean),
        interval(mean.student, show),
        interval(mean.bootstrap, show),
        number(mean.deviation),
        mean.seeds.to_string(),
        mean.failed.to_string(),
    ]
}

fn arms(report: &SeedsReport) -> Vec<Vec<String>> {
    let words = ["reward, mean over seeds", "", "Student's t, 95 %", "bootstrap, 95 %", "seeds' deviation", "seeds", "failed"];
    let rows = report.arms.iter().map(|a| mean(a.arm.clone(), &a.reward, plain));
    headed(&words, rows)
}

fn differences(report: &SeedsReport) -> Vec<Vec<String>> {
    let words = ["difference of means", "", "Student's t, 95 %", "bootstrap, 95 %", "seeds' deviation", "seeds", "failed", "p", "Holm"];
    let row = |c: &ComparisonOverSeeds| {
        let tested = [c.p_value, c.p_holm].map(probability);
        mean(format!("{} − {}", c.arm, c.baseline), &c.difference, signed).into_iter().chain(tested).collect()
    };
    headed(&words, report.comparisons.iter().map(row))
}

fn components(report: &SeedsReport) -> Vec<Vec<String>> {
    let show = |component: Option<Component>| {
        component.map_or_else(absent, |c| {
            let around = c.interval.map_or_else(String::new, |i| format!(" {}", interval(Some(i), plain)));
            format!("{}{around}", plain(c.variance))
        })
    };
    let row = |label: String, mean: &MeanOverSeeds| {
        let c = &mean.components;
        vec![label, show(c.seed), show(c.prompt), show(c.interaction), show(c.rewrite.or(c.answer))]
    };
    let arms = report.arms.iter().map(|a| row(a.arm.clone(), &a.reward));
    let pairs = report.comparisons.iter().map(|c| row(format!("{} − {}", c.arm, c.baseline), &c.difference));
    let words = ["variance from the", "seed", "prompt", "seed × prompt", "rewrite and answer"];
    headed(&words, arms.chain(pairs))
}

fn power(report: &SeedsReport) -> Vec<Vec<String>> {
    smallest("as here", report.comparisons.iter().filter_map(|c| Some((c.arm.as_str(), c.baseline.as_str(), c.power?))))
}

/// How small a difference of each pair is found by a design, and by one with twice of something.
pub(crate) fn smallest<'a>(design: &str, pairs: impl Iterator<Item = (&'a str, &'a str, Power)>) -> Vec<Vec<String>> {
    let words = ["smallest difference found at 80 % power", design, "twice the prompts", "twice the answers", "twice the seeds"];
    let rows = pairs.map(|(arm, baseline, power)| {
        let figures = [Some(power.smallest), power.twice_prompts, power.twice_answers, power.twice_seeds];
        std::iter::once(format!("{arm} − {baseline}")).chain(figures.map(number)).collect()
    });
    headed(&words, rows)
}
