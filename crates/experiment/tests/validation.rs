//! Which prompter is tested, and when a training ends: validation prompts alone decide.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.

mod common;

use common::World;
use contract::arm;
use contract::event::{Event, Phase};
use experiment::Outcome;
use store::Split;

const BEST: &str = "iterations = 6\nwarmup_iterations = 0\nvalidate_every_iterations = 1\nkeep = \"best\"";

fn events(world: &World) -> Vec<Event> {
    let events = world.runtime.block_on(world.store.events_after(world.run, 0)).unwrap();
    events.into_iter().map(|stored| stored.event).collect()
}

/// Objectives of the validations, by iteration.
fn validations(world: &World) -> Vec<(usize, f64)> {
    let found = events(world).into_iter().filter_map(|event| match event {
        Event::Validated { iteration, objective, .. } => Some((iteration, objective)),
        _ => None,
    });
    found.collect()
}

fn tested(world: &World) -> usize {
    let rows = world.facts().evaluation;
    rows.iter().find(|row| row.arm == arm::TUNED && row.split == Split::Test).unwrap().iteration
}

#[test]
fn the_best_validation_is_tested() {
    let world = World::new(BEST);
    world.finish();
    let validations = validations(&world);
    assert_eq!(validations.iter().map(|(iteration, _)| *iteration).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
    // The first of equals.
    let best = validations.iter().rev().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0;
    assert_eq!(tested(&world), best);
    let (iteration, adapter) = world.runtime.block_on(world.store.adapter(world.run, arm::TUNED)).unwrap().unwrap();
    let checkpoint = world.facts().checkpoint.unwrap();
    assert_eq!((iteration, checkpoint.iteration, checkpoint.best), (best, 6, Some((best, adapter))));
    let rows = world.facts().evaluation;
    let of = |arm: &str, iteration: usize| {
        let own = rows.iter().filter(|row| row.split == Split::Validation && row.arm == arm && row.iteration == iteration);
        own.map(|row| row.reward - world.spec.training.kl_coefficient * row.kl.unwrap()).collect::<Vec<f64>>()
    };
    let objective = of(arm::TUNED, 3).iter().sum::<f64>() / 6.0;
    assert!((objective - validations[3].1).abs() < 1e-12);
}

#[test]
fn what_validation_chose_survives_interruptions() {
    let alone = World::new(BEST);
    alone.finish();
    let disturbed = World::new(BEST);
    for iteration in [1, 4] {
        let outcome = disturbed.go(usize::MAX, &mut |p| p.phase == Phase::Train && p.done == iteration).unwrap();
        assert_eq!(outcome, Outcome::Stopped);
    }
    // The engine dies in the last evaluation.
    let total = disturbed.go(14, &mut |_| false);
    assert!(total.is_err());
    disturbed.finish();
    assert_eq!((disturbed.facts(), tested(&disturbed)), (alone.facts(), tested(&alone)));
}

/// A prompter that cannot move earns the same at every validation: the training ends, and the untuned one is what is tested.
#[test]
fn a_training_that_gains_nothing_ends_early() {
    let still = |keep: &str| {
        let mut world = World::new(&BEST.replace("keep = \"best\"", &format!("{keep}\npatience = 2")));
        world.spec.training.learning_rate = 1e-30;
        world
    };
    let world = still("keep = \"best\"");
    // Killed in the last evaluation, so that the end is found again.
    let stopped = world.go(usize::MAX, &mut |p| p.phase == Phase::Evaluate).unwrap();
    assert_eq!(stopped, Outcome::Stopped);
    let report = world.finish();
    assert_eq!((world.iterations().len(), tested(&world)), (2, 0));
    assert!(events(&world).contains(&Event::EndedEarly { arm: arm::TUNED.into(), iteration: 2, best: 0 }));
    let mean = |name: &str| report.arms.iter().find(|a| a.name == name).unwrap().reward_mean;
    assert_eq!(mean(arm::TUNED), mean(arm::UNTUNED), "the same prompter with the same seeds");

    let world = still("");
    world.finish();
    assert_eq!((world.iterations().len(), tested(&world)), (2, 2), "the last one, where the best was not asked for");
}

/// The oracle is chosen in the same way.
#[test]
fn the_oracle_is_validated_too() {
    let world = World::new(&format!("{BEST}\n[arms]\ntuned = false\noracle = true"));
    world.finish();
    let rows = world.facts().evaluation;
    let of = |split: Split| rows.iter().filter(move |row| row.arm == arm::ORACLE && row.split == split);
    assert_eq!(of(Split::Validation).map(|row| row.iteration).collect::<std::collections::BTreeSet<_>>().len(), 7);
    let checkpoint = world.runtime.block_on(world.store.checkpoint(world.run, arm::ORACLE)).unwrap().unwrap();
    assert_eq!(of(Split::Test).next().unwrap().iteration, checkpoint.best.unwrap().0);
    assert!(validations(&world).is_empty(), "events speak of the prompter");
}
