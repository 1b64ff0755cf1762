//! Several seeds of one experiment together, from stored rows alone.
use crate::clusters::{Clusters, are_related, different};
use crate::metrics::mean;
use crate::report::{COMPARISONS, latest, nested};
use crate::streams::Streams;
use crate::{figures, spec};
use analysis::{Noise, OverSeeds, Plan, TestPrompts};
use contract::event::Status;
use contract::report::GapClosed;
use contract::seeds::{ArmOverSeeds, ComparisonOverSeeds, Counted, MeanOverSeeds, Power, SeedRun, SeedsReport};
use contract::{Error, Result, Spec, arm};
use std::collections::{BTreeMap, BTreeSet};
use store::{EvaluationAnswer, Run};

/// A run with its rows of the test split.
pub struct Seed {
    pub run: Run,
    pub rows: Vec<EvaluationAnswer>,
}

impl Seed {
    pub(crate) fn has(&self, arm: &str) -> bool {
        self.rows.iter().any(|row| row.arm == arm)
    }
}

/// What the seeds found: means over seeds with intervals, variance components, a verdict, and what a next experiment could find.
///
/// A run that failed, or whose rewards are not finite, counts at the baseline's value: as a difference of 0, and in the tuned arm as the
/// raw prompt's mean. One that can still finish is left out. Both are named in `warnings`.
///
/// # Errors
/// [`contract::Code::Run`] where the runs are not different seeds of one experiment, were tested on different prompts, or none has finished.
pub fn compute(mut seeds: Vec<Seed>) -> Result<SeedsReport> {
    in_order(&mut seeds);
    together(&seeds)
}

fn in_order(seeds: &mut [Seed]) {
    seeds.sort_by_key(|seed| (seed.run.spec.seed, seed.run.id));
}

/// The runs of each experiment, in the order of their seeds; experiments in the order in which they come.
///
/// # Errors
/// As [`spec::experiment`].
pub(crate) fn by_experiment(seeds: Vec<Seed>) -> Result<Vec<Vec<Seed>>> {
    let mut experiments: Vec<(String, Vec<Seed>)> = Vec::new();
    for seed in seeds {
        let key = spec::experiment(&seed.run.spec)?;
        match experiments.iter_mut().find(|(known, _)| *known == key) {
            Some((_, seeds)) => seeds.push(seed),
            None => experiments.push((key, vec![seed])),
        }
    }
    experiments.iter_mut().for_each(|(_, seeds)| in_order(seeds));
    Ok(experiments.into_iter().map(|(_, seeds)| seeds).collect())
}

/// As [`compute`], of runs in the order of their seeds.
pub(crate) fn together(seeds: &[Seed]) -> Result<SeedsReport> {
    require_one_experiment(seeds)?;
    let counted: Vec<Counted> = seeds.iter().map(count).collect();
    let runs: Vec<SeedRun> = seeds.iter().zip(&counted).map(|(seed, counted)| listed(&seed.run, *counted)).collect();
    let table = Table::new(seeds, &counted)?;
    let raw_mean = table.arm(arm::RAW, f64::NAN).and_then(|over| over.mean);
    let arms = arm::ALL.iter().filter_map(|name| {
        let over = table.arm(name, raw_mean.unwrap_or(f64::NAN))?;
        Some(ArmOverSeeds { arm: (*name).into(), reward: reported(&over, &table.components(name, None))? })
    });
    let compared = adjusted(COMPARISONS.iter().filter_map(|pair| table.comparison(*pair)).collect());
    let find = |(arm, baseline)| compared.iter().find(|(_, c)| (c.arm.as_str(), c.baseline.as_str()) == (arm, baseline));
    let verdict = match (find(COMPARISONS[0]), find(COMPARISONS[1])) {
        (Some((raw, _)), Some((untuned, _))) => analysis::seeds_verdict(raw, untuned, table.prompts.len(), different(&table.clusters)),
        _ => "There is no verdict on training: the tuned prompter and both baselines have to answer the test prompts first.".into(),
    };
    let Run { name, spec: first, .. } = &seeds[0].run;
    Ok(SeedsReport {
        name: name.clone(),
        experiment: spec::experiment(first)?,
        prompts: table.prompts.len(),
        clusters: table.clusters_named,
        answers: first.evaluation.answers_per_prompt,
        arms: arms.collect(),
        comparisons: compared.into_iter().map(|(_, comparison)| comparison).collect(),
        gaps: table.gaps(),
        verdict,
        warnings: seeds.iter().zip(counted).filter_map(|(seed, counted)| warning_of(&seed.run, counted)).collect(),
        runs,
    })
}

