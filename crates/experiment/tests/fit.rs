//! Whether a run fits, and what to change where it does not.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
mod common;
use contract::desk::{Fit, FitStep};
use contract::spec::Precision;
use contract::{Spec, arm::Arms};
use experiment::fit::{Answering, Held, Models, Place, fit};
use experiment::prepare::{Lengths, Longest};
use inference::EngineFootprint;
use lm::ModelFolder;

const GB: u64 = 1 << 30;

fn spec() -> Spec {
    experiment::spec::parse(&common::spec_text(""), "the spec").unwrap()
}

/// A model whose weights are in f32, so that bf16 halves them.
fn folder() -> ModelFolder {
    ModelFolder::open(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures/tiny-untied")).unwrap()
}

fn looked(spec: &Spec, free_bytes: u64) -> Fit {
    looked_at(&folder(), spec, free_bytes)
}

fn looked_at(folder: &ModelFolder, spec: &Spec, free_bytes: u64) -> Fit {
    let models = |spec: &Spec| {
        let footprint = folder.footprint(spec.precision, false);
        let held = || Held { footprint: footprint.clone(), is_shared: true };
        let frozen = match spec.frozen.quantisation {
            None => Answering::BuiltIn(held()),
            Some(_) => Answering::Engine(EngineFootprint { weights: 1000, ..EngineFootprint::default() }),
        };
        Models {
            prompter: footprint.clone(),
            frozen,
            scoring: Vec::new(),
            engines: Vec::new(),
            encoders: Vec::new(),
            oracle: spec.arms.oracle.then(held),
        }
    };
    let longest = Longest { requests: Lengths::new(vec![30, 50, 40], 20), messages: Lengths::new(vec![60; 8], 0), ..Longest::default() };
    fit(spec, &longest, &Place { name: "memory".into(), free_bytes, own_bytes: 0 }, &models)
}

fn peak(fit: &Fit, step: FitStep) -> u64 {
    fit.phases.iter().find(|phase| phase.step == step).map_or(0, |phase| phase.peak_bytes)
}

#[test]
fn what_fits_is_not_to_be_changed() {
    let spec = spec();
    let found = looked(&spec, GB);
    assert!(found.fits && found.changes.is_empty() && found.changed_peak_bytes.is_none(), "{found:?}");
    assert_eq!(
        found.phases.iter().map(|phase| phase.step).collect::<Vec<_>>(),
        [FitStep::Load, FitStep::Rollout, FitStep::Answers, FitStep::Update]
    );
    assert_eq!(found.peak_bytes, found.phases.iter().map(|phase| phase.peak_bytes).max().unwrap());
    // Exactly nine tenths of what is free may be taken.
    assert!(looked(&spec, found.peak_bytes * 10 / 9 + 1).fits && !looked(&spec, found.peak_bytes).fits);
    let oracle = looked(&Spec { arms: Arms { oracle: true, ..spec.arms.clone() }, ..spec }, GB);
    assert!(peak(&oracle, FitStep::Oracle) > peak(&found, FitStep::Load));
}

#[test]
fn first_comes_what_leaves_the_experiment_as_it_is() {
    let mut spec = spec();
    (spec.training.group_size, spec.training.rewrites_per_pass, spec.training.prompts_per_iteration) = (4, 32, 8);
    spec.evaluation.answers_per_batch = 8;
    let whole = looked(&spec, GB);
    let found = looked(&spec, whole.peak_bytes / 2);
    assert!(!found.fits && found.changed_fits, "{found:?}");
    assert!(
        found.changes.iter().all(|change| ["training.rewrites", "training.checkpointing", "evaluation.answers", "precision"]
            .iter()
            .any(|key| change.starts_with(key))),
        "{found:?}"
    );
    assert!(found.changes.iter().any(|change| change.starts_with("training.rewrites_per_pass = ")), "{found:?}");
    // The changes are worth what they are said to be.
    for change in &found.changes {
        match change.split_once(" = ").unwrap() {
            ("training.rewrites_per_pass", n) => spec.training.rewrites_per_pass = n.parse().unwrap(),
            ("evaluation.answers_per_batch", n) => spec.evaluation.answers_per_batch = n.parse().unwrap(),
            ("training.checkpointing", "true") => spec.training.checkpointing = true,
            ("precision", "\"bf16\"") => spec.precision = Precision::Bf16,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(found.changed_peak_bytes, Some(looked(&spec, GB).peak_bytes));
}

/// A pass of one group cannot be cut; what its blocks keep can be computed again.
#[test]
fn checkpointing_goes_on_where_a_pass_is_one_group() {
    let mut deep = folder();
    deep.config.num_hidden_layers = 24;
    let mut spec = Spec { precision: Precision::Bf16, ..spec() };
    (spec.training.group_size, spec.training.rewrites_per_pass, spec.evaluation.answers_per_batch) = (4, 4, 1);
    let whole = looked_at(&deep, &spec, GB);
    assert_eq!(whole.peak_bytes, peak(&whole, FitStep::Update));
    let found = looked_at(&deep, &spec, whole.peak_bytes);
    assert!(found.changed_fits, "{found:?}");
    assert_eq!(found.changes, ["training.checkpointing = true"]);
    spec.training.checkpointing = true;
    let again = looked_at(&deep, &spec, GB);
    assert_eq!(found.changed_peak_bytes, Some(again.peak_bytes));
    // Inputs of 24 blocks in place of all that they keep.
    assert!(peak(&again, FitStep::Update) < peak(&whole, FitStep::Update) * 2 / 3, "{again:?}");
}

/// No further than it has to, for each step makes the frozen model another one.
#[test]
fn a_frozen_model_is_quantised_as_far_as_it_has_to_be() {
    let spec = Spec { precision: Precision::Bf16, ..spec() };
    let footprint = folder().footprint(spec.precision, false);
    let weights = |quantisation: Option<&str>| match quantisation {
        None => 160_000_000,
        Some("q8_0") => 85_000_000,
        Some("q6k") => 66_000_000,
        Some("q5k") => 55_000_000,
        Some("q4k") => 45_000_000,
        other => panic!("{other:?}"),
    };
    let models = |spec: &Spec| Models {
        prompter: footprint.clone(),
        frozen: Answering::Engine(EngineFootprint { weights: weights(spec.frozen.quantisation.as_deref()), ..EngineFootprint::default() }),
        scoring: Vec::new(),
        engines: Vec::new(),
        encoders: Vec::new(),
        oracle: None,
    };
    let longest = Longest { requests: Lengths::new(vec![30], 20), messages: Lengths::new(vec![60], 0), ..Longest::default() };
    for (free_bytes, expected) in [(100_000_000, "q8_0"), (65_000_000, "q5k"), (53_000_000, "q4k")] {
        let found = fit(&spec, &longest, &Place { name: "memory".into(), free_bytes, own_bytes: 0 }, &models);
        let said = format!("frozen.quantisation = \"{expected}\"");
        assert!(!found.fits && found.changed_fits && found.changes.contains(&said), "{found:?}");
    }
}

/// What is in memory only while it computes counts in its own step, and beside no other.
#[test]
fn offloaded_models_count_where_they_compute() {
    let spec = Spec { precision: Precision::Bf16, ..spec() };
    let footprint = folder().footprint(spec.precision, false);
    // So large that nothing else matters.
    let held = |weights: u64| {
        let mut large = footprint.clone();
        large.weights = weights;
        Held { footprint: large, is_shared: false }
    };
    let models = |spec: &Spec| Models {
        prompter: footprint.clone(),
        frozen: Answering::BuiltIn(held(8 * GB)),
        scoring: vec![held(9 * GB), held(5 * GB)],
        engines: Vec::new(),
        encoders: Vec::new(),
        oracle: spec.arms.oracle.then(|| Held { is_shared: true, ..held(8 * GB) }),
    };
    let longest = Longest { requests: Lengths::new(vec![30], 20), messages: Lengths::new(vec![60], 0), ..Longest::default() };
    let looked = |spec: &Spec, free_bytes| fit(spec, &longest, &Place { name: "memory".into(), free_bytes, own_bytes: 0 }, &models);
    let gigabytes = |found: &Fit| found.phases.iter().map(|phase| (phase.step, phase.peak_bytes / GB)).collect::<Vec<_>>();
    let [load, rollout, answers, reward, update] = [FitStep::Load, FitStep::Rollout, FitStep::Answers, FitStep::Reward, FitStep::Update];
    let together = looked(&spec, 64 * GB);
    assert_eq!(gigabytes(&together), [load, rollout, answers, reward, update].map(|step| (step, 22)));
    let offloaded = Spec { offload: true, ..spec.clone() };
    let apart = looked(&offloaded, 64 * GB);
    assert_eq!(gigabytes(&apart), [(load, 9), (rollout, 0), (answers, 8), (reward, 9), (update, 0)]);
    let trains_it = Spec { arms: Arms { oracle: true, ..spec.arms.clone() }, ..offloaded };
    assert_eq!(gigabytes(&looked(&trains_it, 64 * GB))[..4], [(load, 17), (rollout, 8), (answers, 8), (reward, 17)]);
    // It is told before what makes the experiment another one.
    let told = looked(&spec, 16 * GB);
    assert!(told.changed_fits && told.changed_peak_bytes == Some(apart.peak_bytes), "{told:?}");
    assert_eq!(told.changes, ["offload = true"]);
}

#[test]
fn what_no_change_makes_fit_is_said_so() {
    let found = looked(&spec(), 100);
    assert!(!found.fits && !found.changed_fits && !found.changes.is_empty(), "{found:?}");
}

#[test]
fn a_batch_is_as_long_as_its_longest_texts() {
    let lengths = Lengths::new(vec![10, 40, 20, 31], 5);
    assert_eq!([1, 2, 3, 4, 100].map(|n| lengths.of_longest(n)), [40, 36, 31, 26, 26]);
    assert_eq!(Lengths::default().of_longest(3), 0);
}
