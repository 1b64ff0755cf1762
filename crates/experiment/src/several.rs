//! Several experiments, each with its seeds, from stored rows alone.
use crate::analyse::{Seed, by_experiment, holm, together};
use crate::{profiles, spec};
use contract::seeds::{Analysis, GainAcross, SeedsFound};
use contract::{Error, Result, arm};

/// The seeds of each experiment together, as [`crate::analyse::compute`] has them; what the tuned prompter gained in all of them, adjusted for
/// each other; and the arms over all of them, as [`profiles::compute`] has them.
///
/// # Errors
/// [`contract::Code::Run`] where no experiment can be analysed: what is wrong with the first.
pub fn compute(seeds: Vec<Seed>) -> Result<Analysis> {
    let groups = by_experiment(seeds)?;
    let mut failed: Option<Error> = None;
    let mut experiments = Vec::new();
    for seeds in &groups {
        let runs = seeds.iter().map(|seed| seed.run.id).collect();
        experiments.push(match together(seeds) {
            Ok(report) => SeedsFound { runs, report: Some(report), failure: None },
            Err(e) => {
                let failure = Some(e.message.clone());
                failed.get_or_insert(e);
                SeedsFound { runs, report: None, failure }
            }
        });
    }
    if let (Some(e), true) = (failed, experiments.iter().all(|found| found.report.is_none())) {
        return Err(e);
    }
    let several = groups.len() > 1;
    Ok(Analysis {
        differences: differences(&groups)?,
        gains: if several { gains(&experiments) } else { Vec::new() },
        profiles: several.then(|| profiles::over(&groups)),
        experiments,
    })
}

fn differences(groups: &[Vec<Seed>]) -> Result<Vec<String>> {
    let firsts: Vec<_> = groups.iter().filter_map(|seeds| seeds.first()).map(|seed| &seed.run).collect();
    let mut sentences = Vec::new();
    for run in firsts.iter().skip(1) {
        if let Some((key, there, here)) = spec::difference(&firsts[0].spec, &run.spec)? {
            sentences.push(format!("{key} is {here} in run {} and {there} in run {}.", run.id, firsts[0].id));
        }
    }
    Ok(sentences)
}

/// Over both baselines.
fn gains(experiments: &[SeedsFound]) -> Vec<GainAcross> {
    let found = experiments.iter().enumerate().flat_map(|(experiment, found)| {
        let compared = found.report.iter().flat_map(|report| &report.comparisons);
        let of_tuned = compared.filter(|c| c.arm == arm::TUNED && [arm::RAW, arm::UNTUNED].contains(&c.baseline.as_str()));
        of_tuned.map(move |c| GainAcross { experiment, baseline: c.baseline.clone(), p_value: c.p_value, p_holm: None })
    });
    let mut gains: Vec<GainAcross> = found.collect();
    let p_holm = holm(gains.iter().map(|gain| gain.p_value));
    gains.iter_mut().zip(p_holm).for_each(|(gain, p_holm)| gain.p_holm = p_holm);
    gains
}
