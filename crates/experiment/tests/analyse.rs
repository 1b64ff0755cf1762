//! Several seeds from rows whose figures are known by hand.
#![allow(clippy::expect_used)] // A helper that fails should fail its test.

mod rows;

use contract::event::Status;
use contract::seeds::Counted;
use contract::{Code, Spec};
use experiment::analyse::{Seed, compute};
use store::Run;

/// A run with this seed, whose tuned arm gains `gain` on every prompt, more on later prompts.
fn seed(number: u64, gain: f64) -> Seed {
    let run = rows::run();
    let base = |arm: &str, iteration: usize, more: f64| {
        let row = move |i: usize| {
            let noise = [0.05, -0.05, 0.02, -0.01][(i + number as usize) % 4];
            rows::row(arm, iteration, i / 2, i % 2, 0.1 * (i / 2) as f64 + more * (1.0 + 0.1 * (i / 2) as f64) + noise)
        };
        (0..12).map(row).collect::<Vec<_>>()
    };
    Seed {
        run: Run { id: number as i64 + 10, spec: Spec { seed: number, ..run.spec.clone() }, ..run },
        rows: [base("raw", 0, 0.0), base("untuned", 0, 0.1), base("tuned", 7, gain)].concat(),
    }
}

fn failed(number: u64) -> Seed {
    let whole = seed(number, 0.0);
    let message = Some("The frozen model did not answer.".into());
    Seed { run: Run { status: Status::Failed, message, ..whole.run }, rows: whole.rows.into_iter().filter(|r| r.arm != "tuned").collect() }
}

#[test]
fn seeds_count_alike_and_their_spread_shows() {
    let report = compute(vec![seed(3, 0.3), seed(1, 0.4), seed(2, 0.5)]).expect("three seeds");
    assert_eq!(report.runs.iter().map(|r| (r.run, r.seed)).collect::<Vec<_>>(), [(11, 1), (12, 2), (13, 3)]);
    assert_eq!((report.prompts, report.answers, report.arms.len(), report.comparisons.len()), (6, 2, 3, 3));
    let tuned = &report.comparisons[0];
    // Gains of 0.3, 0.4 and 0.5 grow by a tenth a prompt: 1.25 times that on average.
    assert!((tuned.difference.mean - 0.5).abs() < 1e-12, "{tuned:?}");
    assert!((tuned.difference.deviation.expect("three seeds") - 0.125).abs() < 1e-12);
    let (student, bootstrap) = (tuned.difference.student.expect("three seeds"), tuned.difference.bootstrap.expect("three seeds"));
    let (p, holm) = (tuned.p_value.expect("three seeds"), tuned.p_holm.expect("three seeds"));
    assert_eq!(p < 0.05, student.low > 0.0, "{tuned:?}");
    let all: Vec<f64> = report.comparisons.iter().map(|c| c.p_value.expect("three seeds")).collect();
    assert_eq!(Some(holm), analysis::holm(&all).map(|adjusted| adjusted[0]));
    assert!(student.low < bootstrap.low && bootstrap.high < student.high, "with three seeds Student's t is wider: {tuned:?}");
    let parts = &tuned.difference.components;
    assert!(parts.seed.is_some_and(|c| c.variance > 0.0 && c.interval.is_some()) && parts.prompt.is_some() && parts.interaction.is_some());
    assert!(parts.rewrite.is_some() && parts.answer.is_none(), "each rewrite has one answer: {parts:?}");
    let raw = &report.arms[0];
    assert!(raw.reward.components.rewrite.is_none() && raw.reward.components.answer.is_some(), "the raw prompt is one rewrite: {raw:?}");
    let power = tuned.power.expect("differences vary");
    let (seeds, prompts) = (power.twice_seeds.expect("three seeds"), power.twice_prompts.expect("six prompts"));
    assert!(seeds < power.smallest && seeds < prompts, "seeds vary most here: {power:?}");
    assert!(report.verdict.starts_with("Over 3 seeds on 6 test prompts the tuned prompter "), "{}", report.verdict);
    assert_eq!(report.warnings, [""; 0]);
    let again = compute(vec![seed(1, 0.4), seed(2, 0.5), seed(3, 0.3)]).expect("three seeds");
    assert_eq!(report, again, "the order in which runs are named changes nothing");
}