/// With each p adjusted for all that have one.
fn adjusted(mut compared: Vec<(OverSeeds, ComparisonOverSeeds)>) -> Vec<(OverSeeds, ComparisonOverSeeds)> {
    let p_holm = holm(compared.iter().map(|(_, c)| c.p_value));
    compared.iter_mut().zip(p_holm).for_each(|((_, comparison), p_holm)| comparison.p_holm = p_holm);
    compared
}

/// Each p adjusted after Holm for all that are there.
pub(crate) fn holm(p_values: impl Iterator<Item = Option<f64>> + Clone) -> Vec<Option<f64>> {
    let known: Vec<f64> = p_values.clone().flatten().collect();
    let mut adjusted = analysis::holm(&known).unwrap_or_default().into_iter();
    p_values.map(|p| p.and_then(|_| adjusted.next())).collect()
}

/// Refuses runs that are not different seeds of one experiment, and says why.
pub(crate) fn require_one_experiment(seeds: &[Seed]) -> Result<()> {
    let Some(first) = seeds.first() else { return Err(Error::run("Name at least one run to analyse.")) };
    for seed in &seeds[1..] {
        if let Some((key, here, there)) = spec::difference(&first.run.spec, &seed.run.spec)? {
            let (a, b) = (first.run.id, seed.run.id);
            return Err(Error::run(format!(
                "Runs {a} and {b} are not seeds of one experiment: {key} is {here} in run {a} and {there} in run {b}; analyse them apart."
            )));
        }
    }
    match seeds.windows(2).find(|pair| pair[0].run.spec.seed == pair[1].run.spec.seed) {
        None => Ok(()),
        Some([a, b]) if a.run.id != b.run.id => Err(Error::run(format!(
            "Runs {} and {} have the same seed, {}, so one only repeats the other; name one of them.",
            a.run.id, b.run.id, a.run.spec.seed
        ))),
        Some(pair) => Err(Error::run(format!("Run {} is named twice; name each run once.", pair[0].run.id))),
    }
}

/// A finished run is measured by its rewards, unless one of them is not finite.
pub(crate) fn count(seed: &Seed) -> Counted {
    // What is drawn to choose from is nobody's reward.
    let of_arms = || seed.rows.iter().filter(|row| arm::ALL.contains(&row.arm.as_str()));
    match seed.run.status {
        Status::Finished if of_arms().next().is_some() && of_arms().all(|row| row.reward.is_finite()) => Counted::Measured,
        Status::Finished | Status::Failed => Counted::Failed,
        Status::Created | Status::Waiting | Status::Running | Status::Stopped | Status::Interrupted => Counted::Unfinished,
    }
}

fn listed(run: &Run, counted: Counted) -> SeedRun {
    SeedRun { run: run.id, seed: run.spec.seed, status: run.status, counted, message: run.message.clone() }
}

/// How a run that is not measured counts.
pub(crate) fn warning_of(run: &Run, counted: Counted) -> Option<String> {
    let Run { id, status, message, .. } = run;
    let seed = run.spec.seed;
    let why = message.as_ref().map_or_else(String::new, |message| format!(" ({})", message.trim_end_matches('.')));
    match counted {
        Counted::Measured => None,
        Counted::Failed if *status == Status::Finished => {
            Some(format!("Run {id}, seed {seed}, has rewards that are not finite; it counts at the baseline's value, a difference of 0."))
        }
        Counted::Failed => {
            Some(format!("Run {id}, seed {seed}, failed{why}; it counts at the baseline's value, a difference of 0, until it is resumed."))
        }
        Counted::Unfinished => Some(format!("Run {id}, seed {seed}, is {} and is left out until it has finished.", status.as_str())),
    }
}

/// Rewards by prompt and number of the answer.
type Rewards = BTreeMap<usize, BTreeMap<usize, f64>>;

