//! What a run found, from stored rows alone.
use crate::clusters::{Clusters, are_related};
use crate::metrics::mean;
use crate::streams::Streams;
use crate::{costs, figures, guards, lemma};
use analysis::{Paired, Spread};
use contract::event::{Event, Status};
use contract::figures::{Components, VarianceRatio};
use contract::report::{Arm, AtEqualLength, Comparison, GapClosed, Report, WatchedDifference};
use contract::spec::RewardPart;
use contract::{Spec, arm};
use std::collections::{BTreeMap, BTreeSet};
use store::{EvaluationAnswer, Run, StoredEvent};

/// Pairs that are compared where both are there: (arm, baseline). The tuned prompter with every other arm, and every other arm with the raw
/// prompt.
pub const COMPARISONS: [(&str, &str); 13] = [
    (arm::TUNED, arm::RAW),
    (arm::TUNED, arm::UNTUNED),
    (arm::UNTUNED, arm::RAW),
    (arm::TUNED, arm::OPTIMUM),
    (arm::TUNED, arm::BEST_REWRITE),
    (arm::TUNED, arm::BEST_ANSWER),
    (arm::TUNED, arm::INSTRUCTION),
    (arm::TUNED, arm::ORACLE),
    (arm::OPTIMUM, arm::RAW),
    (arm::BEST_REWRITE, arm::RAW),
    (arm::BEST_ANSWER, arm::RAW),
    (arm::INSTRUCTION, arm::RAW),
    (arm::ORACLE, arm::RAW),
];

/// The report of a run from its rows of the test split and its events. Works on an unfinished run too: arms without rows are left out, the
/// verdict says what is missing, and what the arms show so far is warned of as it will be at the end.
pub fn compute(run: &Run, rows: &[EvaluationAnswer], events: &[StoredEvent]) -> Report {
    let (arms, compared) = (with_components(arms(&run.spec, rows), &run.spec, rows), compare(&run.spec, rows));
    let comparisons = comparisons(&compared);
    let mut warnings = warnings(events);
    if run.status != Status::Finished {
        // In a finished run these are events.
        let alarms = guards::of_arms(&arms).into_iter().chain(guards::of_comparisons(&comparisons));
        warnings.extend(alarms.map(|alarm| format!("{} {}", alarm.cause, alarm.remedy)));
    }
    Report {
        run: run.id,
        name: run.name.clone(),
        status: run.status.as_str().into(),
        seed: run.spec.seed,
        spec_hash: run.spec_hash.clone(),
        verdict: verdict(&run.spec, &arms, &compared),
        comparisons,
        arms,
        warnings,
        costs: costs::of_arms(&run.spec, rows, events),
        gaps: gaps(&run.spec, rows),
        theory: lemma::of_run(&run.spec, rows, events),
        instruction: events.iter().rev().find_map(|event| match &event.event {
            Event::Instruction(found) => Some(found.clone()),
            _ => None,
        }),
        judged: Vec::new(),
    }
}

/// Whether an earlier version stored the report, without the figures that [`complete`] adds.
pub fn is_incomplete(report: &Report) -> bool {
    report.comparisons.iter().any(|c| c.p_holm.is_none())
}

/// A report of an earlier version with the figures that it lacks, from the run's rows of the test split. What it has stays as it is: a
/// run that was shared without its texts cannot be looked over anew.
pub fn complete(report: Report, run: &Run, rows: &[EvaluationAnswer]) -> Report {
    let compared = compare(&run.spec, rows);
    if !is_incomplete(&report) || compared.len() != report.comparisons.len() {
        return report;
    }
    let arms = with_components(report.arms, &run.spec, rows);
    Report { verdict: verdict(&run.spec, &arms, &compared), comparisons: comparisons(&compared), arms, ..report }
}

/// Which arm is better and whose rewards vary less, or what is missing to say so.
fn verdict(spec: &Spec, arms: &[Arm], compared: &[Compared]) -> String {
    let missing: Vec<&str> = [arm::TUNED, arm::RAW, arm::UNTUNED].into_iter().filter(|name| !spec.arms.has(name)).collect();
    if !missing.is_empty() {
        return format!(
            "There is no verdict on training: it compares the tuned prompter with the raw prompt and with the untuned prompter, and this \
             experiment was made without the {} arm.",
            missing.join(" and the ")
        );
    }
    let find = |(arm, baseline)| compared.iter().find(|c| (c.arm, c.baseline) == (arm, baseline));
    let (Some(raw), Some(untuned)) = (find(COMPARISONS[0]), find(COMPARISONS[1])) else {
        return "The arms cannot be compared yet: the tuned prompter and both baselines have to answer the test prompts first.".into();
    };
    let mut words = analysis::verdict(&raw.paired, &untuned.paired);
    if [raw, untuned].iter().all(|c| c.paired.finding() != analysis::Finding::Unknown) {
        words = format!("{words} {}", analysis::variance_verdict(&raw.spread, &untuned.spread));
    }
    let answers = spec.data.test * spec.evaluation.answers_per_prompt;
    match arms.iter().find(|a| a.n < answers) {
        None => words,
        Some(Arm { n, name, .. }) => {
            format!("The evaluation is not finished ({n} of {answers} answers of the {name} arm are there). So far: {words}")
        }
    }
}

