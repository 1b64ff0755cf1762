//! What one experiment or several found, as text for a terminal.
use crate::output::{one_line, printable};
use crate::seeds_table;
use crate::table::{absent, columns, headed, interval, plain, probability, signed};
use contract::profiles::{Profiles, ScaledBy};
use contract::seeds::{Analysis, SeedsFound};
use std::fmt::Write;

/// The report of `alignpro analyse`.
pub fn analysis(analysis: &Analysis) -> String {
    let mut text = String::new();
    for found in &analysis.experiments {
        match (&found.report, &found.failure) {
            (Some(report), _) => text.push_str(&seeds_table::report(report)),
            (None, failure) => {
                let why = failure.as_deref().unwrap_or("they say nothing");
                let _ = writeln!(text, "Runs {}: {}", seeds_table::list(&found.runs, |run| run.to_string()), printable(why));
            }
        }
        text.push('\n');
    }
    if let Some(profiles) = &analysis.profiles {
        text.push_str(&over_all(analysis, profiles));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn over_all(analysis: &Analysis, profiles: &Profiles) -> String {
    let mut text = format!("Over all {} experiments\n\n", analysis.experiments.len());
    for difference in &analysis.differences {
        let _ = writeln!(text, "{}", printable(difference));
    }
    text.push('\n');
    for table in [gains(analysis), arms(profiles)] {
        if table.len() > 1 {
            text.push_str(&columns(&table, &[0]));
            text.push('\n');
        }
    }
    match &profiles.withheld {
        Some(why) => {
            let _ = writeln!(text, "Interquartile means and performance profiles are withheld, because {}.", printable(why));
        }
        None => {
            let _ = writeln!(text, "{}", scale(profiles.scaled_by));
        }
    }
    for warning in &profiles.warnings {
        let _ = writeln!(text, "Warning: {}", printable(warning));
    }
    text
}

fn name(found: &SeedsFound) -> String {
    let runs = seeds_table::list(&found.runs, |run| run.to_string());
    found.report.as_ref().map_or_else(|| format!("runs {runs}"), |report| one_line(&report.name, 40))
}

fn gains(analysis: &Analysis) -> Vec<Vec<String>> {
    let rows = analysis.gains.iter().filter_map(|gain| {
        let found = analysis.experiments.get(gain.experiment)?;
        let compared = found.report.as_ref()?.comparisons.iter();
        let difference = &compared.clone().find(|c| c.arm == contract::arm::TUNED && c.baseline == gain.baseline)?.difference;
        let figures = [signed(difference.mean), interval(difference.student, signed), difference.seeds.to_string()];
        let label = format!("{}: tuned − {}", name(found), gain.baseline);
        Some(std::iter::once(label).chain(figures).chain([gain.p_value, gain.p_holm].map(probability)).collect())
    });
    headed(&["difference of means", "", "Student's t, 95 %", "seeds", "p", "Holm over all"], rows)
}

/// Interquartile means, and the profiles at the thresholds that lie nearest to 0, a half and 1.
fn arms(profiles: &Profiles) -> Vec<Vec<String>> {
    let nearest = |to: f64| {
        let from = |at: &usize| (profiles.thresholds[*at] - to).abs();
        (0..profiles.thresholds.len()).min_by(|a, b| from(a).total_cmp(&from(b)))
    };
    let at: Vec<usize> = [0.0, 0.5, 1.0].into_iter().filter_map(nearest).collect();
    let above: Vec<String> = at.iter().map(|at| format!("runs above {}", plain(profiles.thresholds[*at]))).collect();
    let words: Vec<&str> =
        ["over all, normalised", "IQM", "95 % interval", "runs"].into_iter().chain(above.iter().map(String::as_str)).collect();
    let rows = profiles.arms.iter().map(|arm| {
        let mean = &arm.interquartile_mean;
        let shares = at.iter().map(|at| arm.above.get(*at).map_or_else(absent, |share| format!("{:.0} %", 100.0 * share.value)));
        [arm.arm.clone(), plain(mean.value), interval(Some(mean.interval), plain), arm.runs.to_string()].into_iter().chain(shares).collect()
    });
    headed(&words, rows)
}

fn scale(scaled_by: ScaledBy) -> &'static str {
    match scaled_by {
        ScaledBy::Arms => {
            "Rewards of each experiment are normalised by its own arms: 0 is the raw prompt's mean over seeds, 1 the oracle's."
        }
        ScaledBy::MinMax => {
            "Rewards of each experiment are normalised by its own range: 0 is the least mean of any arm and seed, 1 the greatest, for not \
             every experiment has an oracle that is clearly better than the raw prompt."
        }
    }
}