/// The seeds that count, with what their arms earned on the prompts that all of them share.
pub(crate) struct Table<'a> {
    pub(crate) spec: &'a Spec,
    prompts: BTreeSet<usize>,
    /// A number for each prompt, equal for those that belong together.
    clusters: Vec<usize>,
    /// How many clusters there are; None where the prompts do not belong together.
    clusters_named: Option<usize>,
    /// For each seed: whether it is measured, and its arms.
    seeds: Vec<(bool, BTreeMap<&'a str, Rewards>)>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(seeds: &'a [Seed], counted: &[Counted]) -> Result<Self> {
        let measured: Vec<&Seed> = seeds.iter().zip(counted).filter(|(_, c)| **c == Counted::Measured).map(|(seed, _)| seed).collect();
        let Some(first) = measured.first() else {
            return Err(Error::run("None of these runs has finished with finite rewards, so there is nothing to analyse yet."));
        };
        let (texts, clusters) = (texts(&first.rows), Clusters::of(&first.rows));
        for seed in &measured[1..] {
            let theirs = self::texts(&seed.rows);
            let known = !first.run.without_texts && !seed.run.without_texts;
            if !texts.keys().eq(theirs.keys()) || (known && texts != theirs) || clusters != Clusters::of(&seed.rows) {
                return Err(Error::run(format!(
                    "Runs {} and {} were tested on different prompts though their specs agree: the data file has changed between them; \
                     analyse them apart.",
                    first.run.id, seed.run.id
                )));
            }
        }
        let seeds = seeds.iter().zip(counted).filter(|(_, c)| **c != Counted::Unfinished).map(|(seed, counted)| {
            let rewards = |name: &&'a str| Some((*name, rewards(&seed.rows, name))).filter(|(_, r)| !r.is_empty());
            (*counted == Counted::Measured, arm::ALL.iter().filter_map(rewards).collect())
        });
        let prompts: BTreeSet<usize> = texts.into_keys().collect();
        let (named, clusters) = (clusters.count(&prompts), clusters.numbers(&prompts));
        Ok(Self { spec: &first.run.spec, prompts, clusters, clusters_named: named, seeds: seeds.collect() })
    }

    /// Mean of `arm`, less that of a baseline, on each prompt: one list a seed. What no training has made is left out where it is not whole;
    /// of a trained arm a seed that failed has no value.
    pub(crate) fn means(&self, arm: &str, baseline: Option<&str>) -> Vec<Vec<f64>> {
        let runs = |name: &str| self.spec.arms.has(name);
        if !runs(arm) || !baseline.is_none_or(runs) {
            return Vec::new();
        }
        let trained = [arm::TUNED, arm::ORACLE].contains(&arm) || baseline == Some(arm::ORACLE);
        let seeds = self.seeds.iter().map(|(measured, arms)| {
            let rows = self.answers(arms, arm, baseline).filter(|_| *measured || !trained);
            rows.map(|prompts| prompts.iter().filter_map(|answers| mean(answers.iter().copied())).collect::<Vec<f64>>())
        });
        let whole = seeds.map(|row| row.filter(|row| row.len() == self.prompts.len() && row.iter().all(|x| x.is_finite())));
        if trained { whole.map(Option::unwrap_or_default).collect() } else { whole.flatten().collect() }
    }

    /// The answers of one seed's arm to each prompt, each less the baseline's of the same number, with which it shares its decoding seed.
    fn answers(&self, arms: &BTreeMap<&str, Rewards>, arm: &str, baseline: Option<&str>) -> Option<Vec<Vec<f64>>> {
        let (ours, theirs) = (arms.get(arm)?, baseline.map(|name| arms.get(name)));
        let of_prompt = |prompt: &usize| match theirs {
            None => Some(ours.get(prompt)?.values().copied().collect()),
            Some(theirs) => {
                let theirs = theirs?.get(prompt)?;
                Some(ours.get(prompt)?.iter().filter_map(|(number, reward)| Some(reward - theirs.get(number)?)).collect())
            }
        };
        self.prompts.iter().map(of_prompt).collect()
    }

    pub(crate) fn over(&self, name: &str, values: &[Vec<f64>], failed_as: f64) -> Option<OverSeeds> {
        let prompts = TestPrompts::Clustered(&self.clusters);
        (!values.is_empty())
            .then(|| analysis::over_seeds(values, prompts, failed_as, self.resamples(), self.stream(&format!("{name} seeds"))))
    }

    fn arm(&self, name: &str, failed_as: f64) -> Option<OverSeeds> {
        self.over(name, &self.means(name, None), failed_as)
    }

    /// A seed that failed has gained nothing, and so closed nothing.
    fn gaps(&self) -> Vec<GapClosed> {
        let whole = |arm: &str, baseline: &str| -> Vec<Vec<f64>> {
            let seeds = self.means(arm, Some(baseline));
            seeds.into_iter().map(|row| if row.is_empty() { vec![0.0; self.prompts.len()] } else { row }).collect()
        };
        let of = |baseline: &&str| {
            let [tuned, oracle] = [arm::TUNED, arm::ORACLE].map(|name| whole(name, baseline));
            if tuned.is_empty() || oracle.is_empty() {
                return None;
            }
            let (nothing, stream) = (vec![0.0; self.prompts.len()], self.stream(&format!("gap {baseline}")));
            let gap = analysis::gap_in_clusters(&tuned, &[nothing], &oracle, &self.clusters, self.resamples(), stream);
            Some(figures::gap(baseline, &gap))
        };
        [arm::RAW, arm::UNTUNED].iter().filter_map(of).collect()
    }

    fn comparison(&self, (arm, baseline): (&str, &str)) -> Option<(OverSeeds, ComparisonOverSeeds)> {
        let over = self.over(&format!("{arm}-{baseline}"), &self.means(arm, Some(baseline)), 0.0)?;
        let components = self.components(arm, Some(baseline));
        let difference = reported(&over, &components)?;
        let rewrites = self.spec.evaluation.answers_per_prompt;
        let power = match self.variances_of_clusters(arm, baseline) {
            None => power(&(&components).into(), Plan { seeds: over.seeds, prompts: self.prompts.len(), rewrites, answers: 1 }),
            Some(of_clusters) => {
                let plan = Plan { seeds: over.seeds, prompts: of_clusters.prompts, rewrites: 1, answers: 1 };
                // All answers of a cluster are one value: what more of them would buy cannot be told.
                power(&(&of_clusters).into(), plan).map(|power| Power { twice_answers: None, ..power })
            }
        };
        let p_value = over.p_value.and_then(figures::finite);
        Some((over, ComparisonOverSeeds { arm: arm.into(), baseline: baseline.into(), difference, p_value, p_holm: None, power }))
    }

    /// Of the seeds that are measured; without intervals where prompts belong together, which theirs would take as independent.
    fn components(&self, arm: &str, baseline: Option<&str>) -> analysis::Components {
        self.components_resampled(arm, baseline, if are_related(&self.clusters) { 0 } else { self.resamples() })
    }

    /// The same without intervals.
    pub(crate) fn variances(&self, arm: &str, baseline: &str) -> analysis::Components {
        self.components_resampled(arm, Some(baseline), 0)
    }

    /// The same where prompts belong together, with clusters in place of prompts and all answers of one as one value.
    pub(crate) fn variances_of_clusters(&self, arm: &str, baseline: &str) -> Option<analysis::Components> {
        if !are_related(&self.clusters) {
            return None;
        }
        let measured = self.seeds.iter().filter(|(measured, _)| *measured);
        let means = |prompts: Vec<Vec<f64>>| prompts.into_iter().map(mean).collect::<Option<Vec<f64>>>();
        let table: Vec<Vec<f64>> = measured.filter_map(|(_, arms)| means(self.answers(arms, arm, Some(baseline))?)).collect();
        let cells: Vec<Vec<Vec<Vec<f64>>>> = analysis::one_a_cluster(&table, &self.clusters)
            .into_iter()
            .map(|row| row.into_iter().map(|value| vec![vec![value]]).collect())
            .collect();
        Some(analysis::components(&cells, 0, 0))
    }

    fn components_resampled(&self, arm: &str, baseline: Option<&str>, resamples: usize) -> analysis::Components {
        let measured = self.seeds.iter().filter(|(measured, _)| *measured);
        let nest = |prompts: Vec<Vec<f64>>| prompts.into_iter().map(|answers| nested(arm, answers)).collect();
        let table: Vec<Vec<Vec<Vec<f64>>>> = measured.filter_map(|(_, arms)| self.answers(arms, arm, baseline).map(nest)).collect();
        let name = format!("{arm}-{} components", baseline.unwrap_or_default());
        analysis::components(&table, resamples, self.stream(&name))
    }

    pub(crate) fn resamples(&self) -> usize {
        self.spec.evaluation.bootstrap_resamples
    }

    /// Of the least seed that is measured.
    fn stream(&self, name: &str) -> u64 {
        Streams::new(self.spec.seed).statistics(name)
    }
}