/// Every arm that has rows in `rows` (of one split), in the order of [`arm::ALL`], each at its latest iteration. Without components,
/// which take a bootstrap.
pub fn arms(spec: &Spec, rows: &[EvaluationAnswer]) -> Vec<Arm> {
    let clusters = Clusters::of(rows);
    arm::ALL.iter().filter_map(|name| summarise(spec, name, &latest(rows, name), &clusters)).collect()
}

/// Rows of an arm at its latest iteration.
pub(crate) fn latest<'a>(rows: &'a [EvaluationAnswer], name: &str) -> Vec<&'a EvaluationAnswer> {
    let newest = rows.iter().filter(|r| r.arm == name).map(|r| r.iteration).max();
    rows.iter().filter(|r| r.arm == name && Some(r.iteration) == newest).collect()
}

fn by_prompt(rows: &[&EvaluationAnswer]) -> BTreeMap<usize, Vec<f64>> {
    let mut rewards: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for row in rows {
        rewards.entry(row.prompt_index).or_default().push(row.reward);
    }
    rewards
}

fn summarise(spec: &Spec, name: &str, rows: &[&EvaluationAnswer], clusters: &Clusters) -> Option<Arm> {
    let (prompts, rewards): (Vec<usize>, Vec<Vec<f64>>) = by_prompt(rows).into_iter().unzip();
    let moments = analysis::moments(&rewards);
    let means = means(&rewards);
    let seed = Streams::new(spec.seed).statistics(name);
    let interval = analysis::bootstrap_mean_in_clusters(&means, &clusters.numbers(&prompts), spec.evaluation.bootstrap_resamples, seed);
    let labels: BTreeSet<&String> = rows.iter().flat_map(|r| r.reward_parts.keys()).collect();
    let part = |label: &String| mean(rows.iter().filter_map(|r| r.reward_parts.get(label).copied()));
    let share = |flag: bool| f64::from(u8::from(flag));
    Some(Arm {
        name: name.into(),
        n: moments.n,
        prompts: moments.prompts,
        clusters: clusters.count(&prompts),
        reward_mean: moments.mean,
        reward_ci_low: interval.low,
        reward_ci_high: interval.high,
        reward_variance: moments.variance,
        between_prompt_variance: moments.between_prompt_variance,
        within_prompt_variance: moments.within_prompt_variance,
        components: None,
        reward_parts: labels.into_iter().filter_map(|label| Some((label.clone(), part(label)?))).collect(),
        rewrite_closeness: mean(rows.iter().filter_map(|r| r.closeness)),
        answer_topicality: mean(rows.iter().map(|r| rewards::topicality(&r.prompt, &r.answer))),
        rewrite_tokens: mean(rows.iter().filter_map(|r| r.rewrite_tokens).map(|n| n as f64)),
        truncated_rewrites: mean(rows.iter().filter_map(|r| r.rewrite_truncated).map(share)),
        // None where the arm has no rows: there is no such arm then.
        answer_tokens: mean(rows.iter().map(|r| r.answer_tokens as f64))?,
        truncated_answers: mean(rows.iter().map(|r| share(r.answer_truncated)))?,
    })
}

fn with_components(arms: Vec<Arm>, spec: &Spec, rows: &[EvaluationAnswer]) -> Vec<Arm> {
    arms.into_iter().map(|arm| Arm { components: components(spec, rows, &arm.name), ..arm }).collect()
}

/// Where one seed's variance of an arm comes from. Each answer has a rewrite of its own; the raw prompt stands for one rewrite. Without
/// intervals where prompts belong together: theirs would take prompts as independent.
fn components(spec: &Spec, rows: &[EvaluationAnswer], name: &str) -> Option<Components> {
    let rewards = by_prompt(&latest(rows, name));
    let resamples = if are_related(&Clusters::of(rows).numbers(rewards.keys())) { 0 } else { spec.evaluation.bootstrap_resamples };
    let table = vec![rewards.into_values().map(|answers| nested(name, answers)).collect()];
    let seed = Streams::new(spec.seed).statistics(&format!("{name} components"));
    let found = analysis::components(&table, resamples, seed);
    (found.answers > 0).then(|| figures::components(&found))
}

