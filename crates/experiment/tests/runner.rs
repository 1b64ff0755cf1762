//! The runner on a tiny random model: what it stores, how it stops, and that an interrupted run ends like one left alone, bit for bit.
mod common;

use common::{Parrot, World};
use contract::Code;
use contract::event::{Event, Phase, Status};
use experiment::{Outcome, metrics};
use std::sync::Arc;
use store::Split;

#[test]
fn a_run_stores_everything_and_reports() {
    let world = World::new("iterations = 3\nvalidate_every_iterations = 2");
    let report = world.finish();
    assert_eq!(world.status(), Status::Finished);
    let names: Vec<_> = report.arms.iter().map(|a| (a.name.as_str(), a.n, a.prompts)).collect();
    assert_eq!(names, [("raw", 10, 5), ("untuned", 10, 5), ("tuned", 10, 5)]);
    assert_eq!(report.comparisons.len(), 3);
    assert!(report.arms[0].rewrite_closeness.is_none() && report.arms[1].rewrite_closeness.is_some());
    assert_eq!(report.arms[0].reward_parts.keys().collect::<Vec<_>>(), ["regex", "sentiment"]);
    assert_eq!(world.runtime.block_on(world.store.report(world.run)).unwrap(), Some(report));

    let facts = world.facts();
    assert_eq!((facts.iterations.len(), facts.episodes.len()), (3, 3 * 12));
    let rows = |split, arm: &str, iteration| {
        facts.evaluation.iter().filter(|r| r.split == split && r.arm == arm && r.iteration == iteration).count()
    };
    assert_eq!((rows(Split::Test, "raw", 0), rows(Split::Test, "untuned", 0), rows(Split::Test, "tuned", 3)), (10, 10, 10));
    assert_eq!((rows(Split::Validation, "untuned", 0), rows(Split::Validation, "tuned", 2)), (6, 6));
    assert_eq!(facts.checkpoint.as_ref().unwrap().iteration, 3);
    for (_, metrics) in &facts.iterations {
        for name in ["reward_mean", "kl", "entropy", "gradient_norm", "learning_rate", "reward_part.sentiment", "closeness"] {
            assert!(metrics[name].is_some_and(f64::is_finite), "{name}");
        }
        assert!(metrics["kl_k3"].unwrap() >= 0.0);
    }
    let first = &facts.iterations[0].1;
    assert!(first["kl"].unwrap().abs() < 1e-4, "an untrained adapter is ρ_sft");
    // Decoding and the pass of the loss agree: f32 sums in another order.
    assert!((first["ratio_max"].unwrap() - 1.0).abs() < 1e-3, "{:?}", first["ratio_max"]);
}

/// Arms answer the same prompts with the same seeds, and rewrites of the untuned and the tuned arm share theirs.
#[test]
fn arms_share_their_decoding_seeds() {
    let world = World::new("iterations = 1\nwarmup_iterations = 0");
    world.finish();
    let rows = world.facts().evaluation;
    let seeds = |arm: &str| rows.iter().filter(|r| r.arm == arm).map(|r| (r.answer_seed, r.rewrite_seed)).collect::<Vec<_>>();
    let (raw, untuned, tuned) = (seeds("raw"), seeds("untuned"), seeds("tuned"));
    assert_eq!(untuned, tuned);
    assert!(raw.iter().zip(&tuned).all(|(a, b)| a.0 == b.0 && a.1.is_none()));
}