/// Test prompts by their number.
fn texts(rows: &[EvaluationAnswer]) -> BTreeMap<usize, &str> {
    rows.iter().map(|row| (row.prompt_index, row.prompt.as_str())).collect()
}

fn rewards(rows: &[EvaluationAnswer], name: &str) -> Rewards {
    let mut rewards = Rewards::new();
    for row in latest(rows, name) {
        rewards.entry(row.prompt_index).or_default().insert(row.answer_index, row.reward);
    }
    rewards
}

/// None without a mean, as where no seed has the arm.
fn reported(over: &OverSeeds, components: &analysis::Components) -> Option<MeanOverSeeds> {
    Some(MeanOverSeeds {
        seeds: over.seeds,
        failed: over.diverged,
        mean: over.mean?,
        bootstrap: figures::interval(over.interval),
        student: figures::interval(over.student),
        deviation: over.deviation.and_then(figures::finite),
        components: figures::components(components),
    })
}

pub(crate) const ALPHA: f64 = 0.05;
pub(crate) const POWER: f64 = 0.8;

/// Every answer has a rewrite of its own, so twice the answers are twice the rewrites.
pub(crate) fn power(noise: &Noise, plan: Plan) -> Option<Power> {
    let doubling = analysis::doubling(noise, plan, ALPHA, POWER)?;
    let difference = |detectable: Option<analysis::Detectable>| detectable.and_then(|d| figures::finite(d.difference));
    Some(Power {
        smallest: figures::finite(doubling.now.difference)?,
        twice_prompts: difference(doubling.prompts),
        twice_answers: difference(doubling.rewrites),
        twice_seeds: difference(doubling.seeds),
    })
}