/// An arm's answers to a prompt by their rewrites: one each, or all to one message.
pub(crate) fn nested(arm: &str, answers: Vec<f64>) -> Vec<Vec<f64>> {
    // The best of K rewrites is the same for all answers, as are the prompt itself and a prompt behind an instruction.
    let is_one_message = [arm::RAW, arm::BEST_REWRITE, arm::BEST_ANSWER, arm::INSTRUCTION, arm::ORACLE].contains(&arm);
    if is_one_message { vec![answers] } else { answers.into_iter().map(|answer| vec![answer]).collect() }
}

/// Two arms over the prompts that both answered.
struct Compared {
    arm: &'static str,
    baseline: &'static str,
    /// None where the prompts do not belong together.
    clusters: Option<usize>,
    paired: Paired,
    spread: Spread,
    variance: VarianceRatio,
    at_equal_length: Option<AtEqualLength>,
    watched: Vec<WatchedDifference>,
}

fn compare(spec: &Spec, rows: &[EvaluationAnswer]) -> Vec<Compared> {
    let clusters = Clusters::of(rows);
    COMPARISONS.iter().filter_map(|&pair| compare_pair(spec, rows, &clusters, pair)).collect()
}

/// None if there are no prompts that both arms answered.
fn compare_pair(
    spec: &Spec,
    rows: &[EvaluationAnswer],
    clusters: &Clusters,
    (arm, baseline): (&'static str, &'static str),
) -> Option<Compared> {
    let (arm_rows, baseline_rows) = (latest(rows, arm), latest(rows, baseline));
    let both = Both::new([&arm_rows, &baseline_rows], clusters);
    let [a, b] = both.values(|row| Some(row.reward));
    let firsts = |rewards: &[Vec<f64>]| rewards.iter().filter_map(|answers| answers.first().copied()).collect::<Vec<f64>>();
    let streams = Streams::new(spec.seed);
    let (seed, again) = (streams.statistics(&format!("{arm}-{baseline}")), streams.statistics(&format!("{arm}-{baseline} variance")));
    let resamples = spec.evaluation.bootstrap_resamples;
    let spread = analysis::spread_in_clusters(&a, &b, &both.clusters, resamples, again);
    // The test takes every value as independent.
    let tested = (!are_related(&both.clusters)).then(|| [firsts(&a), firsts(&b)]);
    (!a.is_empty()).then(|| Compared {
        arm,
        baseline,
        clusters: clusters.count(&both.prompts),
        paired: both.paired(&means(&a), &means(&b), resamples, spec.evaluation.permutations, seed),
        variance: figures::variance(&spread, tested.as_ref()),
        at_equal_length: at_equal_length(spec, &both, streams.statistics(&format!("{arm}-{baseline} length"))),
        watched: watched(spec, &both, seed),
        spread,
    })
}

/// Rows of two arms on the prompts that both answered.
struct Both<'a> {
    rows: [&'a [&'a EvaluationAnswer]; 2],
    prompts: Vec<usize>,
    /// A number for each prompt, equal for those that belong together.
    clusters: Vec<usize>,
}

impl<'a> Both<'a> {
    fn new(rows: [&'a [&'a EvaluationAnswer]; 2], clusters: &Clusters) -> Self {
        let of_arms = rows.map(|rows| rows.iter().map(|row| row.prompt_index).collect::<BTreeSet<usize>>());
        let prompts: Vec<usize> = of_arms[0].intersection(&of_arms[1]).copied().collect();
        Self { rows, clusters: clusters.numbers(&prompts), prompts }
    }

    /// Values of each arm's answers, by prompt.
    fn values<T>(&self, value: impl Fn(&EvaluationAnswer) -> Option<T>) -> [Vec<Vec<T>>; 2] {
        self.rows.map(|rows| {
            let mut values: BTreeMap<usize, Vec<T>> = self.prompts.iter().map(|prompt| (*prompt, Vec::new())).collect();
            for row in rows {
                if let Some(values) = values.get_mut(&row.prompt_index) {
                    values.extend(value(row));
                }
            }
            values.into_values().collect()
        })
    }

    fn paired(&self, arm: &[f64], baseline: &[f64], resamples: usize, permutations: usize, seed: u64) -> Paired {
        analysis::paired_in_clusters(arm, baseline, &self.clusters, resamples, permutations, seed)
    }
}

/// Mean of each prompt's answers; prompts without any are left out.
fn means(prompts: &[Vec<f64>]) -> Vec<f64> {
    prompts.iter().filter_map(|answers| mean(answers.iter().copied())).collect()
}