/// A stop, an engine that dies in training and one that dies in the evaluation: after each, the run ends like one left alone.
#[test]
fn an_interrupted_run_ends_like_one_left_alone() {
    let more = "iterations = 5\nupdates_per_batch = 2\nvalidate_every_iterations = 3";
    let alone = World::new(more);
    let report = alone.finish();
    let expected = alone.facts();

    // Three calls an arm for the baselines and two for the first validation stand before the training.
    let disturbed = World::new(more);
    let error = disturbed.go(4, &mut |_| false).unwrap_err();
    assert_eq!((error.code, disturbed.status()), (Code::Engine, Status::Failed));
    let outcome = disturbed.go(usize::MAX, &mut |p| p.phase == Phase::Train && p.done == 1).unwrap();
    assert_eq!((outcome, disturbed.status()), (Outcome::Stopped, Status::Stopped));
    assert_eq!((disturbed.iterations().len(), disturbed.facts().checkpoint.unwrap().iteration), (1, 1), "a stop leaves a checkpoint");
    // An iteration needs three calls. The engine dies in iteration 4; the checkpoint is of iteration 2, iteration 3 and its validation are committed ...
    disturbed.go(8, &mut |_| false).unwrap_err();
    assert_eq!((disturbed.iterations().len(), disturbed.facts().checkpoint.unwrap().iteration), (3, 2));
    // ... and the last evaluation is cut twice: by the user in its second chunk, by the engine in its third.
    let tuned = || disturbed.facts().evaluation.iter().filter(|r| r.arm == "tuned" && r.split == Split::Test).count();
    let outcome = disturbed.go(usize::MAX, &mut |p| p.phase == Phase::Evaluate && p.done >= 4).unwrap();
    assert_eq!((outcome, tuned()), (Outcome::Stopped, 4));
    disturbed.go(1, &mut |_| false).unwrap_err();
    assert_eq!(tuned(), 8);
    let again = disturbed.finish();
    assert_eq!(disturbed.facts(), expected);
    assert_eq!((again.arms, again.comparisons, again.verdict), (report.arms, report.comparisons, report.verdict));

    let events = disturbed.runtime.block_on(disturbed.store.events_after(disturbed.run, 0)).unwrap();
    assert!(events.iter().any(|e| matches!(e.event, Event::Resumed { .. })));
}

/// The same for every algorithm with a state of its own: PPO's value head and an adapted λ are where they were.
#[test]
fn every_algorithm_resumes_bit_for_bit() {
    let variants = [
        "algorithm = \"rloo\"",
        "algorithm = \"ppo\"\ngae_lambda = 0.9",
        "kl_target = 0.5\nkl_gain = 0.5",
        "kl_in_loss = true\nnormalise_by = \"batch_tokens\"\nclip_ratio_high = 0.28\nscale_by_group_deviation = true",
        "normalise_by = \"longest_rewrite\"",
        "checkpointing = true",
    ];
    for variant in variants {
        let more = format!("iterations = 4\nupdates_per_batch = 2\nrewrites_per_pass = 4\n{variant}");
        let alone = World::new(&more);
        alone.finish();
        let disturbed = World::new(&more);
        let outcome = disturbed.go(usize::MAX, &mut |p| p.phase == Phase::Train && p.done == 1).unwrap();
        assert_eq!(outcome, Outcome::Stopped, "{variant}");
        // Three calls an iteration: dies in the fourth, goes on from the checkpoint of the second.
        disturbed.go(7, &mut |_| false).unwrap_err();
        assert_eq!(disturbed.facts().checkpoint.unwrap().iteration, 2, "{variant}");
        disturbed.finish();
        assert_eq!(disturbed.facts(), alone.facts(), "{variant}");
    }
}

/// Blocks that are computed again, with their dropout, learn what those learn that are kept.
#[test]
fn checkpointing_leaves_a_run_as_it_is() {
    for algorithm in ["grpo", "rloo", "ppo"] {
        let facts = |checkpointing: bool| {
            let mut world =
                World::new(&format!("algorithm = \"{algorithm}\"\niterations = 3\nupdates_per_batch = 2\nrewrites_per_pass = 4"));
            (world.spec.training.checkpointing, world.spec.prompter.lora.dropout) = (checkpointing, 0.1);
            world.finish();
            world.facts()
        };
        assert_eq!(facts(true), facts(false), "{algorithm}");
    }
}

