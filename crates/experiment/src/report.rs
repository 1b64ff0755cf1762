//! What a run found, from stored rows alone.
use crate::guards;
use crate::metrics::mean;
use crate::streams::Streams;
use analysis::Paired;
use contract::event::{Event, Status};
use contract::report::{Arm, Comparison, Report};
use contract::{Spec, arm};
use std::collections::{BTreeMap, BTreeSet};
use store::{EvaluationAnswer, Run, StoredEvent};

/// Pairs that are compared: (arm, baseline).
pub const COMPARISONS: [(&str, &str); 3] = [(arm::TUNED, arm::RAW), (arm::TUNED, arm::UNTUNED), (arm::UNTUNED, arm::RAW)];

/// The report of a run from its rows of the test split and its events. Works on an unfinished run too: arms without rows are left out, the
/// verdict says what is missing, and what the arms show so far is warned of as it will be at the end.
pub fn compute(run: &Run, rows: &[EvaluationAnswer], events: &[StoredEvent]) -> Report {
    let compared: Vec<_> = COMPARISONS.iter().filter_map(|&pair| Some((pair, paired(&run.spec, rows, pair)?))).collect();
    let find = |wanted| compared.iter().find(|(pair, _)| *pair == wanted).map(|(_, p)| p);
    let arms = arms(&run.spec, rows);
    let answers = run.spec.data.test * run.spec.evaluation.answers_per_prompt;
    let verdict = match (find(COMPARISONS[0]), find(COMPARISONS[1])) {
        (Some(raw), Some(untuned)) => match arms.iter().find(|a| a.n < answers) {
            None => analysis::verdict(raw, untuned),
            Some(a) => format!(
                "The evaluation is not finished ({} of {answers} answers of the {} arm are there). So far: {}",
                a.n,
                a.name,
                analysis::verdict(raw, untuned)
            ),
        },
        _ => "The arms cannot be compared yet: the tuned prompter and both baselines have to answer the test prompts first.".into(),
    };
    let mut warnings = warnings(events);
    if run.status != Status::Finished {
        // In a finished run these are events.
        warnings.extend(guards::of_arms(&arms).into_iter().map(|alarm| format!("{} {}", alarm.cause, alarm.remedy)));
    }
    Report {
        run: run.id,
        name: run.name.clone(),
        status: run.status.as_str().into(),
        seed: run.spec.seed,
        spec_hash: run.spec_hash.clone(),
        arms,
        comparisons: compared.iter().map(|((arm, baseline), p)| comparison(arm, baseline, p)).collect(),
        verdict,
        warnings,
    }
}

/// Every arm that has rows in `rows` (of one split), in the order raw, untuned, tuned, each at its latest iteration.
pub fn arms(spec: &Spec, rows: &[EvaluationAnswer]) -> Vec<Arm> {
    arm::ALL.iter().filter_map(|name| summarise(spec, name, &latest(rows, name))).collect()
}

/// Rows of an arm at its latest iteration.
fn latest<'a>(rows: &'a [EvaluationAnswer], name: &str) -> Vec<&'a EvaluationAnswer> {
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

fn summarise(spec: &Spec, name: &str, rows: &[&EvaluationAnswer]) -> Option<Arm> {
    let rewards: Vec<Vec<f64>> = by_prompt(rows).into_values().collect();
    let moments = analysis::moments(&rewards);
    let means: Vec<f64> = rewards.iter().filter_map(|answers| mean(answers.iter().copied())).collect();
    let seed = Streams::new(spec.seed).statistics(name);
    let interval = analysis::bootstrap_mean(&means, spec.evaluation.bootstrap_resamples, seed);
    let labels: BTreeSet<&String> = rows.iter().flat_map(|r| r.reward_parts.keys()).collect();
    let part = |label: &String| mean(rows.iter().filter_map(|r| r.reward_parts.get(label).copied()));
    let share = |flag: bool| f64::from(u8::from(flag));
    Some(Arm {
        name: name.into(),
        n: moments.n,
        prompts: moments.prompts,
        reward_mean: moments.mean,
        reward_ci_low: interval.low,
        reward_ci_high: interval.high,
        reward_variance: moments.variance,
        between_prompt_variance: moments.between_prompt_variance,
        within_prompt_variance: moments.within_prompt_variance,
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

/// Over the prompts that both arms answered; None if there are none.
fn paired(spec: &Spec, rows: &[EvaluationAnswer], (arm, baseline): (&str, &str)) -> Option<Paired> {
    let (arm_rewards, baseline_rewards) = (by_prompt(&latest(rows, arm)), by_prompt(&latest(rows, baseline)));
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for (prompt, rewards) in &arm_rewards {
        if let Some(others) = baseline_rewards.get(prompt) {
            a.push(mean(rewards.iter().copied())?);
            b.push(mean(others.iter().copied())?);
        }
    }
    let seed = Streams::new(spec.seed).statistics(&format!("{arm}-{baseline}"));
    (!a.is_empty()).then(|| analysis::paired(&a, &b, spec.evaluation.bootstrap_resamples, spec.evaluation.permutations, seed))
}

fn comparison(arm: &str, baseline: &str, p: &Paired) -> Comparison {
    Comparison {
        arm: arm.into(),
        baseline: baseline.into(),
        prompts: p.prompts,
        mean_difference: p.mean_difference,
        ci_low: p.interval.low,
        ci_high: p.interval.high,
        p_value: p.p_value,
    }
}

/// Guards that fired (in training once per guard, with its latest words and how often it fired; after the evaluation each), and notes.
fn warnings(events: &[StoredEvent]) -> Vec<String> {
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