fn at_equal_length(spec: &Spec, both: &Both<'_>, seed: u64) -> Option<AtEqualLength> {
    let [a, b] = both.values(|row| Some([row.reward, row.answer_tokens as f64]));
    let found = analysis::equal_length_in_clusters(&a, &b, &both.clusters, spec.evaluation.bootstrap_resamples, seed)?;
    Some(AtEqualLength {
        difference: figures::finite(found.difference)?,
        interval: figures::interval(found.interval),
        per_token: figures::finite(found.per_unit)?,
    })
}

/// Of every part with a weight of 0.
fn watched(spec: &Spec, both: &Both<'_>, seed: u64) -> Vec<WatchedDifference> {
    let of_part = |part: &RewardPart| {
        let label = part.label();
        let [a, b] = both.values(|row| row.reward_parts.get(&label).copied()).map(|prompts| means(&prompts));
        if a.is_empty() || [&a, &b].iter().any(|means| means.len() != both.prompts.len()) {
            return None;
        }
        let found = both.paired(&a, &b, spec.evaluation.bootstrap_resamples, 0, seed);
        let difference = figures::finite(found.mean_difference)?;
        Some(WatchedDifference { label, difference, interval: figures::interval(Some(found.interval)) })
    };
    spec.reward.parts.iter().filter(|part| part.is_watched()).filter_map(of_part).collect()
}

/// Of both baselines, where the oracle and the tuned prompter have answered.
fn gaps(spec: &Spec, rows: &[EvaluationAnswer]) -> Vec<GapClosed> {
    let [tuned, oracle] = [arm::TUNED, arm::ORACLE].map(|name| by_prompt(&latest(rows, name)));
    let clusters = Clusters::of(rows);
    let of = |baseline: &&str| {
        let theirs = by_prompt(&latest(rows, baseline));
        let is_shared = |prompt: &&usize| oracle.contains_key(prompt) && theirs.contains_key(prompt);
        let shared: Vec<usize> = tuned.keys().filter(is_shared).copied().collect();
        let means = |arm: &BTreeMap<usize, Vec<f64>>| {
            vec![shared.iter().filter_map(|prompt| mean(arm[prompt].iter().copied())).collect::<Vec<f64>>()]
        };
        let seed = Streams::new(spec.seed).statistics(&format!("gap {baseline}"));
        let [tuned, theirs, oracle] = [&tuned, &theirs, &oracle].map(means);
        let resamples = spec.evaluation.bootstrap_resamples;
        let gap = analysis::gap_in_clusters(&tuned, &theirs, &oracle, &clusters.numbers(&shared), resamples, seed);
        (!shared.is_empty()).then(|| figures::gap(baseline, &gap))
    };
    [arm::RAW, arm::UNTUNED].iter().filter_map(of).collect()
}

fn comparisons(compared: &[Compared]) -> Vec<Comparison> {
    let adjusted = analysis::holm(&compared.iter().map(|c| c.paired.p_value).collect::<Vec<f64>>());
    let row = |(i, c): (usize, &Compared)| Comparison {
        arm: c.arm.into(),
        baseline: c.baseline.into(),
        prompts: c.paired.prompts,
        clusters: c.clusters,
        mean_difference: c.paired.mean_difference,
        ci_low: c.paired.interval.low,
        ci_high: c.paired.interval.high,
        p_value: c.paired.p_value,
        p_holm: adjusted.as_ref().and_then(|all| all.get(i).copied()),
        bca: figures::interval(c.paired.accelerated),
        effect_size: c.paired.effect_size.and_then(figures::finite),
        improvement: c.paired.improvement.as_ref().map(figures::share),
        variance: Some(c.variance),
        at_equal_length: c.at_equal_length,
        watched: c.watched.clone(),
    };
    compared.iter().enumerate().map(row).collect()
}

/// What the events warn of: guards that fired (in training once per guard, with its latest words and how often it fired; after the evaluation each), and notes.
pub fn warnings(events: &[StoredEvent]) -> Vec<String> {
    // By iteration: one that was computed again after a kill fires again.
    let mut fired: BTreeMap<&str, BTreeMap<usize, String>> = BTreeMap::new();
    let mut afterwards = Vec::new();
    for event in events {
        let words = match &event.event {
            Event::Guard { iteration: Some(iteration), guard, cause, remedy } => {
                fired.entry(guard).or_default().insert(*iteration, format!("{cause} {remedy}"));
                continue;
            }
            Event::Guard { iteration: None, cause, remedy, .. } => format!("{cause} {remedy}"),
            Event::Note { message } => message.clone(),
            _ => continue,
        };
        if !afterwards.contains(&words) {
            afterwards.push(words);
        }
    }
    let in_training = fired.into_values().filter_map(|mut fired| {
        let (iteration, words) = fired.pop_last()?;
        Some(match fired.len() {
            0 => format!("Iteration {iteration}: {words}"),
            before => format!("{} times, last at iteration {iteration}: {words}", before + 1),
        })
    });
    in_training.chain(afterwards).collect()
}