#[test]
fn an_adapted_lambda_is_stored_with_every_iteration() {
    let lambdas = |more: &str| {
        let world = World::new(&format!("iterations = 4\nkl_coefficient = 0.1\n{more}"));
        world.finish();
        world.iterations().iter().map(|row| row.metrics["kl_coefficient"].unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(lambdas(""), [0.1; 4]);
    // An untrained prompter has no divergence: the error is cut at −0.2, and λ falls by a tenth of it.
    let adapted = lambdas("kl_target = 50.0");
    assert!((adapted[1] / adapted[0] - 0.98).abs() < 1e-9 && (adapted[3] / adapted[2] - 0.98).abs() < 1e-9, "{adapted:?}");
}

#[test]
fn ppo_learns_and_says_how_well_its_values_fit() {
    let world = World::new("algorithm = \"ppo\"\niterations = 40\nkl_coefficient = 0.02\nvalue_learning_rate = 0.05");
    let report = world.finish();
    let gain = report.comparisons.iter().find(|c| c.arm == "tuned" && c.baseline == "untuned").unwrap();
    assert!(gain.mean_difference > 0.3 && gain.ci_low > 0.0, "{gain:?}");
    let iterations = world.iterations();
    let loss = |rows: &[store::Iteration]| metrics::mean(rows.iter().filter_map(|row| row.metrics["value_loss"])).unwrap();
    let (early, late) = (loss(&iterations[5..15]), loss(&iterations[30..]));
    assert!(late < 0.5 * early, "the values should follow the rewards: {early} → {late}");
    assert!(iterations.iter().all(|row| row.metrics["value_explained_variance"].is_none_or(|share| share <= 1.0)));
}

/// A group of one: PPO needs no others to compare with, and no guard complains.
#[test]
fn ppo_needs_no_group() {
    let world = World::new("algorithm = \"ppo\"\niterations = 2");
    let mut spec = world.spec.clone();
    (spec.training.group_size, spec.training.prompts_per_iteration) = (1, 6);
    assert!(spec.problems().is_empty());
    let world = World { spec, ..world };
    world.finish();
    let events = world.runtime.block_on(world.store.events_after(world.run, 0)).unwrap();
    assert!(!events.iter().any(|e| matches!(&e.event, Event::Guard { guard, .. } if guard == "zero_spread_groups")), "{events:?}");
}

/// A request in the store stops a run as Ctrl-C does.
#[test]
fn a_request_in_the_store_stops_the_run() {
    let world = World::new("iterations = 3");
    world.runtime.block_on(world.store.request_stop(world.run)).unwrap();
    assert_eq!(world.go(usize::MAX, &mut |_| false).unwrap(), Outcome::Stopped);
    assert_eq!(world.status(), Status::Stopped);
    world.runtime.block_on(world.store.clear_stop(world.run)).unwrap();
    world.finish();
}

/// The frozen model parrots, so a prompter that says "good" or "happy" earns more: it learns to, on prompts that it never saw.
#[test]
fn the_prompter_learns() {
    let world = World::new("iterations = 40\nkl_coefficient = 0.02");
    let report = world.finish();
    let gain = report.comparisons.iter().find(|c| c.arm == "tuned" && c.baseline == "untuned").unwrap();
    assert!(gain.mean_difference > 0.3 && gain.ci_low > 0.0, "{gain:?}");
    let iterations = world.iterations();
    let mean = |rows: &[store::Iteration]| metrics::mean(rows.iter().filter_map(|r| r.metrics["reward_mean"])).unwrap();
    assert!(mean(&iterations[35..]) > mean(&iterations[..5]) + 0.3);
}

/// Reward, divergence, loss and gradient of the first iterations against a recorded run. Another machine sums in another order: rewards and token
/// counts agree exactly unless a draw falls on the last bit, the others to 1e-3 of their size.
#[test]
fn the_learning_trajectory_is_the_recorded_one() {
    let names =
        ["reward_mean", "kl", "kl_k3", "entropy", "loss", "gradient_norm", "clip_fraction", "ratio_max", "rewrite_tokens", "closeness"];
    let world = World::new("iterations = 4\nupdates_per_batch = 2");
    world.finish();
    let now: Vec<Vec<f64>> = world.iterations().iter().map(|row| names.iter().map(|n| row.metrics[*n].unwrap()).collect()).collect();
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trajectory.json");
    if std::env::var_os("ALIGNPRO_RECORD").is_some() {
        std::fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&now).unwrap())).unwrap();
    }
    let recorded: Vec<Vec<f64>> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(now.len(), recorded.len());
    for (i, (now, then)) in now.iter().zip(&recorded).enumerate() {
        for ((name, now), then) in names.iter().zip(now).zip(then) {
            assert!((now - then).abs() <= 1e-3 * then.abs() + 1e-5, "iteration {}: {name} is {now}, recorded {then}", i + 1);
        }
    }
}