#[test]
fn a_failed_seed_counts_as_no_difference_and_an_unfinished_one_not_at_all() {
    let running = seed(5, 9.0);
    let running = Seed { run: Run { status: Status::Running, ..running.run }, ..running };
    let mut diverged = seed(6, 0.4);
    if let Some(row) = diverged.rows.last_mut() {
        row.reward = f64::NAN;
    }
    let report = compute(vec![seed(1, 0.4), failed(2), seed(3, 0.4), running, diverged]).expect("two of five seeds");
    let counted: Vec<Counted> = report.runs.iter().map(|r| r.counted).collect();
    assert_eq!(counted, [Counted::Measured, Counted::Failed, Counted::Measured, Counted::Unfinished, Counted::Failed]);
    let tuned = &report.comparisons[0].difference;
    assert_eq!((tuned.seeds, tuned.failed), (4, 2));
    assert!((tuned.mean - 0.25).abs() < 1e-12, "half of 0.5: {tuned:?}");
    // The baselines of a failed run are as good as any; its tuned arm falls back on the raw prompt.
    let (raw, tuned) = (&report.arms[0].reward, &report.arms[2].reward);
    assert_eq!((raw.seeds, raw.failed, tuned.failed), (4, 0, 2));
    assert!((tuned.mean - raw.mean - 0.25).abs() < 1e-9, "{tuned:?}");
    for expected in
        ["Run 12, seed 2, failed (The frozen model did not answer)", "Run 15, seed 5, is running", "Run 16, seed 6, has rewards"]
    {
        assert!(report.warnings.iter().any(|w| w.starts_with(expected)), "{expected} is not in {:?}", report.warnings);
    }
}

#[test]
fn one_seed_speaks_of_one_prompter() {
    let report = compute(vec![seed(1, 0.4)]).expect("one seed");
    let difference = &report.comparisons[0].difference;
    assert!(report.comparisons.iter().all(|c| c.p_value.is_none() && c.p_holm.is_none()));
    assert!(difference.student.is_none() && difference.bootstrap.is_some() && difference.components.seed.is_none());
    assert!(report.verdict.starts_with("With one seed, on 6 test prompts, this tuned prompter is better"), "{}", report.verdict);
    assert!(report.comparisons[0].power.is_some_and(|p| p.twice_seeds.is_none()));
}

#[test]
fn what_is_no_seed_of_the_experiment_is_refused_with_the_reason() {
    let refused = |seeds: Vec<Seed>, expected: &[&str]| {
        let error = compute(seeds).expect_err("it must be refused");
        assert_eq!(error.code, Code::Run);
        assert!(expected.iter().all(|words| error.message.contains(words)), "{expected:?} are not in: {error}");
    };
    let mut other = seed(2, 0.4);
    other.run.spec.training.kl_coefficient = 0.5;
    let key = format!("training.kl_coefficient is {} in run 11 and 0.5 in run 12", seed(1, 0.0).run.spec.training.kl_coefficient);
    refused(vec![seed(1, 0.4), other], &["not seeds of one experiment", &key]);
    let twin = Seed { run: Run { id: 99, ..seed(1, 0.4).run }, ..seed(1, 0.4) };
    refused(vec![seed(1, 0.4), twin], &["Runs 11 and 99 have the same seed, 1"]);
    refused(vec![seed(1, 0.4), seed(1, 0.4)], &["Run 11 is named twice"]);
    let mut moved = seed(2, 0.4);
    moved.rows.iter_mut().for_each(|row| row.prompt = format!("{} again", row.prompt));
    refused(vec![seed(1, 0.4), moved], &["Runs 11 and 12 were tested on different prompts"]);
    refused(vec![failed(1), failed(2)], &["None of these runs has finished"]);
    refused(Vec::new(), &["at least one run"]);
}
