//! Arms over several data sets and pairs of models, from stored rows alone: interquartile means and performance profiles.
use crate::analyse::{Seed, Table, by_experiment, count, require_one_experiment, warning_of};
use crate::figures;
use crate::metrics::mean;
use crate::streams::Streams;
use analysis::{Scale, interquartile_mean, performance_profile};
use contract::profiles::{ArmProfile, OverTasks, ProfileTask, Profiles, ScaledBy};
use contract::seeds::Counted;
use contract::{Result, arm};

/// Thresholds of a profile.
const STEPS: usize = 80;

/// One experiment: what its seeds' arms earned.
struct Task {
    name: String,
    runs: Vec<i64>,
    /// Of each arm, in the order of [`arm::ALL`], its mean in every run.
    scores: Vec<(&'static str, Vec<f64>)>,
    /// Whether the oracle's gain over the raw prompt is there and above 0 by its interval.
    has_gap: bool,
    resamples: usize,
    stream: u64,
}

/// Arms over the experiments that these runs are seeds of, each a task. A score is a run's mean over its test prompts; a seed that failed
/// counts in trained arms at the raw prompt's mean, as in [`crate::analyse::compute`]. Rewards are normalised by the raw prompt and the
/// oracle where the oracle is clearly better in every task, otherwise by the least and the greatest score of each.
///
/// Experiments that cannot be put together, and arms that not every task has, are left out and named in `warnings`. All is withheld, with
/// the reason, with fewer than two tasks, where the scores of a task do not differ, and where no task has two runs, for then nothing says
/// how precise a figure is.
///
/// # Errors
/// As [`crate::spec::experiment`].
pub fn compute(seeds: Vec<Seed>) -> Result<Profiles> {
    Ok(over(&by_experiment(seeds)?))
}

/// As [`compute`], of the runs of each experiment in the order of their seeds.
pub(crate) fn over(experiments: &[Vec<Seed>]) -> Profiles {
    let (mut tasks, mut warnings) = (Vec::new(), Vec::new());
    for seeds in experiments {
        let name = seeds.first().map(|seed| seed.run.name.clone()).unwrap_or_default();
        match task(name.clone(), seeds) {
            Ok((task, more)) => {
                tasks.push(task);
                warnings.extend(more);
            }
            Err(e) => warnings.push(format!("{name} is left out: {}", e.message)),
        }
    }
    profiles(&tasks, warnings)
}

fn task(name: String, seeds: &[Seed]) -> Result<(Task, Vec<String>)> {
    require_one_experiment(seeds)?;
    let counted: Vec<Counted> = seeds.iter().map(count).collect();
    let table = Table::new(seeds, &counted)?;
    let raw = mean(run_means(&table, arm::RAW, None));
    let scores = arm::ALL.into_iter().map(|name| (name, run_means(&table, name, raw))).filter(|(_, scores)| !scores.is_empty()).collect();
    let gap = table.over("oracle-raw", &table.means(arm::ORACLE, Some(arm::RAW)), 0.0).and_then(|over| over.interval);
    let runs = seeds.iter().zip(&counted).filter(|(_, counted)| **counted != Counted::Unfinished).map(|(seed, _)| seed.run.id).collect();
    let stream = Streams::new(table.spec.seed).statistics("profiles");
    let task = Task { name, runs, scores, has_gap: gap.is_some_and(|gap| gap.low > 0.0), resamples: table.resamples(), stream };
    Ok((task, seeds.iter().zip(counted).filter_map(|(seed, counted)| warning_of(&seed.run, counted)).collect()))
}

/// Of each run the arm's mean over prompts; `failed` is that of a run that failed, which is left out where there is no such figure.
fn run_means(table: &Table<'_>, arm: &str, failed: Option<f64>) -> Vec<f64> {
    table.means(arm, None).into_iter().filter_map(|prompts| mean(prompts).or(failed)).collect()
}

fn profiles(tasks: &[Task], mut warnings: Vec<String>) -> Profiles {
    let has = |task: &Task, arm: &str| task.scores.iter().any(|(name, _)| *name == arm);
    let (shared, partial): (Vec<&str>, Vec<&str>) =
        arm::ALL.into_iter().filter(|arm| tasks.iter().any(|task| has(task, arm))).partition(|arm| tasks.iter().all(|task| has(task, arm)));
    if !partial.is_empty() {
        warnings.push(format!("Not in every experiment, and so not shown over all of them: {}.", partial.join(", ")));
    }
    let single = tasks.iter().filter(|task| task.runs.len() < 2).count();
    if single > 0 && single < tasks.len() {
        warnings.push(format!(
            "{single} of {} experiments {} one seed, so that nothing of {} varies in the intervals over all of them, which are too narrow.",
            tasks.len(),
            if single == 1 { "has" } else { "have" },
            if single == 1 { "it" } else { "them" }
        ));
    }
    let scaled_by = if tasks.iter().all(|task| task.has_gap) { ScaledBy::Arms } else { ScaledBy::MinMax };
    let none = |why: String| Profiles {
        tasks: Vec::new(),
        scaled_by,
        thresholds: Vec::new(),
        arms: Vec::new(),
        withheld: Some(why),
        warnings: warnings.clone(),
    };
    if tasks.len() < 2 {
        return none("a figure over data sets needs two experiments that have finished".into());
    }
    if single == tasks.len() {
        return none("every experiment has one seed, and nothing says how precise a figure over them would be; run a second seed".into());
    }
    let mut scales = Vec::new();
    for task in tasks {
        match scale(task, &shared, scaled_by) {
            Some(scale) => scales.push(scale),
            None => return none(format!("the mean rewards of {} do not differ, so that they have no scale", task.name)),
        }
    }
    match arms(tasks, &scales, &shared) {
        Some((thresholds, arms)) => {
            let task = |(task, (_, [zero, one])): (&Task, &Scaled)| ProfileTask {
                name: task.name.clone(),
                runs: task.runs.clone(),
                zero: *zero,
                one: *one,
            };
            let tasks = tasks.iter().zip(&scales).map(task).collect();
            Profiles { tasks, scaled_by, thresholds, arms, withheld: None, warnings }
        }
        None => none("the experiments share no arm that has two runs in one of them, so that nothing says how precise a figure is".into()),
    }
}

/// A scale, and what is 0 and 1 on it.
type Scaled = (Scale, [f64; 2]);

fn scale(task: &Task, shared: &[&str], by: ScaledBy) -> Option<Scaled> {
    let of = |arm: &str| task.scores.iter().find(|(name, _)| *name == arm).map(|(_, scores)| scores.as_slice());
    match by {
        ScaledBy::Arms => {
            let [zero, one] = [mean(of(arm::RAW)?.iter().copied())?, mean(of(arm::ORACLE)?.iter().copied())?];
            Some((Scale::between(zero, one)?, [zero, one]))
        }
        ScaledBy::MinMax => {
            let all: Vec<f64> = shared.iter().filter_map(|arm| of(arm)).flatten().copied().collect();
            let ends = [all.iter().copied().fold(f64::INFINITY, f64::min), all.iter().copied().fold(f64::NEG_INFINITY, f64::max)];
            Some((Scale::min_max(&all)?, ends))
        }
    }
}

/// Thresholds, and the figures of every arm that has an interval; None where none has.
fn arms(tasks: &[Task], scales: &[Scaled], shared: &[&str]) -> Option<(Vec<f64>, Vec<ArmProfile>)> {
    let (resamples, stream) = tasks.first().map(|task| (task.resamples, task.stream))?;
    let normalised = |arm: &str| -> Vec<Vec<f64>> {
        let of = |task: &Task| task.scores.iter().find(|(name, _)| *name == arm).map(|(_, scores)| scores.clone()).unwrap_or_default();
        tasks.iter().zip(scales).map(|(task, (scale, _))| of(task).into_iter().map(|score| scale.apply(score)).collect()).collect()
    };
    let scores: Vec<(&str, Vec<Vec<f64>>)> = shared.iter().map(|arm| (*arm, normalised(arm))).collect();
    let thresholds = thresholds(scores.iter().flat_map(|(_, tasks)| tasks.iter().flatten().copied()));
    let of = |(arm, scores): &(&str, Vec<Vec<f64>>)| {
        let above = performance_profile(scores, &thresholds, resamples, stream)?;
        Some(ArmProfile {
            arm: (*arm).into(),
            runs: scores.iter().map(Vec::len).sum(),
            interquartile_mean: over_tasks(&interquartile_mean(scores, resamples, stream)?)?,
            above: above.iter().map(over_tasks).collect::<Option<_>>()?,
        })
    };
    let arms: Vec<ArmProfile> = scores.iter().filter_map(of).collect();
    (!arms.is_empty()).then_some((thresholds, arms))
}

fn over_tasks(figure: &analysis::OverTasks) -> Option<OverTasks> {
    Some(OverTasks { value: figures::finite(figure.value)?, interval: figures::interval(figure.interval)? })
}

/// Evenly from below the least score, where every run is above, to the greatest, which none is above; 0 and 1 are within.
fn thresholds(scores: impl Iterator<Item = f64>) -> Vec<f64> {
    let (least, greatest) = scores.fold((0.0_f64, 1.0_f64), |(least, greatest), score| (least.min(score), greatest.max(score)));
    let low = least - 0.02 * (greatest - least);
    (0..=STEPS).map(|i| low + (greatest - low) * i as f64 / STEPS as f64).collect()
}