/// A learning rate that throws the adapter to infinity ends the run with a guard and a remedy instead of poisoning it.
#[test]
fn a_training_that_diverges_fails_with_a_remedy() {
    let world = World::new("iterations = 4\nwarmup_iterations = 0\nupdates_per_batch = 4");
    let mut spec = world.spec.clone();
    spec.prompter.lora.alpha = 1e38;
    let world = World { spec, ..world };
    let error = world.go(usize::MAX, &mut |_| false).unwrap_err();
    assert_eq!((error.code, world.status()), (Code::Run, Status::Failed));
    assert!(
        error.message.contains("Training failed in iteration 1") && error.message.contains("training.learning_rate"),
        "{}",
        error.message
    );
    let events = world.runtime.block_on(world.store.events_after(world.run, 0)).unwrap();
    assert!(events.iter().any(|e| matches!(&e.event, Event::Guard { guard, .. } if guard == "not_finite")));
    assert!(world.iterations().is_empty(), "nothing of the iteration is kept");
}

#[test]
fn a_template_puts_the_output_beside_the_prompt() {
    let world = World::new("iterations = 1\nwarmup_iterations = 0");
    let mut spec = world.spec.clone();
    spec.prompter.rewrite_template = "{prompt} {output}".into();
    let world = World { spec, ..world };
    world.finish();
    let episodes = world.facts().episodes;
    assert!(!episodes.is_empty() && episodes.iter().all(|e| e.rewrite.starts_with(&e.prompt)), "{episodes:?}");
    // Neither text is searched for the other's placeholder.
    let prompter = world.prompter();
    assert_eq!(prompter.rewrite("why {output}?", "say {prompt}"), "why {output}? say {prompt}");
    assert_eq!(prompter.rewrite("why?", ""), "why?");
}

#[test]
fn an_empty_output_counts_as_empty_whatever_the_template() {
    let world = World::new("iterations = 4\nwarmup_iterations = 0");
    let mut spec = world.spec.clone();
    spec.prompter.rewrite_template = "{prompt} {output}".into();
    // One token of 48, of which four are special and leave no text.
    spec.prompter.max_rewrite_tokens = 1;
    let world = World { spec, ..world };
    world.finish();
    let episodes = world.facts().episodes;
    for iteration in world.iterations() {
        let own: Vec<_> = episodes.iter().filter(|e| e.iteration == iteration.iteration).collect();
        let empty = own.iter().filter(|e| e.rewrite == e.prompt).count() as f64 / own.len() as f64;
        assert_eq!(iteration.metrics["empty_rewrites"], Some(empty));
    }
    assert!(episodes.iter().any(|e| e.rewrite == e.prompt), "none was empty");
}

#[test]
fn a_rewrite_ends_after_the_first_token_that_closes_it() {
    let world = World::new("iterations = 1\nwarmup_iterations = 0");
    let mut spec = world.spec.clone();
    spec.prompter.ends_after = vec!["oo".into(), "i".into()];
    let world = World { spec, ..world };
    world.finish();
    let episodes = world.facts().episodes;
    let closes = |word: &str| word.contains("oo") || word.contains('i');
    let mut closed = 0;
    for episode in &episodes {
        let words: Vec<_> = episode.rewrite.split_whitespace().collect();
        let at = words.iter().position(|word| closes(word));
        assert!(at.is_none_or(|at| at + 1 == words.len() && !episode.rewrite_truncated), "{episode:?}");
        closed += usize::from(at.is_some());
    }
    assert!(closed > 0, "none was closed: {episodes:?}");

    let mut spec = world.spec.clone();
    spec.prompter.ends_after = vec!["?".into()];
    let error = World { spec, ..world }.try_prompter().err().unwrap();
    assert!(error.code == Code::Spec && error.message.contains("prompter.ends_after contains \"?\""), "{}", error.message);
}

#[test]
fn prompts_that_do_not_fit_are_named_before_anything_is_computed() {
    let world = World::new("iterations = 1\nwarmup_iterations = 0");
    let (mut prepared, prompter) = (world.prepared(), world.prompter());
    let parrot = Parrot { calls: Arc::default(), fail_at: usize::MAX };
    prepared.check_lengths(&prompter, &parrot).unwrap();
    prepared.splits.validation[1] = "why ".repeat(200).as_str().into();
    let message = prepared.check_lengths(&prompter, &parrot).unwrap_err().message;
    assert!(message.contains("Prompt 2 of the validation split (\"why why") && message.contains("context holds 128"), "{message}");
}
